# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network part of the device service (tds): protocols, names, NTP, discovery, dynamic DNS, addresses, filter."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from .soap import Call, Fault, Node, all_of, boolean, needed, text
from .table import PRE_AUTH, READ_SYSTEM, WRITE_SYSTEM, operation

if TYPE_CHECKING:
    from .device import OnvifDevice

HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")


# -- protocols -----------------------------------------------------------------------------------------------------
@operation("tds", READ_SYSTEM)
def get_network_protocols(device: OnvifDevice, call: Call) -> list[Node]:
    """GetNetworkProtocols"""
    return [
        Node(
            "tds:NetworkProtocols",
            Node("tt:Name", protocol["Name"]),
            Node("tt:Enabled", protocol["Enabled"]),
            [Node("tt:Port", port) for port in protocol["Port"]],
        )
        for protocol in device.state["protocols"]
    ]


@operation("tds", WRITE_SYSTEM)
def set_network_protocols(device: OnvifDevice, call: Call) -> None:
    """SetNetworkProtocols"""
    have = {protocol["Name"]: protocol for protocol in device.base("protocols")}
    sent = []
    for element in all_of(call.element, "tds:NetworkProtocols"):
        name = needed(element, "tt:Name")
        if name not in have:
            raise Fault("Sender", "InvalidArgVal", "ServiceNotSupported")
        enabled = boolean(needed(element, "tt:Enabled"))
        ports = [_port(device, port.text) for port in all_of(element, "tt:Port")] or have[name]["Port"]
        have[name] = have[name] | {"Enabled": enabled, "Port": ports}
        sent.append(name)
    if "H06-replace" in device.faults:
        have = {name: protocol for name, protocol in have.items() if name in sent}
    used = [port for protocol in have.values() if protocol["Enabled"] for port in protocol["Port"]]
    if len(used) != len(set(used)):
        raise Fault("Sender", "InvalidArgVal", "PortAlreadyInUse")
    device.put("protocols", list(have.values()))


def _port(device: OnvifDevice, value: str | None) -> int:
    try:
        port = int(value or "")
    except ValueError:
        raise Fault("Sender", "InvalidArgs", reason="Port") from None
    if not 0 < port < 65536:
        if "H13" in device.faults:
            return min(max(port, 1), 65535)
        raise Fault("Sender", "InvalidArgVal", reason="Port out of range")
    return port


# -- host name, scopes, discovery ----------------------------------------------------------------------------------
@operation("tds", PRE_AUTH)
def get_hostname(device: OnvifDevice, call: Call) -> Node:
    """GetHostname"""
    state = device.state["hostname"]
    return Node("tds:HostnameInformation", Node("tt:FromDHCP", state["FromDHCP"]), Node("tt:Name", state["Name"]))


@operation("tds", WRITE_SYSTEM)
def set_hostname(device: OnvifDevice, call: Call) -> None:
    """SetHostname"""
    name = needed(call.element, "tds:Name")
    if not HOST_NAME.fullmatch(name) or len(name) > 63:
        if "H13" not in device.faults:
            raise Fault("Sender", "InvalidArgVal", "InvalidHostname")
        name = name[:15]
    device.put("hostname", {"FromDHCP": False, "Name": name})


@operation("tds", WRITE_SYSTEM)
def set_hostname_from_dhcp(device: OnvifDevice, call: Call) -> Node:
    """SetHostnameFromDHCP"""
    wanted = boolean(needed(call.element, "tds:FromDHCP"))
    device.put("hostname", device.base("hostname") | {"FromDHCP": wanted})
    return Node("tds:RebootNeeded", device.waits_for_restart())


@operation("tds", READ_SYSTEM)
def get_scopes(device: OnvifDevice, call: Call) -> list[Node]:
    """GetScopes"""
    return [
        Node("tds:Scopes", Node("tt:ScopeDef", scope["ScopeDef"]), Node("tt:ScopeItem", scope["ScopeItem"]))
        for scope in device.state["scopes"]
    ]


