# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`nwcs-doctor`: looks at the controller, says per point whether it is in order, and what to do if not.

It looks only: no device is contacted, nothing is written. With an inventory it looks at the secret store as well
(doctor_store.py). A check is a function of what it was given (versions, paths, the text of a file), so that each
outcome can be tested; `examine` is the one place that reads the real machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.nwcs.hardening.plugins.plugin_utils.doctor_texts import TEXTS

OK = "ok"
PROBLEM = "problem"
UNKNOWN = "unknown"

PYTHON_MINIMUM = (3, 11)
CORE_MINIMUM = "2.19"
DISK_MINIMUM_MB = 500

# The same as `dependencies` in pyproject.toml (a test compares them): a collection that came by `ansible-galaxy` has no
# pip metadata that could be asked instead.
LIBRARIES = {
    "ansible-runner": "2.4",
    "cryptography": "42",
    "defusedxml": "0.7.1",
    "jinja2": "3.1",
    "openpyxl": "3.1",
    "PyYAML": "6.0",
}


@dataclass(frozen=True)
class Finding:
    """One point looked at: `state` is ok | problem | unknown; `outcome` names the sentence in TEXTS."""

    topic: str
    state: str
    outcome: str
    facts: Mapping[str, object] = field(default_factory=dict)


# --- the checks: pure but for the files they are pointed at ---


def version_tuple(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: "2.19.0rc1" -> (2, 19, 0)."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def check_python(found: Sequence[int]) -> Finding:
    facts = {"found": ".".join(map(str, found[:3])), "wanted": ".".join(map(str, PYTHON_MINIMUM))}
    if tuple(found[:2]) < PYTHON_MINIMUM:
        return Finding("python", PROBLEM, "old", facts)
    return Finding("python", OK, "ok", facts)


def check_core(found: str | None) -> Finding:
    facts = {"found": found, "wanted": CORE_MINIMUM}
    if found is None:
        return Finding("core", PROBLEM, "missing", facts)
    if version_tuple(found) < version_tuple(CORE_MINIMUM):
        return Finding("core", PROBLEM, "old", facts)
    return Finding("core", OK, "ok", facts)


def check_collection(own: Path, searched: Iterable[Path], elsewhere: Iterable[Path] = ()) -> Finding:
    """`own`: root of the copy this code runs from; `searched`: folders where Ansible looks, in its order, each the
    parent of ansible_collections; `elsewhere`: folders it would search when started from another place."""

    def copies(folders: Iterable[Path]) -> list[Path]:
        roots = (Path(folder) / "ansible_collections" / "nwcs" / "hardening" for folder in folders)
        signs = ("galaxy.yml", "MANIFEST.json")
        there = [root.resolve() for root in roots if any((root / sign).is_file() for sign in signs)]
        return list(dict.fromkeys(there))

    used = copies(searched)
    if not used:
        return Finding("collection", PROBLEM, "missing")
    winner = used[0]
    facts = {"winner": winner, "own": own.resolve()}
    if winner != own.resolve():
        return Finding("collection", PROBLEM, "other", facts)
    others = [copy for copy in dict.fromkeys(used + copies(elsewhere)) if copy != winner]
    if others:
        return Finding("collection", PROBLEM, "second", {**facts, "others": ", ".join(map(str, others))})
    return Finding("collection", OK, "ok", facts)


def check_config(folder: Path, named: str | None) -> Finding:
    """`named`: value of ANSIBLE_CONFIG, which Ansible takes without looking at the folder's permissions."""
    if named:
        path = Path(named).expanduser()
        return Finding("config", OK if path.exists() else PROBLEM, "ok" if path.exists() else "gone", {"path": path})
    path = folder / "ansible.cfg"
    if not path.exists():
        return Finding("config", OK, "none")
    facts = {"path": path, "folder": folder}
    if folder.stat().st_mode & stat.S_IWOTH:
        return Finding("config", PROBLEM, "world", facts)
    return Finding("config", OK, "ok", facts)


def check_drive(folder: Path, mounts: str | None, kernel: str) -> Finding:
    """`mounts`: text of /proc/mounts; `kernel`: text of /proc/version. 9p alone is no sign, virtual machines use it:
    WSL mounts its drives as drvfs, or as 9p with the name drvfs in the options."""
    if not mounts:
        return Finding("drive", UNKNOWN, "unknown")
    best, kind, options = "", "", ""
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) < 4:
            continue
        point = parts[1].replace("\\040", " ")
        inside = str(folder) == point or str(folder).startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind, options = point, parts[2], parts[3]
    windows = kind == "drvfs" or (kind in ("9p", "v9fs") and ("drvfs" in options or "microsoft" in kernel.lower()))
    return Finding("drive", PROBLEM if windows else OK, "windows" if windows else "ok", {"path": folder, "kind": kind})


