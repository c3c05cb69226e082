# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the controller: private, written whole or not at all, with names that no device can choose."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import stat
import tempfile
import unicodedata
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError

MAX_BYTES = 8 * 1024 * 1024  # of one sheet or result file
MAX_DEPTH = 40

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9]|lpt[0-9])(\..*)?")


def safe_name(name: str) -> str:
    """A file name (no suffix) for any text: short plain ASCII names stay; others get a readable part, "~" and a digest.

    Never a path, never hidden, never a reserved name of Windows (also not with a suffix); at most 200 bytes. Different
    names give different results: "~" does not occur in plain ones, and the digest is of the exact text.
    """
    if _PLAIN.fullmatch(name) and not name.endswith(".") and not _RESERVED.fullmatch(name):
        return name
    text = unicodedata.normalize("NFKC", name)
    readable = re.sub(r"_+", "_", "".join(c if c.isalnum() else "_" for c in text[:400])).strip("_")[:40]
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{readable or 'device'}~{mark}"


def private_folder(path: str) -> str:
    """Make `path` with its missing parents, all 0700; existing folders stay as they are. StateError when impossible."""
    missing = []
    folder = os.path.abspath(path)
    while not os.path.isdir(folder):
        missing.append(folder)
        parent = os.path.dirname(folder)
        if parent == folder:
            break
        folder = parent
    try:
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):  # two workers at once
                os.mkdir(folder, 0o700)
    except OSError as error:
        raise StateError(f"cannot make the folder {folder}: {error.strerror}.", "Check its owner and rights.") from None
    if not os.path.isdir(path):
        raise StateError(f"{path} is not a folder.")
    return path


def write_private(path: str, text: str | bytes) -> None:
    """Write 0600: temporary file beside it, flushed, renamed. Readers see the old or the new, never half."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=folder)  # mkstemp: 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        folder_handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(folder_handle)
        finally:
            os.close(folder_handle)
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}.", "Check free space, owner and rights.") from None


def read_text(path: str, limit: int = MAX_BYTES) -> str | None:
    """The text of a regular file of at most `limit` bytes; None when there is none. InputError for all else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe put here must not hang a run
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError(f"{path} is not an ordinary file.")
    with os.fdopen(handle, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"{path} is larger than {limit} bytes.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}).") from None


def read_json(path: str) -> Any:
    """Parsed JSON; None when the file is missing. InputError names the file and the place."""
    text = read_text(path)
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{path} is not valid JSON{where}.") from None


def write_json(path: str, obj: Any) -> None:
    """Indented ASCII JSON: control and bidirectional characters stay escaped in any viewer."""
    write_private(path, json.dumps(obj, indent=1) + "\n")


def read_yaml(path: str) -> Any:
    """Plain data of a YAML file: no tags, no anchors, limited in size and depth. None when missing. InputError else."""
    import yaml

    text = read_text(path)
    if text is None:
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_shape(text, path, loader)
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, in C where there is one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise InputError(f"{path}:{where} {problem}.") from None
    except (ValueError, RecursionError) as error:  # 2026-99-99, or nested without end
        raise InputError(f"{path}: {type(error).__name__}: cannot be read as plain data.") from None


_RUN = re.compile(r"(?m)^[ \-?]+")


def _check_shape(text: str, path: str, loader: Any) -> None:
    """Refuse deep nesting and anchors before anything is built. The costly look happens only when they are possible."""
    import yaml

    deepest = text.count("[") + text.count("{") + max((len(run) for run in _RUN.findall(text)), default=0)
    if deepest <= MAX_DEPTH and "&" not in text:
        return
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"{path}: line {event.start_mark.line + 1}: anchors and aliases are not used in sheets.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise InputError(f"{path}: line {event.start_mark.line + 1}: nested deeper than {MAX_DEPTH}.")


def point(link: str, target: str) -> None:
    """Let the symbolic link `link` name `target` (a name beside it), in one step. Where links are not possible
    (Windows drives), a text file with the name is written instead."""
    folder = os.path.dirname(os.path.abspath(link))
    temporary = os.path.join(folder, f".tmp-{os.path.basename(link)}-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        os.symlink(target, temporary)
        os.replace(temporary, link)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if os.path.isdir(link) and not os.path.islink(link):
            raise StateError(f"{link} is a folder, so it cannot point to the newest run.") from None
        write_private(link, target + "\n")


# -- YAML that people read ---------------------------------------------------------------------------------------------
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_. -]*[A-Za-z0-9]")
_MEANS_MORE = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def quote(text: str) -> str:
    """A YAML double-quoted scalar in which every invisible, control or direction character is escaped."""
    out = ['"']
    for c in text:
        if c in '"\\':
            out.append("\\" + c)
        elif c == " " or (c.isprintable() and c != "\ufeff"):
            out.append(c)
        else:
            code = ord(c)
            out.append(f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}")
    out.append('"')
    return "".join(out)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        mantissa, mark, exponent = repr(value).partition("e")
        if not math.isfinite(value):
            return quote(mantissa)
        return mantissa + (".0" if mark and "." not in mantissa else "") + mark + exponent  # YAML 1.1 asks for the dot
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} cannot stand in a sheet")
    if (_WORD.fullmatch(value) or _BARE.fullmatch(value)) and value.lower() not in _MEANS_MORE and len(value) <= 200:
        return value
    if '"' in value and value.isprintable() and "\ufeff" not in value:
        return "'" + value.replace("'", "''") + "'"  # keys with a quoted item read better so
    return quote(value)


def to_yaml(value: Any, comments: dict[str, str] | None = None, indent: int = 0) -> str:
    """Block YAML of plain data in the given order. `comments` are lines put above keys of the outermost map.

    Written by hand instead of by PyYAML: comments, escapes for what PyYAML prints raw (direction marks), and speed.
    """
    pad = "  " * indent
    lines = []
    if isinstance(value, dict):
        for name, inner in value.items():
            if comments and name in comments:
                lines += ["", *(f"# {line}" for line in comments[name].splitlines())]
            key = _scalar(str(name))
            if len(key) > 120:  # readers need the long form of a key from 1024 characters on
                lines.append(f"{pad}? {key}")
                key = ""
            if isinstance(inner, (dict, list)) and inner:
                lines += [f"{pad}{key}:", to_yaml(inner, None, indent + 1)]
            else:
                lines.append(f"{pad}{key}: {_empty(inner)}")
    else:
        for inner in value:
            if isinstance(inner, (dict, list)) and inner:
                block = to_yaml(inner, None, indent + 1)
                lines.append(f"{pad}- {block[len(pad) + 2 :]}")
            else:
                lines.append(f"{pad}- {_empty(inner)}")
    return "\n".join(lines)


def _empty(value: Any) -> str:
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[]"
    return _scalar(value)
