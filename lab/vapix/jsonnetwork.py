# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""network_settings.cgi: addresses, resolver, host name, 802.1X (fact sheet 13, 17, 22)."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from .jsoncgi import ApiError, api
from .jsonsettings import texts, truth

if TYPE_CHECKING:
    from .device import VapixDevice

INVALID = 4004
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
DOT1X = "Network.Interface.I0.dot1x"
MODES = ("WPA-Enterprise-EAPTLS", "WPA-Enterprise-PEAP-MSCHAPv2", "MACsec-PSK")
_net = api("network_settings.cgi", "network-settings")


def invalid(sub: int) -> ApiError:
    return ApiError(INVALID, "Invalid parameter(s)", {"subCode": sub})


def _resolver(device: VapixDevice) -> dict[str, Any]:
    tree = device.tree
    servers = [tree.get(f"Network.Resolver.NameServer{i}") for i in (1, 2)]
    own = [tree.get(f"Network.DNSServer{i}") for i in (1, 2)]
    domain = tree.get("Network.DomainName")
    search = tree.get("Network.Resolver.Search").split()
    return {
        "useDhcpResolverInfo": tree.is_on("Network.Resolver.ObtainFromDHCP"),
        "nameServers": [server for server in servers if server],
        "staticNameServers": [server for server in own if server not in ("", "0.0.0.0")],
        "maxSupportedStaticNameServers": 2,
        "searchDomains": search,
        "staticSearchDomains": search,
        "maxSupportedStaticSearchDomains": 6,
        "domainName": domain,
        "staticDomainName": domain,
    }


def _ipv4(device: VapixDevice) -> dict[str, Any]:
    tree = device.tree
    mask = tree.get("Network.eth0.SubnetMask", "255.255.255.0")
    prefix = ipaddress.ip_network(f"0.0.0.0/{mask}").prefixlen
    dhcp = tree.get("Network.BootProto") == "dhcp"
    origin = "dhcp" if dhcp else "static"
    shown = {"address": tree.get("Network.eth0.IPAddress"), "prefixLength": prefix,
             "broadcast": tree.get("Network.eth0.Broadcast")}  # fmt: skip
    static = {
        "address": tree.get("Network.IPAddress"),
        "prefixLength": ipaddress.ip_network(f"0.0.0.0/{tree.get('Network.SubnetMask')}").prefixlen,
        "broadcast": tree.get("Network.Broadcast"),
    }
    link_local = "on" if tree.is_on("Network.ZeroConf.Enabled") else "off"
    if link_local == "on" and tree.is_on("Network.ZeroConf.Fallback"):
        link_local = "fallback"
    return {
        "enabled": tree.is_on("Network.Enabled", True),
        "configurationMode": "dhcp" if dhcp else "static",
        "linkLocalMode": link_local,
        "addresses": [shown | {"origin": origin, "scope": "global"}],
        "maxSupportedStaticAddressConfigurations": 1,
        "staticAddressConfigurations": [static],
        "defaultRouter": tree.get("Network.Routing.DefaultRouter"),
        "staticDefaultRouter": tree.get("Network.DefaultRouter"),
        "useStaticDhcpFallback": True,
    }


def _dot1x(device: VapixDevice) -> dict[str, Any]:
    tree = device.tree
    mode = str(device.rest.get("dot1x_mode", MODES[0]))
    own = {
        "identity": tree.get(f"{DOT1X}.EAPTLS.Identity"),
        "eapolVersion": f"EAPoLv{tree.get(f'{DOT1X}.EAPOLVersion')}",
    }
    return {
        "enabled": tree.is_on(f"{DOT1X}.Enabled"),
        "status": tree.get(f"{DOT1X}.Status"),
        "mode": mode,
        "configurations": [{"mode": mode, "params": own}],
        "supportedModes": list(MODES[: 2 if device.rest else 1]),
    }


