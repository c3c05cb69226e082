# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""i-PRO as tables. What no documented call reaches is a named manual check: its key reads as not known, and says where
a person must look (ipro-cgi.md, "Bottom line" and "Settings that exist in the web UI").
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import auth
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    MANUAL,
    NOT_OFFERED,
    UNREADABLE,
    UNSUPPORTED,
    Binding,
    Document,
    Reading,
    Stored,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.ipro_session import (
    CAMERA,
    CAMERA_PROOF,
    RECORDER,
    RECORDER_PROOF,
    failure,
    lines,
    path_of,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    LoginRefused,
    Refused,
    Unsupported,
)

TITLE_LENGTH = 20
_STATES = {"1": "active", "2": "error"}
_DISK = re.compile(r"(?P<name>[A-Z]+-\d+)$")


def _fetch_login(ctx: Any) -> Tree:
    """How the device asks for a login now: a request without one."""
    name, values = CAMERA_PROOF if ctx.kind == CAMERA else RECORDER_PROOF
    answer = ctx.transport.request("GET", path_of(name, values), login=False)
    why = failure(f"{ctx.name}: {name}", answer)
    if why is not None and not isinstance(why, LoginRefused):
        raise why
    return {"schemes": auth.schemes(answer)}


# -- documents of a camera ---------------------------------------------------------------------------------------------
def _fetch_info(ctx: Any) -> Tree:
    ctx.only(CAMERA)
    found, ctx.information = ctx.information, None
    return found if found is not None else ctx.lines(*CAMERA_PROOF)


def _fetch_capability(ctx: Any) -> Tree:
    ctx.only(CAMERA)
    return ctx.lines("get_capability", {})


def _fetch_title(ctx: Any) -> Tree:
    ctx.only(CAMERA)
    found = ctx.lines("getdata", {})
    if "CAMTITLE" not in found:
        raise Unsupported(f"{ctx.name}: getdata: the device tells no title.")
    return {"title": found["CAMTITLE"].strip('"')}


def _store_title(ctx: Any, old: Tree, new: Tree) -> Stored:
    """The answer repeats the title that was taken; another one, or none, is no yes: the next reading decides."""
    answer = ctx.call("set_basic", {"cam_title": new["title"]}, write=True)
    try:
        said = lines(answer).get("cam_title")
    except BadAnswer:
        said = None
    if said is None:
        raise BadAnswer(f"{ctx.name}: set_basic: the answer says neither yes nor no.")
    return Stored()