def _scopes(device: OnvifDevice, items: list[str]) -> None:
    if len(items) > 32:
        raise Fault("Receiver", "Action", "TooManyScopes")
    fixed = [scope for scope in device.base("scopes") if scope["ScopeDef"] == "Fixed"]
    device.put("scopes", fixed + [{"ScopeDef": "Configurable", "ScopeItem": item} for item in items])


def _configurable(device: OnvifDevice) -> list[str]:
    return [scope["ScopeItem"] for scope in device.base("scopes") if scope["ScopeDef"] == "Configurable"]


@operation("tds", WRITE_SYSTEM)
def set_scopes(device: OnvifDevice, call: Call) -> None:
    """SetScopes: replaces all configurable ones."""
    items = [(item.text or "").strip() for item in all_of(call.element, "tds:Scopes")]
    fixed = {scope["ScopeItem"] for scope in device.base("scopes") if scope["ScopeDef"] == "Fixed"}
    if fixed & set(items):
        raise Fault("Sender", "OperationProhibited", "ScopeOverwrite")
    old = _configurable(device) if "H06-merge" in device.faults else []
    _scopes(device, old + [item for item in items if item not in old])


@operation("tds", WRITE_SYSTEM)
def add_scopes(device: OnvifDevice, call: Call) -> None:
    """AddScopes"""
    old = _configurable(device)
    new = [(item.text or "").strip() for item in all_of(call.element, "tds:ScopeItem")]
    _scopes(device, old + [item for item in new if item not in old])


@operation("tds", WRITE_SYSTEM)
def remove_scopes(device: OnvifDevice, call: Call) -> list[Node]:
    """RemoveScopes"""
    items = [(item.text or "").strip() for item in all_of(call.element, "tds:ScopeItem")]
    old, every = _configurable(device), [scope["ScopeItem"] for scope in device.base("scopes")]
    for item in items:
        if item not in every:
            raise Fault("Sender", "InvalidArgVal", "NoScope")
        if item not in old:
            raise Fault("Sender", "OperationProhibited", "FixedScope")
    _scopes(device, [item for item in old if item not in items])
    return [Node("tds:ScopeItem", item) for item in items]


@operation("tds", READ_SYSTEM)
def get_discovery_mode(device: OnvifDevice, call: Call) -> Node:
    """GetDiscoveryMode"""
    return Node("tds:DiscoveryMode", device.state["discovery_mode"])


@operation("tds", WRITE_SYSTEM)
def set_discovery_mode(device: OnvifDevice, call: Call) -> None:
    """SetDiscoveryMode"""
    mode = needed(call.element, "tds:DiscoveryMode")
    if mode not in ("Discoverable", "NonDiscoverable"):
        raise Fault("Sender", "InvalidArgs", reason="DiscoveryMode")
    device.put("discovery_mode", mode)


# -- servers: NTP, DNS, dynamic DNS, gateway -----------------------------------------------------------------------
def _server(tag: str, server: dict[str, Any]) -> Node:
    kinds = ("Type", "IPv4Address", "IPv6Address", "DNSname")
    return Node(tag, [Node(f"tt:{kind}", server[kind]) for kind in kinds if kind in server])


def _read_server(element: Element, kinds: tuple[str, ...]) -> dict[str, str]:
    """One NTP or DNS server; its type and its filled child must agree."""
    kind = needed(element, "tt:Type")
    child = {"IPv4": "IPv4Address", "IPv6": "IPv6Address", "DNS": "DNSname"}.get(kind, "")
    if child not in kinds:
        raise Fault("Sender", "InvalidArgs", reason="Type")
    value = text(element, f"tt:{child}") or ""
    if child == "DNSname" and not HOST_NAME.fullmatch(value):
        raise Fault("Sender", "InvalidArgVal", "InvalidDnsName")
    if child != "DNSname":
        _address(value, 4 if kind == "IPv4" else 6)
    return {"Type": kind, child: value}


