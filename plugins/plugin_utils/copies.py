# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second copy of the secrets (`nwcs_secret_copy`): a folder, or a command of the site's own.

It gets the same bytes as the first: encrypted, so it may lie where the vault password does not. A copy counts only when
it was read back and is equal.

The command is called as `COMMAND put SITE NAME` with the encrypted bytes on its standard input, and as
`COMMAND get SITE NAME` to give them on its standard output (nothing = there is none). SITE and NAME are safe as file
names. Exit code 0 = done. It gets no secret as an argument or in its environment.
"""

from __future__ import annotations

import abc
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files

SECONDS = 60.0  # a command has this long
TRIES = 5
HIDDEN = ("VAULT_TOKEN",)  # not handed to the command


class Copy(abc.ABC):
    """A place that keeps the encrypted bytes of documents a second time."""

    @abc.abstractmethod
    def put(self, name: tuple[str, ...], data: bytes) -> None:
        """Keep `data`. StateError when it could not be kept."""

    @abc.abstractmethod
    def get(self, name: tuple[str, ...]) -> bytes | None:
        """What is kept; None when there is nothing. StateError when it cannot be told."""

    @abc.abstractmethod
    def where(self, name: tuple[str, ...]) -> str:
        """For messages."""

    def bring(self, documents: Any, name: tuple[str, ...]) -> None:
        """Copy the document, and read the copy back. Of several processes, the last one copies the newest state."""
        for _attempt in range(TRIES):
            version = documents.version(name)
            data = documents.sealed(name)
            if data is None:
                return
            self.put(name, data)
            if self.get(name) != data:
                raise StateError(f"{self.where(name)} is not equal to what was written.", "Look at that place.")
            if documents.version(name) == version:
                return
        raise StateError(f"{documents.where(name)} changes all the time.", "Let one run at a time work on it.")


class FolderCopy(Copy):
    """A second folder with the same layout. It must exist: a drive that is not mounted is no second copy."""

    def __init__(self, folder: str, site: str) -> None:
        from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import VaultFiles

        self.folder, self.files = folder, VaultFiles(folder, site, None)

    def where(self, name: tuple[str, ...]) -> str:
        return self.files.where(name)

    def put(self, name: tuple[str, ...], data: bytes) -> None:
        self._check()
        self.files.keep(name, data)

    def get(self, name: tuple[str, ...]) -> bytes | None:
        self._check()
        return self.files.sealed(name)

    def _check(self) -> None:
        if not os.path.isdir(self.folder):
            raise StateError(
                f"there is no folder {self.folder} for the second copy (nwcs_secret_copy).",
                "Mount its drive, or make the folder once.",
            )


class CommandCopy(Copy):
    """A command of the site's own: to another machine, into a safe, onto a tape."""

    def __init__(self, command: Sequence[str], site: str, seconds: float = SECONDS) -> None:
        self.command, self.site, self.seconds = list(command), files.safe_name(site or "default"), seconds

    def where(self, name: tuple[str, ...]) -> str:
        return f"the second copy that {self.command[0]} keeps of {name[-1]}"

    def put(self, name: tuple[str, ...], data: bytes) -> None:
        self._run("put", name, data)

    def get(self, name: tuple[str, ...]) -> bytes | None:
        return self._run("get", name, b"") or None

    def _run(self, what: str, name: tuple[str, ...], data: bytes) -> bytes:
        environment = {key: value for key, value in os.environ.items() if key not in HIDDEN}
        told = f"nwcs_secret_copy: {self.command[0]} {what}"
        try:
            process = subprocess.Popen(
                [*self.command, what, self.site, files.safe_name(name[-1])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,  # so that its children end with it
            )
        except OSError as error:
            raise StateError(f"{told} cannot be started: {error.strerror}.", "Check the command.") from None
        try:
            output, complaint = process.communicate(data, timeout=self.seconds)
        except subprocess.TimeoutExpired:
            raise StateError(f"{told} did not end within {self.seconds:.0f} seconds.", "Check the command.") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        if process.returncode:
            said = "".join(c if c.isprintable() else " " for c in complaint.decode("utf-8", "replace")).strip()[:200]
            raise StateError(f"{told} failed (exit code {process.returncode}): {said or 'it gave no reason'}")
        if len(output) > files.MAX_BYTES:
            raise StateError(f"{told} gave more than {files.MAX_BYTES} bytes.")
        return output


def open_copy(given: Any, site: str, location: str) -> Copy | None:
    """The second copy that nwcs_secret_copy names, or None. `location`: where the first one is."""
    if not given:
        return None
    if isinstance(given, str):
        if os.path.realpath(given) == os.path.realpath(location):
            raise InputError(f"nwcs_secret_copy is the same folder as nwcs_secret_store: {given}", "Give another one.")
        return FolderCopy(given, site)
    if isinstance(given, (list, tuple)) and given[0] and all(isinstance(part, str) for part in given):
        return CommandCopy(given, site)
    raise InputError(f"nwcs_secret_copy is {given!r}.", "Give a folder, or a command as a list of texts.")
