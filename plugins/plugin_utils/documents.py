# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of a site that must be private and authentic: secrets, leases, undo sets, holds.

A document is a small dict of plain data with a name, a tuple of texts whose first is its kind: ("secrets", "cam-1"),
("undo", "cam-1", "run-7"). Writing is compare and set: who writes gives the version it has read.

`VaultFiles` keeps each in a file that ansible-vault encrypts and authenticates (HMAC): who lacks the vault password can
neither read nor change one unseen. The document's site and name stand inside too, so a file that was copied to another
name is refused. `documents_kv.KvDocuments` keeps them in a server with the KV v2 API of HashiCorp Vault.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files
from ansible_collections.nwcs.hardening.plugins.plugin_utils.vault_strength import MAKE_ONE, weakness

Name = tuple[str, ...]

MARK = "document"  # key inside a document that says whose it is
SUFFIX = ".vault.yml"
TEMPORARY = ".tmp-"
REPLACED = ".replaced-"  # after the name of a file that put_back kept: no document any more
STALE_SECONDS = 3600  # a temporary file this old was left by a process that was killed
LOCK_SECONDS = 30.0  # the lock is held for a rename and an fsync; who waits longer has a broken disk


class Conflict(StateError):
    """Somebody else wrote the document meanwhile; it is as they wrote it."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where}: another run changed this meanwhile; nothing was written over it.", "Run again.")


class Documents(abc.ABC):
    """The documents of one site. All methods raise StateError with a sentence that says where and what to do."""

    copy: Any = None  # the second copy (copies.Copy) of documents of the kind "secrets", or None

    @abc.abstractmethod
    def read(self, name: Name) -> tuple[dict[str, Any] | None, str]:
        """(content, version); (None, "") where there is none."""

    @abc.abstractmethod
    def write(self, name: Name, content: Mapping[str, Any], version: str) -> str:
        """Compare and set; the new version. `version`: as read, "" = must not exist yet. Conflict otherwise."""

    @abc.abstractmethod
    def delete(self, name: Name, version: str) -> None:
        """Compare and delete. Conflict when it has another version, or is gone."""

    @abc.abstractmethod
    def names(self, *prefix: str) -> list[Name]:
        """Names of all documents that begin with `prefix`, sorted."""

    @abc.abstractmethod
    def where(self, name: Name) -> str:
        """Path or URL, for messages. Never a token."""

    @abc.abstractmethod
    def refuses(self) -> StateError | None:
        """Why nothing can be written (no vault password, a weak one), or None."""

    @abc.abstractmethod
    def version(self, name: Name) -> str:
        """The version alone, also of a document that cannot be decrypted; "" where there is none."""

    @abc.abstractmethod
    def sealed(self, name: Name) -> bytes | None:
        """The document as one encrypted file, for the second copy; None where there is none."""

    @abc.abstractmethod
    def unsealed(self, name: Name, data: bytes) -> dict[str, Any]:
        """Content of what `sealed` gave. StateError when it is another document's, or cannot be decrypted."""

    @abc.abstractmethod
    def put_back(self, name: Name, content: Mapping[str, Any]) -> str:
        """Replace whatever is there, readable or not. Where the replaced one is kept; "" when there was none.

        Readers see the old or the new at every moment, never none: no hold would be no hold at all.
        """


