# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netifd's answers, worked out from the network config in force and what the model says of lease and ports."""

from __future__ import annotations

import ipaddress
from typing import Any

from .uci import Package, Section, is_true

EMPTY = {k: [] for k in ("ipv4-address", "ipv6-address", "route", "dns-server", "dns-search", "neighbors")}
STATIC_HANDLER = {
    "validate": {
        "ipaddr": "ip4addr", "ip6addr": "ip6addr", "netmask": "netmask", "broadcast": "ipaddr", "ptpaddr": "ip4addr",
        "gateway": "ip4addr", "ip6gw": "ip6addr", "ip6prefix": "ip6addr", "ip6deprecated": "bool",
    },
    "immediate": True, "no_device": False, "init_available": False, "renew_available": False,
    "force_link_default": True, "last_error": False, "teardown_on_l3_link_down": False, "no_task": False,
}  # fmt: skip
COUNTERS = (
    "collisions", "rx_frame_errors", "tx_compressed", "multicast", "rx_length_errors", "tx_dropped", "rx_bytes",
    "rx_missed_errors", "tx_errors", "rx_compressed", "rx_over_errors", "tx_fifo_errors", "rx_crc_errors",
    "rx_packets", "tx_heartbeat_errors", "rx_dropped", "tx_aborted_errors", "tx_packets", "rx_errors", "tx_bytes",
    "tx_window_errors", "rx_fifo_errors", "tx_carrier_errors",
)  # fmt: skip


def interfaces(network: Package) -> list[Section]:
    return sorted(network.of_type("interface"), key=lambda s: s.name)


def lan_address(network: Package) -> str:
    """The router's own address in its LAN, without mask; "" when there is none."""
    section = network.section("lan")
    addresses = section.list("ipaddr") if section else []
    return addresses[0].partition("/")[0] if addresses else ""


def status(section: Section, network: Package, model: dict[str, Any], uptime: int) -> dict[str, Any]:
    """`network.interface.<name> status`. model: {interface_device, wan_lease{address,mask,gateway,dns}}."""
    device = model.get("interface_device", {}).get(section.name, section.get("device"))
    proto = section.get("proto")
    addresses: list[dict[str, Any]] = []
    routes: list[dict[str, Any]] = []
    servers: list[str] = []
    gateway = section.get("gateway")
    for text in section.list("ipaddr"):
        interface = ipaddress.ip_interface(text if "/" in text else f"{text}/{section.get('netmask') or 32}")
        addresses.append({"address": str(interface.ip), "mask": interface.network.prefixlen})
    if proto == "dhcp" and "wan_lease" in model:
        lease = model["wan_lease"]
        addresses.append({"address": lease["address"], "mask": lease["mask"]})
        gateway = lease["gateway"]
        if is_true(section.get("peerdns"), default=True):
            servers += lease["dns"]
    if gateway:
        source = "0.0.0.0/0" if proto == "static" else f"{addresses[0]['address']}/32"
        routes.append({"target": "0.0.0.0", "mask": 0, "nexthop": gateway, "source": source})
    prefixes = []
    ula = next((s.get("ula_prefix") for s in network.of_type("globals") if s.get("ula_prefix")), "")
    if ula and section.get("ip6assign"):
        first, mask = str(ipaddress.ip_network(ula).network_address), int(section.get("ip6assign"))
        prefixes.append({"address": first, "mask": mask, "local-address": {"address": f"{first}1", "mask": mask}})
    return {
        "up": True, "pending": False, "available": True, "autostart": True, "dynamic": False, "uptime": uptime,
        "l3_device": device, "proto": proto, "device": device,
        "updated": ["addresses", *(["routes"] if routes else [])],
        "metric": 0, "dns_metric": 0, "delegation": True,
        "ipv4-address": addresses, "ipv6-address": [], "ipv6-prefix": [], "ipv6-prefix-assignment": prefixes,
        "route": routes, "dns-server": [*section.list("dns"), *servers], "dns-search": [], "neighbors": [],
        "inactive": {k: list(v) for k, v in EMPTY.items()}, "data": {},
    }  # fmt: skip


def resolv_conf(network: Package, model: dict[str, Any]) -> str:
    """/tmp/resolv.conf.d/resolv.conf.auto: the upstream name servers in use."""
    lines = []
    for section in interfaces(network):
        servers = status(section, network, model, 0)["dns-server"]
        if servers:
            lines += [f"# Interface {section.name}", *(f"nameserver {server}" for server in servers)]
    return "".join(f"{line}\n" for line in lines)


def device_status(entry: dict[str, Any]) -> dict[str, Any]:
    """`network.device status` of one device. entry: {kind: ethernet|loopback|bridge, up, mac, members, rx, tx}."""
    up, kind = entry.get("up", True), entry.get("kind", "ethernet")
    head = {"external": False, "present": True, "type": "bridge" if kind == "bridge" else "Network device"}
    head |= {"up": up, "carrier": up, "auth_status": False}
    if kind == "bridge":
        attributes = {
            "stp": False, "forward_delay": 8, "priority": 32767, "ageing_time": 0, "hello_time": 1, "max_age": 10,
            "igmp_snooping": False, "bridge_empty": False, "multicast_querier": False, "hash_max": 512,
            "robustness": 2, "query_interval": 12500, "query_response_interval": 1000, "last_member_interval": 100,
            "vlan_filtering": False, "stp_kernel": False,
        }  # fmt: skip
        return head | {"bridge-members": entry["members"], "bridge-attributes": attributes, "statistics": {}}
    if kind == "ethernet":
        flow = {"autoneg": True, "supported": [], "link-advertising": [], "link-partner-advertising": []}
        head |= {"link-advertising": [], "link-partner-advertising": [], "link-supported": []}
        head |= {"speed": entry.get("speed", "1000F"), "autoneg": False, "flow-control": flow | {"negotiated": []}}
        head |= {"hw-tc-offload": False, "devtype": "ethernet"}
    if up:
        mtu = 65536 if kind == "loopback" else 1500
        head |= {
            "mtu": mtu, "mtu6": mtu, "macaddr": entry.get("mac", "00:00:00:00:00:00"), "txqueuelen": 1000, "ipv6": True,
            "ip6segmentrouting": False, "promisc": False, "rpfilter": 0, "acceptlocal": False, "igmpversion": 0,
            "mldversion": 0, "neigh4reachabletime": 30000, "neigh6reachabletime": 30000, "neigh4gcstaletime": 60,
            "neigh6gcstaletime": 60, "neigh4locktime": 100, "dadtransmits": 1, "multicast": kind != "loopback",
            "sendredirects": True, "drop_v4_unicast_in_l2_multicast": False,
            "drop_v6_unicast_in_l2_multicast": False, "drop_gratuitous_arp": False, "drop_unsolicited_na": False,
            "arp_accept": False, "gro": kind == "loopback",
        }  # fmt: skip
    counters = dict.fromkeys(COUNTERS, 0) | entry.get("counters", {})
    return head | {"statistics": counters}
