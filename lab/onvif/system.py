# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, device information, time and restart of the device service (tds)."""

from __future__ import annotations

import asyncio
import datetime
import re
from typing import TYPE_CHECKING, Any

from .soap import Call, Fault, Node, all_of, boolean, needed, raw, text
from .state import endpoint
from .table import PRE_AUTH, READ_SYSTEM, READ_SYSTEM_SECRET, UNRECOVERABLE, WRITE_SYSTEM, operation

if TYPE_CHECKING:
    from .device import OnvifDevice

LEVELS = ("Administrator", "Operator", "User", "Anonymous", "Extended")
TIME_ZONE = re.compile(  # POSIX: name, offset, and perhaps a summer time
    r"(?P<name>[A-Za-z]{3,}|<[+\-0-9A-Za-z]{3,}>)(?P<hours>[+-]?\d{1,2})(?::(?P<minutes>\d{2}))?(?::\d{2})?"
    r"(?:(?:[A-Za-z]{3,}|<[^>]+>)(?:[+-]?\d{1,2}(?::\d{2}){0,2})?(?:,[JM0-9./:]+,[JM0-9./:]+)?)?"
)


@operation("tds", READ_SYSTEM)
def get_device_information(device: OnvifDevice, call: Call) -> list[Node]:
    """GetDeviceInformation"""
    information = device.state["information"]
    if "H30-utf8" in device.faults:  # half of a two-byte character
        information = information | {"Manufacturer": information["Manufacturer"] + "\udcc3"}
    return [Node(f"tds:{name}", value) for name, value in information.items()]


@operation("tds", PRE_AUTH)
def get_endpoint_reference(device: OnvifDevice, call: Call) -> Node:
    """GetEndpointReference"""
    return Node("tds:GUID", endpoint(device.name))


# -- accounts ------------------------------------------------------------------------------------------------------
@operation("tds", READ_SYSTEM_SECRET)
def get_users(device: OnvifDevice, call: Call) -> list[Node]:
    """GetUsers"""
    if "H03" in device.faults:
        return []
    return [
        Node("tds:User", Node("tt:Username", user["Username"]), Node("tt:UserLevel", user["UserLevel"]))
        for user in device.state["users"]
    ]


def _read_user(device: OnvifDevice, element: Any) -> dict[str, Any]:
    name, level = raw(element, "tt:Username"), needed(element, "tt:UserLevel")
    if level not in LEVELS or not name:
        raise Fault("Sender", "InvalidArgs", reason="User level or name not valid")
    if level == "Anonymous":
        raise Fault("Sender", "OperationProhibited", "AnonymousNotAllowed")
    return {"Username": name, "Password": raw(element, "tt:Password"), "UserLevel": level}


def _check_password(device: OnvifDevice, user: dict[str, Any], weak: str) -> str:
    """The password as it is stored; `weak` is the fault for a missing or too simple one (it differs by operation)."""
    password = user["Password"]
    if password is None or (not password and "H10" not in device.faults):
        if "H10" not in device.faults:
            raise Fault("Sender", "OperationProhibited", weak, reason="Too weak")
        return ""
    longest = device.limit("MaxPasswordLength")
    if len(password) > longest:
        if "H13" in device.faults:
            return password[:longest]
        raise Fault("Sender", "OperationProhibited", "PasswordTooLong")
    if len(password) < device.model.get("min_password_length", 0):
        raise Fault("Sender", "OperationProhibited", weak, reason="Too weak")
    if _breaks_policy(device.model.get("password_policy", {}), user["Username"], password):
        raise Fault("Sender", "OperationProhibited", weak, reason="Too weak")
    return password


def _breaks_policy(policy: dict[str, Any], name: str, password: str) -> bool:
    counts = {
        "MinLen": len(password),
        "Uppercase": sum(char.isupper() for char in password),
        "Number": sum(char.isdigit() for char in password),
        "SpecialChars": sum(not char.isalnum() for char in password),
    }
    if any(count < policy.get(rule, 0) for rule, count in counts.items()):
        return True
    return bool(policy.get("BlockUsernameOccurrence")) and name.lower() in password.lower()


@operation("tds", WRITE_SYSTEM)
def create_users(device: OnvifDevice, call: Call) -> None:
    """CreateUsers (all or none)"""
    users = device.base("users")
    for element in all_of(call.element, "tds:User"):
        user = _read_user(device, element)
        longest = device.limit("MaxUserNameLength")
        if len(user["Username"]) > longest:
            if "H13" not in device.faults:
                raise Fault("Sender", "OperationProhibited", "UsernameTooLong")
            user["Username"] = user["Username"][:longest]
        if any(user["Username"] == other["Username"] for other in users):
            raise Fault("Sender", "OperationProhibited", "UsernameClash", reason="Username already exists")
        user["Password"] = _check_password(device, user, "Password")
        users.append(user | {"fixed": False})
    if len(users) > device.limit("MaxUsers"):
        raise Fault("Receiver", "Action", "TooManyUsers", reason="Maximum number of users exceeded")
    device.put("users", users)