def _address(value: str, version: int) -> str:
    try:
        if ipaddress.ip_address(value).version == version:
            return value
    except ValueError:
        pass
    raise Fault("Sender", "InvalidArgVal", f"InvalidIPv{version}Address")


def _servers(device: OnvifDevice, key: str, name: str, elements: list[Element], kinds: tuple[str, ...]) -> list[Any]:
    servers = [_read_server(element, kinds) for element in elements]
    if "H14" in device.faults:
        servers = [server for server in servers if server["Type"] != "IPv4"]
    old = device.base(key)[name] if "H06-merge" in device.faults else []
    return old + [server for server in servers if server not in old]


@operation("tds", READ_SYSTEM)
def get_ntp(device: OnvifDevice, call: Call) -> Node:
    """GetNTP"""
    state = device.state["ntp"]
    servers = state["NTPManual"]
    if "H15" in device.faults:  # the address stands in the field of the name
        names = [server.get("IPv4Address") or server.get("DNSname", "") for server in servers]
        servers = [{"Type": "IPv4", "DNSname": name} for name in names]
    return Node(
        "tds:NTPInformation",
        Node("tt:FromDHCP", state["FromDHCP"]),
        [_server("tt:NTPManual", server) for server in servers],
    )


@operation("tds", WRITE_SYSTEM)
def set_ntp(device: OnvifDevice, call: Call) -> None:
    """SetNTP"""
    if device.state["datetime"]["DateTimeType"] == "NTP" and device.model.get("ntp_locked"):
        raise Fault("Sender", "InvalidArgVal", "TimeSyncedToNtp")
    elements = all_of(call.element, "tds:NTPManual")
    if len(elements) > device.limit("NTP") and "H13" in device.faults:
        elements = elements[: device.limit("NTP")]
    if len(elements) > device.limit("NTP"):
        raise Fault("Sender", "InvalidArgVal", reason="Too many NTP servers")
    servers = _servers(device, "ntp", "NTPManual", elements, ("IPv4Address", "IPv6Address", "DNSname"))
    device.put("ntp", {"FromDHCP": boolean(needed(call.element, "tds:FromDHCP")), "NTPManual": servers})
    device.synchronise()


@operation("tds", READ_SYSTEM)
def get_dns(device: OnvifDevice, call: Call) -> Node:
    """GetDNS"""
    state = device.state["dns"]
    return Node(
        "tds:DNSInformation",
        Node("tt:FromDHCP", state["FromDHCP"]),
        [Node("tt:SearchDomain", domain) for domain in state["SearchDomain"]],
        [_server("tt:DNSManual", server) for server in state["DNSManual"]],
    )


@operation("tds", WRITE_SYSTEM)
def set_dns(device: OnvifDevice, call: Call) -> None:
    """SetDNS"""
    elements = all_of(call.element, "tds:DNSManual")
    state = {
        "FromDHCP": boolean(needed(call.element, "tds:FromDHCP")),
        "SearchDomain": [(domain.text or "").strip() for domain in all_of(call.element, "tds:SearchDomain")],
        "DNSManual": _servers(device, "dns", "DNSManual", elements, ("IPv4Address", "IPv6Address")),
    }
    device.put("dns", state)


@operation("tds", READ_SYSTEM)
def get_dynamic_dns(device: OnvifDevice, call: Call) -> Node:
    """GetDynamicDNS"""
    state = device.state["dynamic_dns"]
    return Node(
        "tds:DynamicDNSInformation",
        Node("tt:Type", state["Type"]),
        Node("tt:Name", state["Name"]) if state["Name"] else None,
        Node("tt:TTL", state["TTL"]) if state["TTL"] else None,
    )


