# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several APIs on one device, as one driver: the main family, and others beside it (DESIGN 9, nwcs_family as a list).

Every row keeps its own API (Binding.api): a key is read and written through the first that can, and where two of them
say different things the reading `conflicts` tells it. Accounts of an API that keeps a list of its own get a realm:
accounts."ops@onvif". An API beside that cannot be opened costs its own keys and nothing else.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    UNREADABLE,
    Binding,
    Context,
    Credential,
    Document,
    Driver,
    Endpoint,
    Identity,
    LockRules,
    PasswordRules,
    Reading,
    Transaction,
    Tree,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.combined_context import (
    Asked,
    CombinedContext,
    check_same_device,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.combined_rows import (
    bare,
    in_own_context,
    of_realm,
    with_realm,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    DeviceError,
    LoginRefused,
)

# Which of the other APIs are open: one that is not must never look like one that has nothing.
# No family calls a document so.
_APIS = Document("other apis", fetch="other apis")
_OPEN = Binding(
    ("apis", "*", "open"), (_APIS.name,), items=list, source="the login at each API",
    get=lambda tree, name: Reading(UNREADABLE, None, tree[name], _APIS.name) if tree[name] else True,
)  # fmt: skip


class CombinedDriver(Driver):
    """`main` and the drivers `beside`, in order of preference.

    given  {family: {"way": {scheme, port} | None, "credentials": [{username, password, label}], "why": text}}; user
           names carry the realm. `why` says why there is no login for it now
    """

    def __init__(self, main: Driver, beside: Sequence[Driver], given: Mapping[str, Any]) -> None:
        self.main, self.beside, self.given = main, {driver.family: driver for driver in beside}, {**given}
        self.family, self.kind, self.default_ports = main.family, main.kind, main.default_ports
        self.logins: list[dict[str, Any]] = []
        self.refused: list[Credential] = []  # by an API that shares the main one's accounts
        own_lists = any(binding.key[0] == "accounts" and binding.has_items for binding in main.bindings)
        self.realms = {
            driver.family
            for driver in beside
            if own_lists and driver.needs_login and driver.family not in main.shares_accounts
        }
        self.documents = (_APIS, *(
            self._document(driver, document) for driver in self._drivers() for document in driver.documents
        ))  # fmt: skip
        self.bindings = (*(
            self._binding(driver, binding) for driver in self._drivers() for binding in driver.bindings
        ), _OPEN)  # fmt: skip
        self.transactions = tuple(
            self._transaction(driver, transaction) for driver in self._drivers() for transaction in driver.transactions
        )

    def _drivers(self) -> list[Driver]:
        return [self.main, *self.beside.values()]

    # -- the tables ------------------------------------------------------------------------------------------------
    def _name(self, driver: Driver, name: str) -> str:
        return name if driver is self.main or not name else f"{driver.family}:{name}"

    def _document(self, driver: Driver, document: Document) -> Document:
        family, names = driver.family, functools.partial(self._name, driver)

        def store(ctx: CombinedContext, old: Tree, new: Tree) -> Any:
            api = ctx.api(family)
            asked = getattr(api, "_secrets", None)
            if isinstance(asked, Asked):
                asked.names.clear()
            said = document.store(api, old, new)
            self._follow(ctx, family)
            return said

        return dataclasses.replace(
            document,
            name=names(document.name),
            store=store if document.store else None,
            after=tuple(map(names, document.after)),
            affects=tuple(map(names, document.affects)),
            transaction=names(document.transaction),
            credible=in_own_context(family, document.credible),
        )

    def _binding(self, driver: Driver, binding: Binding) -> Binding:
        family = driver.family
        more: dict[str, Any] = {
            "documents": tuple(self._name(driver, name) for name in binding.documents),
            "when": in_own_context(family, binding.when),
            "limits": in_own_context(family, binding.limits),
            "needs": in_own_context(family, binding.needs),
            "api": "" if driver is self.main else family,
        }
        if family in self.realms and binding.key[0] == "accounts" and binding.has_items:
            more |= with_realm(family, binding)
        return dataclasses.replace(binding, **more)

    def _transaction(self, driver: Driver, transaction: Transaction) -> Transaction:
        family = driver.family
        return dataclasses.replace(
            transaction,
            name=self._name(driver, transaction.name),
            apply=in_own_context(family, transaction.apply),
            confirm=in_own_context(family, transaction.confirm),
            abandon=in_own_context(family, transaction.abandon),
            prepare=in_own_context(family, transaction.prepare),
        )

    # -- coming in ---------------------------------------------------------------------------------------------------
    def identify(self, transport: Any) -> Identity:
        return self.main.identify(transport)

    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> CombinedContext:
        """The main API must open; the others may fail, each for itself."""
        ctx = CombinedContext(self.main.open(transport, credential, secrets), self.main.family, secrets)
        for family, driver in self.beside.items():
            try:
                ctx.apis[family] = self._open(ctx, driver, credential, secrets)
            except DeviceError as error:
                ctx.apis[family] = error
                ctx.notes.append(f"{family}: {error.message}")
        return ctx

    def _open(
        self, ctx: CombinedContext, driver: Driver, credential: Credential, secrets: Mapping[str, str]
    ) -> Context:
        family = driver.family
        if not driver.needs_login:
            return driver.open(ctx.transport.via(), credential, {})
        if family not in self.realms:
            return self._same_login(ctx, driver, credential, secrets)
        refused: DeviceError = LoginRefused(
            f"{family} has accounts of its own, and {self._given(family).get('why') or 'no login for it is known'}.",
            f"Set nwcs_apis.{family}.username and nwcs_apis.{family}.password.",
        )
        for entry in self._given(family).get("credentials") or ():
            line = {"username": entry["username"], "label": entry["label"], "refused": False}
            given = Credential(bare(entry["username"], family), entry["password"], entry["label"])
            try:
                api = self._login(ctx, driver, given, of_realm(family, secrets))
            except LoginRefused as error:
                self.logins.append({**line, "refused": True, "locked": error.locked, "seconds": error.seconds})
                refused = error
                if error.locked:
                    break
                continue
            self.logins.append(line)
            return api
        raise refused

    def _same_login(
        self, ctx: CombinedContext, driver: Driver, credential: Credential, secrets: Mapping[str, str]
    ) -> Context:
        """The main login at an API that has no accounts of its own. A refusal counts, and is not repeated."""
        family = driver.family
        if credential.label in (self._given(family).get("refused") or ()) or credential in self.refused:
            why = "the login was refused there before, and is not tried again until it changes"
            raise LoginRefused(f"{family}: {why}.", "Correct it, or run once with -e nwcs_retry=true.")
        try:
            return self._login(ctx, driver, credential, secrets)
        except LoginRefused as error:
            self.refused.append(credential)
            line = {"username": f"{credential.username}@{family}", "label": credential.label, "refused": True}
            self.logins.append({**line, "locked": error.locked, "seconds": error.seconds})
            raise

    def _login(self, ctx: CombinedContext, driver: Driver, credential: Credential, secrets: Mapping[str, str]) -> Any:
        transport = self._transport(ctx.transport, driver.family)
        try:
            driver.identify(transport)
            api = driver.open(transport, credential, secrets)
            check_same_device(ctx, driver.family, api.identity)
        except Exception:
            ctx.transport.requests += transport.requests
            transport.close()
            raise
        api.notes[:] = [note for note in api.notes if note not in ctx.notes]
        ctx.notes += api.notes
        api.notes = ctx.notes
        api._secrets = Asked(secrets)
        return api

    def _given(self, family: str) -> Mapping[str, Any]:
        return self.given.get(family) or {}

    def _transport(self, transport: Any, family: str) -> Any:
        way = self._given(family).get("way")
        return transport.via(way["scheme"], way["port"], keep_pins=True) if way else transport.via()

    def _follow(self, ctx: CombinedContext, family: str) -> None:
        """The password of the login in use of an API beside was sent: go on with it, or with the old one."""
        if family not in self.realms:
            return
        api = ctx.api(family)
        name = secret_name(api.credential.username)
        if name not in api._secrets.names:
            return
        old, secrets = api.credential, dict(api._secrets)
        new = Credential(old.username, secrets[name], "pending")
        for credential in (new, old):
            try:
                ctx.apis[family] = self._login(ctx, self.beside[family], credential, secrets)
                used = {"username": f"{old.username}@{family}", "password": credential.password}
                self.given[family] = {**self._given(family), "credentials": [{**used, "label": credential.label}]}
            except LoginRefused as error:
                ctx.apis[family] = error
                line = {"username": f"{old.username}@{family}", "label": "new", "refused": True}
                self.logins.append({**line, "locked": error.locked, "seconds": error.seconds})
                continue
            api.close()
            return

    def login(self, transport: Any, credential: Credential) -> None:
        for family in self.realms:
            if credential.username.endswith(f"@{family}"):
                given = Credential(bare(credential.username, family), credential.password, credential.label)
                self.beside[family].login(self._transport(transport, family), given)
                return
        self.main.login(transport, credential)

    def take_logins(self) -> list[dict[str, Any]]:
        taken, self.logins = self.logins, []
        return taken

    # -- reading -----------------------------------------------------------------------------------------------------
    def fetch(self, ctx: CombinedContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        found: dict[str, Tree | Exception] = {}
        if _APIS.name in names:
            closed = {name: str(error) for name, error in ctx.apis.items() if isinstance(error, DeviceError)}
            found[_APIS.name] = {family: closed.get(family, "") for family in self.beside}
        for driver in self._drivers():
            mine = {self._name(driver, document.name): document.name for document in driver.documents}
            wanted = {name: mine[name] for name in names if name in mine}
            if not wanted:
                continue
            try:
                trees = self._fetched(ctx, driver, list(wanted.values()))
            except DeviceError as error:
                if driver is self.main:
                    raise
                trees = dict.fromkeys(wanted.values(), error)
            found.update({name: trees[own] for name, own in wanted.items() if own in trees})
        return found

    def _fetched(self, ctx: CombinedContext, driver: Driver, names: list[str]) -> dict[str, Tree | Exception]:
        api = ctx.api(driver.family)
        try:
            return driver.fetch(api, names)
        finally:
            for line in () if driver is self.main else api.facts.pop("logins", ()):
                self.logins.append({**line, "username": f"{line['username']}@{driver.family}"})

    def endpoints(self, ctx: CombinedContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        """Those of the main API, and what it does not name already of the others; only the main one is managed by."""
        found = self.main.endpoints(ctx.api(self.main.family), trees)
        for family, driver in self.beside.items():
            if isinstance(ctx.apis[family], DeviceError):
                continue
            for endpoint in driver.endpoints(ctx.api(family), self._trees(driver, trees)):
                if endpoint.purpose == "manage":
                    endpoint = dataclasses.replace(endpoint, purpose="users")
                known = {(one.scheme, one.port, one.path, one.purpose) for one in found}
                if (endpoint.scheme, endpoint.port, endpoint.path, endpoint.purpose) not in known:
                    found.append(endpoint)
        return found

    def _trees(self, driver: Driver, trees: Mapping[str, Tree]) -> dict[str, Tree]:
        names = {self._name(driver, document.name): document.name for document in driver.documents}
        return {own: trees[name] for name, own in names.items() if name in trees}

    def _first(self, ctx: CombinedContext, ask: Callable[[Driver, Context], Any]) -> Any:
        """The first answer that is not None, the main API's before the others'."""
        answers = (ask(driver, ctx.api(driver.family)) for driver in self._drivers() if _is_open(ctx, driver))
        return next((answer for answer in answers if answer is not None), None)

    def clock(
        self, ctx: CombinedContext, trees: Mapping[str, Tree]
    ) -> tuple[datetime.datetime, datetime.datetime] | None:
        return self._first(ctx, lambda driver, api: driver.clock(api, self._trees(driver, trees)))

    def seen_address(self, ctx: CombinedContext) -> str | None:
        return self._first(ctx, lambda driver, api: driver.seen_address(api))

    def factory_new(self, ctx: CombinedContext, trees: Mapping[str, Tree]) -> bool | None:
        return self._first(ctx, lambda driver, api: driver.factory_new(api, self._trees(driver, trees)))

    def own_accounts(self, ctx: CombinedContext) -> tuple[str, ...]:
        return (*self.main.own_accounts(ctx.api(self.main.family)), *self._realm_logins(ctx))

    def factory_logins(self, ctx: CombinedContext) -> tuple[str, ...]:
        return tuple(self._realm_logins(ctx, "bootstrap"))

    def _realm_logins(self, ctx: CombinedContext, label: str = "") -> list[str]:
        opened = [(family, api.credential) for family, api in ctx.opened() if family in self.realms]
        return [f"{used.username}@{family}" for family, used in opened if not label or used.label == label]

    # -- rules and verbs: what suits every API -------------------------------------------------------------------------
    def password_rules(self, ctx: CombinedContext) -> PasswordRules:
        rules = [driver.password_rules(ctx.api(driver.family)) for driver in self._drivers() if _is_open(ctx, driver)]
        alphabets = [set(rule.alphabet) for rule in rules if rule.alphabet is not None]
        kinds = {kind for rule in rules for kind in rule.classes}
        return PasswordRules(
            max(rule.min_length for rule in rules),
            min(rule.max_length for rule in rules),
            "".join(sorted(set.intersection(*alphabets))) if alphabets else None,
            "; ".join(dict.fromkeys(rule.source for rule in rules if rule.source)),
            tuple(dict.fromkeys(word for rule in rules for word in rule.forbidden)),
            {kind: max(rule.classes.get(kind, 0) for rule in rules) for kind in kinds},
        )

    def lock_rules(self, ctx: CombinedContext) -> LockRules:
        """The strictest: one ledger counts for the whole device."""
        drivers = [driver for driver in self._drivers() if driver.needs_login and _is_open(ctx, driver)]
        rules = [driver.lock_rules(ctx.api(driver.family)) for driver in drivers]
        attempts = [rule.attempts for rule in rules if rule.attempts is not None]
        seconds = [rule.seconds for rule in rules if rule.seconds is not None]
        locks = {rule.locks for rule in rules}
        source = "; ".join(dict.fromkeys(rule.source for rule in rules if rule.source))
        known = True if True in locks else (None if None in locks else False)
        return LockRules(min(attempts, default=None), max(seconds, default=None), source, known)

    def restart(self, ctx: CombinedContext) -> None:
        self.main.restart(ctx.api(self.main.family))

    def tell_camera_login(
        self, ctx: CombinedContext, address: str, username: str, password: str, port: int = 0
    ) -> Sequence[str] | None:
        return self.main.tell_camera_login(ctx.api(self.main.family), address, username, password, port)


def _is_open(ctx: CombinedContext, driver: Driver) -> bool:
    return isinstance(ctx.apis.get(driver.family), Context)
