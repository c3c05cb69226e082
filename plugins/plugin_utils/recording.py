# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading one device and keeping every exchange, redacted: what `nwcs-record-device` writes (docs/record-device.md).

The device is read by its own driver over its own transport; only the transport's single exchange is watched. Nothing
that would change the device leaves this program: documents lose their `store`, and a request that its driver does not
call a reading is not sent, but for the login itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.auth import challenges
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import VALUE, Answer
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, NwcsError, StateError
from ansible_collections.nwcs.hardening.plugins.module_utils.reading import decode, fetch, observe, snapshot
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Transport
from ansible_collections.nwcs.hardening.plugins.plugin_utils import redact_bodies
from ansible_collections.nwcs.hardening.plugins.plugin_utils.redact import Redactor
from ansible_collections.nwcs.hardening.plugins.plugin_utils.redact_words import COMMON, known_words

SCHEMA = 1
# All other headers of an answer are left out: they name sessions, caches and times.
HEADERS = ("content-type", "www-authenticate", "allow", "location", "status", "server")
# Logging in is no reading, but changes nothing either.
_LOGIN = re.compile(r"(^|[/_.])(log(in|out)|session)([./?]|$)", re.I)


@dataclasses.dataclass
class Exchange:
    """One request and its answer as they were; `answer` None: there was none, `error` says why."""

    scheme: str
    port: int
    method: str
    path: str
    body: bytes
    kind: str  # Content-Type of the request
    login: bool  # credentials, or the cookie of a session, were sent in a header
    answer: Answer | None = None
    error: str = ""


class _Watched:
    """The auth object of one exchange; notes whether it had something to send."""

    def __init__(self, auth: Any) -> None:
        self.auth, self.sent = auth, False

    def headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        made = self.auth.headers(method, path, body)
        self.sent = bool(made)
        return made


@contextlib.contextmanager
def watching(kept: list[Exchange], looks: set[tuple[str, str, bytes]]) -> Iterator[None]:
    """Every exchange of this process goes into `kept`, those of the looks from outside too; writes are not sent.

    looks  (method, path, body) that a driver declares as looks without a login
    """
    usual = Transport._exchange

    def exchange(
        self: Transport, where: str, method: str, path: str, body: bytes, headers: Mapping[str, str], auth: Any,
        idempotent: bool, deadline: float,
    ) -> Answer:  # fmt: skip
        if not (idempotent or _is_login(path, body) or (auth is None and (method, path, body) in looks)):
            raise InputError(f"{where}: not sent, it could change the device.", "Please report this.")
        kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        one = Exchange(self.target.scheme, self.target.port, method, path, body, kind, False)
        watched = _Watched(auth) if auth else None
        kept.append(one)
        try:
            one.answer = usual(self, where, method, path, body, headers, watched, idempotent, deadline)
        except NwcsError as error:
            one.error = str(getattr(error, "reason", "") or error.code)
            raise
        finally:
            one.login = bool(watched and watched.sent) or any(name.lower() == "cookie" for name in headers)
        return one.answer

    Transport._exchange = exchange  # type: ignore[method-assign]
    try:
        yield
    finally:
        Transport._exchange = usual  # type: ignore[method-assign]


def _is_login(path: str, body: bytes) -> bool:
    if _LOGIN.search(path.partition("?")[0]):
        return True
    try:
        called = json.loads(body)
    except ValueError:
        return False
    calls = called if isinstance(called, list) else [called]
    return all(
        isinstance(call, dict)
        and ("session" in (call.get("params") or [""])[:2] if isinstance(call.get("params"), list) else False)
        or isinstance(call, dict)
        and str(call.get("method")) in ("global.login", "global.logout", "global.keepAlive")
        for call in calls
    )


def _never(*_args: Any) -> None:
    raise InputError("a recording stores nothing.")


@dataclasses.dataclass
class Recording:
    """What was recorded, not redacted yet: it stays in memory."""

    exchanges: list[Exchange]
    snapshot: dict[str, Any]
    endpoints: list[Any]
    requests: int
    logins: list[dict[str, Any]]
    secrets: list[str]


def record(spec: Mapping[str, Any]) -> Recording:
    """Read everything the driver knows to ask for. Raises as a reading does; `error.logins` tells of the logins."""
    kept: list[Exchange] = []
    looks: set[tuple[str, str, bytes]] = set()
    with watching(kept, looks), Session(spec) as session:
        session.driver = _read_only(session.driver)
        trees = fetch(session)
        session.check_identity()
        endpoints = list(session.driver.endpoints(session.ctx, trees))
        looks.update((endpoint.method, endpoint.path, endpoint.body) for endpoint in endpoints)
        readings = decode(session.driver, session.ctx, trees) | observe(session, trees)
        spared = [document.name for document in session.driver.documents if document.on_demand]
        if spared:  # a usual reading leaves these out, a recording does not
            trees = {**trees, **fetch(session, spared)}
            readings = {**decode(session.driver, session.ctx, trees), **readings}
        told = snapshot(session, trees, readings)
        credential = session.credential
        secrets = [credential.password] if credential else []
    return Recording(kept, told, endpoints, session.count(), session.logins, secrets)


def _read_only(driver: Any) -> Any:
    import copy

    made = copy.copy(driver)
    made.documents = tuple(
        document if document.store is None else dataclasses.replace(document, store=_never)
        for document in driver.documents
    )
    made.transactions = ()
    return made