@operation("tds", WRITE_SYSTEM)
def set_dynamic_dns(device: OnvifDevice, call: Call) -> None:
    """SetDynamicDNS"""
    kind, old = needed(call.element, "tds:Type"), device.base("dynamic_dns")
    if kind not in ("NoUpdate", "ClientUpdates", "ServerUpdates"):
        raise Fault("Sender", "InvalidArgs", reason="Type")
    name, lifetime = text(call.element, "tds:Name", old["Name"]), text(call.element, "tds:TTL", old["TTL"])
    device.put("dynamic_dns", {"Type": kind, "Name": name, "TTL": lifetime})


@operation("tds", READ_SYSTEM)
def get_network_default_gateway(device: OnvifDevice, call: Call) -> Node:
    """GetNetworkDefaultGateway"""
    state = device.state["gateway"]
    addresses = [Node(f"tt:{kind}", address) for kind, found in state.items() for address in found]
    return Node("tds:NetworkGateway", addresses)


@operation("tds", WRITE_SYSTEM)
def set_network_default_gateway(device: OnvifDevice, call: Call) -> None:
    """SetNetworkDefaultGateway"""
    state = {
        f"IPv{version}Address": [
            _address((item.text or "").strip(), version) for item in all_of(call.element, f"tds:IPv{version}Address")
        ]
        for version in (4, 6)
    }
    device.put("gateway", state)


# -- interfaces, zero configuration --------------------------------------------------------------------------------
@operation("tds", READ_SYSTEM)
def get_zero_configuration(device: OnvifDevice, call: Call) -> Node:
    """GetZeroConfiguration"""
    state = device.state["zero_configuration"]
    return Node(
        "tds:ZeroConfiguration",
        Node("tt:InterfaceToken", state["InterfaceToken"]),
        Node("tt:Enabled", state["Enabled"]),
        [Node("tt:Addresses", address) for address in state["Addresses"] if state["Enabled"]],
    )


@operation("tds", WRITE_SYSTEM)
def set_zero_configuration(device: OnvifDevice, call: Call) -> None:
    """SetZeroConfiguration"""
    if needed(call.element, "tds:InterfaceToken") != device.state["interface"]["token"]:
        raise Fault("Sender", "InvalidArgVal", "InvalidNetworkInterface")
    enabled = boolean(needed(call.element, "tds:Enabled"))
    device.put("zero_configuration", device.base("zero_configuration") | {"Enabled": enabled})


@operation("tds", READ_SYSTEM)
def get_network_interfaces(device: OnvifDevice, call: Call) -> Node:
    """GetNetworkInterfaces"""
    state = device.state["interface"]
    address = [Node("tt:Address", state["Address"]), Node("tt:PrefixLength", state["PrefixLength"])]
    hardware = state["HwAddress"].upper().replace(":", "-") if "H15" in device.faults else state["HwAddress"]
    return Node(
        "tds:NetworkInterfaces",
        Node("tt:Enabled", state["Enabled"]),
        Node("tt:Info", Node("tt:Name", state["Name"]), Node("tt:HwAddress", hardware), Node("tt:MTU", state["MTU"])),
        Node(
            "tt:IPv4",
            Node("tt:Enabled", True),
            Node(
                "tt:Config",
                Node("tt:FromDHCP" if state["DHCP"] else "tt:Manual", address),
                Node("tt:DHCP", state["DHCP"]),
            ),
        ),
        token=state["token"],
    )


@operation("tds", WRITE_SYSTEM)
def set_network_interfaces(device: OnvifDevice, call: Call) -> Node:
    """SetNetworkInterfaces: the values are kept, but a device of the lab keeps answering at its address."""
    state, element = device.base("interface"), call.element
    if needed(element, "tds:InterfaceToken") != state["token"]:
        raise Fault("Sender", "InvalidArgVal", "InvalidNetworkInterface")
    path = "tds:NetworkInterface/tt:"
    moved = False
    if (mtu := text(element, path + "MTU")) is not None:
        state["MTU"] = int(mtu) if mtu.isdigit() else state["MTU"]
    if (dhcp := text(element, path + "IPv4/tt:DHCP")) is not None:
        moved, state["DHCP"] = moved or boolean(dhcp) != state["DHCP"], boolean(dhcp)
    if (address := text(element, path + "IPv4/tt:Manual/tt:Address")) is not None:
        moved, state["Address"] = moved or address != state["Address"], _address(address, 4)
        state["PrefixLength"] = int(text(element, path + "IPv4/tt:Manual/tt:PrefixLength") or state["PrefixLength"])
    device.put("interface", state)
    return Node("tds:RebootNeeded", moved or device.waits_for_restart())


