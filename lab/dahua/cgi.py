# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain-text interface under /cgi-bin/: which calls exist, who may use them, what they answer."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ..device import Request, Response
from . import logs, tables
from .tables import NoSuchKey
from .users import Refused

if TYPE_CHECKING:
    from .device import DahuaDevice

TEXT = [("Content-Type", "text/plain;charset=utf-8")]
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
BAD, DENIED, ABSENT = "bad", "denied", "absent"


class Denied(Exception):
    """`kind`: bad, denied or absent (no such call); `said`: another text than the usual one."""

    def __init__(self, kind: str = BAD, said: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.said = said


@dataclass
class Call:
    """One request: `script.action`, its arguments in their order, who asks."""

    operation: str
    args: list[tuple[str, str]]
    request: Request
    user: str = ""

    def get(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.args if key == name), default)

    def members(self, prefix: str) -> dict[str, Any]:
        """`user.Name=x` as {"Name": "x"}; `AuthList` is the other name of `AuthorityList`."""
        found: dict[str, Any] = {}
        for key, value in self.args:
            if key.startswith(prefix):
                name = key[len(prefix) :]
                if name.partition("[")[0] in ("AuthList", "AuthorityList"):
                    given = [part for part in value.split(",") if part]
                    found["AuthorityList"] = found.get("AuthorityList", []) + given
                else:
                    found[name] = value.lower() == "true" if name in ("Sharable", "Reserved") else value
        return found


Handler = Callable[["DahuaDevice", Call], str | Iterable[str] | Response]


@dataclass(frozen=True)
class Route:
    handler: Handler
    admin: bool  # only the group admin may
    write: bool


ROUTES: dict[str, Route] = {}


def route(*names: str, admin: bool = False, write: bool = False) -> Callable[[Handler], Handler]:
    def enter(handler: Handler) -> Handler:
        for name in names:
            ROUTES[name] = Route(handler, admin or write, write)
        return handler

    return enter


def read_call(request: Request) -> Call:
    """The call of a request's path; the arguments are percent-decoded, `+` stays a plus."""
    path, _unused, query = request.path.partition("?")
    args = []
    for part in query.split("&"):
        name, _unused, value = part.partition("=")
        if name:
            args.append((unquote(name), unquote(value)))
    script = path.removeprefix("/cgi-bin/").removeprefix("api/").replace("/", ".").removesuffix(".cgi")
    action = next((value for key, value in args if key == "action"), "")
    return Call(f"{script}.{action}" if action else script, args, request)


def answer(device: DahuaDevice, call: Call) -> Response:
    """Do an admitted call."""
    try:
        found = ROUTES.get(call.operation)
        if found is None or call.operation in device.model.get("without_calls", ()):
            raise Denied(ABSENT if device.model.get("unknown_call") == ABSENT else BAD)
        if found.admin and not device.may_all(call.user):
            raise Denied(DENIED)
        if found.write and "H01" in device.faults:
            return plain("OK")
        out = found.handler(device, call)
    except Denied as denied:
        return refusal(device, denied)
    except (Refused, NoSuchKey, tables.BadValue):
        return refusal(device, Denied())
    if isinstance(out, Response):
        return out
    return plain(out if isinstance(out, str) else "\r\n".join(out))


def plain(text: str, status: int = 200) -> Response:
    return Response(status, list(TEXT), f"{text}\r\n".encode("utf-8", "surrogatepass") if text else b"")


def refusal(device: DahuaDevice, denied: Denied) -> Response:
    if denied.kind == DENIED:
        return plain("Authority:check failure.", 403)
    if denied.kind == ABSENT:
        return plain("Error\r\nNot Implemented!", 501)
    status = device.model.get("error_status", 400)
    return plain(denied.said or "Error\r\nBad Request!", 200 if "H12" in device.faults else int(status))


# -- who it is ---------------------------------------------------------------------------------------------------------
IDENTITY = {"getDeviceType": "type", "getSerialNo": "sn", "getVendor": "vendor", "getDeviceClass": "class"}


@route(*(f"magicBox.{action}" for action in IDENTITY))
def identity(device: DahuaDevice, call: Call) -> str:
    return f"{(field := IDENTITY[call.operation.partition('.')[2]])}={device.identity[field]}"


@route("magicBox.getSoftwareVersion")
def software(device: DahuaDevice, call: Call) -> str:
    return f"version={device.identity['version']},build:{device.identity['build']}"


@route("magicBox.getHardwareVersion")
def hardware(device: DahuaDevice, call: Call) -> str:
    return f"version={device.identity['hardware']}"


@route("magicBox.getMachineName")
def machine_name(device: DahuaDevice, call: Call) -> str:
    return f"name={device.tables['General']['MachineName']}"


