# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Submenus with a mind of their own: accounts, source filter, certificates, TLS, clock, logs, power."""

from __future__ import annotations

import copy
import datetime
import ipaddress
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..device import Request, Response
from . import answers, passwords
from .schema import Refused, Submenu, invalid, not_found
from .state import RIGHTS, TLS, ZONES, user

if TYPE_CHECKING:
    from .device import SunapiDevice

Handler = Callable[["SunapiDevice", "Call"], Response]
_POSIX = re.compile(r"[A-Za-z<>+0-9-]{3,12}[+-]?\d{1,2}(:\d{2})?\S*")
_CIPHER_MODES = {"TLSv1_0": ["Compatible"], "TLSv1_1": ["Compatible"]}


class Call:
    """One request to a submenu: `given` are its parameters, read by the schema."""

    def __init__(self, menu: Submenu, action: str, given: dict[str, Any], request: Request, caller: str) -> None:
        self.menu, self.action, self.given = menu, action, given
        self.request, self.caller = request, caller
        self.json = answers.wants_json(request)

    def need(self, *names: str) -> None:
        """Refused(602) when a parameter is missing that must be sent."""
        for name in names:
            if name not in self.given:
                raise invalid(name)

    def done(self, extra: dict[str, Any] | None = None) -> Response:
        return answers.done(self.json, extra)

    def view(self, values: Any) -> Response:
        return answers.view(self.json, self.menu, values)


# -- accounts ----------------------------------------------------------------------------------------------------------
def users(device: SunapiDevice, call: Call) -> Response:
    rows = device.state["security"]["users"]
    if call.action == "view":
        return _users_view(call, rows)
    if call.action == "check":
        used = sum(row["Enable"] for row in rows)
        return answers.plain(call.json, {"CurrentUserCount": used, "MaxUserCount": 11},
                             [f"CurrentUserCount={used}", "MaxUserCount=11"])  # fmt: skip
    if call.action == "remove":
        row = _find_user(rows, call)
        if row["Index"] == 0:
            raise invalid("Index")
        device.change("security", "users", [other for other in rows if other is not row])
        return call.done()
    password = _password(device, call)
    if call.action == "add":
        call.need("UserID")
        if password is None or any(row["UserID"] == call.given["UserID"] for row in rows) or len(rows) > 10:
            raise invalid("UserID")
        index = min(set(range(1, 11)) - {row["Index"] for row in rows})
        row = user(index, call.given["UserID"], password)
        row |= {key: value for key, value in call.given.items() if key in RIGHTS or key == "Enable"}
        device.change("security", "users", sorted([*rows, row], key=lambda one: one["Index"]))
        return call.done({"Index": index})
    return _users_update(device, call, rows, password)


def _users_update(device: SunapiDevice, call: Call, rows: list[dict], password: str | None) -> Response:
    call.need("Index", "UserID")
    row = _find_user(rows, call, by_name=False)
    name = call.given["UserID"]
    if any(other["UserID"] == name for other in rows if other is not row) or (row["Index"] == 0 and name != "admin"):
        raise invalid("UserID")
    if password is None and (device.model.get("password_with_update") or (call.given.get("Enable") and not row["Enable"]
                             and not row["Password"])):  # fmt: skip
        raise invalid("Password")
    changed = dict(row) | {key: value for key, value in call.given.items() if key in RIGHTS or key == "Enable"}
    changed["UserID"] = name
    if row["Index"] == 0:  # admin stays what it is
        changed |= dict.fromkeys(RIGHTS, True) | {"Enable": True}
    if password is not None:
        changed["Password"] = password
    device.change("security", "users", [changed if other is row else other for other in rows])
    return call.done()


def _users_view(call: Call, rows: list[dict]) -> Response:
    told = [name for name, one in call.menu.parameters.items() if one.response and name != "Index"]
    wanted = call.given.get("UserID")
    shown = [row | {"Password": ""} for row in rows if wanted in (None, row["UserID"])]
    tree = {"Users": [{"Index": row["Index"]} | {name: row[name] for name in told} for row in shown]}
    lines = [f'"Users.Index={"/".join(told)}"']
    lines += [f"Users.{row['Index']}=" + "/".join(str(row[name]) for name in told) for row in shown]
    return answers.plain(call.json, tree, lines)


def _find_user(rows: list[dict], call: Call, by_name: bool = True) -> dict:
    if "Index" in call.given:
        found = [row for row in rows if row["Index"] == call.given["Index"]]
    else:
        found = [row for row in rows if by_name and row["UserID"] == call.given.get("UserID")]
    if not found:
        raise invalid("Index")
    return found[0]