@_net("getNetworkInfo")
def _info(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    tree = device.tree
    hostname = {
        "useDhcpHostname": tree.is_on("Network.VolatileHostName.ObtainFromDHCP"),
        "hostname": tree.rows["Network.VolatileHostName.HostName"].shown(),
        "staticHostname": tree.rows["Network.HostName"].shown(),
    }
    wired = {"linkMode": "auto", "8021X": _dot1x(device)}
    card = {
        "name": "eth0",
        "type": "wired",
        "macAddress": device.mac.lower(),
        "partOfBridge": "",
        "link": True,
        "state": "up",
        "staticState": "up",
        "IPv4": _ipv4(device),
        "IPv6": {"enabled": tree.is_on("Network.IPv6.Enabled"), "addresses": []},
        "wired": wired,
    }
    return {"system": {"hostname": hostname, "resolver": _resolver(device)}, "devices": [card]}


def _card(params: dict[str, Any]) -> None:
    if params.get("deviceName") != "eth0":
        raise invalid(100)


@_net("setHostnameConfiguration", writes=True)
def _set_hostname(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    dhcp = truth(params["useDhcpHostname"], INVALID) if "useDhcpHostname" in params else None
    name = params.get("staticHostname")
    if name is not None and not (isinstance(name, str) and NAME.fullmatch(name)):
        raise invalid(101)
    if dhcp is not None:
        device.tree.put("Network.VolatileHostName.ObtainFromDHCP", "yes" if dhcp else "no")
    if name is not None:
        device.tree.put("Network.HostName", name)
        device.tree.put("Network.VolatileHostName.HostName", name)
    return {}


@_net("setResolverConfiguration", writes=True)
def _set_resolver(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    tree = device.tree
    dhcp = truth(params["useDhcpResolverInfo"], INVALID) if "useDhcpResolverInfo" in params else None
    servers = texts(params["staticNameServers"], INVALID, 2) if "staticNameServers" in params else None
    for server in servers or ():
        try:
            ipaddress.ip_address(server)
        except ValueError:
            raise invalid(101) from None
    search = texts(params["staticSearchDomains"], INVALID, 6) if "staticSearchDomains" in params else None
    if dhcp is not None:
        tree.put("Network.Resolver.ObtainFromDHCP", "yes" if dhcp else "no")
    if servers is not None:
        for number, server in enumerate([*servers, "0.0.0.0", "0.0.0.0"][:2], 1):
            tree.put(f"Network.DNSServer{number}", server)
    if search is not None:
        tree.put("Network.Resolver.Search", " ".join(search))
    if isinstance(params.get("staticDomainName"), str):
        tree.put("Network.DomainName", params["staticDomainName"])
    device.apply_resolver()
    return {}


@_net("setIPv4AddressConfiguration", writes=True)
def _set_ipv4(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    _card(params)
    tree, changes = device.tree, {}
    if "configurationMode" in params:
        if params["configurationMode"] not in ("dhcp", "static"):
            raise invalid(102)
        changes["Network.BootProto"] = "dhcp" if params["configurationMode"] == "dhcp" else "none"
    if "linkLocalMode" in params:
        if params["linkLocalMode"] not in ("on", "off", "fallback"):
            raise invalid(103)
        changes["Network.ZeroConf.Enabled"] = "no" if params["linkLocalMode"] == "off" else "yes"
        changes["Network.ZeroConf.Fallback"] = "yes" if params["linkLocalMode"] == "fallback" else "no"
    try:
        if "staticDefaultRouter" in params:
            changes["Network.DefaultRouter"] = str(ipaddress.IPv4Address(params["staticDefaultRouter"]))
        for row in params.get("staticAddressConfigurations", ())[:1]:
            address = ipaddress.IPv4Interface(f"{row['address']}/{row['prefixLength']}")
            changes |= {"Network.IPAddress": str(address.ip), "Network.SubnetMask": str(address.netmask)}
            changes["Network.Broadcast"] = str(address.network.broadcast_address)
    except (ValueError, TypeError, KeyError):
        raise invalid(104) from None
    for name, value in changes.items():
        tree.put(name, value)
    device.apply_address()
    return {}


@_net("setWired8021XConfiguration", writes=True)
def _set_dot1x(device: VapixDevice, params: dict[str, Any]) -> dict[str, Any]:
    _card(params)
    if "enabled" in params and not isinstance(params["enabled"], bool):
        raise invalid(101)
    if "mode" in params and params["mode"] not in MODES[: 2 if device.rest else 1]:
        raise invalid(102)
    if "eapolVersion" in params and params["eapolVersion"] not in ("EAPoLv1", "EAPoLv2", "EAPoLv3"):
        raise invalid(103)
    if "enabled" in params:
        device.tree.put(f"{DOT1X}.Enabled", "yes" if params["enabled"] else "no")
        device.tree.put(f"{DOT1X}.Status", "Unauthorized" if params["enabled"] else "Stopped")
    if "mode" in params:
        device.rest["dot1x_mode"] = params["mode"]
    if "eapolVersion" in params:
        device.tree.put(f"{DOT1X}.EAPOLVersion", params["eapolVersion"][-1])
    if "identity" in params:
        device.tree.put(f"{DOT1X}.EAPTLS.Identity", str(params["identity"])[:128])
    if params.get("password"):
        device.tree.put(f"{DOT1X}.EAPTLS.PrivateKeyPassword", str(params["password"]))
    return {}


@_net("setGlobalProxyConfiguration", writes=True)
def _set_proxy(_unused_device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    return {}


CGI_GET_INFO = _info  # REST shows the same