# -- the fixture -------------------------------------------------------------------------------------------------------
def fixture(recording: Recording, family: str, version: str, keep_model: bool = True) -> dict[str, Any]:
    """The redacted recording as plain data. StateError, and nothing of it, when something known still stands in it."""
    identity = recording.snapshot["identity"]
    public = {name: identity[name] for name in ("manufacturer", "model", "firmware") if identity[name] and keep_model}
    redactor = Redactor(public.values(), recording.secrets)
    redactor.seed(identity["serial"], "SERIAL")
    redactor.seed(recording.snapshot["device"], "NAME")
    for last in (False, True):  # the first run learns the names, secrets and pseudonyms of all exchanges
        redactor.counts.clear()
        exchanges = [_plain(redactor, exchange) for exchange in recording.exchanges]
        if last:
            break
    made = {
        "schema": SCHEMA,
        "kind": "nwcs-record-device",
        "family": family,
        "version": version,
        "recorded": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "device": public,
        "sockets": sockets(recording),
        "states": states(recording.snapshot["readings"]),
        "exchanges": exchanges,
    }
    _check(json.dumps(made, ensure_ascii=False), redactor, recording)
    made["redacted"] = dict(sorted(redactor.counts.items()))
    return made


def _plain(redactor: Redactor, exchange: Exchange) -> dict[str, Any]:
    answer = exchange.answer
    made: dict[str, Any] = {
        "scheme": exchange.scheme, "port": exchange.port, "method": exchange.method,
        "path": redact_bodies.query(redactor, exchange.path), "login": exchange.login,
        "request": redact_bodies.body(redactor, exchange.body, exchange.kind),
    }  # fmt: skip
    if answer is None:
        return made | {"error": exchange.error}
    headers = {name: _header(redactor, name, answer.headers[name]) for name in HEADERS if answer.headers.get(name)}
    if cookies := _cookies(redactor, answer.headers.get("set-cookie", "")):
        headers["cookies"] = cookies
    if answer.headers.get("date"):
        headers["date"] = "now"  # that the device tells the time is a fact, the time itself is none
    kind = answer.headers.get("content-type", "")
    return made | {
        "status": answer.status, "headers": headers, "answer": redact_bodies.body(redactor, answer.body, kind),
    }  # fmt: skip


def _cookies(redactor: Redactor, header: str) -> list[str]:
    """The names of the cookies that were set; what is in them is a session."""
    names = []
    for line in header.split("\n"):
        name, equals, value = line.partition(";")[0].strip().partition("=")
        if equals and name:
            redactor.learn(value.strip('"'))
            names.append(redactor.key(name))
    return names


def _header(redactor: Redactor, name: str, value: str) -> Any:
    if name == "www-authenticate":
        return [
            {"scheme": redactor.text(scheme)}
            | {word: redactor.text(params[word]) for word in ("realm", "algorithm", "qop") if word in params}
            for scheme, params in challenges(value)
        ]
    if name in ("location", "server"):
        return redactor.text(value.partition("\n")[0])
    if name == "content-type":
        known = re.match(r"[\w.+-]{1,40}/[\w.+-]{1,40}(; ?charset=[\w-]{1,20})?", value)
        return known.group() if known else ""
    if name == "status":
        return redact_bodies.said(redactor, value[:80])
    return re.sub(r"[^A-Z].*", "", value)[:80]


def states(readings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """{key with items as "*": {state: how often}}; services keep their names, they are words of ours."""
    found: dict[str, Counter[str]] = {}
    for text, reading in readings.items():
        key = settings.parse_key(text)
        pattern = settings.pattern_of(key) or key
        named = key if key[0] == "services" and key[1] in settings.SERVICES else pattern
        found.setdefault(".".join(named), Counter())[reading["state"]] += 1
    return {name: dict(sorted(counted.items())) for name, counted in sorted(found.items())}


def sockets(recording: Recording) -> list[dict[str, Any]]:
    """The sockets a replay should open: those that answered, by kind and port; and whether RTSP asks for a login."""
    readings = recording.snapshot["readings"]
    way = recording.snapshot["way"]
    found = {(way["scheme"], way["port"])}
    found |= {(one.scheme, one.port) for one in recording.exchanges if one.answer is not None}
    for endpoint in recording.endpoints:
        is_open = readings.get(f"services.{endpoint.service}.open", {})
        if endpoint.scheme in ("http", "https", "rtsp", "rtsps") and endpoint.service and is_open.get("value") is True:
            found.add((endpoint.scheme, endpoint.port))
    given = readings.get("video.authentication", {})
    login = not (given.get("state") == VALUE and given.get("value") is False)
    return [
        {"kind": kind, "port": port} | ({"login": login} if kind.startswith("rtsp") else {})
        for kind, port in sorted(found)
    ]


def _check(text: str, redactor: Redactor, recording: Recording) -> None:
    """The last net: nothing that is known to be private stands in what would be written, in any usual form."""
    identity = recording.snapshot["identity"]
    known = set(redactor.secrets) | {identity[name] for name in ("serial", "mac", "endpoint")}
    lower = text.lower()
    for secret in known:
        if len(secret) < 6 or secret.casefold() in COMMON or secret in known_words() or secret in redactor.kept:
            continue
        forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], secret.encode().hex(), _bare(secret)}
        if any(_stands(form.lower(), lower) for form in forms if len(form) >= 6):
            raise StateError("the redaction has left something private, so nothing was written.", "Please report this.")


def _stands(form: str, text: str) -> bool:
    """Short plain words count only on their own: "public" stands in every "publicKey"."""
    if len(form) < 12 and form.isalpha():
        return re.search(rf"(?<![a-z0-9]){form}(?![a-z0-9])", text) is not None
    return form in text


def _bare(secret: str) -> str:
    return re.sub(r"[:-]", "", secret) if re.fullmatch(r"[0-9A-Fa-f:-]{17}", secret) else secret
