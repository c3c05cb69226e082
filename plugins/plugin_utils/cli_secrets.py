# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`nwcs-secrets`: looks after the secret store of a site: list, show, check, copy, restore.

Exit codes: 0 done, all in order · 2 something is not in order or was refused, told per device · 1 it could not work.
Where the store is comes from the inventory, as for the playbooks. No device is contacted.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import socket
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import secret_name
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, NwcsError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import camera_logins, files, inventory, messages
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Documents, open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import (
    SecretStore,
    entries_of,
    now,
    only_in_copy,
)
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secrets_texts import TEXTS

OK, FAILED, PROBLEM = 0, 1, 2
AUDIT = "secrets-audit.jsonl"


@dataclass
class Place:
    """Where a device's secrets are."""

    device: str
    site: str
    documents: Documents
    state_dir: str

    @property
    def name(self) -> tuple[str, str]:
        return ("secrets", self.device)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(getattr(stream, "errors", None), str):
            stream.reconfigure(errors="backslashreplace")
    try:
        work = Work(options)
        return getattr(work, options.command)()
    except NwcsError as error:
        _complain(str(error))
        return FAILED
    except OSError as error:
        _complain(f"{error.filename or 'nwcs-secrets'}: {error.strerror}")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> Any:
            self.print_usage(sys.stderr)
            self.exit(FAILED, f"nwcs-secrets: {message}\n")  # argparse's own 2 would mean "not in order"

    common = Parser(add_help=False)
    add = common.add_argument
    add("-i", "--inventory", action="append", default=[], help="inventory file or folder (default: Ansible's)")
    add("--vault-password-file", action="append", default=[], metavar="FILE", help="as in ansible-playbook")
    add("--vault-id", action="append", default=[], metavar="LABEL@FILE", help="as in ansible-playbook")
    add("--site", help="only devices of this site (nwcs_site)")
    add("--language", choices=("en", "ja"), help="language of the answers (default: the inventory's)")
    parser = Parser(
        prog="nwcs-secrets",
        description="Looks after the secret store of a site. Contacts no device.",
        epilog="Exit code: 0 done and in order, 2 something is not in order or was refused, 1 it could not work.",
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    commands.add_parser("list", parents=[common], help="accounts, times and reasons; no password")
    show = commands.add_parser("show", parents=[common], help="one password, after an audit line was written")
    show.add_argument("host")
    show.add_argument("account")
    show.add_argument("--reason", default="", help="why somebody needs it; kept in the audit file")
    show.add_argument("--which", choices=("current", "pending"), default="current")
    show.add_argument("--pipe", action="store_true", help="also when the output is no terminal")
    commands.add_parser("check", parents=[common], help="does all decrypt, who can read it, is the second copy equal")
    commands.add_parser("copy", parents=[common], help="bring the second copy up to date")
    restore = commands.add_parser("restore", parents=[common], help="bring lost or damaged secrets back from the copy")
    restore.add_argument("host", nargs="?")
    restore.add_argument("--all", action="store_true", help="every device of the inventory")
    restore.add_argument("--force", action="store_true", help="also over what is readable; it is kept beside")
    return parser


class Work:
    """The commands, on the devices of the inventory."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.places, language = places(options)
        self.language = options.language or language

    def list(self) -> int:
        code = OK
        self._say("list.head")
        for place in self._some():
            try:
                entries = SecretStore(place.documents, place.device).entries()
            except StateError as error:
                _complain(str(error))
                code = PROBLEM
                continue
            if not entries:
                self._say("list.none", device=place.device)
            for name, entry in sorted(entries.items()):
                for which in ("current", "pending"):
                    if part := entry[which]:
                        self._line(place, name, which, part, len(entry["previous"]) if which == "current" else 0)
        return code

    def _line(self, place: Place, name: str, which: str, part: dict[str, Any], older: int) -> None:
        state = which if which == "current" or part.get("sent") else "unsent"
        account = name.removeprefix("accounts.")
        columns = [place.device, account, self._text(state), part.get("proven") or part.get("at") or "-"]
        columns += [str(part.get("bits", "-")), str(part.get("why", "-"))]
        columns += [self._text("older", count=older)] if older else []
        print("  ".join(messages.safe(column, 200) for column in columns))

    def show(self) -> int:
        given = self.options
        place = self._one(given.host)
        facts = {"host": given.host, "account": given.account, "which": given.which}
        if not given.reason.strip():
            raise InputError(self._text("show.reason", **facts))
        if not given.pipe and not sys.stdout.isatty():
            raise InputError(self._text("show.pipe"))
        store = SecretStore(place.documents, place.device)
        # Logins that wait for a recorder are named as they are listed: cameras.ADDRESS/ACCOUNT.
        name = given.account if given.account.startswith(camera_logins.PREFIX) else secret_name(given.account)
        password = store.value(name, given.which)
        if password is None:
            _complain(self._text("show.none", **facts))
            return PROBLEM
        audit(place.state_dir, site=place.site, host=place.device, **{k: facts[k] for k in ("account", "which")},
              reason=given.reason.strip())  # fmt: skip
        if given.which == "current" and store.value(name, "pending"):
            _complain(self._text("show.has_pending"))
        print(password, flush=True)
        return OK

    def check(self) -> int:
        good, bad = 0, 0
        places_now = self._some()
        for documents, site_places in _by_store(places_now):
            if error := documents.refuses():
                self._say("check.weak", reason=str(error))
                bad += 1
            try:
                known = {place.name for place in site_places}
                for name in documents.names("secrets"):
                    if name not in known:
                        self._say("check.extra", device=name[-1])
            except StateError as error:
                _complain(str(error))
        for place in places_now:
            try:
                fine = self._check(place)
            except StateError as error:
                _complain(str(error))
                fine = False
            good, bad = good + fine, bad + (not fine)
        self._say("check.sum", good=good, bad=bad)
        return PROBLEM if bad else OK

    def _check(self, place: Place) -> bool:
        store = SecretStore(place.documents, place.device)
        entries = store.entries()
        if pending := [name.removeprefix("accounts.") for name, entry in sorted(entries.items()) if entry["pending"]]:
            self._say("check.pending", device=place.device, names=", ".join(pending))
        if self._lacks(place):
            return False
        if not entries:
            self._say("list.none", device=place.device)
            return True
        if place.documents.copy is not None and (problem := copy_problem(place)):
            self._say(problem, device=place.device)
            return False
        self._say("check.ok", device=place.device)
        return True

    def copy(self) -> int:
        code = OK
        for place in self._some():
            if place.documents.copy is None:
                raise InputError(self._text("copy.none"))
            try:
                there = place.documents.read(place.name)[0]  # a damaged one must not go over a good copy
                if self._lacks(place):
                    code = PROBLEM
                    continue
                if there is None:
                    continue
                place.documents.copy.bring(place.documents, place.name)
                self._say("copy.done", device=place.device)
            except StateError as error:
                _complain(str(error))
                code = PROBLEM
        return code

    def _lacks(self, place: Place) -> bool:
        """Tell when the second copy holds secrets that the store lacks: writing it anew would lose them."""
        lost = only_in_copy(place.documents, place.device, SecretStore(place.documents, place.device).entries())
        if lost:
            facts = {"device": place.device, "names": ", ".join(lost)}
            self._say("copy.lacks", path=place.documents.copy.where(place.name), **facts)
        return bool(lost)

    def restore(self) -> int:
        given = self.options
        if bool(given.host) == given.all:
            raise InputError(self._text("restore.which"))
        code = OK
        for place in self._some() if given.all else [self._one(given.host)]:
            if place.documents.copy is None:
                raise InputError(self._text("copy.none"))
            try:
                code = max(code, self._restore(place))
            except StateError as error:
                _complain(str(error))
                code = PROBLEM
        return code

    def _restore(self, place: Place) -> int:
        documents, device = place.documents, place.device
        data = documents.copy.get(place.name)
        if data is None:
            try:
                empty = documents.read(place.name)[0] is None
            except StateError:
                empty = False
            if self.options.all and empty:
                return OK  # a device that never had secrets
            self._say("restore.no_copy", device=device)
            return PROBLEM
        content = documents.unsealed(place.name, data)
        try:
            documents.version(place.name)  # rights, links, network: no reason to replace anything
            there, version = documents.read(place.name)
        except StateError as error:
            if not self.options.force and not _is_damaged(place):
                raise error
            there, version = None, ""
        if there == content:
            self._say("restore.equal", device=device)
            return OK
        if there is not None and not self.options.force:
            return self._add_lost(place, there, version, content)
        kept = documents.put_back(place.name, content)
        if documents.read(place.name)[0] != content:
            raise StateError(f"{documents.where(place.name)}: what was restored cannot be read back.")
        self._say("restore.kept" if kept else "restore.done", device=device, path=kept)
        return OK

    def _add_lost(self, place: Place, there: dict[str, Any], version: str, kept: dict[str, Any]) -> int:
        """The store is readable: what it lacks altogether comes back from the copy, all else stays as it is."""
        here = entries_of(there, place.documents.where(place.name))
        lost = only_in_copy(place.documents, place.device, here)
        if not lost:
            self._say("restore.readable", device=place.device)
            return PROBLEM
        back = {name: entry for name, entry in kept["secrets"].items() if name.removeprefix("accounts.") in lost}
        place.documents.write(place.name, {**there, "secrets": {**here, **back}}, version)
        self._say("restore.added", device=place.device, names=", ".join(lost))
        return OK

    # -- small things ------------------------------------------------------------------------------------------------
    def _some(self) -> list[Place]:
        found = [place for place in self.places if self.options.site in (None, place.site)]
        if not found:
            raise InputError(self._text("no_devices"))
        return found

    def _one(self, host: str) -> Place:
        for place in self._some():
            if place.device == host:
                return place
        raise InputError(self._text("no_host", host=host))

    def _text(self, name: str, **facts: Any) -> str:
        template = TEXTS[name][self.language == "ja"]
        return template.format(**{key: messages.safe(str(value), 600) for key, value in facts.items()})

    def _say(self, name: str, **facts: Any) -> None:
        print(self._text(name, **facts), flush=True)


def audit(folder: str, **facts: str) -> None:
    """Append one line to the audit file, on disk before anything is shown. StateError when that is not possible."""
    files.private_folder(folder)
    path = os.path.join(folder, AUDIT)
    line = {"at": now(), "user": getpass.getuser(), "uid": os.getuid(), "sudo_user": os.environ.get("SUDO_USER", "")}
    line |= {"on": socket.gethostname(), **facts}
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            state = os.fstat(handle)
            if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
                raise StateError(f"{path} is not a private file of yours; no password is shown.", f"chmod 600 {path}")
            data = (json.dumps(line) + "\n").encode()
            if os.write(handle, data) != len(data):
                raise StateError(f"{path}: the disk is full; no password is shown.", "Make room.")
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        problem = f"{path}: the audit line cannot be written ({error.strerror}); no password is shown."
        raise StateError(problem, "Check free space, owner and rights.") from None


def copy_problem(place: Place) -> str | None:
    """What is wrong with the second copy, as a name of TEXTS; None when its content is equal."""
    data = place.documents.copy.get(place.name)
    if data is None:
        return "check.no_copy"
    if place.documents.unsealed(place.name, data) != place.documents.read(place.name)[0]:
        return "check.differs"
    return None


def _is_damaged(place: Place) -> bool:
    """Can the bytes be had, so that only their content is broken?"""
    try:
        return bool(place.documents.version(place.name))
    except StateError:
        return False


def _by_store(found: list[Place]) -> list[tuple[Documents, list[Place]]]:
    groups: dict[str, list[Place]] = {}
    for place in found:
        groups.setdefault(os.path.dirname(place.documents.where(("secrets", "x"))), []).append(place)
    return [(group[0].documents, group) for group in groups.values()]


def places(options: argparse.Namespace) -> tuple[list[Place], str]:
    """(where each device's secrets are, the inventory's language), by Ansible's own reading of the inventory."""
    from ansible import constants
    from ansible.cli import CLI
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar
    from ansible.vars.manager import VariableManager

    sources = list(options.inventory) or [str(source) for source in constants.DEFAULT_HOST_LIST]
    for source in sources:
        if "," not in source and not os.path.exists(source):
            raise InputError(TEXTS["no_inventory"][options.language == "ja"].format(path=messages.safe(source, 600)))
    loader = DataLoader()
    vault_files = list(options.vault_password_file)
    config = constants.config.get_config_value
    if not vault_files and config("DEFAULT_VAULT_PASSWORD_FILE"):
        vault_files = [config("DEFAULT_VAULT_PASSWORD_FILE")]
    try:
        vault_ids = [*(config("DEFAULT_VAULT_IDENTITY_LIST") or []), *options.vault_id]
        loader.set_vault_secrets(
            CLI.setup_vault_secrets(
                loader, vault_ids=vault_ids, vault_password_files=vault_files, ask_vault_pass=False, auto_prompt=False
            )
        )
        manager = InventoryManager(loader=loader, sources=sources)
        variables = VariableManager(loader=loader, inventory=manager)
        found, language = [], "en"
        for host in manager.get_hosts("all"):
            values = variables.get_vars(host=host, include_hostvars=False)
            if not values.get("nwcs_family"):
                continue
            place, language = _place(
                host.name, values, Templar(loader=loader, variables=values), sources, loader._vault
            )
            found.append(place)
    except AnsibleError as error:
        raise InputError(f"{messages.safe(str(error).splitlines()[0], 600)}") from None
    return sorted(found, key=lambda place: place.device), language


def _place(host: str, values: Any, templar: Any, sources: list[str], vault: Any) -> tuple[Place, str]:
    def get(name: str, default: Any) -> Any:
        value = templar.template(values[name]) if name in values else default
        return [str(part) for part in value] if isinstance(value, (list, tuple)) else value

    folder = str(values.get("inventory_dir") or os.getcwd())
    real = [os.path.realpath(source) for source in sources]
    base = os.path.dirname(os.path.realpath(folder)) if os.path.realpath(folder) in real else folder
    site = str(get("nwcs_site", None) or "default")
    location = inventory.folder(str(get("nwcs_secret_store", None) or os.path.join(base, "secrets")))
    documents = open_documents(location, site, vault, get("nwcs_vault_id", None), inventory.store_options(get, folder))
    state = os.path.normpath(str(get("nwcs_state_dir", None) or os.path.join(base, ".nwcs")))
    return Place(host, site, documents, state), str(get("nwcs_language", "en"))


def _complain(sentence: str) -> None:
    print(f"nwcs-secrets: {messages.safe(sentence, 1000)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
