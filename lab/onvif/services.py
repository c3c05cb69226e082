# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and capabilities (tds), the media service (trt) and the recording service (trc)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .soap import NAMESPACES, Call, Fault, Node, needed
from .table import PRE_AUTH, READ_MEDIA, operation

if TYPE_CHECKING:
    from .device import OnvifDevice

SERVICES = {  # prefix -> (path, major, minor)
    "tds": ("/onvif/device_service", 21, 12),
    "trt": ("/onvif/media_service", 21, 6),
    "trc": ("/onvif/recording_service", 21, 6),
}
PROFILES = (("profile_1", "MainStream", 1920, 1080), ("profile_2", "SubStream", 640, 360))


def capabilities(device: OnvifDevice) -> dict[str, dict[str, Any]]:
    """Attributes of the tds capabilities by group; the model's `capabilities` over the defaults (H08: all inverted)."""
    groups: dict[str, dict[str, Any]] = {
        "Network": {
            "IPFilter": True,
            "ZeroConfiguration": True,
            "IPVersion6": False,
            "DynDNS": True,
            "HostnameFromDHCP": True,
            "NTP": device.limit("NTP"),
        },
        "Security": {
            "TLS1.2": True,
            "AccessPolicyConfig": False,
            "DefaultAccessPolicy": True,
            "UsernameToken": "token" in device.schemes,
            "HttpDigest": "digest" in device.schemes,
            "MaxUsers": device.limit("MaxUsers"),
            "MaxUserNameLength": device.limit("MaxUserNameLength"),
            "MaxPasswordLength": device.limit("MaxPasswordLength"),
        },
        "System": {
            "DiscoveryResolve": False,
            "DiscoveryBye": True,
            "RemoteDiscovery": False,
            "SystemBackup": False,
            "SystemLogging": True,
            "HttpSystemLogging": True,
            "FirmwareUpgrade": False,
        },
    }
    policies = {"PasswordComplexity": "password_policy", "AuthFailureWarnings": "failure_warning"}
    told = [word for word, part in policies.items() if device.model.get(part)]
    if told:
        groups["Security"]["SecurityPolicies"] = " ".join(told)
    if device.digest.algorithms != ["MD5"]:
        groups["Security"]["HashingAlgorithms"] = " ".join(device.digest.algorithms)
    for group, given in device.model.get("capabilities", {}).items():
        groups[group] |= given
    if "H08" in device.faults:
        for flags in groups.values():
            flags |= {name: not value for name, value in flags.items() if isinstance(value, bool)}
    return groups


@operation("tds", PRE_AUTH)
def get_services(device: OnvifDevice, call: Call) -> list[Node]:
    """GetServices"""
    full = (call.element.findtext(f"{{{NAMESPACES['tds']}}}IncludeCapability") or "").strip() in ("true", "1")
    found = []
    for prefix in device.services:
        path, major, minor = SERVICES[prefix]
        found.append(
            Node(
                "tds:Service",
                Node("tds:Namespace", NAMESPACES[prefix]),
                Node("tds:XAddr", device.uri(path)),
                Node("tds:Capabilities", _CAPABILITIES[prefix](device)) if full else None,
                Node("tds:Version", Node("tt:Major", major), Node("tt:Minor", minor)),
            )
        )
    return found


def _device_capabilities(device: OnvifDevice) -> Node:
    return Node("tds:Capabilities", [Node(f"tds:{group}", **flags) for group, flags in capabilities(device).items()])


def _media_capabilities(device: OnvifDevice) -> Node:
    streaming = {"RTPMulticast": False, "RTP_TCP": False, "RTP_RTSP_TCP": True}
    return Node(
        "trt:Capabilities",
        Node("trt:ProfileCapabilities", MaximumNumberOfProfiles=len(PROFILES)),
        Node("trt:StreamingCapabilities", **streaming),
        SnapshotUri=True,
    )


def _recording_capabilities(device: OnvifDevice) -> Node:
    return Node("trc:Capabilities", DynamicRecordings=False, DynamicTracks=False, MaxRecordings=64)


_CAPABILITIES = {"tds": _device_capabilities, "trt": _media_capabilities, "trc": _recording_capabilities}


@operation("tds", PRE_AUTH)
def get_service_capabilities(device: OnvifDevice, call: Call) -> Node:
    """GetServiceCapabilities"""
    return _device_capabilities(device)


@operation("trt", PRE_AUTH)
def get_media_service_capabilities(device: OnvifDevice, call: Call) -> Node:
    """GetServiceCapabilities"""
    return _media_capabilities(device)