@route("magicBox.getSystemInfo", "magicBox.getSystemInfoNew")
def system_info(device: DahuaDevice, call: Call) -> list[str]:
    return [f"{'info.' * call.operation.endswith('New')}{name}={value}" for name, value in device.system_info().items()]


@route("IntervideoManager.getVersion")
def version(device: DahuaDevice, call: Call) -> str:
    shown = {"CGI": device.identity["cgi"], "Onvif": device.identity["onvif"]}.get(call.get("Name"))
    if shown is None:
        raise Denied
    return f"version={shown}"


@route("netApp.getInterfaces")
def interfaces(device: DahuaDevice, call: Call) -> list[str]:
    card = device.tables["Network"]["DefaultInterface"]
    return [f"netInterface[0].Name={card}", "netInterface[0].Type=Normal", "netInterface[0].Valid=true"]


@route("netApp.getUPnPStatus")
def upnp_status(device: DahuaDevice, call: Call) -> list[str]:
    on = device.value("UPnP.Enable", False)
    return [f"status={'Working' if on else 'Idle'}", f"working={tables.text(bool(on))}"]


# -- configuration -----------------------------------------------------------------------------------------------------
@route("configManager.getConfig", "configManager.getConfigCaps")
def get_config(device: DahuaDevice, call: Call) -> list[str]:
    name = call.get("name")
    if not device.may_read(call.user, name):
        raise Denied(DENIED)
    if name == "All" and (told := device.everything()):
        return told
    table = name.partition(".")[0].partition("[")[0]
    if table not in device.tables:
        raise Denied(DENIED if "H23" in device.faults else device.model.get("unknown_table", BAD))
    try:
        value = tables.find(device.tables, name)
    except NoSuchKey:
        raise Denied(BAD, f"Error: Error -1 getting param in name={name}") from None
    return list(tables.lines(f"table.{name}", value))


@route("configManager.setConfig", write=True)
def set_config(device: DahuaDevice, call: Call) -> str:
    pairs = [(key, value) for key, value in call.args if key != "action"]
    if not pairs:
        raise Denied
    device.configure(pairs)
    device.note("SaveConfig", call, {"Name": pairs[0][0].partition(".")[0].partition("[")[0]})
    return "OK"


@route("configManager.restore", "configManager.restoreExcept", "magicBox.resetSystemEx", write=True)
def restore(device: DahuaDevice, call: Call) -> str:
    names = [value for key, value in call.args if key.startswith("names[")]
    keep_network = call.operation == "magicBox.resetSystemEx" and call.get("type") == "1"
    if call.operation.endswith("restore"):
        device.reset_tables([name for name in names if name in device.tables])
        return "OK"
    device.reset_to_factory(keep=["Network"] if keep_network else names)
    device.restart()
    if call.operation.endswith("restoreExcept"):
        raise Denied  # it has worked all the same
    return "OK"


