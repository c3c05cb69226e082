# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the REST APIs of a simulated AXIS device hold (fact sheet 2, 6, 8, 9, 11, 12, 14, 15, 18)."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from . import jsonnetwork, jsonsettings
from .firewall import FirewallError
from .jsoncgi import ApiError, properties
from .rest import APIS, PASSPHRASE_POLICIES, Api, RestError, lifted, mirror

if TYPE_CHECKING:
    from .device import VapixDevice

KEY_TYPES = ("EC-P256", "EC-P384", "EC-P521", "RSA-2048", "RSA-3072", "RSA-4096")


# -- firewall ----------------------------------------------------------------------------------------------------
def _firewall(device: VapixDevice) -> dict[str, Any]:
    active: Any = device.firewall.activated
    if device.model.get("activated_as_text"):
        active = "true" if active else "false"
    return {"activated": active, "conf": {"rules": device.firewall.report()}}


def _activate(device: VapixDevice, below: list[str], data: Any) -> None:
    wanted = lifted(below, data)
    if set(wanted) != {"activated"} or not isinstance(wanted["activated"], bool):
        raise RestError(400, 2, "Invalid data: activated")
    device.firewall.activated = wanted["activated"]
    device.firewall.forget()


def _firewall_action(device: VapixDevice, below: list[str], data: Any) -> None:
    try:
        if below[-1] == "setRules":
            device.firewall.set_rules(data)
        elif below[-1] == "confirmRules":
            device.firewall.confirm()
            device.lose_answer = "firewall-lost-confirm" in device.faults
        else:
            device.firewall.forget()
    except FirewallError as error:
        raise RestError(400, error.code, str(error)) from None


# -- accounts of the policy and of SSH ---------------------------------------------------------------------------
def _user_management(device: VapixDevice) -> dict[str, Any]:
    policies = [{"id": name, "desc": text} for name, text in PASSPHRASE_POLICIES]
    return {"settings": {"passphraseComplexity": {"policy": device.accounts.complexity, "policies": policies}}}


def _set_complexity(device: VapixDevice, below: list[str], data: Any) -> None:
    wanted = lifted(below, data)
    policy = ((wanted.get("settings") or {}).get("passphraseComplexity") or {}).get("policy")
    if policy not in [name for name, _unused in PASSPHRASE_POLICIES]:
        raise RestError(400, 2, "Invalid data: policy")
    device.accounts.complexity = policy


def _ssh(device: VapixDevice) -> dict[str, Any]:
    return {"users": [{"username": name, "comment": row["comment"]} for name, row in device.ssh_users.items()]}


def _ssh_user(device: VapixDevice, below: list[str], data: Any) -> None:
    if len(below) > 1:
        if below[1] not in device.ssh_users:
            raise RestError(404, 1, "Resource not found: user")
        if data is None:
            del device.ssh_users[below[1]]
        else:
            device.ssh_users[below[1]] |= {key: str(value) for key, value in data.items()}
        return
    if not isinstance(data, dict) or not data.get("username") or not data.get("password"):
        raise RestError(400, 2, "Invalid data: username and password are needed")
    if data["username"] in device.ssh_users or not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", str(data["username"])):
        raise RestError(400, 2, "Invalid data: username")
    row = {"password": str(data["password"]), "comment": str(data.get("comment", ""))}
    device.ssh_users[str(data["username"])] = row


# -- certificates ------------------------------------------------------------------------------------------------
def _certificates(device: VapixDevice) -> dict[str, Any]:
    return copy.deepcopy(device.rest["cert"])


def _create(device: VapixDevice, _unused_below: list[str], data: Any) -> None:
    if not isinstance(data, dict) or not data.get("alias") or not data.get("subject"):
        raise RestError(400, 2, "Invalid data: alias and subject are needed")
    if data.get("key_type") not in KEY_TYPES:
        raise RestError(400, 5, "Key type not supported")
    rows = device.rest["cert"]["certificates"]
    if any(row["alias"] == data["alias"] for row in rows):
        raise RestError(400, 2, "Invalid data: the alias is taken")
    keystore = str(data.get("keystore") or device.rest["cert"]["settings"]["keystore"])
    rows.append({"alias": str(data["alias"]), "keystore": keystore, "certificate": "SIMULATED PEM\n"})


def _csr(device: VapixDevice, below: list[str], _unused_data: Any) -> str:
    if not any(row["alias"] == below[1] for row in device.rest["cert"]["certificates"]):
        raise RestError(404, 1, "Resource not found: certificate")
    return "SIMULATED CERTIFICATE REQUEST\n"


def _drop(device: VapixDevice, below: list[str], _unused_data: Any) -> None:
    rows = device.rest["cert"][below[0]]
    left = [row for row in rows if row["alias"] != below[1]]
    if len(left) == len(rows):
        raise RestError(404, 1, "Resource not found: certificate")
    device.rest["cert"][below[0]] = left


def _add_ca(device: VapixDevice, _unused_below: list[str], data: Any) -> None:
    if not isinstance(data, dict) or not data.get("alias") or not data.get("certificate"):
        raise RestError(400, 2, "Invalid data: alias and certificate are needed")
    device.rest["cert"]["ca_certificates"].append({key: str(data[key]) for key in ("alias", "certificate")})