def check_clock(answers: Mapping[str, bool | None]) -> Finding:
    """`answers`: what each source says: synchronised, not, or None = cannot say. One yes is enough: a time service that
    disciplines the clock need not be the one the others know."""
    for state, wanted, outcome in ((OK, True, "ok"), (PROBLEM, False, "not")):
        sources = [name for name, answer in answers.items() if answer is wanted]
        if sources:
            return Finding("clock", state, outcome, {"source": ", ".join(sources)})
    return Finding("clock", UNKNOWN, "unknown")


def check_vault(sources: Iterable[str]) -> list[Finding]:
    """`sources`: entries as Ansible takes them: a path, `label@path` or `label@prompt`. One finding for each."""
    entries = [source for source in sources if source]
    if not entries:
        return [Finding("vault", PROBLEM, "missing")]
    return [_vault_source(entry) for entry in entries]


def _vault_source(entry: str) -> Finding:
    label, separator, rest = entry.partition("@")
    # As Ansible does: a path may hold an @ itself, when the whole of it exists.
    name = rest if separator and not Path(entry).expanduser().exists() else entry
    if name in ("prompt", "prompt_ask_vault_pass"):
        return Finding("vault", OK, "asked", {"label": label})
    path = Path(name).expanduser()
    facts = {"path": path}
    try:
        mode = path.stat().st_mode
        head = path.read_bytes()[:4096]
    except FileNotFoundError:
        return Finding("vault", PROBLEM, "gone", facts)
    except OSError:
        return Finding("vault", PROBLEM, "unreadable", facts)
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        return Finding("vault", PROBLEM, "open", facts)
    if not head.strip():
        return Finding("vault", PROBLEM, "empty", facts)
    if mode & 0o111 and not head.startswith((b"#!", b"\x7fELF")):
        return Finding("vault", PROBLEM, "executable", facts)
    return Finding("vault", OK, "ok", facts)


def check_lab(path: Path, command_of: Callable[[int], str | None]) -> Finding:
    """`path`: the lab's own lab.json; `command_of`: command line of a live process, None = there is none."""
    try:
        pid = json.loads(path.read_text(encoding="utf-8"))["pid"]
    except FileNotFoundError:
        return Finding("lab", OK, "ok")
    except (OSError, ValueError, KeyError, TypeError):
        return Finding("lab", UNKNOWN, "unknown", {"path": path})
    if not isinstance(pid, int):
        return Finding("lab", UNKNOWN, "unknown", {"path": path})
    command = command_of(pid)
    # A number is given away again after its process has ended: the command must be a lab's.
    if command is None or "lab" not in command:
        return Finding("lab", OK, "ok")
    return Finding("lab", PROBLEM, "running", {"pid": pid, "folder": path.parent})


def check_locale(encoding: str | None) -> Finding:
    fits = (encoding or "").lower().replace("-", "") == "utf8"
    return Finding("locale", OK if fits else PROBLEM, "ok" if fits else "other", {"found": encoding or "ASCII"})


