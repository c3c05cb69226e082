# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uhttpd with uhttpd-mod-ubus: HTTP, JSON-RPC, the legacy and the new dialect."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from typing import Any, Protocol

from ..device import Request, Response
from .sessions import NULL_SID

BODY_LIMIT = 65536  # bytes
PARSE_ERROR, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32601, -32602
OBJECT_NOT_FOUND, ACCESS_DENIED, TIMED_OUT = -32000, -32002, -32003
MESSAGES = {
    PARSE_ERROR: "Parse error",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid parameters",
    OBJECT_NOT_FOUND: "Object not found",
    ACCESS_DENIED: "Access denied",
    TIMED_OUT: "ubus request timed out",
}
STATUS_TEXTS = (  # ubus status -> text, used by the new dialect only
    "Success", "Invalid command", "Invalid argument", "Method not found", "Not found", "No response",
    "Permission denied", "Request timed out", "Operation not supported", "Unknown error", "Connection failed",
    "Out of memory", "Parsing message data failed", "System error",
)  # fmt: skip
HIDDEN = {("network.interface", "status"): {"interface": "string"}}  # taken, but not declared by netifd
JSON_TYPES = {"string": str, "number": int, "boolean": bool, "array": list, "object": dict}


class RpcError(Exception):
    """An answer of uhttpd itself, not of a ubus object."""

    def __init__(self, code: int) -> None:
        super().__init__(MESSAGES[code])
        self.code = code


class Late(Exception):
    """A ubus object answers only after `seconds`."""

    def __init__(self, seconds: float, reply: tuple[int, Any]) -> None:
        super().__init__()
        self.seconds = seconds
        self.reply = reply


class Bus(Protocol):
    """What uhttpd needs of the rest of the router."""

    def objects(self) -> dict[str, dict[str, dict[str, str]]]: ...
    def access(self, sid: str, obj: str, method: str) -> bool: ...
    def invoke(self, sid: str, obj: str, method: str, args: dict[str, Any]) -> tuple[int, Any]: ...
    async def wait(self, seconds: float) -> None: ...


@dataclass
class Call:
    """What the log keeps of one member of a request."""

    operation: str
    session: str = ""
    status: int | None = None  # ubus status, or uhttpd's negative code
    username: str = ""  # of a login, as sent


@dataclass(frozen=True)
class Options:
    """The uhttpd settings in force."""

    prefix: str = "/ubus"
    redirect_https: bool = False
    https_port: int = 443
    no_ubusauth: bool = False
    cors: bool = False
    script_timeout: float = 60
    keepalive: int = 20


