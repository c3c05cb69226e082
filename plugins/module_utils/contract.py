# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a driver is to the engine: documents, bindings, transactions, a few verbs (DESIGN 3).

The engine never asks for a family's name. If it needs to, this contract is wrong and gets wider.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, Unsupported

Key = tuple[str, ...]
Tree = Any  # a decoded document: dicts, lists, str, int, bool, None


class _Absent:
    """The value of something that is not there (an item, an option). Not None: None can be a value."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT = _Absent()

VALUE = "value"
NOT_OFFERED = "not_offered"  # the switch does not exist on this model, which means off
UNSUPPORTED = "unsupported"
UNREADABLE = "unreadable"  # refused, or broken
UNVERIFIABLE = "unverifiable"  # the answer is not credible (H03)
MANUAL = "manual"  # no call reaches it: a person must look at the device
WRITE_ONLY = "write_only"
STATES = (VALUE, NOT_OFFERED, UNSUPPORTED, UNREADABLE, UNVERIFIABLE, MANUAL, WRITE_ONLY)
UNKNOWN = (UNREADABLE, UNVERIFIABLE, MANUAL)  # there may be a value: no difference can be told from this


@dataclass(frozen=True)
class Reading:
    """What is known of one key. `value` counts only in state VALUE; `why` explains every other state."""

    state: str
    value: Any = None
    why: str = ""
    source: str = ""  # document (and operation) it was read from

    @classmethod
    def of(cls, value: Any, source: str = "") -> Reading:
        return cls(VALUE, value, "", source)


@dataclass(frozen=True)
class Stored:
    """What a store operation said. `restart` True: the device announced that a restart is needed."""

    restart: bool = False
    note: str = ""


@dataclass(frozen=True)
class Document:
    """One piece of configuration that the API hands out.

    fetch     how to read it, in the family's own words (operation, package name…); None: cannot be read
    store     store(ctx, old_tree, new_tree) -> Stored | None. May send several requests. Raises Unsupported, Refused
              or Busy when the device says so; any other error leaves its fate unknown and the next reading decides.
              Trees never hold secrets: passwords come from ctx.secret(name). None: read-only
    after     names of documents that must be stored before this one within a step
    affects   names of documents that must be read again after this one was stored
    transaction  same name = staged, applied and confirmed together
    restart   never | reply | always: when a written value may show only after a restart
    credible  credible(ctx, tree) -> why not, or None (H03)
    rest      rest(tree) -> what no binding models, without secrets and volatile values; it is digested, so that a
              change outside the model is seen. None: nothing beyond the model
    on_demand True: a request of its own that a reading of everything is spared: read where a site's design or profile
              names a key that is bound to it, else its keys are told as not read
    Like pieces (channels, interface tokens) are ONE document {token: tree}.
    """

    name: str
    fetch: Any = None
    store: Callable[[Any, Tree, Tree], Stored | None] | None = None
    after: tuple[str, ...] = ()
    affects: tuple[str, ...] = ()
    transaction: str = ""
    restart: str = "never"
    credible: Callable[[Any, Tree], str | None] | None = None
    rest: Callable[[Tree], Any] | None = None
    on_demand: bool = False


@dataclass(frozen=True)
class Binding:
    """One way of a key into documents. Several bindings of one key are alternatives in order of preference.

    key        at most one "*" (the item): ("services", "*", "enabled"); or with a fixed item name
    documents  names of the documents whose trees `get` and `put` receive, in this order
    get        get(*trees[, item]) -> value | ABSENT (already of the setting's type; the engine normalises further)
    put        put(*trees[, item], value) edits the given copies in place. value None with an item removes the item
               (only the binding with `removes`). No put: read-only
    when       when(ctx, *trees) -> bool: firmware, rights, form seen. The first fitting reads, the first fitting with
               put writes
    items      items(*trees) -> item names, for a "*" key; byte for byte as the device has them
    domain     closed set of items that exist (("HTTP", …) in OUR words: "http", "https", "rtsp"); None: open
    create     may an unknown item be made by put
    removes    this binding removes the item with put(..., item, None)
    absent     what ABSENT means: a value, or the strings NOT_OFFERED | UNSUPPORTED wrapped in Reading. A value given
               here by "absent means on" devices is always written explicitly
    limits     limits(ctx, *trees, item, value) -> why this value cannot be written here | None (item is "" without "*")
    needs      needs(ctx, item, old, new) -> names of secrets that the store operation will ask for ("accounts.ops")
    secret     the value is a secret: reading is WRITE_ONLY, value never stored
    proof      read | login | none: how a write is proven
    restorable True, or a sentence why an undo cannot bring the old value back; restorable(*trees) where it depends
    moves      keys that put changes along: an undo brings them back too
    api        on a device with several APIs: the one beside the main one that this row belongs to ("": the main one)
    realm      accounts of an API that keeps a list of its own are named NAME@realm
    source     the fact behind this row: fact sheet section, vendor page
    """

    key: Key
    documents: tuple[str, ...]
    get: Callable[..., Any]
    put: Callable[..., None] | None = None
    when: Callable[..., bool] | None = None
    items: Callable[..., Iterable[str]] | None = None
    domain: tuple[str, ...] | None = None
    create: bool = False
    removes: bool = False
    absent: Any = None
    limits: Callable[..., str | None] | None = None
    needs: Callable[..., Sequence[str]] | None = None
    secret: bool = False
    proof: str = "read"
    restorable: bool | str | Callable[..., bool | str] = True
    moves: tuple[Key, ...] = ()
    source: str = ""
    api: str = ""
    realm: str = ""

    @property
    def has_items(self) -> bool:
        return "*" in self.key


@dataclass(frozen=True)
class Transaction:
    """Documents that are staged, applied and confirmed together (a router's apply with rollback).

    prepare(ctx) makes sure that the stage is empty before anything is stored and says who is in the way (Busy).
    apply(ctx, seconds) puts what was stored into force, with the device's own rollback armed for `seconds`.
    confirm(ctx) keeps it; abandon(ctx) brings the old state back and cleans the stage.
    """

    name: str
    apply: Callable[[Any, int], Stored | None]
    confirm: Callable[[Any], None]
    abandon: Callable[[Any], None]
    prepare: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, whatever its status. Header names are lower case; several of one name are joined by newline."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    path: str = ""


@dataclass(frozen=True)
class Endpoint:
    """A way to a device that generic code can look at from outside.

    purpose   manage (the API itself), web, snapshot, stream, users, service
    scheme    http https rtsp rtsps tcp udp
    service   name under `services` that this socket belongs to
    judge     judge(answer) -> True: given without a login · False: refused · None: cannot tell. Default for http(s):
              200 is given, 401 and 403 are refused. rtsp: DESCRIBE, the same
    open_ok   True: no login is needed here (a start page)
    """

    purpose: str
    scheme: str
    port: int
    path: str = "/"
    service: str = ""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    judge: Callable[[Answer], bool | None] | None = None
    open_ok: bool = False


@dataclass
class Credential:
    """Who we log in as. `password` never leaves this object in text."""

    username: str
    password: str = field(repr=False)
    label: str = "current"  # bootstrap | current | pending


@dataclass
class PasswordRules:
    """What a device accepts as a password (lengths in characters; `alphabet` None: any printable ASCII).

    forbidden  words that must not occur, forwards or backwards, in upper or lower case
    classes    how many characters of a kind it asks for at least: {"upper": 1, "lower": 0, "digit": 2, "special": 1}
    """

    min_length: int = 8
    max_length: int = 64
    alphabet: str | None = None
    source: str = ""
    forbidden: tuple[str, ...] = ()
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass
class LockRules:
    """How a device locks: after `attempts` failures for `seconds`. None: unknown; `locks` False: it never does."""

    attempts: int | None = None
    seconds: int | None = None
    source: str = ""
    locks: bool | None = None


@dataclass
class Identity:
    """What tells one device from another. Empty: the device does not say."""

    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    mac: str = ""  # aa:bb:cc:dd:ee:ff
    firmware: str = ""
    endpoint: str = ""  # id readable before a login (ONVIF GetEndpointReference, board id…)


class Context:
    """An open device: what a driver needs between open() and close(). Drivers may subclass it."""

    def __init__(self, transport: Any, credential: Credential | None, secrets: Mapping[str, str] | None = None) -> None:
        self.transport = transport
        self.credential = credential
        self.identity = Identity()
        self.facts: dict[str, Any] = {}
        self.rights: Any = None
        self.notes: list[str] = []  # sentences that belong into the result
        self._secrets = dict(secrets or {})

    def secret(self, name: str) -> str:
        """The password called `name` ("accounts.ops"). InputError when nobody gave one."""
        try:
            return self._secrets[name]
        except KeyError:
            raise InputError(f"no secret {name!r} is known for this device") from None

    def scheme_of(self, api: str) -> str:
        """http or https: how one API of the device is reached ("" is the main one)."""
        return self.transport.target.scheme

    @property
    def requests(self) -> int:
        """HTTP requests sent so far."""
        return self.transport.requests

    def close(self) -> None:
        """Log out where the family can, close the connections. Never raises."""
        self.transport.close()


class Driver:
    """A family. Subclasses fill the tables and the verbs they have; a missing verb is simply not offered."""

    family: str = ""
    kind: str = (
        "camera"  # what it usually is; the inventory's nwcs_kind says otherwise
    )
    needs_login: bool = True  # False: it asks nobody anything over the network
    shares_accounts: tuple[str, ...] = ()  # families whose accounts, on such a device, are the same as these
    realms: frozenset[str] | set[str] = frozenset()  # APIs beside this one that keep accounts of their own
    documents: tuple[Document, ...] = ()
    bindings: tuple[Binding, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    default_ports: Mapping[str, int] = {"https": 443, "http": 80}

    def for_device(self, spec: Mapping[str, Any]) -> Driver:
        """The driver for one device; where the device does not matter, this very object."""
        return self

    def identify(self, transport: Any) -> Identity:
        """Who answers, without sending a credential. WrongFamily when it is not this API."""
        raise NotImplementedError

    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> Context:
        """Log in (one attempt) and find out what is there. LoginRefused, WrongFamily, Unreachable…"""
        raise NotImplementedError

    def fetch(self, ctx: Context, names: Sequence[str]) -> dict[str, Tree | Exception]:
        """Read documents, batched as the family likes. A value is a tree, or an Unsupported, Refused or Busy."""
        raise NotImplementedError

    def endpoints(self, ctx: Context, trees: Mapping[str, Tree]) -> list[Endpoint]:
        """What generic code should look at from outside. Includes one `manage` endpoint per way in."""
        return []

    def clock(self, ctx: Context, trees: Mapping[str, Tree]) -> tuple[datetime.datetime, datetime.datetime] | None:
        """(device time, controller time at that moment), both UTC; None when the device does not tell."""
        return None

    def own_accounts(self, ctx: Context) -> tuple[str, ...]:
        """Names under `accounts` that the login in use belongs to."""
        return (ctx.credential.username,) if ctx.credential else ()

    def factory_logins(self, ctx: Context) -> tuple[str, ...]:
        """Names under `accounts`, beside the login in use, by which we came in with a password of the first contact."""
        return ()

    def take_logins(self) -> list[dict[str, Any]]:
        """Logins tried on APIs beside the main one since the last call, as session.Session.logins has them."""
        return []

    def seen_address(self, ctx: Context) -> str | None:
        """The address from which the device says that our requests come; None: it does not tell."""
        return None

    def password_rules(self, ctx: Context) -> PasswordRules:
        return PasswordRules()

    def lock_rules(self, ctx: Context) -> LockRules:
        return LockRules()

    def login(self, transport: Any, credential: Credential) -> None:
        """Prove that a credential works, on a new connection, with one attempt. LoginRefused when it does not,
        Unsupported when its account is not let in this way whatever its password is."""
        self.open(transport, credential, {}).close()

    def restart(self, ctx: Context) -> None:
        """Tell the device to restart (waiting is the engine's). Unsupported when it cannot."""
        raise NotImplementedError

    def tell_camera_login(
        self, ctx: Context, address: str, username: str, password: str, port: int = 0
    ) -> Sequence[str] | None:
        """A recorder: use this login for the camera at `address` from now on.

        port  of the camera, 0: not known; it counts where the recorder has several cameras at that address
        Items of recording.jobs that tell whether the recorder comes in with it; () where none does. None: it has no
        such camera. Unsupported, with nothing sent, where several match and nothing tells which one is meant.
        """
        raise Unsupported(f"{self.family} has no way to tell a recorder the login of a camera.")

    def factory_new(self, ctx: Context, trees: Mapping[str, Tree]) -> bool | None:
        """True: in factory state, False: not, None: cannot tell."""
        return None


def secret_name(account: str) -> str:
    """The name of an account's password in the secret store."""
    return f"accounts.{account}"