@operation("tds", WRITE_SYSTEM)
def set_user(device: OnvifDevice, call: Call) -> None:
    """SetUser (all or none)"""
    users = device.base("users")
    for element in all_of(call.element, "tds:User"):
        wanted = _read_user(device, element)
        found = next((user for user in users if user["Username"] == wanted["Username"]), None)
        if found is None:
            if "H11" not in device.faults:
                raise Fault("Sender", "InvalidArgVal", "UsernameMissing", reason="Username not recognized")
            found = {"Username": wanted["Username"], "fixed": False}
            users.append(found)
        if found["fixed"] and wanted["UserLevel"] != found["UserLevel"]:
            raise Fault("Sender", "InvalidArgVal", "FixedUser")
        found["UserLevel"] = wanted["UserLevel"]
        found["Password"] = _check_password(device, wanted, "PasswordTooWeak")
    device.put("users", users)


@operation("tds", WRITE_SYSTEM)
def delete_users(device: OnvifDevice, call: Call) -> None:
    """DeleteUsers (all or none)"""
    users = device.base("users")
    for element in all_of(call.element, "tds:Username"):
        name = element.text or ""
        found = next((user for user in users if user["Username"] == name), None)
        if found is None:
            if "H11" in device.faults:
                continue
            raise Fault("Sender", "InvalidArgVal", "UsernameMissing", reason="Username not recognized")
        if found["fixed"]:
            raise Fault("Sender", "InvalidArgVal", "FixedUser")
        users.remove(found)
    if "H11" not in device.faults and not any(user["UserLevel"] == "Administrator" for user in users):
        raise Fault("Sender", "InvalidArgVal", "FixedUser", reason="The last administrator cannot be deleted")
    device.put("users", users)


# -- what passwords must be like, and warnings of failed logins (ONVIF 21.12) -----------------------------------------
# The answer holds the rules that the model has, in the order of the schema; a rule that is not there is not supported.
POLICY = ("MinLen", "Uppercase", "Number", "SpecialChars", "BlockUsernameOccurrence")


@operation("tds", READ_SYSTEM, needs="password_policy")
def get_password_complexity_options(device: OnvifDevice, call: Call) -> list[Node]:
    """GetPasswordComplexityOptions"""
    policy = device.model["password_policy"]
    nodes = [
        Node(f"tds:{rule}Range", Node("tt:Min", 0), Node("tt:Max", device.limit("MaxPasswordLength")))
        for rule in POLICY[:4]
        if rule in policy
    ]
    return [*nodes, *(Node(f"tds:{rule}Supported", True) for rule in POLICY[4:] if rule in policy)]


@operation("tds", READ_SYSTEM, needs="password_policy")
def get_password_complexity_configuration(device: OnvifDevice, call: Call) -> list[Node]:
    """GetPasswordComplexityConfiguration"""
    policy = device.model["password_policy"]
    return [Node(f"tds:{rule}", policy[rule]) for rule in POLICY if rule in policy]


@operation("tds", READ_SYSTEM, needs="failure_warning")
def get_auth_failure_warning_options(device: OnvifDevice, call: Call) -> list[Node]:
    """GetAuthFailureWarningOptions"""
    ranges = {"MonitorPeriodRange": (1, 3600), "AuthFailureRange": (1, 100)}
    return [Node(f"tds:{n}", Node("tt:Min", low), Node("tt:Max", high)) for n, (low, high) in ranges.items()]


@operation("tds", READ_SYSTEM, needs="failure_warning")
def get_auth_failure_warning_configuration(device: OnvifDevice, call: Call) -> list[Node]:
    """GetAuthFailureWarningConfiguration: an event only; how the device locks is `lockout_attempts`, and not told."""
    warning = device.model["failure_warning"]
    return [Node(f"tds:{name}", warning[name]) for name in ("Enabled", "MonitorPeriod", "MaxAuthFailures")]


# -- time ----------------------------------------------------------------------------------------------------------
def offset_of(zone: str) -> datetime.timedelta | None:
    """What a POSIX zone without its summer time adds to UTC (`JST-9` adds nine hours); None when it is no zone."""
    found = TIME_ZONE.fullmatch(zone)
    if not found:
        return None
    hours = int(found["hours"])
    shift = datetime.timedelta(hours=abs(hours), minutes=int(found["minutes"] or 0))
    return shift if hours < 0 else -shift


