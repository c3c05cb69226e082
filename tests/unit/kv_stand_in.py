# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict stand-in for a server with the KV v2 API, after HashiCorp's API documentation ("KV secrets engine, version
2", "HTTP status codes"). It is no Vault: no policies but one list of refused paths, no tokens but those given. A third
party's client (hvac) is run against it too, so that it does not merely fit our own client.
"""

from __future__ import annotations

import datetime
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

MAX_VERSIONS = 10


class KvServer:
    """`mounts`: {name: engine version}. Switches: sealed, redirect_to, refused (path parts), lose (answers to drop)."""

    def __init__(self, token: str, mounts: dict[str, int] | None = None, context: ssl.SSLContext | None = None) -> None:
        self.token, self.mounts = token, {"secret": 2} if mounts is None else mounts
        self.keys: dict[tuple[str, str], dict[str, Any]] = {}
        self.flat: dict[tuple[str, str], Any] = {}  # of version 1 engines
        self.sealed, self.redirect_to, self.lose = False, "", 0
        self.cas_required = False
        self.refused: list[str] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                super().handle_one_request()

            def log_message(self, *_arguments: Any) -> None:
                """Quiet."""

            def _do(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                with outer.lock:
                    outer.requests.append((self.command, self.path, dict(self.headers.items())))
                    status, answer, headers = outer.answer(self.command, self.path, dict(self.headers.items()), body)
                    lose = outer.lose > 0 and self.command != "GET"
                    outer.lose -= lose
                if lose:
                    self.close_connection = True
                    return
                data = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = do_LIST = _do

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.tls = context is not None
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> KvServer:
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def base(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.base}/v1/{next(iter(self.mounts), 'secret')}"

    # -- the API -----------------------------------------------------------------------------------------------------
    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any] | None, dict[str, str]]:
        """(status, JSON or None, more headers) of a request."""
        given = {name.lower(): value for name, value in headers.items()}
        parts = urlsplit(target)
        path, query = unquote(parts.path), parse_qs(parts.query)
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}, {}
        if self.redirect_to:
            return 307, None, {"Location": self.redirect_to + target}
        if not path.startswith("/v1/"):
            return 404, {"errors": []}, {}
        path = path.removeprefix("/v1/")
        if given.get("x-vault-token") != self.token:
            return 403, {"errors": ["permission denied"]}, {}
        if any(part in path for part in self.refused):
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}, {}
        mount = next((name for name in self.mounts if path.startswith(name + "/")), None)
        if mount is None:
            return 404, {"errors": [f'no handler for route "{path}". route entry not found.']}, {}
        rest = path.removeprefix(mount + "/")
        if method == "GET" and query.get("list") == ["true"]:
            method = "LIST"
        try:
            sent = json.loads(body) if body else {}
        except ValueError:
            return 400, {"errors": ["failed to parse JSON input"]}, {}
        if self.mounts[mount] == 1:
            return (*self._version_one(method, mount, rest, sent), {})
        part, _slash, key = rest.partition("/")
        if method == "PUT":
            method = "POST"
        handler = getattr(self, f"_{part}_{method.lower()}", None)
        if handler is None:
            known = any(hasattr(self, f"_{part}_{verb}") for verb in ("get", "post", "delete", "list"))
            if known:
                return 405, {"errors": ["1 error occurred:\n\t* unsupported operation\n\n"]}, {}
            warning = "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate endpoints."
            return 404, {"errors": [], "warnings": [warning]}, {}
        status, answer = handler(mount, key, sent, query)
        return status, answer, {}

    def _version_one(self, method: str, mount: str, key: str, sent: Any) -> tuple[int, dict[str, Any] | None]:
        if method in ("POST", "PUT"):
            self.flat[mount, key] = sent
            return 204, None
        if method == "GET" and (mount, key) in self.flat:
            return 200, {"data": self.flat[mount, key]}
        return 404, {"errors": []}

    def _data_get(self, mount: str, key: str, _sent: Any, query: dict[str, list[str]]) -> tuple[int, Any]:
        entry = self.keys.get((mount, key))
        if entry is None or not entry["versions"]:
            return 404, {"errors": []}
        number = int(query.get("version", ["0"])[0]) or entry["current"]
        version = entry["versions"].get(number)
        if version is None:
            return 404, {"errors": []}
        gone = version["destroyed"] or version["deletion_time"]
        meta = {**{k: v for k, v in version.items() if k != "data"}, "version": number, "custom_metadata": None}
        return (404 if gone else 200), _reply({"data": None if gone else version["data"], "metadata": meta})

    def _data_post(self, mount: str, key: str, sent: Any, _query: Any) -> tuple[int, Any]:
        if not isinstance(sent.get("data"), dict):
            return 400, {"errors": ["no data provided"]}
        entry = self.keys.get((mount, key), {"current": 0, "versions": {}})
        cas = (sent.get("options") or {}).get("cas")
        if cas is None and self.cas_required:
            return 400, {"errors": ["check-and-set parameter required for this call"]}
        if cas is not None and cas != entry["current"]:
            return 400, {"errors": ["check-and-set parameter did not match the current version"]}
        number = entry["current"] = entry["current"] + 1
        entry["versions"][number] = {
            "data": sent["data"], "created_time": _now(), "deletion_time": "", "destroyed": False,
        }  # fmt: skip
        for old in [old for old in entry["versions"] if old <= number - MAX_VERSIONS]:
            del entry["versions"][old]
        self.keys[mount, key] = entry
        meta = {k: v for k, v in entry["versions"][number].items() if k != "data"}
        return 200, _reply({**meta, "version": number, "custom_metadata": None})

    def _data_delete(self, mount: str, key: str, _sent: Any, _query: Any) -> tuple[int, Any]:
        entry = self.keys.get((mount, key))
        return self._delete_post(mount, key, {"versions": [entry["current"]]}, {}) if entry else (204, None)

    def _delete_post(self, mount: str, key: str, sent: Any, _query: Any) -> tuple[int, Any]:
        return self._each(mount, key, sent, deletion_time=_now())

    def _undelete_post(self, mount: str, key: str, sent: Any, _query: Any) -> tuple[int, Any]:
        return self._each(mount, key, sent, deletion_time="")

    def _destroy_post(self, mount: str, key: str, sent: Any, _query: Any) -> tuple[int, Any]:
        return self._each(mount, key, sent, destroyed=True, data=None)

    def _each(self, mount: str, key: str, sent: Any, **change: Any) -> tuple[int, Any]:
        if not sent.get("versions"):
            return 400, {"errors": ["No version number provided"]}
        entry = self.keys.get((mount, key))
        for number in sent["versions"]:
            if entry and number in entry["versions"]:
                entry["versions"][number].update(change)
        return 204, None

    def _metadata_get(self, mount: str, key: str, _sent: Any, _query: Any) -> tuple[int, Any]:
        entry = self.keys.get((mount, key))
        if entry is None:
            return 404, {"errors": []}
        versions = {
            str(number): {k: v for k, v in version.items() if k != "data"}
            for number, version in entry["versions"].items()
        }
        return 200, _reply(
            {
                "cas_required": False,
                "current_version": entry["current"],
                "max_versions": 0,
                "oldest_version": min(entry["versions"], default=0),
                "versions": versions,
            }  # fmt: skip
        )

    def _metadata_list(self, mount: str, key: str, _sent: Any, _query: Any) -> tuple[int, Any]:
        prefix = key.rstrip("/") + "/" if key else ""
        found = set()
        for of, path in self.keys:
            if of == mount and path.startswith(prefix):
                first, slash, _rest = path.removeprefix(prefix).partition("/")
                found.add(first + slash)
        return (200, _reply({"keys": sorted(found)})) if found else (404, {"errors": []})

    def _metadata_delete(self, mount: str, key: str, _sent: Any, _query: Any) -> tuple[int, Any]:
        self.keys.pop((mount, key), None)
        return 204, None


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")


def _reply(data: Any) -> dict[str, Any]:
    return {
        "request_id": "0", "lease_id": "", "renewable": False, "lease_duration": 0, "data": data,
        "wrap_info": None, "warnings": None, "auth": None,
    }  # fmt: skip
