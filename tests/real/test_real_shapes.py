# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated programs answer as the real ones do: the same requests go to both, and the answers have one shape.

A shape is the status, and of the body what does not depend on the machine: names and types of a JSON answer, the lines
of a text with numbers and paths taken out, the keys of a list.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from programs import Motion, MotionEye, ZoneMinder, until

from ansible_collections.nwcs.hardening.lab.testing import running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils.auth import Digest
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import DeviceError
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Target, Transport

Ask = Callable[..., Any]


def shape(value: Any) -> Any:
    """Names and kinds; of a list the shape of its first member. Numbers may be text, and nothing may be a text."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "flag" if isinstance(value, bool) else "value"


@contextmanager
def simulated(model: str, **overrides: Any) -> Iterator[Any]:
    with running_lab([{"name": "dev", "model": model, "overrides": overrides}]) as lab:
        yield lab.device("dev")


def transport(host: str, port: int, login: tuple[str, str] | None = None) -> Transport:
    return Transport(Target("program", host, port, "http"), Digest(*login) if login else None)


def listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def answers(host: str, port: int) -> bool:
    try:
        return transport(host, port).request("GET", "/0/current").status == 401
    except DeviceError:
        return False


# -- motion ------------------------------------------------------------------------------------------------------------
MOTION = [
    "/", "/0/config/list", "/0/config/get?query=camera_name", "/0/config/get?query=nonsense",
    "/0/config/set?camera_name=North%20Gate", "/0/config/get?query=camera_name", "/0/config/set?nonsense=1",
    "/0/config/set?webcontrol_parms=1", "/0/config/set?stream_localhost=banana",
    "/0/config/get?query=stream_localhost", "/0/config/set?text_left=%7B%7B%207*7%20%7D%7D%22%3C%26",
    "/0/config/get?query=text_left", "/0/config/get?query=on_event_end", "/0/config/set?on_event_end=%20",
    "/0/config/get?query=on_event_end", "/0/detection/connection", "/0/config/write", "/9/config/list", "/cgi-bin/x",
]  # fmt: skip
LOGIN = ("admin", "Str0ng-Passw0rd")


def motion_shape(answer: Answer, path: str) -> Any:
    text = answer.body.decode()
    if path == "/0/config/list":
        return answer.status, [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    return answer.status, re.sub(r"\d+(\.\d+)*", "N", text)


def motion_answers(host: str, port: int, stream: int) -> list[Any]:
    """Without a login, then with one that is made, then wrong ones up to the lock-out."""
    found: list[Any] = []
    plain = transport(host, port)
    for path in MOTION:
        found.append((path, motion_shape(plain.request("GET", path), path)))
    try:
        plain.request("POST", "/0/config/list", body=b"x")
    except DeviceError as error:
        found.append(("POST", getattr(error, "reason", "")))
    for key, value in (("stream_authentication", "v:pw7"), ("stream_auth_method", "2"),
                       ("webcontrol_lock_attempts", "1"), ("webcontrol_authentication", ":".join(LOGIN)),
                       ("webcontrol_auth_method", "2")):  # fmt: skip
        path = f"/0/config/set?{key}={value}"
        found.append((path, motion_shape(plain.request("GET", path, idempotent=False), path)))
    ours = transport(host, port, LOGIN)
    found.append(("write", motion_shape(ours.request("GET", "/0/config/write"), "")))
    found.append(("restart", motion_shape(ours.request("GET", "/0/action/restart"), "")))
    until(lambda: not listens(host, stream), "motion's going down", 10)  # the lock-out counts from the next start on
    until(lambda: listens(host, port) and listens(host, stream), "motion's return", 30)
    until(lambda: answers(host, stream), "the stream", 30)
    for path in ("/", "/0/config/list", "/cgi-bin/x"):
        answer = plain.request("GET", path)
        found.append((path, answer.status, answer.body, 'Digest realm="Motion"' in answer.headers["www-authenticate"]))
    for path in MOTION:
        found.append(("login", path, motion_shape(ours.request("GET", path), path)))
    for login, name in ((None, "stranger"), (("v", "pw7"), "viewer"), (("v", "wrong"), "wrong")):
        picture = transport(host, stream, login)
        answer = picture.request("GET", "/0/current")
        found.append((name, answer.status, answer.headers.get("content-type")))
        picture.close()
    for number in range(4):
        bad = transport(host, port, ("admin", f"wrong{number}"))
        answer = bad.request("GET", "/")
        found.append(("wrong", answer.status, answer.body))
        bad.close()
    found.append(("locked", motion_shape(ours.request("GET", "/"), "/")))
    ours.close()
    plain.close()
    return found


def test_motion() -> None:
    with Motion() as program:
        real = motion_answers("127.0.0.1", program.port, program.stream)
    nothing = {"webcontrol_auth_method": "0", "webcontrol_authentication": "(null)", "stream_auth_method": "0",
               "stream_authentication": "(null)", "on_motion_detected": "(null)"}  # fmt: skip
    with simulated("motion-4", config=nothing) as device:
        for key, value in nothing.items():
            if value == "(null)":
                device.force(**{key: None})
        ours = motion_answers(device.address, device.ports["http"], device.ports["stream"])
    assert len(real) == len(ours)
    for one, other in zip(real, ours, strict=True):
        assert one == other


# -- ZoneMinder --------------------------------------------------------------------------------------------------------
def minder_answers(host: str, port: int, allow: Callable[[], None]) -> list[Any]:
    """From nobody asked for a login to accounts made and removed; `allow` lets the admin use the API (H48)."""
    found: list[Any] = []
    plain = transport(host, port)

    def ask(method: str, path: str, form: dict[str, str] | None = None, key: str = "") -> Any:
        body = urlencode(form).encode() if form else b""
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        answer = plain.request(method, f"/zm/api{path}{'?token=' + key if key else ''}", body=body, headers=headers)
        tree = json.loads(answer.body) if answer.body.strip() else None
        told = shape(tree)
        if path == "/configs.json" and answer.status == 200:
            told = sorted(told["configs"][0]["Config"].keys() & {"Name", "Value", "Type"})
        elif path.startswith("/monitors") and answer.status == 200:
            told = sorted(tree)
        elif path.startswith("/users") and method == "GET" and answer.status == 200:
            told = [shape(tree["users"]), sorted(tree["pagination"].keys() & {"page", "count", "nextPage"})]
        words = tree["data"]["exception"] if isinstance(tree, dict) and tree.get("success") is False else None
        found.append((method, path, answer.status, told, words))
        return tree

    login = {"user": "admin", "pass": "admin"}
    for path in ("/host/getVersion.json", "/host/getTimeZone.json", "/users/index/limit:100/page:1.json",
                 "/configs.json", "/configs/viewByName/ZM_OPT_USE_AUTH.json", "/configs/view/NOPE.json",
                 "/monitors.json"):  # fmt: skip
        ask("GET", path)
    ask("POST", "/host/login.json", login)
    ask("PUT", "/users/1.json", {"User[APIEnabled]": "1"})
    ask("PUT", "/configs/edit/ZM_WEB_TITLE.json", {"Config[Value]": "North Gate"})
    ask("PUT", "/configs/edit/ZM_OPT_USE_AUTH.json", {"Config[Value]": "1"})
    ask("GET", "/host/getVersion.json")
    ask("POST", "/host/login.json", login)
    ask("POST", "/host/login.json", {"user": "admin", "pass": "wrong"})
    ask("POST", "/host/login.json", {"user": "nobody", "pass": "wrong"})
    allow()
    key = ask("POST", "/host/login.json", login)["access_token"]
    ask("GET", "/users.json", key="wrong")
    new = {"User[Username]": "guard", "User[Password]": "Guard-1234", "User[Enabled]": "1", "User[Stream]": "View",
           "User[APIEnabled]": "0", "User[HomeView]": ""}  # fmt: skip
    ask("POST", "/users.json", new, key)
    ask("POST", "/host/login.json", {"user": "guard", "pass": "Guard-1234"})
    ask("POST", "/host/login.json", {"user": "guard", "pass": "wrong"})
    ask("PUT", "/users/2.json", {"User[Events]": "View"}, key)
    ask("GET", "/users/index/limit:100/page:1.json", key=key)
    ask("PUT", "/users/1.json", {"User[Password]": "Adm1n-New"}, key)
    ask("GET", "/host/getVersion.json", key=key)  # the token outlives the password
    ask("POST", "/host/login.json", login)
    ask("DELETE", "/users/2.json", key=key)
    ask("DELETE", "/users/1.json", key=key)
    ask("DELETE", "/users/77.json", key=key)
    ask("PUT", "/configs/edit/ZM_AUTH_HASH_SECRET.json", {"Config[Value]": "another"}, key)
    ask("GET", "/configs/viewByName/ZM_WEB_TITLE.json", key=key)
    return found


def test_zoneminder() -> None:
    with ZoneMinder() as program:
        real = minder_answers("127.0.0.1", program.port, lambda: _allow(program))
    admin = {"Username": "admin", "Password": "admin", "System": "Edit"}
    with simulated("zoneminder-1.36", users=[admin], monitors=[], configs={"ZM_OPT_USE_AUTH": "0"}) as device:
        ours = minder_answers(device.address, device.ports["http"], lambda: device.user("admin").update(APIEnabled=1))
    assert len(real) == len(ours)
    for one, other in zip(real, ours, strict=True):
        assert one == other


def _allow(program: ZoneMinder) -> None:
    program.sql("UPDATE Users SET APIEnabled=1 WHERE Username='admin'")


# -- motionEye ---------------------------------------------------------------------------------------------------------
NETCAM = {"proto": "netcam", "scheme": "file", "host": "", "port": "", "path": "/scratch/test.mkv", "username": "",
          "password": ""}  # fmt: skip


_WORDS = {"error", "prompt", "user", "username", "reload", "reboot", "force_password_change"}


def eye_answers(host: str, port: int) -> list[Any]:
    """From an empty password to two that are set, by both accounts; a camera is there. /power/ is never asked."""
    found: list[Any] = []
    plain = transport(host, port)

    def ask(method: str, path: str, send: Any = None, cookie: str = "") -> tuple[Any, str]:
        body = json.dumps(send).encode() if send is not None else b""
        headers = ({"Content-Type": "application/json"} if body else {}) | ({"Cookie": cookie} if cookie else {})
        answer = plain.request(method, path, body=body, headers=headers)
        html = answer.headers.get("content-type", "").startswith(("text/html", "image/"))
        tree = json.loads(answer.body) if answer.body.strip() and not html else None
        words = tree if isinstance(tree, dict) and set(tree) <= _WORDS else None
        server = answer.headers.get("server")
        given = answer.headers.get("set-cookie", "").partition(";")[0]
        found.append((method, path, answer.status, shape(tree), words, server, bool(given)))
        return tree, given

    for path in ("/login", "/config/main/get", "/config/list", "/config/1/get", "/picture/1/current", "/nothing"):
        ask("GET", path)
    ask("POST", "/config/main/set", {})
    ask("POST", "/login", {})
    ask("POST", "/login", {"username": "admin", "password": "wrong"})
    ask("POST", "/login", {"username": "nobody", "password": ""})
    _said, key = ask("POST", "/login", {"username": "admin", "password": ""})
    main, _none = ask("GET", "/config/main/get", cookie=key)
    found.append((main["admin_password"], main["normal_password"]))
    names = {"admin_username": "admin", "normal_username": "user"}
    ask("POST", "/config/main/set", {"admin_password": "x"}, key)
    ask("POST", "/config/main/set", {**names, "admin_password": "Adm1n-New", "normal_password": "V1ew-New"}, key)
    ask("GET", "/config/main/get", cookie=key)
    ask("POST", "/login", {"username": "admin", "password": ""})
    _said, view = ask("POST", "/login", {"username": "user", "password": "V1ew-New"})
    for path in ("/login", "/config/main/get", "/config/list", "/config/1/get"):
        ask("GET", path, cookie=view)
    ask("POST", "/config/main/set", names, view)
    _said, key = ask("POST", "/login", {"username": "admin", "password": "Adm1n-New"})
    main, _none = ask("GET", "/config/main/get", cookie=key)
    found.append((main["admin_password"], main["normal_password"]))
    ask("GET", "/config/list", cookie=key)
    camera, _none = ask("GET", "/config/1/get", cookie=key)
    ask("POST", "/config/1/set", {"name": "part"}, key)
    ask("POST", "/config/7/set", camera, key)
    camera |= {"name": "gate", "streaming_auth_mode": "digest", "streaming_username": "v", "streaming_password": "pw7"}
    ask("POST", "/config/1/set", camera, key)
    camera, _none = ask("GET", "/config/1/get", cookie=key)
    found.append([camera[name] for name in ("name", "streaming_auth_mode", "streaming_username", "streaming_password")])
    camera.pop("streaming_password")
    ask("POST", "/config/1/set", camera, key)
    camera, _none = ask("GET", "/config/1/get", cookie=key)
    found.append(camera["streaming_password"])
    ask("POST", "/config/main/set", {**names, "admin_password": main["admin_password"]}, key)  # the mask, sent back
    ask("POST", "/login", {"username": "admin", "password": "Adm1n-New"})
    ask("POST", "/login", {"username": "admin", "password": "*****"})
    return found


def test_motioneye() -> None:
    with MotionEye() as program:
        plain = transport("127.0.0.1", program.port)
        headers = {"Content-Type": "application/json"}
        login = plain.request("POST", "/login", body=b'{"username": "admin", "password": ""}', headers=headers)
        headers["Cookie"] = login.headers["set-cookie"].partition(";")[0]
        assert plain.request("POST", "/config/add", body=json.dumps(NETCAM).encode(), headers=headers).status == 200
        real = eye_answers("127.0.0.1", program.port)
    with simulated("motioneye-0.44", passwords={"admin": "", "normal": ""}, cameras=[{}]) as device:
        ours = eye_answers(device.address, device.ports["http"])
    assert len(real) == len(ours)
    for one, other in zip(real, ours, strict=True):
        assert one == other