def _password(device: SunapiDevice, call: Call) -> str | None:
    """The new password of a request, None when it brings none; Refused where the device wants it otherwise."""
    if call.given.get("IsPasswordEncrypted"):
        text = passwords.decrypt(call.request.body)
        if text is None or "rsa" not in device.schema["security"]:
            raise invalid("Password")
    elif "Password" in call.given:
        if not device.model.get("plain_passwords", True):
            raise invalid("Password")
        text = call.given["Password"]
    else:
        return None
    new, current = passwords.split(text)
    own = call.given.get("UserID") == call.caller
    if own and (current is not None or device.model.get("current_password") == "Mandatory"):
        if current != device.passwords(call.caller):
            raise invalid("CurrentPassword")
    if not passwords.is_allowed(new, int(device.model.get("max_password", 15))):
        raise invalid("Password")
    return new


# -- source filter -----------------------------------------------------------------------------------------------------
def ipfilter(device: SunapiDevice, call: Call) -> Response:
    table = copy.deepcopy(device.state["security"]["ipfilter"])
    if call.action == "view":
        lines = ['"ipfilter.IPType.IPIndex=Address/Mask/Enable"', f"AccessType={table['AccessType']}"]
        for kind in ("IPv4", "IPv6"):
            lines += [f"ipfilter.{kind}.{r['IPIndex']}={r['Address']}/{r['Mask']}/{r['Enable']}" for r in table[kind]]
        filters = [{"IPType": kind, "Filters": table[kind]} for kind in ("IPv4", "IPv6")]
        return answers.plain(call.json, {"AccessType": table["AccessType"], "IPFilters": filters}, lines)
    extra = None
    if call.action == "set":
        call.need("AccessType")
        table["AccessType"] = call.given["AccessType"]
    else:
        call.need("IPType")
        rows = table[call.given["IPType"]]
        if call.action == "add":
            call.need("Address", "Enable")
            free = sorted(set(range(1, 11)) - {row["IPIndex"] for row in rows})
            if not free:
                raise invalid("IPIndex")
            row = {"IPIndex": free[0], "Address": "", "Mask": 32 if call.given["IPType"] == "IPv4" else 128,
                   "Enable": False}  # fmt: skip
            extra = {"IPIndex": free[0]}
            rows.append(row)
        else:
            call.need("IPIndex")
            found = [row for row in rows if row["IPIndex"] == call.given["IPIndex"]]
            if not found:
                raise invalid("IPIndex")
            row = found[0]
        if call.action == "remove":
            rows.remove(row)
        else:
            row |= {key: value for key, value in call.given.items() if key in ("Address", "Mask", "Enable")}
            if "type-overlooked" not in device.faults:  # the camera's own page sends both in one request
                table["AccessType"] = call.given.get("AccessType", table["AccessType"])
            try:
                ipaddress.ip_network(f"{row['Address']}/{row['Mask']}", strict=False)
            except ValueError:
                raise invalid("Address") from None
        rows.sort(key=lambda one: one["IPIndex"])
    device.change("security", "ipfilter", table)
    return call.done(extra)


# -- TLS ---------------------------------------------------------------------------------------------------------------
def ssl(device: SunapiDevice, call: Call) -> Response:
    values = device.state["security"]["ssl"]
    if call.action == "set":
        call.need("Policy")
        names = [row["CertificateName"] for row in values["Certificates"]]
        if call.given.get("CertificateInUse", "") not in ("", *names):
            raise invalid("CertificateInUse")
        if call.given["Policy"].endswith("Public") and not values["PublicCertificateInstalled"]:
            raise invalid("Policy")
        return device.merge(call)
    told = {name: values[name] for name, one in call.menu.parameters.items() if one.response}
    lines = [f"{name}={value}" for name, value in told.items()]
    for number, row in enumerate(values["Certificates"], 1):
        lines += [f"Certificate.{number}.{key}={value}" for key, value in row.items()]
    return answers.plain(call.json, told | {"Certificates": values["Certificates"]}, lines)


def tlsversion(device: SunapiDevice, call: Call) -> Response:
    values = device.state["security"]["tlsversion"]
    if call.action == "set":
        after = values | call.given
        if not any(after[f"Version.{version}.Enable"] for version in TLS):
            raise invalid("Version")
        if after["Version.TLSv1_0.Enable"] or after["Version.TLSv1_1.Enable"]:
            if call.given.get("CipherMode") == "Secure":
                raise invalid("CipherMode")
            call.given["CipherMode"] = "Compatible"  # the device's own doing
        return device.merge(call)
    rows, lines = [], []
    for version in TLS:
        modes = _CIPHER_MODES.get(version, ["Compatible", "Secure"])
        is_on = values[f"Version.{version}.Enable"]
        rows.append({"Version": version, "Enable": is_on, "SupportedCipherModes": modes})
        lines += [f"Version.{version}.Enable={is_on}", f"Version.{version}.SupportedCipherModes={','.join(modes)}"]
    tree = {"Versions": rows, "CipherMode": values["CipherMode"]}
    return answers.plain(call.json, tree, [*lines, f"CipherMode={values['CipherMode']}"])


def rsa(device: SunapiDevice, call: Call) -> Response:
    return call.view({"PublicKey": passwords.public_key(call.given.get("PublicKeyFormat", "PKCS1"))})


