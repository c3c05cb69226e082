# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes that change a device and can be killed at a named boundary.

One process without threads imports the toolkit once, waits at a socket, and forks a child for each connection. The
child reads one line of JSON (the order), does the run, and writes lines of JSON: {"at": name} when it has reached the
ordered boundary (it then kills itself with SIGKILL, or waits for a line before it goes on), {"result": …} at the end.

Order: folder, variables, job, arguments, seed {account: password in force}, kill or wait [name, number of occurrence],
files (also boundaries between the steps of writing a file), constants {"module.NAME": value}, run (its id), sabotage
(a name of SABOTAGE: the toolkit is broken on purpose, to see that the judgement notices it).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections import Counter
from typing import Any

from ansible.parsing.vault import VaultAES256, VaultLib, VaultSecret

from ansible_collections.nwcs.hardening.plugins.module_utils import jobs, session
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import DRIVERS, driver_for
from ansible_collections.nwcs.hardening.plugins.plugin_utils import changing, inventory, run, secret_store

BASE = "ansible_collections.nwcs.hardening.plugins."
VAULT_PASSWORD = b"k7Qz-mP2x-Lw9v-Rt4b"
KINDS = (
    ("/.leases", "lease"), ("/.undo", "undo set"), ("/.site", "site key"), ("/.holds", "hold"),
    ("/secrets/", "secrets"), ("/.reuse", "reuse index"), ("/parameter_sheets", "sheet"), ("/state/", "memory"),
)  # fmt: skip


def vault() -> VaultLib:
    return VaultLib([("default", VaultSecret(VAULT_PASSWORD))])


@contextlib.contextmanager
def quick_vault() -> Any:
    """While this lasts, ansible-vault stretches its password once instead of 10,000 times: the form of the files is the
    same, a case writes thirty of them, and how strong the stretching is is no question here."""
    kept = VaultAES256.__dict__["_create_key_cryptography"]

    def quick(secret: bytes, salt: bytes, key_length: int, iv_length: int) -> bytes:
        return hashlib.pbkdf2_hmac("sha256", secret, salt, 1, 2 * key_length + iv_length)

    VaultAES256._create_key_cryptography = staticmethod(quick)
    try:
        yield
    finally:
        VaultAES256._create_key_cryptography = kept


class Boundaries:
    """Counts the boundaries, and does at one of them what was ordered."""

    def __init__(self, wire: Any, order: dict[str, Any]) -> None:
        self.wire = wire
        self.kill, self.wait = order.get("kill"), order.get("wait")
        self.passed: list[str] = []
        self.counted: Counter[str] = Counter()

    def __call__(self, name: str) -> None:
        self.counted[name] += 1
        self.passed.append(name)
        here = [name, self.counted[name]]
        if here not in (self.kill, self.wait):
            return
        say(self.wire, {"at": name})
        if here == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        self.wire.readline()


def say(wire: Any, message: dict[str, Any]) -> None:
    wire.write(json.dumps(message) + "\n")
    wire.flush()


def kind_of(path: str) -> str:
    return next((name for part, name in KINDS if part in path), "other")


@contextlib.contextmanager
def watched_files(boundary: Boundaries) -> Any:
    """Every fsync and rename is a boundary: before it, and a rename also after it."""
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def where(path: Any, dir_fd: int | None) -> str:
        folder = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else ""
        return os.path.join(folder, os.fspath(path))

    def watched_fsync(handle: int) -> None:
        boundary(f"file:{kind_of(os.readlink(f'/proc/self/fd/{handle}') + '/')}:fsync:before")
        fsync(handle)

    def watched_rename(src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        kind = kind_of(where(dst, dst_dir_fd))
        boundary(f"file:{kind}:rename:before")
        rename(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        boundary(f"file:{kind}:rename:after")

    os.fsync, os.rename, os.replace = watched_fsync, watched_rename, watched_rename  # type: ignore[assignment]
    try:
        yield
    finally:
        os.fsync, os.rename, os.replace = fsync, rename, replace


def _forget() -> None:
    secret_store.SecretStore.prepare = lambda self, passwords, *_more, **_even_more: self.entries().update(
        {name: {"current": None, "pending": {"value": text, "sent": True}, "previous": []}
         for name, text in passwords.items()})  # fmt: skip
    secret_store.SecretStore.mark_sent = lambda self, names: None


def _leak() -> None:
    prepare = secret_store.SecretStore.prepare

    def telling(self: Any, passwords: Any, *more: Any, **even_more: Any) -> None:
        print("new passwords:", dict(passwords))
        prepare(self, passwords, *more, **even_more)

    secret_store.SecretStore.prepare = telling


def _guess() -> None:
    login = session.Session._login

    def guessing(self: Any, transport: Any) -> None:
        for number in range(3):
            with contextlib.suppress(LoginRefused):
                self.driver.login(transport.via(), Credential("admin", f"guess-{number}"))
        login(self, transport)

    session.Session._login = guessing


# forget: new passwords are kept in memory only. leak: they are printed. guess: three wrong logins before the right one.
SABOTAGE = {"forget": _forget, "leak": _leak, "guess": _guess}


def change(wire: Any, order: dict[str, Any]) -> None:
    folder, variables = order["folder"], order["variables"]
    output = os.open(os.path.join(folder, "output.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    run.RUN = order["run"]
    if order.get("sabotage"):
        SABOTAGE[order["sabotage"]]()
    for name, value in (order.get("constants") or {}).items():
        module, _unused, constant = name.rpartition(".")
        setattr(importlib.import_module(BASE + module), constant, value)
    device = inventory.describe(variables["nwcs_name"], variables.get, list(set(variables) - {"nwcs_name"}), {}, folder)
    device.options["local"] = True
    boundary = Boundaries(wire, order)
    work = changing.ChangeRun(device, lambda job: jobs.run(job, work.on_event), vault(), order["job"], False)
    for account, password in (order.get("seed") or {}).items():
        work.store.prepare({f"accounts.{account}": password}, "known before")
        work.store.promote([f"accounts.{account}"])
    work.hook = boundary  # type: ignore[method-assign]
    watched = watched_files(boundary) if order.get("files") else contextlib.nullcontext()
    with watched:
        result = getattr(work, order["job"])(**(order.get("arguments") or {}))
    print(json.dumps(result))  # what a user may come to see is searched for secrets as well
    say(wire, {"result": result, "passed": boundary.passed})


def serve(connection: socket.socket) -> None:
    wire = connection.makefile("rw", encoding="utf-8")
    try:
        order = json.loads(wire.readline())
        say(wire, {"pid": os.getpid()})
        change(wire, order)
    except BaseException:
        traceback.print_exc()
        say(wire, {"crash": traceback.format_exc()[-1500:]})


def main(path: str) -> None:
    """Until standard input is closed."""
    for family in DRIVERS:
        driver_for(family)
    for module in ("yaml", "requests", "defusedxml.ElementTree", "cryptography.x509"):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped at once
    with quick_vault(), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            ready, _unused, _unused2 = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _address = listener.accept()
            if os.fork() == 0:
                listener.close()
                serve(connection)
                os._exit(0)
            connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
