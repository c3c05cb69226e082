# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds passwords that two accounts of a site share, also those that people set by hand, without keeping one.

What is kept is a keyed digest, HMAC-SHA256(key, password). No slow hash is needed: the 32 random bytes of the key are
among the site's encrypted documents, and without them no guess can be checked against a digest.

Files below the site's folder in nwcs_state_dir, all small, so that the cost does not grow with the number of devices:

    .reuse/lock                            one change at a time, over all processes that share the folder
    .reuse/key                             a digest of the key itself: tells an index that was made with another one
    .reuse/<2 hex>/<digest>                {"owners": [[device, account], …]}
    .reuse/owners/<device>/<account>       {"digest": …}: what this account holds; decides where a run was cut off
"""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import time
from collections.abc import Iterator
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Conflict, Documents

KEY = ("site", "reuse-key")
KEY_BYTES = 32
LOCK_SECONDS = 30.0  # the lock is held for a few small files; who waits longer has a broken disk
Owner = tuple[str, str]  # device, account


class ReuseIndex:
    """The index of one site. `folder`: the site's folder in nwcs_state_dir. StateError when it cannot be trusted."""

    def __init__(self, documents: Documents, folder: str) -> None:
        self.documents = documents
        self.folder = os.path.join(folder, ".reuse")
        self._key = b""

    def claim(self, device: str, account: str, password: str) -> list[Owner]:
        """This account holds this password from now on, and no other. Who else holds it, sorted."""
        owner, digest = (device, account), self._digest(password)
        with self._locked():
            held, known = self._held(owner), self._owners(digest)
            if owner not in known:
                self._write_owners(digest, [*known, owner])
            if held != digest:
                # First the digest's file, then this one: a run cut off between leaves an entry that does not count.
                self._write(self._path_of(owner), {"digest": digest})
                if held:
                    self._remove(owner, held)
            return self._others(digest, owner)

    def release(self, device: str, account: str) -> None:
        """This account is gone, or what it holds is no longer known."""
        owner = (device, account)
        with self._locked():
            held = self._held(owner)
            if held:
                self._unlink(self._path_of(owner))
                self._remove(owner, held)

    def others(self, password: str, device: str, account: str) -> list[Owner]:
        """Which accounts beside this one hold this password, sorted. Changes nothing."""
        digest = self._digest(password)
        with self._locked():
            return self._others(digest, (device, account))

    # -- the key -------------------------------------------------------------------------------------------------------
    def _digest(self, password: str) -> str:
        return hmac.digest(self._secret(), b"password\0" + password.encode("utf-8", "surrogatepass"), "sha256").hex()

    def _secret(self) -> bytes:
        if not self._key:
            content, _version = self.documents.read(KEY)
            if content is None:
                with contextlib.suppress(Conflict):  # another run made it meanwhile: that one counts
                    self.documents.write(KEY, {"key": os.urandom(KEY_BYTES).hex()}, "")
                content, _version = self.documents.read(KEY)
            text = (content or {}).get("key")
            if not isinstance(text, str) or not re.fullmatch(f"[0-9a-f]{{{2 * KEY_BYTES}}}", text):
                raise StateError(f"{self.documents.where(KEY)}: this is no key of the index of passwords.",
                                 "Restore it from the second copy, or remove it together with "
                                 f"{self.folder}; the runs that follow fill both again.")  # fmt: skip
            self._key = bytes.fromhex(text)
        return self._key

    def _check_key(self) -> None:
        """An index made with another key would find nothing, and look as if nothing was shared."""
        mark = hmac.digest(self._secret(), b"index", "sha256").hex()
        path = os.path.join(self.folder, "key")
        found = self._read(path)
        if found is None:
            if any(name != "lock" and not name.startswith(".tmp-") for name in os.listdir(self.folder)):
                raise self._broken(path, "it is missing")
            self._write(path, {"mark": mark})
        elif found.get("mark") != mark:
            raise self._broken(path, "the index was made with another key")

    # -- files ---------------------------------------------------------------------------------------------------------
    def _others(self, digest: str, owner: Owner) -> list[Owner]:
        return sorted(other for other in self._owners(digest) if other != owner and self._held(other) == digest)

    def _owners(self, digest: str) -> list[Owner]:
        path = self._path(digest)
        content = self._read(path)
        if content is None:
            return []
        owners = content.get("owners")
        if not isinstance(owners, list) or not all(_is_owner(owner) for owner in owners):
            raise self._broken(path, "it has another shape than expected")
        return [tuple(owner) for owner in owners]

    def _write_owners(self, digest: str, owners: list[Owner]) -> None:
        if owners:
            self._write(self._path(digest), {"owners": sorted(owners)})
        else:
            self._unlink(self._path(digest))

    def _remove(self, owner: Owner, digest: str) -> None:
        known = self._owners(digest)
        if owner in known:
            self._write_owners(digest, [other for other in known if other != owner])

    def _held(self, owner: Owner) -> str:
        """The digest of what this account holds; "" where nothing is known."""
        path = self._path_of(owner)
        content = self._read(path)
        if content is None:
            return ""
        digest = content.get("digest")
        if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise self._broken(path, "it has another shape than expected")
        return digest

    def _path(self, digest: str) -> str:
        return os.path.join(self.folder, digest[:2], digest)

    def _path_of(self, owner: Owner) -> str:
        device, account = owner
        return os.path.join(self.folder, "owners", files.safe_name(device), files.safe_name(account))

    def _read(self, path: str) -> dict[str, Any] | None:
        if os.path.islink(path):
            raise self._broken(path, "it is a symbolic link")
        try:
            content = files.read_json(path)
        except InputError as error:
            raise self._broken(path, error.message) from None
        if content is not None and not isinstance(content, dict):
            raise self._broken(path, "it has another shape than expected")
        return content

    @staticmethod
    def _write(path: str, content: dict[str, Any]) -> None:
        files.private_folder(os.path.dirname(path))
        files.write_json(path, content)

    @staticmethod
    def _unlink(path: str) -> None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StateError(f"cannot remove {path}: {error.strerror}.", "Check its owner and rights.") from None

    def _broken(self, path: str, why: str) -> StateError:
        return StateError(
            f"the index of passwords cannot be used, so shared ones are not found: {path}: {why.rstrip('.')}.",
            f"Remove the folder {self.folder}; the runs that follow fill it again.",
        )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time. The kernel frees the lock when a process dies."""
        import fcntl

        files.private_folder(self.folder)
        path = os.path.join(self.folder, "lock")
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"cannot open {path}: {error.strerror}.", "Check its owner and rights.") from None
        try:
            deadline = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StateError(f"{path}: locked by another run for {LOCK_SECONDS:.0f} s.") from None
                    time.sleep(0.005)
                except OSError as error:
                    raise StateError(
                        f"cannot lock {path}: {error.strerror}.",
                        "Give nwcs_state_dir a folder on a file system with locks.",
                    ) from None
            self._check_key()
            yield
        finally:
            os.close(handle)


def _is_owner(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)