# -- time, hosts, stored entities --------------------------------------------------------------------------------
def _json(function: Any) -> Any:
    return lambda device: function(device, {})


def _set_client(device: VapixDevice, below: list[str], data: Any) -> None:
    wanted = lifted(below, data)
    try:
        jsonsettings.CGI_SET_NTP(device, wanted.get("client", wanted))
    except ApiError:
        raise RestError(400, 2, "Invalid data") from None


def _hosts(device: VapixDevice) -> dict[str, Any]:
    rows = []
    for secure, name, parameter in ((False, "default-http", "System.BoaPort"), (True, "default-https", "HTTPS.Port")):
        scheme = device.door.schemes(device.policy, secure)[0].lower()
        rows.append(
            {
                "active": device.scheme_allowed(secure),
                "auth_type": scheme,
                "port": int(device.tree.get(parameter)),
                "secure": secure,
                "server_name": name,
            }
        )
    return {"defaulthosts": rows, "virtualhosts": []}


def _stored(name: str) -> Api:
    def read(device: VapixDevice) -> Any:
        return copy.deepcopy(device.rest[name])

    def patch(device: VapixDevice, below: list[str], data: Any) -> None:
        wanted, have = lifted(below, data), device.rest[name]
        if any(key not in have or type(have[key]) is not type(value) for key, value in wanted.items()):
            raise RestError(400, 2, "Invalid data")
        have |= wanted

    return Api(read, patch)


def _snmp() -> Api:
    own = mirror(
        {
            "enabled": "SNMP.Enabled",
            "snmpV1/enabled": "SNMP.V1",
            "snmpV2/enabled": "SNMP.V2c",
            "snmpV1V2Common/readCommunity": "SNMP.V1ReadCommunity",
            "snmpV1V2Common/writeCommunity": "SNMP.V1WriteCommunity",
            "snmpV1V2Common/address": "SNMP.Trap.T0.Address",
            "snmpV1V2Common/trap/enabled": "SNMP.Trap.Enabled",
            "snmpV3/enabled": "SNMP.V3",
            "snmpV3/userPasswdSet": "SNMP.InitialUserPasswdSet",
        }
    )

    def read(device: VapixDevice) -> Any:
        return own.read(device) | {"transportProtocol": device.rest["snmp"]["transportProtocol"]}

    def patch(device: VapixDevice, below: list[str], data: Any) -> None:
        wanted = copy.deepcopy(lifted(below, data))
        protocol = wanted.pop("transportProtocol", None)
        password = wanted.get("snmpV3", {}).pop("userPasswd", None) if isinstance(wanted.get("snmpV3"), dict) else None
        if protocol not in (None, "tcp", "udp"):
            raise RestError(400, 2, "Invalid data: transportProtocol")
        if password is not None and not (isinstance(password, str) and 8 <= len(password) <= 50):
            raise RestError(400, 2, "Invalid data: userPasswd")
        if wanted.get("snmpV3", {}).get("userPasswdSet") is not None:
            raise RestError(400, 2, "Invalid data: userPasswdSet is read-only")
        if own.patch:
            own.patch(device, [], wanted)
        if protocol:
            device.rest["snmp"]["transportProtocol"] = protocol
        if password is not None:
            device.tree.put("SNMP.InitialUserPasswd", password)
            device.tree.put("SNMP.InitialUserPasswdSet", "yes")

    return Api(read, patch)


APIS |= {
    "firewall": Api(
        _firewall,
        _activate,
        {("POST", f"conf/{name}"): _firewall_action for name in ("setRules", "confirmRules", "clearPendingRules")},
    ),
    "user-management": Api(_user_management, _set_complexity),
    "ssh": Api(_ssh, None, {("POST", "users"): _ssh_user, ("PATCH", "users/*"): _ssh_user,
                            ("DELETE", "users/*"): _ssh_user}),
    "cert": Api(
        _certificates,
        None,
        {
            ("POST", "create_certificate"): _create,
            ("POST", "certificates/*/get_csr"): _csr,
            ("DELETE", "certificates/*"): _drop,
            ("POST", "ca_certificates"): _add_ca,
            ("DELETE", "ca_certificates/*"): _drop,
        },
    ),
    "snmp": _snmp(),
    "dnsupdate-configuration": mirror(
        {"enabled": "Network.DNSUpdate.Enabled", "dnsName": "Network.DNSUpdate.DNSName", "ttl": "Network.DNSUpdate.TTL"}
    ),
    "mdnssd": mirror({"enabled": "Network.Bonjour.Enabled", "friendlyName": "Network.Bonjour.FriendlyName"}),
    "lldp": _stored("lldp"),
    "log": _stored("log"),
    "crypto-policy": _stored("crypto-policy"),
    "basic-device-info": Api(properties),
    "virtualhost": Api(_hosts),
    "time": Api(_json(jsonsettings.CGI_GET_TIME)),
    "network-time-sync": Api(_json(jsonsettings.CGI_GET_NTP), _set_client),
    "network-settings": Api(_json(jsonnetwork.CGI_GET_INFO)),
}  # fmt: skip
