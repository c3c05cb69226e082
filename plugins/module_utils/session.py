# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device that is open: the right one, logged in, on a proven way (DESIGN 6, H60).

What comes in is plain data (the `spec`), because a job may travel to a gateway:

    name, family          inventory name and driver
    beside                {family: {way, credentials, why}} of the other APIs of the device (drivers/combined.py)
    manual                {key text: {value, by, on, until}}: what people have typed in (drivers/manual.py)
    target                Target.to_dict(): host, tls_verify (True, False, PEM text), limits
    ways                  [{scheme, port}], tried in this order; never from https down to an undeclared http
    credentials           [{username, password, label}], at most two are tried (lock budget)
    secrets               {"accounts.ops": password}: what store operations may ask for
    expected              {endpoint, serial, mac} of the recorded device and "sha256", the list of pinned certificates;
                          each may be missing
    oddities              site's model table: [{manufacturer, model, firmware?, restart: [documents]}]
    ports                 {service: [port]}: looked at from outside
    own_account           the account that is ours when all is done
    recorders             addresses that must stay able to come in
    seen_as               addresses and networks by which the device may see us, where a person has said so
    plain_http            the inventory allows a login over plain HTTP
    wanted                texts of the keys that design and profiles name: read also where that costs requests
"""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    Credential,
    Driver,
    Identity,
    Key,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    DeviceError,
    InputError,
    LoginRefused,
    TlsError,
    Unreachable,
    WrongDevice,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import driver_for
from ansible_collections.nwcs.hardening.plugins.module_utils.settings import parse_key
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Target, Transport

MOST_CREDENTIALS = 2


class Session:
    """Open with `open()`, close with `close()`; `reopen` changes the way or the login after it was proven."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.driver: Driver = driver_for(spec["family"], spec)
        self.secrets: dict[str, str] = dict(spec.get("secrets") or {})
        self.ctx: Any = None
        self.way: dict[str, Any] = {}
        self.credential: Credential | None = None
        self.wanted: set[Key] = {parse_key(text) for text in spec.get("wanted") or ()}
        self.requests = 0  # of connections that are closed already
        self._seen: dict[tuple[str, int], Transport] = {}  # by way, a connection that knows its certificate
        self.logins: list[dict[str, Any]] = []  # every login tried: {username, label, refused}

    # -- opening ---------------------------------------------------------------------------------------------------
    def open(self) -> Session:
        """Try the ways, check who answers, log in. Raises the last error in the words of the user."""
        failure: DeviceError | None = None
        for way in self._ways():
            transport = self._transport(way)
            try:
                identity = self.driver.identify(transport)
                self._check_endpoint(identity)
                self._login(transport)
            except (Unreachable, TlsError) as error:
                failure = failure or error
                self._drop(transport)
                continue
            except DeviceError:
                self._drop(transport)
                raise
            self.way = way
            self.check_identity()
            self._look_up_oddities()
            return self
        raise failure or Unreachable(f"{self.name}: no way to the device is known.")

    def _ways(self) -> list[dict[str, Any]]:
        ways = [dict(way) for way in self.spec.get("ways") or ()]
        if not ways:
            ways = [{"scheme": scheme, "port": port} for scheme, port in self.driver.default_ports.items()]
        for way in ways:
            way["port"] = int(way.get("port") or self.driver.default_ports.get(way["scheme"], 0))
        return ways

    def _transport(self, way: Mapping[str, Any]) -> Transport:
        pins = (self.spec.get("expected") or {}).get("sha256") or ()
        target = Target.from_dict({**self.spec["target"], "scheme": way["scheme"], "port": way["port"], "pins": pins})
        transport = Transport(target)
        # A certificate that nobody vouches for must at least stay the same over all connections of this run.
        known = self._seen.get((target.scheme, target.port))
        if known is None or known.certificate() is None:
            self._seen[target.scheme, target.port] = transport
        else:
            transport.expect_same(known)
        return transport

    def _drop(self, transport: Any) -> None:
        self.requests += transport.requests
        transport.close()

    def _login(self, transport: Transport) -> None:
        """Try the credentials in order; a refused one is followed only while the lock budget allows."""
        refused: LoginRefused | None = None
        credentials = [Credential(**entry) for entry in self.spec["credentials"]][:MOST_CREDENTIALS]
        if not credentials and not self.driver.needs_login:
            credentials = [Credential("", "", "none")]
        if not credentials:
            raise InputError(
                f"{self.name}: no login is known.",
                "Set nwcs_username and nwcs_password (encrypted) for the first contact, or the secret store.",
            )
        for index, credential in enumerate(credentials):
            attempt = transport if index == 0 else transport.via()
            try:
                with self._counted(credential) as line:
                    self.ctx = self.driver.open(attempt, credential, self.secrets)
                    if not self.logged_in():
                        line["unknown"] = True  # the device asked for none: that is no proof of a password
                self.logins += self.driver.take_logins()
            except LoginRefused as error:
                refused = error
                if error.locked:
                    break
                continue
            self.credential = credential
            if attempt is not transport:
                self._drop(transport)
            return
        raise refused or LoginRefused(f"{self.name}: no login was tried.")

    @contextlib.contextmanager
    def _counted(self, credential: Credential, **more: Any) -> Iterator[dict[str, Any]]:
        """Note what came of a login: the controller keeps the lock budget, also when this run fails (H44)."""
        # The password that this job sets is another one than the pending password that it may have come in with.
        new = self.secrets.get(secret_name(credential.username)) == credential.password
        label = "new" if new else credential.label
        line = {"username": credential.username, "label": label, "refused": False, **more}
        try:
            yield line
        except LoginRefused as error:
            line.update(refused=True, locked=error.locked, seconds=error.seconds)
            raise
        except Exception:
            line["unknown"] = True  # no answer to the login itself: neither refused nor accepted
            raise
        finally:
            if "unknown" not in line:
                self.logins.append(line)

    def logged_in(self) -> bool:
        """Did the device ask for the login at all? One without accounts, or in factory state, answers anybody."""
        return not (self.ctx.facts.get("anonymous") or self.ctx.facts.get("factory"))

    # -- the right device (H60) --------------------------------------------------------------------------------------
    def _check_endpoint(self, identity: Identity) -> None:
        expected = self.spec.get("expected") or {}
        self._compare("endpoint", expected.get("endpoint"), identity.endpoint)

    def check_identity(self) -> None:
        """Serial and MAC against the sheet, as far as they are known by now; again after the first reading, because
        some devices tell them there only. Closes before it raises WrongDevice."""
        expected = self.spec.get("expected") or {}
        for field in ("serial", "mac"):
            try:
                self._compare(field, expected.get(field), getattr(self.ctx.identity, field), logged_in=True)
            except WrongDevice:
                self.close()
                raise

    def _compare(self, what: str, expected: str | None, found: str, logged_in: bool = False) -> None:
        if expected and found and expected != found:
            sent = "Nothing was written to it, but the login was sent." if logged_in else "Nothing was sent to it."
            raise WrongDevice(
                f"{self.name}: another device answers at {self.spec['target']['host']}: "
                f"{what} {found!r}, the sheet has {expected!r}. [guard: identity]",
                f"{sent} If it was swapped on purpose, move the old sheet away and record again.",
            )

    def _look_up_oddities(self) -> None:
        """What the site's model table says of this model and firmware (fnmatch patterns)."""
        identity = self.ctx.identity
        restart: set[str] = set()
        for row in self.spec.get("oddities") or ():
            if all(
                fnmatch.fnmatchcase(getattr(identity, field), row[field])
                for field in ("manufacturer", "model", "firmware")
                if row.get(field)
            ):
                restart.update(row.get("restart") or ())
        self.ctx.facts.setdefault("oddities", {})["restart"] = restart

    # -- proving and changing the way --------------------------------------------------------------------------------
    def prove(
        self, way: Mapping[str, Any] | None = None, credential: Credential | None = None, deliberate: bool = False
    ) -> None:
        """Log in on a new connection and leave it; raises what stood in the way. deliberate: it is meant to fail."""
        transport = self._transport(way or self.way)
        credential = credential or self._credential()
        try:
            with self._counted(credential, **({"deliberate": True} if deliberate else {})):
                self.driver.login(transport, credential)
        finally:
            self._drop(transport)

    def reopen(self, way: Mapping[str, Any] | None = None, credential: Credential | None = None) -> None:
        """Leave the present connection for a new one; the old one stays when the new one cannot be opened."""
        way, credential = dict(way or self.way), credential or self._credential()
        transport = self._transport(way)
        try:
            with self._counted(credential):
                ctx = self.driver.open(transport, credential, self.secrets)
            self.logins += self.driver.take_logins()
        except Exception:
            self._drop(transport)
            raise
        ctx.facts["oddities"] = {**self.ctx.facts.get("oddities", {}), **ctx.facts.get("oddities", {})}
        ctx.notes = self.ctx.notes + [note for note in ctx.notes if note not in self.ctx.notes]
        self._leave()
        self.ctx, self.way, self.credential = ctx, way, credential

    def _credential(self) -> Credential:
        if self.credential is None:
            raise InputError(f"{self.name}: nobody is logged in.")
        return self.credential

    def _leave(self) -> None:
        if self.ctx is not None:
            self.requests += self.ctx.requests
            self.ctx.close()
            self.ctx = None

    def close(self) -> None:
        self._leave()

    def count(self) -> int:
        """HTTP requests sent so far."""
        return self.requests + (self.ctx.requests if self.ctx is not None else 0)

    def __enter__(self) -> Session:
        try:
            return self.open()
        except DeviceError as error:
            error.logins = self.logins  # type: ignore[assignment]
            raise

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, DeviceError):
            error.logins = self.logins  # type: ignore[assignment]
        self.close()