def check_path(folder: Path, found: str | None) -> Finding:
    """`folder`: where this environment keeps its commands; `found`: the ansible-playbook that PATH leads to."""
    facts = {"folder": folder, "found": found}
    if found is None:
        return Finding("path", PROBLEM, "missing", facts)
    if Path(found).parent.resolve() != folder.resolve():
        return Finding("path", PROBLEM, "other", facts)
    return Finding("path", OK, "ok", facts)


def check_libraries(version_of: Callable[[str], str | None], python: str) -> Finding:
    found, wrong, install = [], [], []
    for name, minimum in LIBRARIES.items():
        version = version_of(name)
        if version is None or version_tuple(version) < version_tuple(minimum):
            wrong.append(f"{name} {version or '-'} (>= {minimum})")
            install.append(f"'{name}>={minimum}'")
        else:
            found.append(f"{name} {version}")
    if wrong:
        facts = {"wrong": ", ".join(wrong), "install": " ".join(install), "python": python}
        return Finding("libraries", PROBLEM, "missing", facts)
    return Finding("libraries", OK, "ok", {"found": ", ".join(found)})


def check_disk(free_bytes: int) -> Finding:
    free = free_bytes // 1_000_000
    facts = {"free": free, "wanted": DISK_MINIMUM_MB}
    if free < DISK_MINIMUM_MB:
        return Finding("disk", PROBLEM, "full", facts)
    return Finding("disk", OK, "ok", facts)


def check_umask(mask: int) -> Finding:
    closed = mask & 0o022 == 0o022
    return Finding("umask", OK if closed else PROBLEM, "ok" if closed else "open", {"found": f"{mask:04o}"})


# --- reading the real machine ---


def clock_from_timedatectl(output: str | None) -> bool | None:
    """Output of `timedatectl show --property=NTPSynchronized --value`."""
    return {"yes": True, "no": False}.get((output or "").strip())


def clock_from_chrony(output: str | None) -> bool | None:
    """Output of `chronyc -n tracking`: the line "Leap status     : Normal"."""
    match = re.search(r"^Leap status\s*:\s*(.+?)\s*$", output or "", re.MULTILINE)
    return match.group(1) != "Not synchronised" if match else None