# -- source filter -------------------------------------------------------------------------------------------------
def _read_filter(element: Element) -> dict[str, Any]:
    inside = all_of(element, "tds:IPAddressFilter")
    if not inside or needed(inside[0], "tt:Type") not in ("Allow", "Deny"):
        raise Fault("Sender", "InvalidArgs", reason="IPAddressFilter")
    read: dict[str, Any] = {"Type": needed(inside[0], "tt:Type")}
    for version in (4, 6):
        read[f"IPv{version}Address"] = entries = []
        for entry in all_of(inside[0], f"tt:IPv{version}Address"):
            length = needed(entry, "tt:PrefixLength")
            if not length.isdigit() or int(length) > (32 if version == 4 else 128):
                raise Fault("Sender", "InvalidArgVal", f"InvalidIPv{version}Address")
            entries.append({"Address": _address(needed(entry, "tt:Address"), version), "PrefixLength": int(length)})
    return read


def _put_filter(device: OnvifDevice, state: dict[str, Any]) -> None:
    if len(state["IPv4Address"]) + len(state["IPv6Address"]) > device.model.get("filter_entries", 32):
        raise Fault("Sender", "InvalidArgVal", "IPFilterListIsFull")
    device.put("ip_filter", state)


@operation("tds", READ_SYSTEM)
def get_ip_address_filter(device: OnvifDevice, call: Call) -> Node:
    """GetIPAddressFilter"""
    state = device.state["ip_filter"]
    return Node(
        "tds:IPAddressFilter",
        Node("tt:Type", state["Type"]),
        [
            Node(f"tt:{kind}", Node("tt:Address", entry["Address"]), Node("tt:PrefixLength", entry["PrefixLength"]))
            for kind in ("IPv4Address", "IPv6Address")
            for entry in state[kind]
        ],
    )


def _joined(device: OnvifDevice, new: dict[str, Any], kind: str) -> list[Any]:
    old = device.base("ip_filter")[kind]
    return old + [entry for entry in new[kind] if entry not in old]


@operation("tds", WRITE_SYSTEM)
def set_ip_address_filter(device: OnvifDevice, call: Call) -> None:
    """SetIPAddressFilter: the whole list and its type. Allow with an empty list lets nobody in."""
    new = _read_filter(call.element)
    if "H06-merge" in device.faults:
        new |= {kind: _joined(device, new, kind) for kind in ("IPv4Address", "IPv6Address")}
    _put_filter(device, new)


@operation("tds", WRITE_SYSTEM)
def add_ip_address_filter(device: OnvifDevice, call: Call) -> None:
    """AddIPAddressFilter: the type sent is not looked at."""
    new = _read_filter(call.element)
    joined = {kind: _joined(device, new, kind) for kind in ("IPv4Address", "IPv6Address")}
    _put_filter(device, device.base("ip_filter") | joined)


@operation("tds", WRITE_SYSTEM)
def remove_ip_address_filter(device: OnvifDevice, call: Call) -> None:
    """RemoveIPAddressFilter: the type sent is not looked at."""
    gone, state = _read_filter(call.element), device.base("ip_filter")
    for kind in ("IPv4Address", "IPv6Address"):
        for entry in gone[kind]:
            if entry not in state[kind]:
                raise Fault("Sender", "InvalidArgVal", f"No{kind}")
            state[kind].remove(entry)
    _put_filter(device, state)