class Uhttpd:
    def __init__(self, bus: Bus, pages: dict[str, tuple[int, str]]) -> None:
        self.bus = bus
        self.pages = pages  # path -> (status, HTML)

    async def handle(self, request: Request, options: Options) -> tuple[Response, list[Call]]:
        path = request.path.partition("?")[0]
        if request.scheme == "http" and options.redirect_https:
            host = request.headers.get("host", "").rsplit(":", 1)[0]
            port = "" if options.https_port == 443 else f":{options.https_port}"
            location = f"https://{host}{port}{request.path}"
            return Response(307, [("Connection", "close"), ("Location", location)]), [Call("redirect")]
        below = path[len(options.prefix) :] if path.startswith(options.prefix) else None
        if options.prefix and below is not None and (not below or below[0] == "/"):
            return await self._ubus(request, below.strip("/"), options)
        if path in self.pages:
            status, html = self.pages[path]
            body = html.encode()
            fixed = [("ETag", f'"1f-{len(body):x}-6b00f6af"'), ("Last-Modified", "Sat, 21 Nov 2026 01:41:03 GMT")]
            fixed += [("Content-Type", "text/html"), ("Content-Length", str(len(body)))]
            return Response(status, [*_keep(options), *fixed], body), [Call("page")]
        text = f"<h1>Not Found</h1>The requested URL {path} was not found on this server."
        return _chunked(options, 404, text.encode(), "text/html"), [Call("page")]

    async def _ubus(self, request: Request, below: str, options: Options) -> tuple[Response, list[Call]]:
        if request.method == "OPTIONS":
            headers = [*_keep(options), *_cors(request, options)]
            headers += [("Content-Type", "application/json"), ("Content-Length", "0")]
            return Response(200, headers), [Call("OPTIONS")]
        if request.method == "GET":
            return self._get(below, options)
        if request.method != "POST":
            return _chunked(options, 400, b"<h1>Bad Request</h1>Invalid Request", "text/html"), [Call("bad")]
        if len(request.body) > BODY_LIMIT:
            body = _json(_error(None, PARSE_ERROR))
            headers = [("Connection", "close"), ("Content-Type", "application/json")]
            return Response(200, headers, body, chunked=True), [Call("bad", status=PARSE_ERROR)]
        calls: list[Call] = []
        try:
            message = json.loads(request.body)
            if b"\\ud" in request.body.lower():  # half a surrogate pair is no text: "?" takes its place
                message = json.loads(_json(message))
        except (ValueError, RecursionError):
            message = None
        obj = below[5:] if below.startswith("call/") else None
        if isinstance(message, list):
            answer: Any = [await self._one(item, obj, request, options, calls) for item in message]
        else:
            answer = await self._one(message, obj, request, options, calls)
        response = _chunked(options, 200, _json(answer))
        response.headers += _cors(request, options)
        return response, calls

    def _get(self, below: str, options: Options) -> tuple[Response, list[Call]]:
        objects = self.bus.objects()
        if below == "list":
            return _chunked(options, 200, _json(objects)), [Call("list")]
        if below.startswith("list/"):
            found = objects.get(below[5:])
            if found is None:
                return _chunked(options, 500, _json({"code": 4, "message": STATUS_TEXTS[4]})), [Call("list")]
            return _chunked(options, 200, _json(found)), [Call("list")]
        return _chunked(options, 404, b"", ""), [Call("bad")]

    async def _one(self, message: Any, obj: str | None, request: Request, options: Options, calls: list[Call]) -> Any:
        """One JSON-RPC request to one reply; `obj` is set in the new dialect."""
        call = Call("bad")
        calls.append(call)
        identity = message.get("id") if isinstance(message, dict) else None
        try:
            if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
                raise RpcError(PARSE_ERROR)
            if obj is not None:
                return await self._new(message, obj, request, options, call)
            method = message.get("method")
            if method == "list":
                call.operation = "list"
                return {"jsonrpc": "2.0", "id": identity, "result": self._list(message.get("params"))}
            if not isinstance(method, str):
                raise RpcError(PARSE_ERROR)
            if method != "call":
                raise RpcError(METHOD_NOT_FOUND)
            params = message.get("params")
            if not isinstance(params, list) or [type(p) for p in params[:4]] != [str, str, str, dict]:
                raise RpcError(PARSE_ERROR)
            status, data = await self._call(*params[:4], options, call)  # type: ignore[call-arg]
            return {"jsonrpc": "2.0", "id": identity, "result": [status] if data is None else [status, data]}
        except RpcError as error:
            call.status = error.code
            return _error(identity, error.code)

    async def _new(self, message: dict[str, Any], obj: str, request: Request, options: Options, call: Call) -> Any:
        head = {"jsonrpc": "2.0", "id": message.get("id")}
        method, params = message.get("method"), message.get("params", {})
        if not isinstance(method, str) or not isinstance(params, dict):
            raise RpcError(PARSE_ERROR)
        bearer = request.headers.get("authorization", "")
        sid = bearer[7:].strip() if bearer.startswith("Bearer ") else NULL_SID
        status, data = await self._call(sid, obj, method, params, options, call)
        if status:
            return head | {"error": {"code": status, "message": STATUS_TEXTS[status]}}
        return head | {"result": data}

    def _list(self, params: Any) -> Any:
        objects = self.bus.objects()
        if not isinstance(params, list):
            return sorted(objects)
        patterns = [p for p in params if isinstance(p, str)]
        return {name: objects[name] for p in patterns for name in objects if fnmatch.fnmatchcase(name, p)}

    async def _call(self, sid: str, obj: str, method: str, args: dict[str, Any], options: Options, call: Call) -> Any:
        call.operation, call.session = f"{obj}.{method}"[:80], sid
        if call.operation == "session.login":
            call.username = str(args.get("username", ""))
        objects = self.bus.objects()
        if obj not in objects:  # checked before the session
            raise RpcError(OBJECT_NOT_FOUND)
        if not options.no_ubusauth and not self.bus.access(sid, obj, method):
            raise RpcError(ACCESS_DENIED)
        if "ubus_rpc_session" in args:
            raise RpcError(INVALID_PARAMS)
        signature = objects[obj].get(method)
        if signature is None:
            reply: tuple[int, Any] = (3, None)
        else:
            try:
                reply = self.bus.invoke(sid, obj, method, typed(args, signature | HIDDEN.get((obj, method), {})))
            except Late as late:
                await self.bus.wait(min(late.seconds, options.script_timeout))
                if late.seconds > options.script_timeout:
                    raise RpcError(TIMED_OUT) from None
                reply = late.reply
        call.status = reply[0]
        return reply


def typed(args: dict[str, Any], signature: dict[str, str]) -> dict[str, Any]:
    """The arguments the method declares; one of another JSON type reads as missing, an unknown one is ignored."""
    out = {}
    for name, kind in signature.items():
        value = args.get(name)
        right = isinstance(value, JSON_TYPES[kind])
        if kind == "number":
            right = right and not isinstance(value, bool) and -(2**31) <= value < 2**31
        if right:
            out[name] = value
    return out


def _error(identity: Any, code: int) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": MESSAGES[code]}}


def _json(value: Any) -> bytes:
    # device strings may hold what UTF-8 cannot say; it must not stop the router
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _keep(options: Options) -> list[tuple[str, str]]:
    return [("Connection", "Keep-Alive"), ("Keep-Alive", f"timeout={options.keepalive}")]


def _chunked(options: Options, status: int, body: bytes, content_type: str = "application/json") -> Response:
    headers = _keep(options) + ([("Content-Type", content_type)] if content_type else [])
    return Response(status, headers, body, chunked=True)


def _cors(request: Request, options: Options) -> list[tuple[str, str]]:
    origin = request.headers.get("origin")
    if not options.cors or not origin:
        return []
    wanted = request.headers.get("access-control-request-headers")
    return [
        ("Access-Control-Allow-Origin", origin),
        *([("Access-Control-Allow-Headers", wanted)] if wanted else []),
        ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
        ("Access-Control-Allow-Credentials", "true"),
    ]