def clock_from_kernel() -> bool | None:
    """What adjtimex(2) returns when it is only asked: 5 (TIME_ERROR) = not synchronised."""
    import ctypes

    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    # struct timex is 208 bytes on 64-bit Linux; modes = 0, its first field, asks without setting anything.
    state = adjtimex(ctypes.create_string_buffer(512))
    return None if state < 0 else state != 5


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _version_of(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _command_of(pid: int) -> str | None:
    text = _text(f"/proc/{pid}/cmdline")
    return text.replace("\0", " ") if text else None


def _encoding() -> str | None:
    import locale

    try:
        locale.setlocale(locale.LC_ALL, "")
        return locale.getlocale()[1]
    except (locale.Error, ValueError):
        return None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _ansible_settings(folder: Path) -> tuple[list[Path], list[str]]:
    """Collection folders and vault sources as Ansible sees them from `folder`."""
    os.chdir(folder)
    kept = os.environ.get("ANSIBLE_LOCAL_TEMP")
    # Ansible makes its folder for temporary files when it reads its settings: not in the user's home, we only look.
    with tempfile.TemporaryDirectory(prefix="nwcs-doctor-") as scratch:
        os.environ["ANSIBLE_LOCAL_TEMP"] = scratch
        try:
            from ansible import constants
        except ImportError:
            return [], []
        finally:
            os.environ.pop("ANSIBLE_LOCAL_TEMP")
            if kept is not None:
                os.environ["ANSIBLE_LOCAL_TEMP"] = kept
    config = constants.config.get_config_value
    vaults = [config("DEFAULT_VAULT_PASSWORD_FILE"), *(config("DEFAULT_VAULT_IDENTITY_LIST") or [])]
    folders = [Path(path) for path in config("COLLECTIONS_PATHS")]
    # A path may be given with or without its last part.
    folders = [path.parent if path.name == "ansible_collections" else path for path in folders]
    return folders, [str(vault) for vault in vaults if vault]


def examine(folder: Path, inventories: Sequence[str] = ()) -> list[Finding]:
    """Look at this machine, as seen from `folder` (an existing folder: the checkout or the site's own).

    inventories: as `ansible-playbook -i` takes them; their secret store is looked at too.
    """
    folder = folder.resolve()
    searched, vaults = _ansible_settings(folder)
    usual = [Path("~/.ansible/collections").expanduser(), Path("/usr/share/ansible/collections")]
    clocks = {
        "timedatectl": clock_from_timedatectl(_output("timedatectl", "show", "--property=NTPSynchronized", "--value")),
        "chrony": clock_from_chrony(_output("chronyc", "-n", "tracking")),
        "adjtimex": clock_from_kernel(),
    }
    commands = Path(sys.executable).parent
    return [
        check_python(sys.version_info),
        check_core(_version_of("ansible-core")),
        check_libraries(_version_of, sys.executable),
        check_collection(Path(__file__).parents[2], [*searched, *(Path(entry) for entry in sys.path if entry)], usual),
        check_config(folder, os.environ.get("ANSIBLE_CONFIG")),
        check_drive(folder, _text("/proc/mounts"), _text("/proc/version") or ""),
        check_clock(clocks),
        *check_vault(vaults),
        check_lab(folder / "build" / "lab" / "lab.json", _command_of),
        check_locale(_encoding()),
        check_path(commands, shutil.which("ansible-playbook")),
        check_disk(shutil.disk_usage(folder).free),
        check_umask(_umask()),
        *(_store(inventories) if inventories else ()),
    ]


def _store(inventories: Sequence[str]) -> list[Finding]:
    from ansible_collections.nwcs.hardening.plugins.plugin_utils import doctor_store

    return [Finding(*part) for part in doctor_store.examine(inventories)]


# --- saying it ---


def say(key: str, language: str, facts: Mapping[str, object] | None = None) -> str:
    """One sentence of TEXTS. Paths and versions are data: their control characters are shown, not sent."""
    text = TEXTS[key][1 if language == "ja" else 0]
    return text.format(**{name: _printable(str(value)) for name, value in (facts or {}).items()})


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def lines(findings: Sequence[Finding], language: str) -> list[str]:
    """The findings as lines of text, in their order, then one line that sums up."""
    result = []
    for finding in findings:
        text = say(f"{finding.topic}.{finding.outcome}", language, finding.facts)
        sentence, _separator, remedy = text.partition(" => ")
        result.append(f"[{say('state.' + finding.state, language)}] {say(finding.topic, language)}: {sentence}")
        if remedy:
            result.append(f"    {say('do', language)}: {remedy}")
    problems = sum(finding.state == PROBLEM for finding in findings)
    unknowns = sum(finding.state == UNKNOWN for finding in findings)
    summary = "some" if problems or unknowns else "all_ok"
    result.append(say(summary, language, {"problems": problems, "unknowns": unknowns}))
    return result


def exit_code(findings: Iterable[Finding]) -> int:
    """1 if there is a problem; what could not be found out is told, but is none."""
    return int(any(finding.state == PROBLEM for finding in findings))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="nwcs-doctor", description="Looks at the controller and says what to do.")
    parser.add_argument("--language", choices=("en", "ja"), default="en", help="language of the answers (default: en)")
    parser.add_argument("--dir", type=Path, default=Path("."), help="folder the playbooks are run from (default: here)")
    add = parser.add_argument
    add("-i", "--inventory", action="append", default=[], help="look at the secret store of this inventory as well")
    options = parser.parse_args(arguments)
    if not options.dir.is_dir():
        parser.error(f"{options.dir} is not a folder")
    inventories = [source if "," in source else os.path.abspath(source) for source in options.inventory]
    findings = examine(options.dir, inventories)
    if isinstance(getattr(sys.stdout, "errors", None), str):
        sys.stdout.reconfigure(errors="backslashreplace")
    print("\n".join(lines(findings, options.language)))
    return exit_code(findings)


if __name__ == "__main__":
    sys.exit(main())
