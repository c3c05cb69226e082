# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ZoneMinder 1.36 (Debian 12) over its REST API 2.0: settings, accounts, and the cameras it records.

Facts: fact sheet "software recorders", section 3. The token travels in the address of each request, and error bodies
repeat it: no body and no query ever goes into a message. Turning logins on is refused where it would lock us out (H48).
"""

from __future__ import annotations

import datetime
import email.utils
import secrets as random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ansible_collections.nwcs.hardening.plugins.module_utils import decode
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    Answer,
    Context,
    Credential,
    Document,
    Driver,
    Endpoint,
    Identity,
    LockRules,
    PasswordRules,
    Stored,
    Tree,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.camera_rows import one_camera
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.zoneminder_tables import (
    BINDINGS,
    DEFAULT,
    NEW,
    SET,
    UNIQUE,
    config_rest,
    config_tree,
    monitor_tree,
    user_rest,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    LoginRefused,
    Refused,
    Unsupported,
    WrongFamily,
)

API = "/zm/api"
VERSION, LOGIN = f"{API}/host/getVersion.json", f"{API}/host/login.json"
SNAPSHOT = "/zm/cgi-bin/nph-zms?mode=single&monitor="
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_BY_HAND = "Set nwcs_username and nwcs_password of an account with APIEnabled=1."


class ZoneMinderContext(Context):
    """An open ZoneMinder. `token` "" where nobody is asked for a login."""

    token = ""

    @property
    def name(self) -> str:
        return self.transport.target.name

    def ask(self, method: str, path: str, form: Mapping[str, Any] | None = None, again: bool = True) -> Any:
        """One call of the API: the decoded answer, None for an empty one."""
        address = f"{API}{path}?{urlencode({'token': self.token})}" if self.token else API + path
        answer = self.transport.request(method, address, body=urlencode(form or {}).encode() if form else b"",
                                        headers=_FORM if form else {})  # fmt: skip
        if answer.status == 401 and again and self.token and _said(answer, self.transport) in _EXPIRED:
            self.login()
            return self.ask(method, path, form, False)
        return _checked(self.transport, answer, f"{method} {path}")

    def login(self, credential: Credential | None = None) -> None:
        """A token for the credential. LoginRefused when it is not taken."""
        self.credential = credential or self.credential
        self.token = _token(self.transport, self.credential) or ""


_EXPIRED = ("Expired token", "Signature verification failed", "Token revoked")


def _said(answer: Answer, transport: Any) -> str:
    """The short text of an error."""
    try:
        tree = decode.json(answer.body, transport.target.limits)
        return str(tree["data"]["exception"]["message"])
    except (BadAnswer, KeyError, TypeError):
        return ""


def _checked(transport: Any, answer: Answer, what: str) -> Any:
    name, said = transport.target.name, _said(answer, transport)
    if answer.status == 401 and said == "Not Authenticated":
        raise LoginRefused(f"{name}: {what}: ZoneMinder asks for a login.")
    if answer.status in (401, 403):
        raise Refused(f"{name}: {what} is refused: this login may not, or nobody is logged in.")
    if answer.status == 404:
        raise Unsupported(f"{name}: {what}: ZoneMinder does not know it.")
    if answer.status in (429, 502, 503, 504):
        raise Busy(f"{name}: {what}: HTTP {answer.status}.")
    if answer.status != 200:
        raise BadAnswer(f"{name}: {what}: HTTP {answer.status}.")
    if not answer.body.strip():
        return None
    tree = decode.json(answer.body, transport.target.limits)
    if not isinstance(tree, dict) or tree.get("success") is False:  # an error inside a good status (H12)
        raise Refused(f"{name}: {what}: ZoneMinder answers with an error.")
    return tree


def _token(transport: Any, credential: Credential) -> str | None:
    """An access token; None where ZoneMinder asks nobody for a login."""
    form = urlencode({"user": credential.username, "pass": credential.password}).encode()
    answer = transport.request("POST", LOGIN, body=form, headers=_FORM)
    who = f"{transport.target.name}: the login as {credential.username!r}"
    if answer.status in (401, 403):
        if _said(answer, transport) == f"API disabled for: {credential.username}":
            raise LoginRefused(f"{who} is right, but the account may not use the API (APIEnabled=0).", _BY_HAND)
        raise LoginRefused(f"{who} is refused.", _BY_HAND)
    tree = _checked(transport, answer, "login")
    if not isinstance(tree, dict) or "access_token" not in tree:
        raise BadAnswer(f"{who}: the answer has no token.")
    token = tree["access_token"]
    return token if isinstance(token, str) and token else None


# -- storing -----------------------------------------------------------------------------------------------------------
def _store_configs(ctx: ZoneMinderContext, old: Tree, new: Tree) -> Stored | None:
    """One by one; the switch that asks for logins last, and from then on with a login of our own."""
    names = sorted((n for n in new if new[n] != old.get(n)), key=lambda n: (n == "ZM_OPT_USE_AUTH", n))
    for name in names:
        value = random.token_hex(32) if name == UNIQUE and new[name] == NEW else new[name]
        if value in (SET, DEFAULT):
            continue  # a secret goes back as it was: nobody knows it
        ctx.ask("PUT", f"/configs/edit/{quote(name)}.json", {"Config[Value]": value})
        if name in (UNIQUE, "ZM_OPT_USE_AUTH"):
            ctx.login()  # what the old key signed is void
    return None


def _store_users(ctx: ZoneMinderContext, old: Tree, new: Tree) -> Stored | None:
    for name in old:
        if name not in new:
            ctx.ask("DELETE", f"/users/{int(old[name]['Id'])}.json")
    for name, user in new.items():
        before = old.get(name)
        changed = {field: value for field, value in user.items() if before is None or before.get(field) != value}
        if changed.get("Password") == SET:
            changed["Password"] = ctx.secret(secret_name(name))
        form = {f"User[{field}]": value for field, value in changed.items() if field != "Id"}
        if not form:
            continue
        if before is None:
            ctx.ask("POST", "/users.json", {"User[Username]": name, "User[HomeView]": "", **form})
        else:
            ctx.ask("PUT", f"/users/{int(user['Id'])}.json", form)  # a token stays good when the password changes
    return None


class ZoneMinderDriver(Driver):
    family = "zoneminder"
    kind = "recorder"
    documents = (
        Document("configs", fetch="/configs.json", store=_store_configs, rest=config_rest, affects=("users", "host")),
        Document("users", fetch="/users/index/limit:100", store=_store_users, after=("configs",), rest=user_rest),
        Document("monitors", fetch="/monitors.json",
                 rest=lambda tree: {name: row["settings"] for name, row in sorted(tree.items())}),
        Document("host", fetch="/host/getTimeZone.json"),
        Document("start", fetch="", rest=lambda tree: tree),
    )  # fmt: skip
    bindings = BINDINGS

    # -- coming in -------------------------------------------------------------------------------------------------
    def identify(self, transport: Any) -> Identity:
        answer, name = transport.request("GET", VERSION, login=False), transport.target.name
        if answer.status in (429, 502, 503, 504):
            raise Busy(f"{name}: it is busy (HTTP {answer.status}).")
        try:
            tree = decode.json(answer.body, transport.target.limits)
        except BadAnswer:
            tree = None
        if isinstance(tree, dict) and answer.status == 200 and "apiversion" in tree and "version" in tree:
            return Identity("ZoneMinder", "ZoneMinder", firmware=str(tree["version"]))
        if answer.status == 401 and _said(answer, transport) == "Not Authenticated":
            return Identity("ZoneMinder", "ZoneMinder")
        raise WrongFamily(f"{name}: no ZoneMinder API at {transport.target.place}{API} (HTTP {answer.status}).",
                          "Is ZM_OPT_USE_API on, and the API's rewrite rule in the web server?")  # fmt: skip

    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> ZoneMinderContext:
        ctx = ZoneMinderContext(transport, credential, secrets)
        before = datetime.datetime.now(datetime.UTC)
        anonymous = transport.request("GET", VERSION, login=False)
        ctx.facts["clock"] = clock_of(anonymous, before)
        if anonymous.status == 200:
            ctx.facts["anonymous"] = True
            ctx.notes.append("ZoneMinder asks for no login: everybody who reaches it may see and change its settings.")
        else:
            ctx.login()
        tree = ctx.ask("GET", "/host/getVersion.json", again=False) or {}
        version = str(tree.get("version", ""))
        ctx.identity, ctx.facts["start"] = Identity("ZoneMinder", "ZoneMinder", firmware=version), {"version": version}
        return ctx

    def login(self, transport: Any, credential: Credential) -> None:
        """Also of accounts that may not use the API: only a right password is told so. Unsupported: nobody is asked."""
        try:
            if transport.request("GET", VERSION, login=False).status == 200:
                raise Unsupported(f"{transport.target.name}: ZoneMinder asks for no login, so no password is proven.")
            try:
                _token(transport, credential)
            except LoginRefused as error:
                if "APIEnabled=0" not in error.message:
                    raise
        finally:
            transport.close()

    # -- reading -----------------------------------------------------------------------------------------------------
    def fetch(self, ctx: ZoneMinderContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        found: dict[str, Tree | Exception] = {}
        for name in names:
            try:
                found[name] = self._document(ctx, name)
            except (Refused, Unsupported, Busy) as error:
                found[name] = error
            except BadAnswer as error:
                if getattr(error, "reason", ""):
                    raise
                found[name] = error
            except (KeyError, TypeError, ValueError, AttributeError):
                found[name] = BadAnswer(f"{ctx.name}: {name}: the answer has another shape.")
        return found

    def _document(self, ctx: ZoneMinderContext, name: str) -> Tree:
        if name == "start":
            return dict(ctx.facts["start"])
        if name == "host":
            return {"zone": str(ctx.ask("GET", "/host/getTimeZone.json")["tz"])}
        if name == "configs":
            return config_tree(ctx.ask("GET", "/configs.json")["configs"])
        if name == "monitors":
            return monitor_tree(ctx.ask("GET", "/monitors.json")["monitors"])
        users: Tree = {}
        for page in range(1, 50):
            tree = ctx.ask("GET", f"/users/index/limit:100/page:{page}.json")
            users |= {str(row["User"]["Username"]): dict(row["User"]) for row in tree["users"]}
            if not (tree.get("pagination") or {}).get("nextPage"):
                break
        for user in users.values():
            user.pop("Password", None)
        return users

    def endpoints(self, ctx: ZoneMinderContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        scheme, port = ctx.transport.target.scheme, ctx.transport.target.port
        found = [Endpoint("manage", scheme, port, f"{API}/configs/viewByName/ZM_OPT_USE_AUTH.json", scheme),
                 Endpoint("users", scheme, port, f"{API}/users.json", scheme),
                 Endpoint("web", scheme, port, "/zm/", scheme, open_ok=True)]  # fmt: skip
        monitors = trees.get("monitors")
        first = next(iter(monitors.values()), {}).get("Id", 1) if isinstance(monitors, dict) else 1
        found.append(Endpoint("snapshot", scheme, port, f"{SNAPSHOT}{first}", scheme, judge=judge_picture))
        return found

    def clock(
        self, ctx: Context, trees: Mapping[str, Tree]
    ) -> tuple[datetime.datetime, datetime.datetime] | None:
        return ctx.facts.get("clock")

    # -- rules and verbs -----------------------------------------------------------------------------------------------
    def own_accounts(self, ctx: ZoneMinderContext) -> tuple[str, ...]:
        return (ctx.credential.username,) if ctx.credential and ctx.token else ()

    def password_rules(self, ctx: Context) -> PasswordRules:
        return PasswordRules(8, 64, None, "ZoneMinder asks for nothing (fact sheet 3); the limits are ours")

    def lock_rules(self, ctx: Context) -> LockRules:
        return LockRules(None, None, "ZoneMinder has no lock-out (fact sheet 3)", locks=False)

    def restart(self, ctx: ZoneMinderContext) -> None:
        ctx.ask("POST", "/states/change/restart.json")

    def factory_new(self, ctx: Context, trees: Mapping[str, Tree]) -> bool | None:
        """Nobody is asked for a login, and there is no account but Debian's."""
        users = trees.get("users")
        return bool(ctx.facts.get("anonymous")) and set(users) == {"admin"} if isinstance(users, dict) else None

    def tell_camera_login(
        self, ctx: ZoneMinderContext, address: str, username: str, password: str, port: int = 0
    ) -> Sequence[str] | None:
        """Give every monitor of the camera at `address` this login; Refused when one did not take it."""
        rows = [row["Monitor"] for row in ctx.ask("GET", "/monitors.json")["monitors"]]
        here = {f"{row['Id']} {row['Name']}": row for row in rows
                if address in (host_of(row.get("Path")), row.get("Host"))}  # fmt: skip
        mine = one_camera(ctx.name, address, {item: (port_of(row),) for item, row in here.items()}, port)
        for row in (here[item] for item in mine):
            wanted = {"User": username, "Pass": password, "Path": with_login(row.get("Path") or "", username, password)}
            # Two more ways to the same camera: with the old password they would lock the account there.
            if host_of(row.get("SecondPath")) == address:
                wanted["SecondPath"] = with_login(row["SecondPath"], username, password)
            if row.get("ONVIF_Username") == username and host_of(row.get("ONVIF_URL")) in ("", address):
                wanted["ONVIF_Password"] = password
            number = int(row["Id"])
            ctx.ask("PUT", f"/monitors/{number}.json", {f"Monitor[{name}]": value for name, value in wanted.items()})
            now = ctx.ask("GET", f"/monitors/{number}.json")["monitor"]["Monitor"]
            if any((now.get(name) or "") != value for name, value in wanted.items()):
                raise Refused(f"{ctx.name}: monitor {number} did not take the new login of its camera.")
        return mine or None