@route("Config.backup.All", admin=True)
def backup(device: DahuaDevice, call: Call) -> Response:
    body = json.dumps(device.tables, indent=3, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Response(200, [("Content-Type", "application/octet-stream")], body)


# -- accounts ----------------------------------------------------------------------------------------------------------
def _shown(prefix: str, rows: list[dict[str, Any]]) -> list[str]:
    return [line for index, row in enumerate(rows) for line in tables.lines(f"{prefix}[{index}]", row)]


@route("userManager.getUserInfoAll", admin=True)
def all_users(device: DahuaDevice, call: Call) -> list[str]:
    return _shown("users", [device.users.shown(user) for user in device.users.all])


@route("userManager.getUserInfo", admin=True)
def one_user(device: DahuaDevice, call: Call) -> list[str]:
    user = device.users.find(call.get("name"))
    if user is None:
        raise Denied
    return list(tables.lines("user", device.users.shown(user)))


@route("userManager.getActiveUserInfoAll", admin=True)
def active_users(device: DahuaDevice, call: Call) -> list[str]:
    return _shown("users", device.active_users(call))


@route("userManager.getGroupInfoAll", admin=True)
def all_groups(device: DahuaDevice, call: Call) -> list[str]:
    return _shown("groups", device.users.groups())


@route("userManager.getGroupInfo", admin=True)
def one_group(device: DahuaDevice, call: Call) -> list[str]:
    group = next((group for group in device.users.groups() if group["Name"] == call.get("name")), None)
    if group is None:
        raise Denied
    return list(tables.lines("group", group))


@route("userManager.addUser", write=True)
def add_user(device: DahuaDevice, call: Call) -> str:
    device.users.add(call.members("user."))
    device.accounts_changed("AddUser", call, call.get("user.Name"))
    return "OK"


@route("userManager.deleteUser", write=True)
def delete_user(device: DahuaDevice, call: Call) -> str:
    device.users.remove(call.get("name"))
    device.accounts_changed("DeleteUser", call, call.get("name"))
    return "OK"


@route("userManager.modifyUser", write=True)
def modify_user(device: DahuaDevice, call: Call) -> str:
    device.users.modify(call.get("name"), call.members("user."))
    device.accounts_changed("ModifyUser", call, call.get("name"))
    return "OK"


@route("userManager.modifyPassword", write=True)
def modify_password(device: DahuaDevice, call: Call) -> str:
    device.users.change_password(call.get("name"), call.get("pwd"), call.get("pwdOld"))
    device.accounts_changed("ModifyPassword", call, call.get("name"))
    return "OK"


@route("userManager.modifyPasswordByManager", write=True)
def modify_password_by_manager(device: DahuaDevice, call: Call) -> str:
    manager = call.get("managerName")
    if not device.users.is_admin(manager) or device.users.password(manager) != call.get("managerPwd"):
        raise Denied
    device.users.set_password(call.get("name"), call.get("pwd"))
    device.accounts_changed("ModifyPassword", call, call.get("name"))
    return "OK"


# -- clock, log, storage, restart --------------------------------------------------------------------------------------
@route("global.getCurrentTime")
def get_time(device: DahuaDevice, call: Call) -> str:
    return f"result={device.local_time():{logs.FORM}}"


@route("global.setCurrentTime", write=True)
def set_time(device: DahuaDevice, call: Call) -> str:
    try:
        device.set_local_time(datetime.datetime.strptime(call.get("time"), logs.FORM))
    except ValueError:
        raise Denied from None
    return "OK"


@route("log.startFind", admin=True)
def start_find(device: DahuaDevice, call: Call) -> list[str]:
    search = (call.get("condition.StartTime"), call.get("condition.EndTime"), call.get("condition.Type"))
    token, count = device.device_log.start(*search)
    return [f"token={token}"] + [f"count={count}"] * bool(device.model.get("log_count"))


@route("log.doFind", admin=True)
def do_find(device: DahuaDevice, call: Call) -> list[str]:
    count = call.get("count", "100")
    rows = device.device_log.next(call.get("token"), int(count) if count.isdigit() else 0)
    if rows is None:
        raise Denied
    return [f"found={len(rows)}", *logs.item_lines(rows)]


@route("log.stopFind", admin=True)
def stop_find(device: DahuaDevice, call: Call) -> str:
    if not device.device_log.stop(call.get("token")):
        raise Denied
    return "OK"


@route("log.clear", write=True)
def clear_log(device: DahuaDevice, call: Call) -> str:
    device.device_log.rows.clear()
    return "OK"


@route("Log.backup.All", admin=True)
def log_backup(device: DahuaDevice, call: Call) -> str:
    return logs.export(device.device_log.between(call.get("condition.StartTime"), call.get("condition.EndTime")))


@route("storageDevice.getDeviceAllInfo", admin=True)
def storage(device: DahuaDevice, call: Call) -> list[str]:
    return list(tables.lines("list.info", device.storage))


@route("upgrader.getState", admin=True)
def upgrade_state(device: DahuaDevice, call: Call) -> str:
    return "state=Idle"


@route("magicBox.reboot", write=True)
def reboot(device: DahuaDevice, call: Call) -> str:
    device.note("Reboot", call, {})
    device.restart()
    return "OK"


@route("magicBox.shutdown", write=True)
def shutdown(device: DahuaDevice, call: Call) -> str:
    device.power(False)
    return "OK"


@route("snapshot")
def snapshot(device: DahuaDevice, call: Call) -> Response:
    return Response(200, [("Content-Type", "image/jpeg")], JPEG)


# -- a recorder's cameras ----------------------------------------------------------------------------------------------
def _json(value: Any) -> Response:
    return Response(200, [("Content-Type", "application/json")], json.dumps(value, ensure_ascii=False).encode())


@route("LogicDeviceManager.getCameraAll", admin=True)
def camera_all(device: DahuaDevice, call: Call) -> Response:
    if not device.channels:
        raise Denied(ABSENT)
    return _json({"camera": device.camera_list()})


@route("LogicDeviceManager.getCameraState", admin=True)
def camera_state(device: DahuaDevice, call: Call) -> Response:
    if not device.channels:
        raise Denied(ABSENT)
    try:
        asked = json.loads(call.request.body or b"{}")
        wanted = asked.get("channel", asked.get("uniqueChannels", [-1]))
        return _json({"states": device.camera_states(wanted)})
    except (ValueError, AttributeError, TypeError):
        raise Denied from None
