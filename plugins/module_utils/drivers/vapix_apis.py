# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of the JSON and XML CGIs: discovery, setup, time, log servers, 802.1X, disks (fact sheet 1, 2, 13 to 19).

Where an API is not listed, nothing is asked; where the answer is not what the fact sheet says, it is BadAnswer.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import decode
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Stored, Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_param as param
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_http import RELEASED_REST
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer, Unsupported

DISCOVERY = "/axis-cgi/apidiscovery.cgi"
READY = "/axis-cgi/systemready.cgi"
NTP = "/axis-cgi/ntp.cgi"
TIME = "/axis-cgi/time.cgi"
SYSLOG = "/axis-cgi/remotesyslog.cgi"
NETWORK = "/axis-cgi/network_settings.cgi"
SSH = "/axis-cgi/ssh.cgi"
SSH_USERS = "/ssh/v2/users"
SNMP = "/snmp/v1"
LLDP = "/lldp/v1/activated"
DISKS = "/axis-cgi/disks/list.cgi"
PASSPHRASE = "/user-management/v2/settings/passphraseComplexity"
POLICIES = ("none", "length", "complex")
MOST_LOG_SERVERS = 2
MOST_TIME_SERVERS = 5


def _need(ctx: Any, api: str) -> str:
    """The version that the device lists, to be sent along. Unsupported where it lists none; without a list, try."""
    if ctx.apis is None:
        return "1.0"
    if not ctx.has(api):
        raise Unsupported(f"{ctx.name}: the device does not list the API {api}.")
    return str(ctx.apis[api])


def _dict(ctx: Any, value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadAnswer(f"{ctx.name}: {what}: the answer has another shape.")
    return value


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value if isinstance(item, str) and item] if isinstance(value, list) else []


# -- what there is -----------------------------------------------------------------------------------------------------
def fetch_apis(ctx: Any) -> Tree:
    """{id: version} of the JSON CGIs. Firmware without the list (404) has none of them; `status` may be anything."""
    data = ctx.json(DISCOVERY, "getApiList")
    listed = data.get("apiList")
    if not isinstance(listed, list):
        raise BadAnswer(f"{ctx.name}: {DISCOVERY}: the answer has another shape.")
    apis = {str(row["id"]): str(row.get("version", "")) for row in listed if isinstance(row, dict) and "id" in row}
    ctx.apis = apis
    return dict(sorted(apis.items()))


def ask_setup(ctx: Any) -> Tree:
    """systemready.cgi, without a login: is there an account yet, and which passwords does it ask for (OS 12)."""
    data = ctx.json(READY, "systemready", {"timeout": 20}, login=False, version="1.1")
    return {key: str(data[key]) for key in ("needsetup", "passphrasepolicy") if key in data}


def fetch_setup(ctx: Any) -> Tree:
    if not ctx.json_age:
        raise Unsupported(f"{ctx.name}: this firmware has no {READY}.")
    return ask_setup(ctx)