class Seal:
    """Encryption of documents with Ansible's vault. `vault` is the VaultLib that Ansible set up, or None."""

    def __init__(self, site: str, vault: Any, vault_id: str | None = None) -> None:
        self.site, self.vault, self.vault_id = _plain(site or "default"), vault, vault_id

    def refuses(self) -> StateError | None:
        """Why nothing can be encrypted."""
        if self.vault is None or not self.vault.secrets:
            return StateError(
                "there is no vault password, so no new password is made or sent.",
                "Give one: --vault-password-file FILE, or ANSIBLE_VAULT_PASSWORD_FILE.",
            )
        try:
            _label, secret = self._secret()
        except StateError as error:
            return error
        if reason := weakness(secret.bytes):
            return StateError(
                f"the vault password is too weak to keep secrets with: {reason}; no new password is made or sent.",
                f"{MAKE_ONE} What is encrypted with the old one: ansible-vault rekey FILES.",
            )
        return None

    def _secret(self) -> tuple[str, Any]:
        from ansible.errors import AnsibleError
        from ansible.parsing.vault import match_encrypt_secret

        try:
            return match_encrypt_secret(self.vault.secrets, encrypt_vault_id=self.vault_id)
        except AnsibleError:
            raise StateError(
                f"there is no vault password with the id {self.vault_id!r} (nwcs_vault_id).",
                "Give it with --vault-id ID@FILE.",
            ) from None

    def seal(self, name: Name, content: Mapping[str, Any], where: str) -> bytes:
        """Encrypt, and try to decrypt at once: what cannot be read back would be lost the moment it is used."""
        import yaml

        if error := self.refuses():
            raise error
        unreadable = StateError(f"{where}: this could not be read back; nothing was sent.")
        try:
            text = yaml.dump(
                _plain({**content, MARK: [self.site, *name]}),
                Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
                allow_unicode=True,
                sort_keys=True,
            )
            label, secret = self._secret()
            data = self.vault.encrypt(text, secret=secret, vault_id=None if label == "default" else label)
        except (yaml.YAMLError, ValueError, TypeError):
            raise unreadable from None
        if len(data) > files.MAX_BYTES:
            raise StateError(f"{where}: this would be larger than {files.MAX_BYTES} bytes; nothing was written.")
        try:
            if self.unseal(name, data, where) == dict(content):
                return data
        except StateError:
            pass
        raise unreadable

    def unseal(self, name: Name, data: bytes, where: str) -> dict[str, Any]:
        """The content of a document named `name`."""
        content, mark = self.opened(data, where)
        check_mark(self.site, name, mark, content, where)
        return content

    def opened(self, data: bytes, where: str) -> tuple[dict[str, Any], Any]:
        """(content, mark) of encrypted bytes, whoever they belong to."""
        import yaml
        from ansible.errors import AnsibleError

        try:
            if self.vault is None:
                raise AnsibleError("no vault")
            text = self.vault.decrypt(data)
        except (AnsibleError, ValueError):  # ValueError: a broken envelope
            raise StateError(
                f"{where}: this file cannot be decrypted, or was altered.",
                "Give the vault password it was written with (--vault-password-file, --vault-id); "
                "a damaged file of secrets comes back with: nwcs-secrets restore.",
            ) from None
        try:
            content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
            return content, content.pop(MARK, None)
        except (yaml.YAMLError, ValueError, AttributeError, TypeError, RecursionError):
            raise StateError(f"{where}: the decrypted file has another shape than expected.") from None


def _plain(value: Any) -> Any:
    """Ansible marks texts and numbers with where they come from, and YAML writes exact types only."""
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return str.__str__(value) if isinstance(value, str) else value


def check_mark(site: str, name: Name, mark: Any, content: Mapping[str, Any], where: str) -> None:
    """StateError when the document says it is another one."""
    own = [site, *name]
    # Secrets that people wrote by hand, or that are older than the mark, have none; nothing else may lack it.
    if mark is None and name[0] == "secrets" and content.get("device", name[-1]) == name[-1]:
        return
    if mark != own:
        theirs = "/".join(map(str, mark)) if isinstance(mark, list) else content.get("device", "nobody")
        raise StateError(
            f"{where}: this is the file of {theirs}, not of {'/'.join(own)}; somebody copied or renamed it.",
            "Put the right file there, or delete this one.",
        )