@operation("trc", PRE_AUTH)
def get_recording_service_capabilities(device: OnvifDevice, call: Call) -> Node:
    """GetServiceCapabilities"""
    return _recording_capabilities(device)


@operation("tds", PRE_AUTH)
def get_capabilities(device: OnvifDevice, call: Call) -> Node:
    """GetCapabilities: the older form."""
    wanted = {(item.text or "").strip() for item in call.element} or {"All"}
    known = {"All", "Device", "Media", "Analytics", "Events", "Imaging", "PTZ"}
    if not wanted <= known:
        raise Fault("Sender", "InvalidArgs", reason="Category")
    if "All" not in wanted and not wanted & {"Device", "Media"}:
        raise Fault("Receiver", "ActionNotSupported", "NoSuchService")
    nodes = []
    if wanted & {"All", "Device"}:
        nodes.append(_old_device(device))
    if wanted & {"All", "Media"} and "trt" in device.services:
        streaming = {"RTPMulticast": False, "RTP_TCP": False, "RTP_RTSP_TCP": True}
        nodes.append(
            Node(
                "tt:Media",
                Node("tt:XAddr", device.uri(SERVICES["trt"][0])),
                Node("tt:StreamingCapabilities", [Node(f"tt:{name}", value) for name, value in streaming.items()]),
            )
        )
    if "All" in wanted and "trc" in device.services:
        flags = ("ReceiverSource", "MediaProfileSource", "DynamicRecordings", "DynamicTracks")
        recording = Node(
            "tt:Recording",
            Node("tt:XAddr", device.uri(SERVICES["trc"][0])),
            [Node(f"tt:{flag}", False) for flag in flags],
            Node("tt:MaxStringLength", 64),
        )
        nodes.append(Node("tt:Extension", recording))
    return Node("tds:Capabilities", nodes)


def _old_device(device: OnvifDevice) -> Node:
    groups = capabilities(device)
    network = ("IPFilter", "ZeroConfiguration", "IPVersion6", "DynDNS")
    system = ("DiscoveryResolve", "DiscoveryBye", "RemoteDiscovery", "SystemBackup", "SystemLogging", "FirmwareUpgrade")
    security = ("TLS1.1", "TLS1.2", "OnboardKeyGeneration", "AccessPolicyConfig")
    tokens = ("X.509Token", "SAMLToken", "KerberosToken", "RELToken")
    return Node(
        "tt:Device",
        Node("tt:XAddr", device.uri(SERVICES["tds"][0])),
        Node("tt:Network", [Node(f"tt:{name}", groups["Network"][name]) for name in network]),
        Node(
            "tt:System",
            [Node(f"tt:{name}", groups["System"][name]) for name in system],
            Node("tt:SupportedVersions", Node("tt:Major", 21), Node("tt:Minor", 12)),
        ),
        Node("tt:Security", [Node(f"tt:{name}", groups["Security"].get(name, False)) for name in security + tokens]),
    )


# -- media ---------------------------------------------------------------------------------------------------------
@operation("trt", READ_MEDIA)
def get_profiles(device: OnvifDevice, call: Call) -> list[Node]:
    """GetProfiles"""
    return [_profile(*profile) for profile in PROFILES]


def _profile(token: str, name: str, width: int, height: int) -> Node:
    multicast = Node(
        "tt:Multicast",
        Node("tt:Address", Node("tt:Type", "IPv4"), Node("tt:IPv4Address", "0.0.0.0")),
        Node("tt:Port", 0),
        Node("tt:TTL", 1),
        Node("tt:AutoStart", False),
    )
    return Node(
        "trt:Profiles",
        Node("tt:Name", name),
        Node(
            "tt:VideoSourceConfiguration",
            Node("tt:Name", "VideoSource"),
            Node("tt:UseCount", len(PROFILES)),
            Node("tt:SourceToken", "source_1"),
            Node("tt:Bounds", x=0, y=0, width=1920, height=1080),
            token="source_configuration_1",
        ),
        Node(
            "tt:VideoEncoderConfiguration",
            Node("tt:Name", name),
            Node("tt:UseCount", 1),
            Node("tt:Encoding", "H264"),
            Node("tt:Resolution", Node("tt:Width", width), Node("tt:Height", height)),
            Node("tt:Quality", 4),
            Node(
                "tt:RateControl",
                Node("tt:FrameRateLimit", 25),
                Node("tt:EncodingInterval", 1),
                Node("tt:BitrateLimit", 4096),
            ),
            Node("tt:H264", Node("tt:GovLength", 50), Node("tt:H264Profile", "Main")),
            multicast,
            Node("tt:SessionTimeout", "PT60S"),
            token=f"encoder_{token}",
        ),
        token=token,
        fixed=True,
    )


