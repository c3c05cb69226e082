# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON CGIs for time, NTP, remote syslog, SSH, stream profiles and firmware (fact sheet 11, 14, 16, 21)."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .jsoncgi import VIEWER_LEVEL, ApiError, api

if TYPE_CHECKING:
    from .device import VapixDevice

MISSING, INVALID = 2103, 2104
MAX_STATIC_SERVERS = 5
MAX_YEAR = 2069
HOST = re.compile(r"[A-Za-z0-9:]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9:])?")
ZONES = {"Asia/Tokyo": "JST-9", "UTC": "UTC0", "Europe/Stockholm": "CET-1CEST,M3.5.0,M10.5.0/3", "Etc/UTC": "UTC0"}
PROTOCOLS = ("UDP", "TCP", "TLS")
FORMATS = ("RFC3164", "RFC5424")
SEVERITIES = ("Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug")

_ntp = api("ntp.cgi", "ntp")
_time = api("time.cgi", "time-service")
_syslog = api("remotesyslog.cgi", "remote-syslog")
_ssh = api("ssh.cgi", "ssh")
_profiles = api("streamprofile.cgi", "stream-profiles")
_fwmgr = api("firmwaremanagement.cgi", "fwmgr")


def texts(given: Any, code: int, most: int, pattern: re.Pattern[str] = HOST) -> list[str]:
    """A list of host names or addresses; raises ApiError."""
    if not isinstance(given, list) or len(given) > most:
        raise ApiError(code, "Invalid parameter(s)")
    if not all(isinstance(text, str) and pattern.fullmatch(text) for text in given):
        raise ApiError(code, "Invalid parameter(s)")
    return list(given)


def truth(given: Any, code: int) -> bool:
    if not isinstance(given, bool):
        raise ApiError(code, "Invalid parameter(s)")
    return given