def store_setup(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    if old.get("passphrasepolicy") != new.get("passphrasepolicy"):
        ctx.rest("PATCH", PASSPHRASE, {"policy": new["passphrasepolicy"]})
        ctx.setup = None
    return None


# -- time --------------------------------------------------------------------------------------------------------------
def fetch_ntp(ctx: Any) -> Tree:
    data = ctx.json(NTP, "getNTPInfo", version=_need(ctx, "ntp"))
    client = _dict(ctx, data.get("client"), NTP)
    if not isinstance(client.get("enabled"), bool) or client.get("serversSource") not in ("DHCP", "static"):
        raise BadAnswer(f"{ctx.name}: {NTP}: the answer has another shape.")
    return {
        "enabled": client["enabled"], "dhcp": client["serversSource"] == "DHCP",
        "static": _texts(client.get("staticServers")), "advertised": _texts(client.get("advertisedServers")),
        "nts": client.get("NTSEnabled") is True, "nts_servers": _texts(client.get("staticNTSKEServers")),
    }  # fmt: skip


def store_ntp(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    names = {"enabled": "enabled", "static": "staticServers"}
    params: dict[str, Any] = {sent: new[name] for name, sent in names.items() if new[name] != old[name]}
    if new["dhcp"] != old["dhcp"]:
        params["serversSource"] = "DHCP" if new["dhcp"] else "static"
    if params:
        ctx.json(NTP, "setNTPClientConfiguration", params, write=True, version=_need(ctx, "ntp"))
    return None


def fetch_clock(ctx: Any) -> Tree:
    """The device's UTC time: the Date header of an answer that we have anyway, else time.cgi."""
    if ctx.date is None:
        data = ctx.json(TIME, "getDateTimeInfo", version=_need(ctx, "time-service"))
        ctx.date = moment(str(data.get("dateTime", ""))), datetime.datetime.now(datetime.UTC)
    if ctx.date[0] is None:
        ctx.date = None
        raise BadAnswer(f"{ctx.name}: {TIME}: the answer holds no time.")
    (device, controller), ctx.date = ctx.date, None
    return {"device": device.isoformat(), "controller": controller.isoformat()}


def moment(text: str) -> datetime.datetime | None:
    try:
        made = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return made.astimezone(datetime.UTC) if made.tzinfo else made.replace(tzinfo=datetime.UTC)


# -- log servers -------------------------------------------------------------------------------------------------------
def syslog_of(params: Mapping[str, str]) -> Tree | None:
    """From the parameters, which show what remotesyslog.cgi has set; None where there are none."""
    found = param.flag(dict(params), "API.RemoteSyslog1.Enabled")
    if not isinstance(found, bool):
        return None
    servers = []
    for index in range(1, MOST_LOG_SERVERS + 1):
        place = f"API.RemoteSyslog1.Server{index}."
        fields = {name: params.get(place + name, "") for name in ("Address", "Port", "Protocol", "Severity",
                                                                  "SyslogFormat")}  # fmt: skip
        if fields["Address"]:
            servers.append(fields)
    return {"enabled": found, "servers": servers}


def fetch_syslog(ctx: Any) -> Tree:
    tree = syslog_of(ctx.params)
    if tree is None:
        raise Unsupported(f"{ctx.name}: the device lists no remote log servers.")
    return tree


def store_syslog(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    """First `setup`, then `enable` (section 16)."""
    version = ctx.apis.get("remote-syslog", "1.0") if ctx.apis else "1.0"
    if new["servers"] and new["servers"] != old["servers"]:
        servers = []
        for row in new["servers"]:
            sent: dict[str, Any] = {"address": row["Address"], "protocol": row["Protocol"], "port": int(row["Port"])}
            sent |= {"syslogFormat": row["SyslogFormat"] or "RFC5424", "severity": row["Severity"] or "Warning"}
            servers.append(sent)
        ctx.json(SYSLOG, "setup", {"servers": servers}, write=True, version=version)
    if new["enabled"] != old["enabled"]:
        ctx.json(SYSLOG, "enable" if new["enabled"] else "disable", write=True, version=version)
    return None


# -- 802.1X where no parameter tells it --------------------------------------------------------------------------------
def fetch_wired(ctx: Any) -> Tree:
    if "Network.Interface.I0.dot1x.Enabled" in ctx.params:
        raise Unsupported(f"{ctx.name}: 802.1X is told by {param.PARAM}.")
    data = ctx.json(NETWORK, "getNetworkInfo", version=_need(ctx, "network-settings"))
    devices = data.get("devices")
    for device in devices if isinstance(devices, list) else ():
        wired = device.get("wired") if isinstance(device, dict) else None
        state = wired.get("8021X") if isinstance(wired, dict) else None
        if isinstance(state, dict) and isinstance(state.get("enabled"), bool):
            name = str(device.get("deviceName") or device.get("name") or "eth0")
            return {"device": name, "enabled": state["enabled"]}
    raise BadAnswer(f"{ctx.name}: {NETWORK}: the answer does not tell 802.1X.")


def store_wired(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    if new["enabled"] != old["enabled"]:
        sent = {"deviceName": new["device"], "enabled": new["enabled"]}
        ctx.json(NETWORK, "setWired8021XConfiguration", sent, write=True, version=_need(ctx, "network-settings"))
    return None


# -- SSH and SNMP where no parameter tells them ------------------------------------------------------------------------
def fetch_ssh(ctx: Any) -> Tree:
    """The answer of getSshInfo is not written down anywhere that was read: only a plain `enabled` is believed."""
    if "Network.SSH.Enabled" in ctx.params:
        raise Unsupported(f"{ctx.name}: SSH is told by {param.PARAM}.")
    data = ctx.json(SSH, "getSshInfo", version=_need(ctx, "ssh"))
    if not isinstance(data.get("enabled"), bool):
        raise BadAnswer(f"{ctx.name}: {SSH}: the answer does not tell whether SSH is on.")
    return {"enabled": data["enabled"]}


def store_ssh(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    if new["enabled"] != old["enabled"]:
        sent = {"enabled": new["enabled"]}
        ctx.json(SSH, "setSshConfiguration", sent, write=True, version=_need(ctx, "ssh"))
    return None


def fetch_ssh_users(ctx: Any) -> Tree:
    """Names of the accounts that are for SSH only, a list of its own (section 11); asked only where SSH is on."""
    if param.flag(ctx.params, "Network.SSH.Enabled") is not True:
        return []
    if ctx.version < RELEASED_REST:
        raise Unsupported(f"{ctx.name}: this firmware does not tell its SSH accounts.")
    data = ctx.rest("GET", SSH_USERS)
    if not isinstance(data, list) or not all(isinstance(row, dict) and "username" in row for row in data):
        raise BadAnswer(f"{ctx.name}: {SSH_USERS}: the answer has another shape.")
    return sorted(str(row["username"]) for row in data)


def fetch_snmp(ctx: Any) -> Tree:
    """{enabled, V1, V2, V3} of the REST API, which goes on where the parameters end."""
    if "SNMP.Enabled" in ctx.params:
        raise Unsupported(f"{ctx.name}: SNMP is told by {param.PARAM}.")
    if ctx.version < RELEASED_REST:
        raise Unsupported(f"{ctx.name}: the device lists no SNMP.")
    data = _dict(ctx, ctx.rest("GET", SNMP), SNMP)
    parts = {version: _dict(ctx, data.get(f"snmp{version}"), SNMP).get("enabled") for version in ("V1", "V2", "V3")}
    tree = {"enabled": data.get("enabled"), **parts}
    if not all(isinstance(value, bool) for value in tree.values()):
        raise BadAnswer(f"{ctx.name}: {SNMP}: the answer has another shape.")
    return tree


def store_snmp(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    """The whole agent goes first and comes last, so that no version is on that nobody asked for."""
    changed = [version for version in ("V1", "V2", "V3") if new[version] != old[version]]
    if old["enabled"] and not new["enabled"]:
        ctx.rest("PATCH", SNMP, {"enabled": False})
    for version in changed:
        ctx.rest("PATCH", f"{SNMP}/snmp{version}/enabled", new[version])
    if new["enabled"] and not old["enabled"]:
        ctx.rest("PATCH", SNMP, {"enabled": True})
    return None


def fetch_lldp(ctx: Any) -> Tree:
    """{activated}, of the LLDP Configuration API (developer.axis.com, device configuration), where it is released."""
    if ctx.version < RELEASED_REST:
        raise Unsupported(f"{ctx.name}: this firmware has no switch for LLDP.")
    activated = ctx.rest("GET", LLDP)
    if not isinstance(activated, bool):
        raise BadAnswer(f"{ctx.name}: {LLDP}: the answer has another shape.")
    return {"activated": activated}


def store_lldp(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    if new["activated"] != old["activated"]:
        ctx.rest("PATCH", LLDP, new["activated"])
    return None


# -- disks -------------------------------------------------------------------------------------------------------------
def fetch_disks(ctx: Any) -> Tree:
    """{disk: {status, group, encrypted}}; not asked where the parameters say that no storage is switched on."""
    slots = [name for name in ctx.params if name.startswith("Storage.S")]
    if ctx.params and not slots:
        raise Unsupported(f"{ctx.name}: the device lists no storage.")
    if ctx.params.get("Storage.S0.Enabled", "").lower() == "no":
        return {}
    answer = ctx.ask("GET", f"{DISKS}?diskid=all")
    ctx.check(answer, DISKS)
    root = decode.xml(answer.body, ctx.transport.target.limits)
    disks = decode.children(root, "disks/disk")
    if decode.child(root, "disks") is None:
        raise BadAnswer(f"{ctx.name}: {DISKS}: the answer has no list of disks.")
    return {
        disk.get("diskid", ""): {"status": disk.get("status", ""), "group": disk.get("group", ""),
                                 "encrypted": disk.get("diskencrypted", "")}
        for disk in disks
    }  # fmt: skip