def host_of(path: Any) -> str:
    try:
        return urlsplit(str(path or "")).hostname or ""
    except ValueError:
        return ""


def port_of(row: Mapping[str, Any]) -> str:
    try:
        return str(urlsplit(str(row.get("Path") or "")).port or row.get("Port") or "")
    except ValueError:
        return ""


def with_login(path: str, username: str, password: str) -> str:
    """The address with the new login where it held one; else unchanged (User and Pass count)."""
    login, at, _rest = path.partition("://")[2].partition("/")[0].rpartition("@")
    if not at or not login:
        return path
    return path.replace(f"://{login}@", f"://{quote(username, safe='')}:{quote(password, safe='')}@", 1)


def clock_of(answer: Answer, before: datetime.datetime) -> tuple[datetime.datetime, datetime.datetime] | None:
    """The clock of the machine by the Date header (RFC 9110), against ours in the middle of the request."""
    try:
        told = email.utils.parsedate_to_datetime(answer.headers.get("date", "")).astimezone(datetime.UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return told, before + (datetime.datetime.now(datetime.UTC) - before) / 2


def judge_picture(answer: Answer) -> bool | None:
    """Behind fcgiwrap a refusal is HTTP 200 with a header or body "Status: 403" (fact sheet 3)."""
    refused = answer.headers.get("status", "").startswith(("401", "403")) or answer.body.startswith(b"Status: 40")
    if refused or answer.status in (401, 403):
        return False
    return True if answer.status == 200 and answer.headers.get("content-type", "").startswith("image/") else None