def dot1x(device: SunapiDevice, call: Call) -> Response:
    if call.action == "set":
        return device.merge(call)
    values = device.state["security"]["802Dot1x"]
    return call.view(device.told(call.menu, values | {"IsPasswordSet": bool(values["EAPOLPassword"])}))


# -- network and system ------------------------------------------------------------------------------------------------
def portconf(device: SunapiDevice, call: Call) -> Response:
    network = device.state["network"]
    http, https, rtsp = (network[name]["Port"] for name in ("http", "https", "rtsp"))
    fixed = [3702, 49152]
    return call.view({
        "FixedPorts": fixed, "UsedPorts": [*fixed, http, https, rtsp], "HTTPPort": http, "HTTPSPort": https,
        "WebSessionTimeout": 120, "RTSPPort": rtsp, "RTSPTimeout": network["rtsp"]["Timeout"],
    })  # fmt: skip


def interface(device: SunapiDevice, call: Call) -> Response:
    if call.action == "set" and "IPv4PrefixLength" in call.given and "IPv4SubnetMask" in call.given:
        raise invalid("IPv4PrefixLength")
    return device.generic(call)


def date(device: SunapiDevice, call: Call) -> Response:
    values = device.state["system"]["date"]
    if call.action == "view":
        now = device.now()
        zone = datetime.timedelta(hours=_offset(values["POSIXTimeZone"]))
        clock = {"LocalTime": f"{now + zone:%Y-%m-%d %H:%M:%S}", "UTCTime": f"{now:%Y-%m-%d %H:%M:%S}"}
        return call.view(device.told(call.menu, values | clock))
    given = call.given
    if "TimeZoneIndex" in given:
        if given["TimeZoneIndex"] not in ZONES:
            raise invalid("TimeZoneIndex")
        given["POSIXTimeZone"] = ZONES[given["TimeZoneIndex"]]
    elif "POSIXTimeZone" in given:
        if not _POSIX.fullmatch(given["POSIXTimeZone"]):
            raise invalid("POSIXTimeZone")
        found = [index for index, zone in ZONES.items() if _offset(zone) == _offset(given["POSIXTimeZone"])]
        given["TimeZoneIndex"] = found[0] if found else values["TimeZoneIndex"]
    moment = [given.pop(name, None) for name in ("Year", "Month", "Day", "Hour", "Minute", "Second")]
    if given.get("SyncType", values["SyncType"]) == "Manual" and None not in moment:
        try:
            wanted = datetime.datetime(*moment, tzinfo=datetime.UTC)
        except ValueError:
            raise invalid("Day") from None
        wanted -= datetime.timedelta(hours=_offset(given.get("POSIXTimeZone", values["POSIXTimeZone"])))
        if not device.lies():
            device.clock_offset = (wanted - datetime.datetime.now(datetime.UTC)).total_seconds()
    answer = device.merge(call)
    device.synchronise()
    return answer


def _offset(zone: str) -> int:
    """Hours east of Greenwich of a POSIX zone, without summer time."""
    found = re.match(r"[A-Za-z]+([+-]?\d{1,2})|<[^>]*>([+-]?\d{1,2})", zone)
    return -int(found[1] or found[2]) if found else 0


def getclientip(device: SunapiDevice, call: Call) -> Response:
    return call.view({"ClientIP": device.seen_as(call.request.peer)})


def logs(device: SunapiDevice, call: Call) -> Response:
    rows = list(device.logs[call.menu.name])
    if not rows:
        raise Refused(605, "Configuration Not Found")
    return call.view(rows)


def power(device: SunapiDevice, call: Call) -> Response:
    call.need("Type")
    if not device.lies():
        device.restart()
    return call.done()


def factoryreset(device: SunapiDevice, call: Call) -> Response:
    if not device.lies():
        device.reset_to_factory(keep_network="Network" in call.given.get("ExcludeSettings", ()))
        device.restart()
    return call.done()


def configbackup(device: SunapiDevice, call: Call) -> Response:
    return Response(200, [("Content-Type", "application/octet-stream")], b"SIMULATED backup, opaque\n")


def eventstatus(device: SunapiDevice, call: Call) -> Response:
    if call.action != "check":
        raise not_found()
    return call.view({"Channel.0.Tampering": False, "SystemEvent.ConfigChange": False})


SPECIAL: dict[tuple[str, str], Handler] = {
    ("security", "users"): users,
    ("security", "ipfilter"): ipfilter,
    ("security", "ssl"): ssl,
    ("security", "tlsversion"): tlsversion,
    ("security", "rsa"): rsa,
    ("security", "802Dot1x"): dot1x,
    ("network", "portconf"): portconf,
    ("network", "interface"): interface,
    ("system", "date"): date,
    ("system", "getclientip"): getclientip,
    ("system", "accesslog"): logs,
    ("system", "systemlog"): logs,
    ("system", "eventlog"): logs,
    ("system", "power"): power,
    ("system", "factoryreset"): factoryreset,
    ("system", "configbackup"): configbackup,
    ("eventstatus", "eventstatus"): eventstatus,
}