def _moment(tag: str, at: datetime.datetime) -> Node:
    clock = [("Hour", at.hour), ("Minute", at.minute), ("Second", at.second)]
    day = [("Year", at.year), ("Month", at.month), ("Day", at.day)]
    return Node(
        tag,
        Node("tt:Time", [Node(f"tt:{name}", value) for name, value in clock]),
        Node("tt:Date", [Node(f"tt:{name}", value) for name, value in day]),
    )


@operation("tds", PRE_AUTH)
def get_system_date_and_time(device: OnvifDevice, call: Call) -> Node:
    """GetSystemDateAndTime"""
    state, now = device.state["datetime"], device.now()
    zone = "CST5:00:00EDT4:00:00,M3" if "H15" in device.faults else state["TZ"]
    shift = offset_of(state["TZ"]) or datetime.timedelta()
    return Node(
        "tds:SystemDateAndTime",
        Node("tt:DateTimeType", state["DateTimeType"]),
        Node("tt:DaylightSavings", state["DaylightSavings"]),
        Node("tt:TimeZone", Node("tt:TZ", zone)),
        _moment("tt:UTCDateTime", now),
        _moment("tt:LocalDateTime", now + shift),
    )


@operation("tds", WRITE_SYSTEM)
def set_system_date_and_time(device: OnvifDevice, call: Call) -> None:
    """SetSystemDateAndTime"""
    element, state = call.element, device.base("datetime")
    kind = needed(element, "tds:DateTimeType")
    if kind not in ("Manual", "NTP"):
        raise Fault("Sender", "InvalidArgs", reason="DateTimeType")
    if kind == "NTP" and not device.base("ntp")["NTPManual"] and not device.base("ntp")["FromDHCP"]:
        raise Fault("Sender", "InvalidArgVal", "NtpServerUndefined")
    state |= {"DateTimeType": kind, "DaylightSavings": boolean(needed(element, "tds:DaylightSavings"))}
    zone = text(element, "tds:TimeZone/tt:TZ")
    if zone is not None and offset_of(zone) is None:
        if "H13" not in device.faults:
            raise Fault("Sender", "InvalidArgVal", "InvalidTimeZone", reason="An invalid time zone was specified")
        zone = None  # accepted, the old one stays
    if zone is not None:
        state["TZ"] = zone
    if kind == "Manual":
        _set_clock(device, element)
    device.put("datetime", state)
    device.synchronise()


def _set_clock(device: OnvifDevice, element: Any) -> None:
    parts = [
        text(element, f"tds:UTCDateTime/tt:{group}/tt:{name}")
        for group, names in (("Date", ("Year", "Month", "Day")), ("Time", ("Hour", "Minute", "Second")))
        for name in names
    ]
    if parts == [None] * 6:
        return
    try:
        numbers = [int(part or "") for part in parts]
        at = datetime.datetime(*numbers, tzinfo=datetime.UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        raise Fault("Sender", "InvalidArgVal", "InvalidDateTime") from None
    device.clock_offset = (at - datetime.datetime.now(datetime.UTC)).total_seconds()


# -- restart, reset, log -------------------------------------------------------------------------------------------
@operation("tds", UNRECOVERABLE)
def system_reboot(device: OnvifDevice, call: Call) -> Node:
    """SystemReboot"""
    # The answer goes out first; then the sockets close.
    asyncio.get_running_loop().call_later(device.model.get("reboot_delay", 0.2), device.restart)
    return Node("tds:Message", "Rebooting")


@operation("tds", UNRECOVERABLE)
def set_system_factory_default(device: OnvifDevice, call: Call) -> None:
    """SetSystemFactoryDefault"""
    if needed(call.element, "tds:FactoryDefault") not in ("Hard", "Soft"):
        raise Fault("Sender", "InvalidArgs", reason="FactoryDefault")
    device.reset_to_factory()
    asyncio.get_running_loop().call_later(device.model.get("reboot_delay", 0.2), device.restart)


@operation("tds", READ_SYSTEM_SECRET)
def get_system_log(device: OnvifDevice, call: Call) -> Node:
    """GetSystemLog"""
    kind = needed(call.element, "tds:LogType")
    if kind not in ("System", "Access"):
        raise Fault("Sender", "InvalidArgs", reason="LogType")
    if kind not in device.model.get("system_logs", ("System", "Access")):
        raise Fault("Sender", "InvalidArgs", "AccesslogUnavailable" if kind == "Access" else "SystemlogUnavailable")
    return Node("tds:SystemLog", Node("tt:String", "\n".join(device.system_log[kind])))


@operation("tds", READ_SYSTEM)
def get_system_uris(device: OnvifDevice, call: Call) -> Node:
    """GetSystemUris"""
    logs = [
        Node("tt:SystemLog", Node("tt:Type", kind), Node("tt:Uri", device.uri(f"/onvif/log/{kind.lower()}")))
        for kind in device.model.get("system_logs", ("System", "Access"))
    ]
    return Node("tds:SystemLogUris", logs)