def _media_uri(uri: str) -> Node:
    return Node(
        "trt:MediaUri",
        Node("tt:Uri", uri),
        Node("tt:InvalidAfterConnect", False),
        Node("tt:InvalidAfterReboot", False),
        Node("tt:Timeout", "PT0S"),
    )


def _check_profile(call: Call) -> str:
    token = needed(call.element, "trt:ProfileToken")
    if token not in [profile[0] for profile in PROFILES]:
        raise Fault("Sender", "InvalidArgVal", "NoProfile")
    return token


@operation("trt", READ_MEDIA)
def get_stream_uri(device: OnvifDevice, call: Call) -> Node:
    """GetStreamUri"""
    return _media_uri(device.stream_uri(_check_profile(call)))


@operation("trt", READ_MEDIA)
def get_snapshot_uri(device: OnvifDevice, call: Call) -> Node:
    """GetSnapshotUri"""
    _check_profile(call)
    return _media_uri(device.uri(device.snapshot_path))


@operation("trt", READ_MEDIA)
def get_video_sources(device: OnvifDevice, call: Call) -> Node:
    """GetVideoSources"""
    resolution = Node("tt:Resolution", Node("tt:Width", 1920), Node("tt:Height", 1080))
    return Node("trt:VideoSources", Node("tt:Framerate", 25), resolution, token="source_1")


# -- recording -----------------------------------------------------------------------------------------------------
@operation("trc", READ_MEDIA)
def get_recordings(device: OnvifDevice, call: Call) -> list[Node]:
    """GetRecordings"""
    return [
        Node(
            "trc:RecordingItem",
            Node("tt:RecordingToken", channel["recording"]),
            Node(
                "tt:Configuration",
                Node(
                    "tt:Source",
                    Node("tt:SourceId", channel["source"]),
                    Node("tt:Name", channel["camera"]),
                    Node("tt:Location", ""),
                    Node("tt:Description", ""),
                    Node("tt:Address", channel["source"]),
                ),
                Node("tt:Content", channel["camera"]),
                Node("tt:MaximumRetentionTime", "P30D"),
            ),
            Node("tt:Tracks", Node("tt:Track", Node("tt:TrackToken", "VIDEO001"), _track())),
        )
        for channel in device.channels
    ]


def _track() -> Node:
    return Node("tt:Configuration", Node("tt:TrackType", "Video"), Node("tt:Description", ""))


def _source_token(channel: dict[str, Any]) -> Node:
    return Node(
        "tt:SourceToken", Node("tt:Token", channel["receiver"]), Type="http://www.onvif.org/ver10/schema/Receiver"
    )


@operation("trc", READ_MEDIA)
def get_recording_jobs(device: OnvifDevice, call: Call) -> list[Node]:
    """GetRecordingJobs"""
    return [
        Node(
            "trc:JobItem",
            Node("tt:JobToken", channel["job"]),
            Node(
                "tt:JobConfiguration",
                Node("tt:RecordingToken", channel["recording"]),
                Node("tt:Mode", "Active"),
                Node("tt:Priority", 1),
                Node(
                    "tt:Source",
                    _source_token(channel),
                    Node("tt:Tracks", Node("tt:SourceTag", "video"), Node("tt:Destination", "VIDEO001")),
                ),
            ),
        )
        for channel in device.channels
    ]


@operation("trc", READ_MEDIA)
def get_recording_job_state(device: OnvifDevice, call: Call) -> Node:
    """GetRecordingJobState"""
    token = needed(call.element, "trc:JobToken")
    channel = next((channel for channel in device.channels if channel["job"] == token), None)
    if channel is None:
        raise Fault("Sender", "InvalidArgVal", "NoRecordingJob")
    state = channel["state"]
    tracks = [Node("tt:SourceTag", "video"), Node("tt:Destination", "VIDEO001")]
    if channel["error"]:
        tracks.append(Node("tt:Error", channel["error"]))
    return Node(
        "trc:State",
        Node("tt:RecordingToken", channel["recording"]),
        Node("tt:State", state),
        Node(
            "tt:Sources",
            _source_token(channel),
            Node("tt:State", state),
            Node("tt:Tracks", Node("tt:Track", [*tracks, Node("tt:State", state)])),
        ),
    )