# -- NTP ---------------------------------------------------------------------------------------------------------
@_ntp("getNTPInfo")
def _ntp_info(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    state = device.ntp
    enabled = device.tree.get("Time.SyncSource") == "NTP"
    synced = enabled and bool(device.ntp_servers()) and bool(device.model.get("ntp_answers", True))
    client = {
        "enabled": enabled,
        "NTSEnabled": state["NTSEnabled"],
        "serversSource": state["serversSource"],
        "maxSupportedStaticServers": MAX_STATIC_SERVERS,
        "staticServers": list(state["staticServers"]),
        "advertisedServers": list(state["advertisedServers"]),
        "staticNTSKEServers": list(state["staticNTSKEServers"]),
        "synced": synced,
        "timeToNextSync": 64 if synced else 0,
        "timeOffset": round(device.clock_offset * 1000, 3) if synced else 0.0,
        "minpoll": 6,
        "maxpoll": 10,
    }
    return {"client": client}


@_ntp("setNTPClientConfiguration", writes=True)
def _set_ntp(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    state = dict(device.ntp)
    known = {"enabled", "serversSource", "staticServers", "NTSEnabled", "staticNTSKEServers", "NTSKEServerCACerts"}
    if set(params) - known:
        raise ApiError(4000, "Invalid parameter(s)")
    if "serversSource" in params:
        if params["serversSource"] not in ("DHCP", "static"):
            raise ApiError(4000, "Invalid parameter(s)")
        state["serversSource"] = params["serversSource"]
    for key in ("staticServers", "staticNTSKEServers"):
        if key in params:
            state[key] = texts(params[key], 4000, MAX_STATIC_SERVERS)
    if "NTSEnabled" in params:
        state["NTSEnabled"] = truth(params["NTSEnabled"], 4000)
    enabled = truth(params["enabled"], 4000) if "enabled" in params else None
    device.ntp = state
    if enabled is not None:
        device.tree.put("Time.SyncSource", "NTP" if enabled else "None")
    device.tree.put("Time.ObtainFromDHCP", "yes" if state["serversSource"] == "DHCP" else "no")
    device.tree.put("Time.NTP.Server", (state["staticServers"] or ["0.0.0.0"])[0])
    device.synchronise()
    return {}


# -- time --------------------------------------------------------------------------------------------------------
def local_time(device: VapixDevice) -> datetime.datetime:
    """The device's local time; a POSIX zone is taken by its standard offset."""
    now = device.now()
    name = device.time_zone
    if name:
        return now.astimezone(ZoneInfo(name))
    match = re.match(r"(?:<[^>]+>|[A-Za-z]+)([+-]?\d{1,2})(?::(\d{2}))?", device.tree.get("Time.POSIXTimeZone"))
    hours = -int(match[1]) if match else 0
    return now.astimezone(datetime.timezone(datetime.timedelta(hours=hours if abs(hours) < 24 else 0)))


@_time("getDateTimeInfo", level=VIEWER_LEVEL)
def _date_time(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    moment = {
        "dateTime": f"{device.now():%Y-%m-%dT%H:%M:%SZ}",
        "localDateTime": local_time(device).isoformat(timespec="seconds"),
        "maxYearSupported": MAX_YEAR,
    }
    posix = {
        "posixTimeZone": device.tree.get("Time.POSIXTimeZone"),
        "dstEnabled": device.tree.is_on("Time.DST.Enabled"),
    }
    return moment | posix | ({"timeZone": device.time_zone} if device.time_zone else {})


@_time("setDateTime", writes=True)
def _set_date_time(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    try:
        wanted = datetime.datetime.strptime(str(params.get("dateTime")), "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        raise ApiError(2104, "Invalid parameter value") from None
    if not 1970 <= wanted.year <= MAX_YEAR:
        raise ApiError(2104, "Invalid parameter value")
    if device.tree.get("Time.SyncSource") == "NTP":
        device.tree.put("Time.SyncSource", "None")
    ahead = wanted.replace(tzinfo=datetime.UTC) - datetime.datetime.now(datetime.UTC)
    device.clock_offset = ahead.total_seconds()
    return {}


@_time("setTimeZone", writes=True)
def _set_zone(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    name = params.get("timeZone")
    try:
        ZoneInfo(name)  # type: ignore[arg-type]
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ApiError(2104, "Invalid parameter value") from None
    device.time_zone = name
    offset = local_time(device).utcoffset() or datetime.timedelta()
    plain = f"UTC{-int(offset.total_seconds()) // 3600}"
    device.tree.put("Time.POSIXTimeZone", ZONES.get(name, plain))
    return {}


@_time("setPosixTimeZone", writes=True)
def _set_posix(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    zone = params.get("posixTimeZone")
    if not isinstance(zone, str) or not re.match(r"(<[A-Za-z0-9+-]+>|[A-Za-z]{3,})[+-]?\d", zone):
        raise ApiError(2104, "Invalid parameter value")
    device.time_zone = ""
    device.tree.put("Time.POSIXTimeZone", zone)
    if "enableDst" in params:
        device.tree.put("Time.DST.Enabled", "yes" if truth(params["enableDst"], 2104) else "no")
    return {}


@_time("resetTimeZone", writes=True)
def _reset_zone(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    device.time_zone = ""
    device.tree.put("Time.POSIXTimeZone", "UTC0")
    return {}


# -- remote syslog -----------------------------------------------------------------------------------------------
def _servers(device: VapixDevice) -> list[dict[str, Any]]:
    found = []
    for number in (1, 2):
        prefix = f"API.RemoteSyslog1.Server{number}"
        address = device.tree.get(f"{prefix}.Address")
        if not address:
            break  # a second server without a first one is not told
        found.append(
            {
                "address": address,
                "port": int(device.tree.get(f"{prefix}.Port", "514")),
                "protocol": device.tree.get(f"{prefix}.Protocol"),
                "syslogFormat": device.tree.get(f"{prefix}.SyslogFormat"),
                "severity": device.tree.get(f"{prefix}.Severity"),
            }
        )
    return found


@_syslog("status")
def _status(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    return {"enabled": device.tree.is_on("API.RemoteSyslog1.Enabled"), "servers": _servers(device)}


def _server(row: Any) -> dict[str, str]:
    if not isinstance(row, dict) or "address" not in row:
        raise ApiError(MISSING, "Required parameter missing", {"parameter": "address"})
    protocol, form = row.get("protocol", "TLS"), row.get("syslogFormat", "RFC5424")
    port, severity = row.get("port", 6514 if protocol == "TLS" else 514), row.get("severity", "Warning")
    wrong = [
        name
        for name, good in (
            ("address", isinstance(row["address"], str) and HOST.fullmatch(row["address"])),
            ("port", isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536),
            ("protocol", protocol in PROTOCOLS),
            ("syslogFormat", form in FORMATS),
            ("severity", severity in SEVERITIES),
            ("type", row.get("type", "All") in ("All", "Audit")),
        )
        if not good
    ]
    if wrong:
        errors = [{"parameter": name} for name in wrong]
        raise ApiError(INVALID, "Invalid parameter value", {"errors": errors})
    return {"Address": row["address"], "Port": str(port), "Protocol": protocol, "SyslogFormat": form,
            "Severity": severity}  # fmt: skip


@_syslog("setup", writes=True)
def _setup(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    given = params.get("servers")
    if not isinstance(given, list):
        raise ApiError(MISSING, "Required parameter missing", {"parameter": "servers"})
    if len(given) > 2:
        raise ApiError(2203, "Too many servers")
    rows = [_server(row) for row in given]
    if len(rows) == 2 and [rows[0][key] for key in ("Address", "Port")] == [
        rows[1][key] for key in ("Address", "Port")
    ]:
        raise ApiError(2201, "Identical servers not allowed")
    empty = {"Address": "", "Port": "6514", "Protocol": "TLS", "SyslogFormat": "RFC5424", "Severity": "Warning"}
    for number, row in enumerate([*rows, empty, empty][:2], 1):
        for key, value in row.items():
            device.tree.put(f"API.RemoteSyslog1.Server{number}.{key}", value)
    if not rows:
        device.tree.put("API.RemoteSyslog1.Enabled", "false")
    return _status(device, {})


@_syslog("enable", writes=True)
def _enable(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    if not _servers(device):
        raise ApiError(2200, "No server configured")
    device.tree.put("API.RemoteSyslog1.Enabled", "true")
    return _status(device, {})


@_syslog("disable", writes=True)
def _disable(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    device.tree.put("API.RemoteSyslog1.Enabled", "false")
    return _status(device, {})


@_syslog("test")
def _test(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    if not device.tree.is_on("API.RemoteSyslog1.Enabled"):
        raise ApiError(2202, "Remote syslog is disabled, send test message is not possible")
    return _status(device, {})


@api("io/portmanagement.cgi", "io-port-management")("getPorts", level=VIEWER_LEVEL)
def _io_ports(_unused_device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    return {"numberOfPorts": 0}


# -- SSH, stream profiles, firmware ------------------------------------------------------------------------------
@_ssh("getSshInfo")
def _ssh_info(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    return {"enabled": device.tree.is_on("Network.SSH.Enabled")}


@_ssh("setSshConfiguration", writes=True)
def _set_ssh(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    device.tree.put("Network.SSH.Enabled", "yes" if truth(params.get("enabled"), 2104) else "no")
    return {}


@_profiles("list", level=VIEWER_LEVEL)
def _list_profiles(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    tree, found = device.tree, []
    for number in range(30):
        prefix = f"StreamProfile.S{number}"
        if f"{prefix}.Name" in tree.rows:
            found.append({name.lower(): tree.rows[f"{prefix}.{name}"].shown()
                          for name in ("Name", "Description", "Parameters")})  # fmt: skip
    return {"streamProfile": found, "maxProfiles": int(tree.get("StreamProfile.MaxGroups", "26"))}


@_fwmgr("status")
def _fw_status(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    return {
        "activeFirmwareVersion": device.firmware,
        "activeFirmwarePart": "2",
        "inactiveFirmwareVersion": "",
        "isCommited": True,
        "pendingCommit": 0,
        "timeToRollback": 0,
        "lastUpgradeAt": "",
    }


@_fwmgr("reboot", writes=True)
def _reboot(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    device.restart_soon()
    return {}


@_fwmgr("factoryDefault", writes=True)
def _factory_default(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    mode = params.get("factoryDefaultMode")
    if mode not in ("soft", "hard"):
        raise ApiError(400, "Unknown parameter value")
    device.factory_default(mode == "hard")
    return {}


@_fwmgr("commit", writes=True)
def _commit(_unused_device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    return {}


@_fwmgr("rollback", writes=True)
def _rollback(_unused_device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    raise ApiError(404, "No old firmware")


CGI_GET_NTP, CGI_SET_NTP, CGI_GET_TIME = _ntp_info, _set_ntp, _date_time  # REST shows the same