class VaultFiles(Documents):
    """Encrypted files, 0600 in folders 0700, below `folder`/<site>. Links and other people's files are refused.

    ("secrets", device) is <device>.vault.yml there; of other kinds, (kind, a, b) is .<kind>/<a>/<b>.vault.yml.
    """

    def __init__(self, folder: str, site: str, vault: Any, vault_id: str | None = None) -> None:
        self.seal = Seal(site, vault, vault_id)
        self.folder = os.path.join(folder, files.safe_name(site or "default"))

    def refuses(self) -> StateError | None:
        return self.seal.refuses()

    def where(self, name: Name) -> str:
        folders, leaf = _place(name)
        return os.path.join(self.folder, *folders, leaf)

    # -- reading -----------------------------------------------------------------------------------------------------
    def read(self, name: Name) -> tuple[dict[str, Any] | None, str]:
        data = self.sealed(name)
        if data is None:
            return None, ""
        return self.seal.unseal(name, data, self.where(name)), _digest(data)

    def version(self, name: Name) -> str:
        data = self.sealed(name)
        return "" if data is None else _digest(data)

    def sealed(self, name: Name) -> bytes | None:
        folders, leaf = _place(name)
        with self._opened(folders) as handle:
            return None if handle is None else _content(handle, leaf, self.where(name))

    def unsealed(self, name: Name, data: bytes) -> dict[str, Any]:
        return self.seal.unseal(name, data, f"the copy of {'/'.join(name)}")

    def names(self, *prefix: str) -> list[Name]:
        if prefix:
            kinds = [prefix[0]]
        else:
            with self._opened([]) as handle:
                found = _listed(handle, self.folder)
            kinds = ["secrets", *(name[1:] for name in found if re.fullmatch(r"\.[a-z]+", name) and name != ".lock")]
        names = []
        for kind in kinds:
            names += self._names_below([] if kind == "secrets" else [f".{kind}"], (kind,), prefix)
        return sorted(name for name in names if name[: len(prefix)] == prefix)

    def _names_below(self, folders: list[str], known: Name, prefix: Name) -> list[Name]:
        wanted = files.safe_name(prefix[len(known)]) if len(prefix) > len(known) else None
        found: list[Name] = []
        with self._opened(folders) as handle:
            listed = _listed(handle, os.path.join(self.folder, *folders))
        for leaf in listed:
            if leaf.startswith(".") or SUFFIX + REPLACED in leaf:
                continue
            part = leaf.removesuffix(SUFFIX)
            if wanted is not None and part != wanted:
                continue
            if leaf.endswith(SUFFIX):
                found.append(self._name_of(folders, leaf, (*known, part)))
            elif known[0] != "secrets":
                found += self._names_below([*folders, leaf], (*known, part), prefix)
        return found

    def _name_of(self, folders: list[str], leaf: str, plain: Name) -> Name:
        """Names with "~" are shortened ones: the whole name stands in the document."""
        if not any("~" in part for part in plain):
            return plain
        where = os.path.join(self.folder, *folders, leaf)
        with self._opened(folders) as handle:
            data = None if handle is None else _content(handle, leaf, where)
        if data is None:  # deleted meanwhile
            return plain
        content, mark = self.seal.opened(data, where)
        if isinstance(mark, list) and len(mark) > 1:
            return tuple(map(str, mark[1:]))
        return (*plain[:-1], str(content.get("device", plain[-1])))

    # -- writing -----------------------------------------------------------------------------------------------------
    def write(self, name: Name, content: Mapping[str, Any], version: str) -> str:
        where = self.where(name)
        data = self.seal.seal(name, content, where)
        with self._locked(name) as (handle, leaf):
            if self._version_at(handle, leaf, where) != version:
                raise Conflict(where)
            _replace(handle, leaf, data, where)
        return _digest(data)

    def delete(self, name: Name, version: str) -> None:
        where = self.where(name)
        if not version or not self.version(name):
            raise Conflict(where)
        with self._locked(name) as (handle, leaf):
            if self._version_at(handle, leaf, where) != version:
                raise Conflict(where)
            try:
                os.unlink(leaf, dir_fd=handle)
                os.fsync(handle)
            except OSError as error:
                raise _cannot("delete", where, error) from None

    def put_back(self, name: Name, content: Mapping[str, Any]) -> str:
        where = self.where(name)
        data = self.seal.seal(name, content, where)
        mark = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        with self._locked(name) as (handle, leaf):
            beside = f"{leaf}{REPLACED}{mark}-{secrets.token_hex(2)}"
            there = _keep_beside(handle, leaf, beside, where)
            _replace(handle, leaf, data, where)
        return os.path.join(os.path.dirname(where), beside) if there else ""

    def keep(self, name: Name, data: bytes) -> None:
        """Keep bytes that are encrypted already, over whatever is there: this is how a second copy is written."""
        with self._locked(name) as (handle, leaf):
            _replace(handle, leaf, data, self.where(name))

    @staticmethod
    def _version_at(handle: int, leaf: str, where: str) -> str:
        data = _content(handle, leaf, where)
        return "" if data is None else _digest(data)

    @contextlib.contextmanager
    def _locked(self, name: Name) -> Iterator[tuple[int, str]]:
        """(folder, file name) while nobody else writes in this folder."""
        import fcntl

        folders, leaf = _place(name)
        files.private_folder(os.path.dirname(self.folder))
        # pylint: disable-next=contextmanager-generator-missing-cleanup
        with self._opened(folders, make=True) as handle:
            where = os.path.join(self.folder, *folders, ".lock")
            try:
                lock = os.open(".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=handle)
            except OSError as error:
                raise _cannot("open", where, error) from None
            try:
                deadline = time.monotonic() + LOCK_SECONDS
                while True:
                    try:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        if time.monotonic() > deadline:
                            advice = "Look for a hanging process that has it open."
                            raise StateError(f"{where} is held by another process.", advice) from None
                        time.sleep(0.01)
                    except OSError as error:
                        advice = "Give nwcs_secret_store a folder on a file system with locks."
                        raise StateError(f"cannot lock {where}: {error.strerror}.", advice) from None
                _sweep(handle)
                yield handle, leaf
            finally:
                os.close(lock)

    @contextlib.contextmanager
    def _opened(self, folders: list[str], make: bool = False) -> Iterator[int | None]:
        """Handle of a folder below the store, each part opened without following links. None where there is none."""
        base, site = os.path.split(self.folder)
        path, handle = base, -1
        try:
            handle = os.open(base or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for part in [site, *folders]:
                path = os.path.join(path, part)
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=handle)
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
                os.close(handle)
                handle = inner
                _check_rights(os.fstat(handle), path, 0o022, "chmod 700")
        except FileNotFoundError:
            if handle >= 0:
                os.close(handle)
            yield None
            return
        except OSError as error:
            if handle >= 0:
                os.close(handle)
            if error.errno in (errno.ELOOP, errno.ENOTDIR) and os.path.islink(path):
                raise _is_link(path) from None
            raise _cannot("open", path, error) from None
        except StateError:
            os.close(handle)
            raise
        try:
            yield handle
        finally:
            os.close(handle)


def open_documents(
    location: str, site: str, vault: Any, vault_id: str | None = None, options: Mapping[str, Any] | None = None
) -> Documents:
    """The documents of a site. `location`: a folder, or https://HOST:PORT/v1/MOUNT of a KV v2 engine.

    options: "copy" (a folder, or a command as a list), "token" (token file), "ca", "namespace".
    """
    from ansible_collections.nwcs.hardening.plugins.plugin_utils import copies

    options = options or {}
    documents: Documents
    if is_url(location):
        from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents_kv import KvDocuments

        documents = KvDocuments(location, Seal(site, vault, vault_id), options)
    else:
        documents = VaultFiles(location, site, vault, vault_id)
    documents.copy = copies.open_copy(options.get("copy"), site, location)
    return documents


def is_url(location: str) -> bool:
    return bool(re.match(r"(?i)[a-z][a-z0-9+.-]*://", location))


# -- files -------------------------------------------------------------------------------------------------------------
def _place(name: Name) -> tuple[list[str], str]:
    """(folders below the site's, file name) of a document."""
    if len(name) < 2 or not re.fullmatch(r"[a-z]+", name[0]) or name[0] == "lock" or not all(name):
        raise StateError(f"{name!r} is no name of a document.")
    folders = [] if name[0] == "secrets" else [f".{name[0]}"]
    return [*folders, *map(files.safe_name, name[1:-1])], files.safe_name(name[-1]) + SUFFIX


def _listed(handle: int | None, where: str) -> list[str]:
    try:
        return [] if handle is None else sorted(os.listdir(handle))
    except OSError as error:
        raise _cannot("list", where, error) from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _content(handle: int, leaf: str, where: str) -> bytes | None:
    """The bytes of our own private file in the folder `handle`; None when there is none."""
    try:
        opened = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _is_link(where) from None
        raise _cannot("read", where, error) from None
    try:
        with os.fdopen(opened, "rb") as file:
            state = os.fstat(opened)
            if not stat.S_ISREG(state.st_mode):
                raise StateError(f"{where} is not an ordinary file.", "Move it away.")
            _check_rights(state, where, 0o077, "chmod 600")
            data = file.read(files.MAX_BYTES + 1)
    except OSError as error:
        raise _cannot("read", where, error) from None
    if len(data) > files.MAX_BYTES:
        raise StateError(f"{where} is larger than {files.MAX_BYTES} bytes.")
    return data


def private_bytes(path: str) -> bytes | None:
    """The bytes of any private file of ours (a token); None when there is none."""
    try:
        handle = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _cannot("open", path, error) from None
    try:
        return _content(handle, os.path.basename(path), path)
    finally:
        os.close(handle)


def _check_rights(state: os.stat_result, where: str, mask: int, remedy: str) -> None:
    if state.st_uid != os.geteuid():
        raise StateError(
            f"{where} belongs to the user number {state.st_uid}, not to you (number {os.geteuid()}).",
            "Work as the user that owns the secret store, or change its owner (chown) after you have made sure of it.",
        )
    if stat.S_IMODE(state.st_mode) & mask:
        raise StateError(
            f"{where} has the rights {stat.S_IMODE(state.st_mode):04o}: other users can get at it.",
            f"Find out why, then: {remedy} {where}",
        )


def _replace(handle: int, leaf: str, data: bytes, where: str) -> None:
    """Write new, flush, look at it, rename, flush the folder, look again. Readers see the old or the new."""
    temporary = f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        opened = os.open(temporary, flags, 0o600, dir_fd=handle)
        try:
            with os.fdopen(opened, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(opened)
            if _content(handle, temporary, where) != data:
                raise StateError(f"{where}: this could not be read back; nothing was sent.")
            os.rename(temporary, leaf, src_dir_fd=handle, dst_dir_fd=handle)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=handle)
            raise
        os.fsync(handle)
    except OSError as error:
        raise _cannot("write", where, error) from None
    if _content(handle, leaf, where) != data:
        raise StateError(f"{where}: this could not be read back; nothing was sent.")


def _keep_beside(handle: int, leaf: str, beside: str, where: str) -> bool:
    """Give what is there a second name, which stays when the first gets another file. False: nothing is there."""
    try:
        # follow_symlinks=False: of a link, the link itself.
        os.link(leaf, beside, src_dir_fd=handle, dst_dir_fd=handle, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError:  # a file system without hard links, or no ordinary file of ours: then _content refuses
        data = _content(handle, leaf, where)
        if data is None:
            return False
        _replace(handle, beside, data, where)
        return True
    try:
        os.fsync(handle)
    except OSError as error:
        raise _cannot("write", where, error) from None
    return True


def _sweep(handle: int) -> None:
    """Remove what killed processes left: encrypted, but of no use."""
    with contextlib.suppress(OSError):  # the write itself tells of a broken disk
        for leaf in os.listdir(handle):
            if leaf.startswith(TEMPORARY):
                if abs(time.time() - os.stat(leaf, dir_fd=handle, follow_symlinks=False).st_mtime) > STALE_SECONDS:
                    os.unlink(leaf, dir_fd=handle)


def _is_link(where: str) -> StateError:
    return StateError(
        f"{where} is a symbolic link; links inside the secret store are not followed.",
        "Put the real file or folder there; the store itself (nwcs_secret_store) may lie behind a link.",
    )


def _cannot(what: str, where: str, error: OSError) -> StateError:
    return StateError(f"cannot {what} {where}: {error.strerror}.", "Check free space, owner and rights.")
