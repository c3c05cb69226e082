# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents in a server with the KV v2 API of HashiCorp Vault (OpenBao has the same).

Source of the facts: HashiCorp Vault, API documentation, "KV secrets engine, version 2". A document lies at
nwcs/<site>/<kind>/<name> of the mount. Its version is the server's; `cas` makes writing compare and set. Deleting
writes an empty version first (compare and set too), so that nobody's newer state can go with it.

The token comes from VAULT_TOKEN or a private file, and stands in the request's header only. Redirects are not
followed, proxies of the environment are not used, plain HTTP goes to this computer only.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import (
    MARK,
    Conflict,
    Documents,
    Name,
    Seal,
    check_mark,
    private_bytes,
)

SECONDS = 10.0  # for each wait on the network
TOTAL_SECONDS = 30.0
BODY_BYTES = 2 * files.MAX_BYTES
ROOT = "nwcs"
GONE = "gone"  # the only content of a deleted document's last version
DESTROYED = 20  # versions destroyed with a document; the server itself keeps ten unless told otherwise
ONE_TIME = ("undo",)  # kinds whose names are never used again: their metadata goes too


class Lost(StateError):
    """No answer: whether the server has done what it was asked is not known."""


class KvDocuments(Documents):
    """`location`: https://HOST:PORT/v1/MOUNT. options: "token" (file), "ca" (PEM file), "namespace"."""

    def __init__(self, location: str, seal: Seal, options: Mapping[str, Any]) -> None:
        self.seal, self.options = seal, options
        self.host, self.port, self.tls, self.mount = _parsed(location)
        self.url = location.rstrip("/")

    def refuses(self) -> StateError | None:
        try:
            self._token()
        except StateError as error:
            return error
        if self.copy is not None and (error := self.seal.refuses()):
            return StateError(f"the second copy (nwcs_secret_copy) is encrypted: {error.message}", error.advice)
        return None

    def where(self, name: Name) -> str:
        return f"{self.url}/data/{self._path(name)}"

    # -- reading -----------------------------------------------------------------------------------------------------
    def read(self, name: Name) -> tuple[dict[str, Any] | None, str]:
        content, number = self._latest(name)
        return (None, "") if content is None else (content, str(number))

    def version(self, name: Name) -> str:
        _content, number = self._latest(name, check=False)
        return "" if _content is None else str(number)

    def sealed(self, name: Name) -> bytes | None:
        content, _number = self._latest(name)
        return None if content is None else self.seal.seal(name, content, self.where(name))

    def unsealed(self, name: Name, data: bytes) -> dict[str, Any]:
        return self.seal.unseal(name, data, f"the copy of {'/'.join(name)}")

    def names(self, *prefix: str) -> list[Name]:
        site = f"{ROOT}/{files.safe_name(self.seal.site)}"
        kinds = [prefix[0]] if prefix else [key.rstrip("/") for key in self._keys(site)]
        found: list[Name] = []
        for kind in kinds:
            found += self._names_below(f"{site}/{kind}", (kind,))
        return sorted(name for name in found if name[: len(prefix)] == prefix)

    def _names_below(self, path: str, known: Name) -> list[Name]:
        found: list[Name] = []
        for key in self._keys(path):
            part = key.rstrip("/")
            if key.endswith("/"):
                found += self._names_below(f"{path}/{part}", (*known, part))
            else:
                status, data = self._ask("GET", f"data/{path}/{part}")
                content = _inner(data) if status == 200 else None
                if content is None:  # deleted: its key stays listed
                    continue
                mark = content.get(MARK)
                whole = isinstance(mark, list) and len(mark) > 1  # the path may hold shortened names only
                found.append(tuple(map(str, mark[1:])) if whole else (*known, part))
        return found

    def _keys(self, path: str) -> list[str]:
        status, data = self._ask("GET", f"metadata/{path}?list=true")
        if status == 404:
            return []
        keys = data.get("data", {}).get("keys", []) if isinstance(data.get("data"), dict) else []
        return sorted(str(key) for key in keys)

    def _latest(self, name: Name, check: bool = True) -> tuple[dict[str, Any] | None, int]:
        """(content or None, number of the newest version; 0 where there never was one)."""
        where = self.where(name)
        status, data = self._ask("GET", f"data/{self._path(name)}")
        inner = data.get("data") if isinstance(data.get("data"), dict) else {}
        number = inner.get("metadata", {}).get("version", 0) if isinstance(inner.get("metadata"), dict) else 0
        content = _inner(data) if status == 200 else None
        if status == 200 and not number:
            raise self._no_kv2()
        if content is None:
            return None, int(number)
        mark = content.pop(MARK, None)
        if check:
            check_mark(self.seal.site, name, mark, content, where)
        return content, int(number)

    # -- writing -----------------------------------------------------------------------------------------------------
    def write(self, name: Name, content: Mapping[str, Any], version: str) -> str:
        if error := self.refuses():
            raise error
        where = self.where(name)
        plain = dict(content)
        try:
            text = json.dumps(plain, allow_nan=False, ensure_ascii=False).encode("utf-8")
            same = json.loads(text) == plain
        except (TypeError, ValueError):  # ValueError: also what UTF-8 cannot hold
            same, text = False, b""
        if not same or len(text) > files.MAX_BYTES:
            raise StateError(
                f"{where}: this could not be read back; nothing was sent.", "It is no plain data, or large."
            )
        number = int(version) if version else 0
        if not version:  # one that was deleted goes on counting
            there, number = self._latest(name, check=False)
            if there is not None:
                raise Conflict(where)
        new = self._put(name, {**plain, MARK: [self.seal.site, *name]}, number)
        back, found = self._latest(name)
        if found == new and back != plain:
            raise StateError(f"{where}: this could not be read back; nothing was sent.")
        return str(new)

    def _put(self, name: Name, data: dict[str, Any], number: int) -> int:
        """Write over version `number`; the new one. Conflict when the newest is another."""
        path = f"data/{self._path(name)}"
        try:
            status, answer = self._ask("POST", path, {"options": {"cas": number}, "data": data})
        except Lost as error:
            # It may have arrived. Ours is told by its content: the next version, and equal.
            with contextlib.suppress(StateError):
                _status, there = self._ask("GET", path)
                if _inner(there) == data and there["data"]["metadata"]["version"] == number + 1:
                    return number + 1
            raise error from None
        if status == 400 and "check-and-set" in _said(answer):
            raise Conflict(self.where(name))
        new = answer.get("data", {}).get("version") if isinstance(answer.get("data"), dict) else None
        if status != 200 or new != number + 1:
            raise self._no_kv2() if status in (200, 204, 404, 405) else self._unexpected(status, answer)
        return int(new)

    def delete(self, name: Name, version: str) -> None:
        if not version:
            raise Conflict(self.where(name))
        path = self._path(name)
        last = self._put(name, {GONE: True, MARK: [self.seal.site, *name]}, int(version))
        if name[0] == "secrets":  # its older versions stay in the server, for people to bring back
            status, answer = self._ask("POST", f"delete/{path}", {"versions": [last]})
        elif name[0] in ONE_TIME:
            status, answer = self._ask("DELETE", f"metadata/{path}")
        else:
            versions = list(range(max(1, last - DESTROYED), last + 1))
            status, answer = self._ask("PUT", f"destroy/{path}", {"versions": versions})
        if status not in (200, 204):
            raise self._unexpected(status, answer)

    def put_back(self, name: Name, content: Mapping[str, Any]) -> str:
        there, number = self._latest(name, check=False)
        self.write(name, content, "" if there is None else str(number))
        return f"version {number} of {self.where(name)}" if there is not None else ""

    # -- asking ------------------------------------------------------------------------------------------------------
    def _path(self, name: Name) -> str:
        if len(name) < 2 or not all(name):
            raise StateError(f"{name!r} is no name of a document.")
        return "/".join([ROOT, *map(files.safe_name, (self.seal.site, *name))])

    def _token(self) -> str:
        token, source = os.environ.get("VAULT_TOKEN", ""), "VAULT_TOKEN"
        path = self.options.get("token")
        if not token and path:
            source = str(path)
            data = private_bytes(source)
            if data is None:
                raise StateError(f"there is no token file {source} (nwcs_secret_store_token_file).", "Make it, 0600.")
            token = data.decode("utf-8", "replace")
        token = token.strip()
        if not token:
            raise StateError(
                f"there is no token for {self.url}.",
                "Set VAULT_TOKEN, or name a private file with nwcs_secret_store_token_file.",
            )
        if not (token.isascii() and token.isprintable() and " " not in token and len(token) < 10_000):
            raise StateError(f"what {source} holds is no token.", "A token is one line of ASCII characters.")
        return token

    def _context(self) -> ssl.SSLContext:
        ca = self.options.get("ca")
        try:
            return ssl.create_default_context(cafile=str(ca) if ca else None)
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "strerror", None) or "no certificate in PEM form"
            raise StateError(f"nwcs_secret_store_ca: {ca}: {reason}.", "Name a file with CA certificates.") from None

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """(status, parsed answer). 200, 204, 400, 404 and 405 come back; all else is a StateError."""
        plain, _mark, query = path.partition("?")
        target = f"/v1/{quote(self.mount)}/{quote(plain)}{'?' + query if query else ''}"
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true", "Accept": "application/json"}
        if self.options.get("namespace"):
            headers["X-Vault-Namespace"] = str(self.options["namespace"])
        data = None
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode("utf-8")
            headers["Content-Type"] = "application/json"
        connection: http.client.HTTPConnection
        if self.tls:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=SECONDS, context=self._context())
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=SECONDS)
        try:
            connection.request(method, target, body=data, headers=headers)
            response = connection.getresponse()
            status, answer = response.status, self._body(response)
        except ssl.SSLCertVerificationError as error:
            raise StateError(
                f"{self.url}: the certificate of the server is not trusted: {error.verify_message}.",
                "Name its CA with nwcs_secret_store_ca.",
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or (str(error) if isinstance(error, TimeoutError) else "")
            told = f"{self.url}: the server of the secrets does not answer ({reason or type(error).__name__})."
            raise Lost(told, "Look whether it runs and can be reached from here.") from None
        finally:
            connection.close()
        return self._judged(status, answer)

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        deadline, parts, size = time.monotonic() + TOTAL_SECONDS, [], 0
        while part := response.read1(65536):
            parts.append(part)
            size += len(part)
            if size > BODY_BYTES or time.monotonic() > deadline:
                raise StateError(f"{self.url}: the answer is endless.", "Is this the server of the secrets?")
        return b"".join(parts)

    def _judged(self, status: int, raw: bytes) -> tuple[int, dict[str, Any]]:
        try:
            answer = json.loads(raw) if raw.strip() else {}
        except (ValueError, RecursionError):
            answer = None
        if 300 <= status < 400:
            raise StateError(
                f"{self.url}: the server points to another one; a token is never sent on.",
                "Name the active server in nwcs_secret_store.",
            )
        if status == 403:
            raise StateError(
                f"{self.url}: the server refuses the token (permission denied).",
                f"It may have expired, or its policy lacks rights on {self.mount}/data/{ROOT}/*, "
                f"{self.mount}/metadata/{ROOT}/*, {self.mount}/delete/{ROOT}/* and {self.mount}/destroy/{ROOT}/*.",
            )
        if status == 503:
            raise StateError(f"{self.url}: the server is sealed or in maintenance.", "Unseal it, then run again.")
        if not isinstance(answer, dict) or (status == 200 and not answer):
            raise StateError(f"{self.url}: the answer is not that of a KV v2 engine.", "Check nwcs_secret_store.")
        if status == 404 and "no handler for route" in _said(answer):
            raise StateError(
                f"{self.url}: the server has no engine mounted at {self.mount}.",
                "Correct nwcs_secret_store, or: vault secrets enable -path=MOUNT -version=2 kv",
            )
        if status == 404 and "versioned" in " ".join(map(str, answer.get("warnings") or ())):
            raise self._no_kv2()
        if status not in (200, 204, 400, 404, 405):
            raise self._unexpected(status, answer)
        if status == 400 and "check-and-set" not in _said(answer):
            raise self._unexpected(status, answer)
        return status, answer

    def _unexpected(self, status: int, answer: Mapping[str, Any]) -> StateError:
        # The server's words may repeat what it was sent: its number alone is told.
        del answer
        return StateError(f"{self.url}: the server answers with status {status}.", "Its own log says why.")

    def _no_kv2(self) -> StateError:
        return StateError(
            f"{self.url}: the engine there is no KV version 2.",
            "Use one that is: vault secrets enable -path=MOUNT -version=2 kv",
        )


def _inner(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The stored content of an answer; None for a deleted one."""
    outer = answer.get("data")
    content = outer.get("data") if isinstance(outer, dict) else None
    return dict(content) if isinstance(content, dict) and not content.get(GONE) else None


def _said(answer: Mapping[str, Any]) -> str:
    errors = answer.get("errors")
    return " ".join(map(str, errors)) if isinstance(errors, list) else ""


def _parsed(location: str) -> tuple[str, int, bool, str]:
    """(host, port, TLS?, mount). InputError tells what is wrong, without repeating what may be a secret."""
    example = "Write it as https://HOST:8200/v1/MOUNT"
    try:
        parts = urlsplit(location)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InputError("nwcs_secret_store is no address.", example) from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError("nwcs_secret_store holds more than an address.", f"{example}; a token never stands in it.")
    mount = parts.path.removeprefix("/v1/").strip("/")
    if parts.scheme not in ("https", "http") or not host or not parts.path.startswith("/v1/") or not mount:
        raise InputError(f"nwcs_secret_store is {location!r}.", example)
    if any(part in ("", ".", "..") for part in mount.split("/")):
        raise InputError(f"nwcs_secret_store is {location!r}.", example)
    if parts.scheme == "http" and not _is_loopback(host):
        raise InputError("nwcs_secret_store: plain HTTP would show every password to the network.", example)
    return host, port or (443 if parts.scheme == "https" else 80), parts.scheme == "https", mount


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