def _fetch_applications(ctx: Any) -> Tree:
    ctx.only(CAMERA)
    body = ctx.call("adam.cgi", {"methodName": "getApplicationList"}).body.decode("utf-8-sig", "replace")
    try:
        data = json.loads(body.partition("ResponseData=")[2])
        rows = [(str(app["appInfo"]["installId"]), str(app["appInfo"]["version"])) for app in data["appList"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unsupported(f"{ctx.name}: adam.cgi: the list of applications has another shape.") from None
    return {"applications": sorted(rows)}


# -- documents of a recorder -------------------------------------------------------------------------------------------
def _fetch_cameras(ctx: Any) -> Tree:
    ctx.only(RECORDER)
    found = ctx.lines(*RECORDER_PROOF)
    cameras = {match[1]: value for name, value in found.items()
               if (match := re.fullmatch(r"CAM_CONNECT_(\d+)CH", name))}  # fmt: skip
    if not cameras:
        raise Refused(f"{ctx.name}: as_getinfo.cgi: the recorder tells nothing of its cameras.")
    return {"cameras": cameras}


def _fetch_disks(ctx: Any) -> Tree:
    ctx.only(RECORDER)
    body = ctx.call("recordedtime.cgi", {}).body.decode("utf-8-sig", "replace")
    rows = [row for row in csv.reader(body.splitlines()) if any(cell.strip() for cell in row)]
    if not rows or rows[0][0] != "Disk" or any(len(row) < 3 or not _DISK.match(row[0]) for row in rows[1:]):
        raise Refused(f"{ctx.name}: recordedtime.cgi: the list of disks has another shape.")
    return {"disks": {row[0]: row[1] for row in rows[1:]}}


def _fetch_error_log(ctx: Any) -> Tree:
    ctx.only(RECORDER)
    found = ctx.lines("loglist.cgi", {"UID": ctx.uid, "KIND": "ERR", "HTML": "as_errorlog.html"})
    if "ERROR_LOG_NO" not in found:
        raise Unsupported(f"{ctx.name}: loglist.cgi: the device tells no error log.")
    return {"rows": found["ERROR_LOG_NO"]}


DOCUMENTS: tuple[Document, ...] = (
    Document("login", _fetch_login),
    Document("kind", lambda ctx: {"kind": ctx.kind}),
    Document("info", _fetch_info, rest=lambda tree: sorted(
        (name, value) for name, value in tree.items() if name in ("PRODUCT_NAME", "DESTINATION"))),
    Document("capability", _fetch_capability, rest=lambda tree: sorted(tree.items())),
    Document("title", _fetch_title, _store_title),
    Document("applications", _fetch_applications, rest=lambda tree: tree["applications"]),
    Document("cameras", _fetch_cameras, rest=lambda tree: sorted(n for n, v in tree["cameras"].items() if v != "0")),
    Document("disks", _fetch_disks, rest=lambda tree: sorted(tree["disks"].items())),
    Document("error_log", _fetch_error_log),
)  # fmt: skip


# -- bindings ----------------------------------------------------------------------------------------------------------
_EMPTY = Reading(UNSUPPORTED, why="the device leaves it empty")
_UM = "Settings that exist in the web UI"


def _read(key: str, document: str, get: Callable[..., Any], source: str, **more: Any) -> Binding:
    return Binding(tuple(key.split(".")), (document,), get, source=source, **more)


def _text(field: str) -> Callable[[Tree], Any]:
    return lambda tree: tree.get(field) or ABSENT


def _edge(tree: Tree) -> Any:
    """Two streams may be recorded, each with a word of its own; a camera may leave that of the second one empty."""
    words = [tree[name] for name in ("SDrec", "SDrec2") if name in tree and (name == "SDrec" or tree[name])]
    odd = next((word for word in words if word not in ("enable", "disable")), None)
    if "enable" in words or odd is not None:
        return True if "enable" in words else odd
    return False if "SDrec" in tree else ABSENT


def _title_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if len(value) > TITLE_LENGTH:
        return f"a title has at most {TITLE_LENGTH} characters"
    return "a title has no line break or quotation mark" if re.search(r'[\x00-\x1f\x7f"]', value) else None


def _basic(tree: Tree) -> Any:
    return "basic" in tree["schemes"] if tree["schemes"] else ABSENT


def _cloud(tree: Tree) -> Any:
    told = tree.get("nwservice.miemasunet.newservice.supported", "").lower()
    if told == "no":
        return Reading(NOT_OFFERED, why="the camera says that it has no cloud service", source="capability")
    has = "which this camera has" if told == "yes" else "if it has one, which it does not say"
    return look(f"the maker's cloud service, {has}")


def _camera_state(tree: Tree, item: str) -> Any:
    state = _STATES.get(tree["cameras"][item])
    if state is None:
        return Reading(UNREADABLE, why="the recorder gives a state that is not documented", source="cameras")
    why = "the recorder is connected to the camera; whether it records is not told" if state == "active" else ""
    return Reading("value", state, why, "cameras")


def _all_cameras(tree: Tree) -> Any:
    known = {_STATES.get(value) for value in tree["cameras"].values() if value != "0"}
    if None in known:
        return Reading(UNREADABLE, why="the recorder gives a state that is not documented", source="cameras")
    return "idle" if not known else "active" if known == {"active"} else "error" if known == {"error"} else "partial"


def _storage(tree: Tree) -> str:
    """A disk without its size is one that the recorder cannot use."""
    sizes = [bool(re.match(r"\d", size.strip())) for size in tree["disks"].values()]
    return "none" if not sizes else "ok" if all(sizes) else "degraded" if any(sizes) else "error"


def look(where: str, state: str = MANUAL) -> Reading:
    """A named manual check."""
    why = f"no documented call reaches it, look in the device's own menu at: {where}"
    return Reading(state, why=why, source=_UM)


# key: where a camera and a recorder have it; "" where the sources do not say that such a device has it at all
MENUS: dict[str, tuple[str, str]] = {
    "auth.lockout_attempts": ("User management, Security: failures before a lock (default 5 within 10 s)", ""),
    "auth.lockout_minutes": ("User management, Security: how long a lock lasts (default 30 s)", ""),
    "access.mode": ("User management, Host authentication (source addresses)", "host authentication"),
    "access.sources": ("User management, Host authentication (source addresses)", "host authentication"),
    "dot1x.enabled": ("User management, IEEE 802.1X", ""),
    "video.authentication": ("User management, User authentication (On; unregistered users not used)",
                             "user authentication"),
    "video.encryption": ("Network settings, SRTP", ""),
    "events.tamper": ("Alarm settings: scene change, impact, casing open", ""),
    "services.snmp_v1.enabled": ("Network settings, SNMP", "network settings, SNMP"),
    "services.snmp_v2c.enabled": ("Network settings, SNMP", "network settings, SNMP"),
    "services.snmp_v3.enabled": ("Network settings, SNMP", "network settings, SNMP"),
    "services.upnp.enabled": ("Network settings, UPnP", ""),
    "services.ftp.enabled": ("Network settings, FTP", "network settings, FTP"),
    "tls.min_version": ("", "HTTPS settings: TLS versions"),
    "time.sync": ("", "date and time: NTP"),
    "time.servers": ("", "date and time: NTP"),
    "storage.array_level": ("", "disk settings: recording mode (single, RAID 1, 5 or 6)"),
    "storage.array_state": ("", "disk settings: state of the array"),
}  # fmt: skip


def _manual(key: str) -> Binding:
    places = dict(zip((CAMERA, RECORDER), MENUS[key], strict=True))

    def get(tree: Tree) -> Reading:
        where = places[tree["kind"]]
        # A service can be seen from outside: without a switch it fails where it answers all the same (H07).
        state = UNSUPPORTED if key.startswith("services.") else MANUAL
        return look(where, state) if where else Reading(UNSUPPORTED, why=f"a {tree['kind']} is not known to have it")

    return _read(key, "kind", get, _UM)


BINDINGS: tuple[Binding, ...] = (
    _read("facts.model", "info", _text("NAME"), "product info", absent=_EMPTY),
    _read("facts.serial", "info", _text("SERIAL"), "product info", absent=_EMPTY),
    _read("facts.mac", "info", _text("MAC"), "product info", absent=_EMPTY),
    _read("facts.firmware", "info", _text("VERSION"), "product info", absent=_EMPTY),
    _read("firmware.version", "info", _text("VERSION"), "product info", absent=_EMPTY),
    _read("storage.edge_recording", "info", _edge, "product info", absent=_EMPTY),
    _read("identity.overlay_text", "title", lambda tree: tree["title"], "camera title",
          put=lambda tree, value: tree.update(title=value), limits=_title_limits),
    _read("auth.http_schemes", "login", lambda tree: tree["schemes"], "Camera CGI"),
    _read("auth.basic_login", "login", _basic, "Camera CGI; auth method in User management",
          absent=Reading(UNSUPPORTED, why="the device asked for no login")),
    _read("cloud.enabled", "capability", _cloud, "capability"),
    Binding(("recording", "jobs", "*", "state"), ("cameras",), _camera_state, source="recorders: Cameras",
            items=lambda tree: [name for name, value in tree["cameras"].items() if value != "0"]),
    _read("recording.state", "cameras", _all_cameras, "recorders: Cameras"),
    _read("storage.state", "disks", _storage, "recorders: Disks"),
    _read("log.local", "error_log", lambda tree: True, "recorders: Error log"),
    *(_manual(key) for key in MENUS),
)  # fmt: skip
