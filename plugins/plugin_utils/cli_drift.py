# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`nwcs-drift`: runs the drift playbook for cron and systemd, and answers with an exit code (DESIGN 9).

0 nothing unexplained · 2 unexplained drift · 3 some device or key not checked · 4 both · 1 the tool itself failed.
The code comes from the run's result.json alone: what Ansible returns says how a playbook ended, not what was found.
"""

from __future__ import annotations

import argparse
import collections
import configparser
import contextlib
import json
import locale
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, NwcsError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import console, files, messages, run

FAILED = 1
NOT_CHECKED = 3
RESULT_BYTES = 256 * 1024 * 1024  # a large site's result is larger than one sheet may be
FORKS = 50  # as in the checkout's ansible.cfg; Ansible's own default of 5 makes a large site wait
GRACE = 10  # seconds Ansible has to end its workers after a signal
INVENTORY_CAUSE = re.compile(r"plugin: (.+?\.) Failed to parse .*?Origin: (\S+)")
NO_HOSTS = "no hosts to target"  # of Ansible's sentence about a --limit that matches nothing

# Nobody is there to answer a prompt: an empty line makes Ansible fail instead of waiting.
PROMPTS = {r"(?i)vault password[^\n]*:\s*$": "", r"(?i)(BECOME|SSH) password[^\n]*:\s*$": ""}

TEXTS = {
    "no_inventory": ("{path}: there is no such inventory.", "{path}: インベントリがありません。"),
    "no_vault": ("{path}: there is no such vault password file.", "{path}: vault パスワードファイルがありません。"),
    "prompt": (
        "--vault-id {given}: nwcs-drift cannot ask for a password; name a file.",
        "--vault-id {given}: nwcs-drift はパスワードを尋ねられません。ファイルを指定してください。",
    ),
    "no_ansible": (
        "ansible-playbook is not found beside {python}, nor on PATH.",
        "ansible-playbook が {python} の隣にも PATH にも見つかりません。",
    ),
    "no_runner": (
        "The Python package ansible-runner is missing: {python} -m pip install ansible-runner",
        "Python パッケージ ansible-runner がありません: {python} -m pip install ansible-runner",
    ),
    "no_hosts": ("Nothing was checked: no device matches {what}.", "{what} に一致する機器がなく、点検していません。"),
    "no_result": ("The drift check ended without a result: {reason}", "点検は結果なしで終わりました: {reason}"),
    "no_reason": ("Ansible gave no reason (exit code {code}).", "Ansible は理由を示していません (終了コード {code})。"),
    "bad_result": ("{path} is not the result of a drift check.", "{path} は点検の結果ではありません。"),
    "interrupted": (
        "The drift check was interrupted before its end; it has changed nothing.",
        "点検は途中で中断されました。何も変更していません。",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(argv)
    language = options.language or "en"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(getattr(stream, "errors", None), str):
            stream.reconfigure(errors="backslashreplace")  # cron's locale may hold ASCII only
    try:
        return _check(options, language)
    except NwcsError as error:
        _complain(str(error))
        return FAILED
    except OSError as error:  # no space or no right for the private folder
        _complain(f"{error.filename or 'nwcs-drift'}: {error.strerror}")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> Any:
            self.print_usage(sys.stderr)
            self.exit(FAILED, f"nwcs-drift: {message}\n")  # argparse's own 2 would mean "unexplained drift"

    parser = Parser(
        prog="nwcs-drift",
        allow_abbrev=False,
        description="Compares the devices of an inventory with their parameter sheets. Changes nothing.",
        epilog="Exit code: 0 nothing unexplained, 2 unexplained drift, 3 some device or key not checked, 4 both, "
        "1 nwcs-drift itself failed.",
    )
    add = parser.add_argument
    add("-i", "--inventory", action="append", required=True, help="inventory file or folder (may be given again)")
    add("-l", "--limit", metavar="PATTERN", help="only these hosts or groups, as in ansible-playbook")
    add("--vault-password-file", action="append", default=[], metavar="FILE", help="as in ansible-playbook")
    add("--vault-id", action="append", default=[], metavar="LABEL@FILE", help="as in ansible-playbook")
    add("--language", choices=("en", "ja"), help="language of the report (default: the inventory's)")
    add("--report-dir", metavar="DIR", help="folder of the reports (default: the inventory's)")
    add("-e", "--extra-vars", action="append", default=[], metavar="K=V", help="as in ansible-playbook; never secrets")
    add("-q", "--quiet", action="store_true", help="print problems only")
    return parser


# -- one check ---------------------------------------------------------------------------------------------------------
def _check(options: argparse.Namespace, language: str) -> int:
    _look_at(options, language)
    path = _search_path(language)
    with tempfile.TemporaryDirectory(prefix="nwcs-drift-") as scratch:  # 0700
        note = os.path.join(scratch, "result")
        watch = Watch()
        with watch.signals():
            code = _play(options, scratch, {**environment(scratch), "PATH": path, run.RUN_FILE: note}, watch, language)
        if watch.stopped:
            _complain(_text("interrupted", language))
            return FAILED
        found = files.read_text(note)
    if found is None:
        if watch.no_hosts:
            what = f"--limit {options.limit}" if options.limit else ", ".join(options.inventory)
            _complain(_text("no_hosts", language, what=what))
            return NOT_CHECKED
        reason = watch.reason() or _text("no_reason", language, code=code)
        _complain(_text("no_result", language, reason=reason))
        return FAILED
    for line in watch.warnings:
        _complain(line)
    return _tell(found, options.quiet, language)


def _look_at(options: argparse.Namespace, language: str) -> None:
    """What Ansible would only warn about, or wait for without end."""
    for source in options.inventory:
        if "," not in source and not os.path.exists(source):
            raise InputError(_text("no_inventory", language, path=source))
    for path in options.vault_password_file:
        if not os.path.exists(os.path.expanduser(path)):
            raise InputError(_text("no_vault", language, path=path))
    for given in options.vault_id:
        if given.rpartition("@")[2] in ("prompt", "prompt_ask_vault_pass"):
            raise InputError(_text("prompt", language, given=given))


def _play(options: argparse.Namespace, scratch: str, env: dict[str, str], watch: Watch, language: str) -> int | None:
    """Run the playbook; its exit code."""
    try:
        import ansible_runner
    except ImportError:
        raise StateError(_text("no_runner", language, python=sys.executable)) from None
    # Runner takes its settings from this file only.
    settings = {"pexpect_timeout": 1, "suppress_output_file": True, "suppress_ansible_output": True}
    files.write_json(os.path.join(files.private_folder(os.path.join(scratch, "env")), "settings"), settings)
    done = ansible_runner.run(
        private_data_dir=scratch,
        project_dir=os.getcwd(),  # relative names mean what they mean in the caller's shell
        ident="run",
        playbook=playbook(),
        inventory=[source if "," in source else os.path.abspath(source) for source in options.inventory],
        limit=options.limit,
        cmdline=shlex.join(arguments(options)),
        envvars=env,
        passwords=dict(PROMPTS),
        suppress_env_files=True,  # neither environment nor arguments on disk
        omit_event_data=True,  # events only tell that something happened: the results are in the run folder
        event_handler=watch.event,
        status_handler=_forget_command,
        cancel_callback=watch.must_kill,
        quiet=True,
    )
    return done.rc


def _forget_command(status: Mapping[str, Any], runner_config: Any) -> None:
    """Runner writes command and environment of the caller into its folder: nobody needs them there."""
    if status["status"] == "running":
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(runner_config.artifact_dir, "command"))


def playbook() -> str:
    """drift.yml of the collection this file belongs to."""
    return str(Path(__file__).parents[2] / "playbooks" / "drift.yml")


def arguments(options: argparse.Namespace) -> list[str]:
    """What is handed on to ansible-playbook. A variable given with -e wins over our own options."""
    result: list[str] = []
    for path in options.vault_password_file:
        result += ["--vault-password-file", os.path.abspath(os.path.expanduser(path))]
    for given in options.vault_id:
        result += ["--vault-id", given]
    own = {}
    if options.language:
        own["nwcs_language"] = options.language
    if options.report_dir:
        own["nwcs_report_dir"] = os.path.abspath(os.path.expanduser(options.report_dir))
    if own:
        result += ["-e", json.dumps(own)]
    for given in options.extra_vars:
        result += ["-e", given]
    return result


def _tell(path: str, quiet: bool, language: str) -> int:
    """Print the summary of result.json; its exit code."""
    try:
        data = json.loads(files.read_text(path, RESULT_BYTES) or "")
        code = data["exit_code"]
        if data["job"] != "drift" or code not in (0, 2, 3, 4) or isinstance(code, bool):
            raise ValueError("another job")
        chosen = data["language"]
        if quiet:
            data["devices"] = [device for device in data["devices"] if device["status"] != "ok"]
        page = {messages.text("report.file", chosen): os.path.join(os.path.dirname(path), "report.html")}
        shown = console.summary(data, chosen, page, max(80, shutil.get_terminal_size((110, 24)).columns))
    except (ValueError, KeyError, TypeError):
        raise StateError(_text("bad_result", language, path=path)) from None
    if code or not quiet:
        with contextlib.suppress(BrokenPipeError):
            print(shown, flush=True)
    return code


# -- what the playbook runs in -----------------------------------------------------------------------------------------
def _search_path(language: str) -> str:
    """PATH with the folder of our own environment first: cron knows neither it nor `activate`."""
    usual = os.environ.get("PATH") or os.defpath
    for command in (sys.executable, sys.argv[0]):  # not resolved: a virtual environment's python is a link
        folder = os.path.dirname(os.path.abspath(command))
        if os.access(os.path.join(folder, "ansible-playbook"), os.X_OK):
            return folder + os.pathsep + usual
    if shutil.which("ansible-playbook", path=usual):
        return usual
    raise StateError(_text("no_ansible", language, python=sys.executable))


def environment(scratch: str) -> dict[str, str]:
    """Variables for Ansible beside the caller's own, which win wherever they are a choice."""
    env = {
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_STDOUT_CALLBACK": "default",
        "ANSIBLE_LOCAL_TEMP": files.private_folder(os.path.join(scratch, "tmp")),
        # Ansible would go on without the devices of a file it cannot read.
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
    }
    home = os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    if not os.environ.get("HOME"):
        env["HOME"] = home if os.path.isdir(home) else scratch
    if not os.access(home, os.W_OK) and "ANSIBLE_HOME" not in os.environ:
        env["ANSIBLE_HOME"] = files.private_folder(os.path.join(scratch, "home"))
    if not _is_utf8():
        env["LC_ALL"] = "C.UTF-8"  # Ansible refuses to start under another locale
    config = config_file(Path.cwd(), Path(__file__).parents[2], Path(home))
    chosen = _defaults(config)
    if config:
        env["ANSIBLE_CONFIG"] = str(config)
    if "ANSIBLE_FORKS" not in os.environ and "forks" not in chosen:
        env["ANSIBLE_FORKS"] = str(FORKS)
    # Runner switches the check of gateways' SSH host keys off where nobody has chosen.
    if "ANSIBLE_HOST_KEY_CHECKING" not in os.environ:
        env["ANSIBLE_HOST_KEY_CHECKING"] = chosen.get("host_key_checking", "True")
    return env


def config_file(folder: Path, collection: Path, home: Path) -> Path | None:
    """The ansible.cfg to use: as Ansible looks for it, with our own checkout's before those of user and machine."""
    named = os.environ.get("ANSIBLE_CONFIG")
    if named:
        path = Path(named).expanduser().absolute()
        return path / "ansible.cfg" if path.is_dir() else path
    here = folder / "ansible.cfg"
    if here.is_file() and not folder.stat().st_mode & stat.S_IWOTH:
        return here
    # A checkout has this link; what pip or ansible-galaxy installed has not.
    root = collection.resolve()
    if (root / "collections" / "ansible_collections" / "nwcs" / "hardening").is_dir():
        if (root / "ansible.cfg").is_file() and not root.stat().st_mode & stat.S_IWOTH:
            return root / "ansible.cfg"
    for path in (home / ".ansible.cfg", Path("/etc/ansible/ansible.cfg")):
        if path.is_file():
            return path
    return None


def _defaults(config: Path | None) -> dict[str, str]:
    """The section [defaults]; {} when there is none. Ansible itself complains about a broken file."""
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";",))
    try:
        if config:
            parser.read(config, encoding="utf-8")
        return dict(parser["defaults"]) if parser.has_section("defaults") else {}
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}


def _is_utf8() -> bool:
    """Is the caller's locale one that exists on this machine and is UTF-8?"""
    kept = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, "")
        return locale.nl_langinfo(locale.CODESET).upper().replace("-", "") == "UTF8"
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_ALL, kept)


# -- following the playbook --------------------------------------------------------------------------------------------
class Watch:
    """Follows the events of a run, keeping a few lines; hands signals on to Ansible."""

    def __init__(self) -> None:
        self.no_hosts = False
        self.warnings: list[str] = []
        self.stopped = 0  # signals received
        self._pid: int | None = None  # of ansible-playbook
        self._deadline = 0.0
        self._lines: collections.deque[str] = collections.deque(maxlen=60)

    def event(self, data: Mapping[str, Any]) -> bool:
        """Called by Runner for each event. False: it keeps no file of it."""
        if data.get("event") == "playbook_on_no_hosts_matched":
            self.no_hosts = True
        if data.get("pid") and self._pid is None:
            self._pid = int(data["pid"])
            if self.stopped:
                self._interrupt()
        text = str(data.get("stdout") or "")
        for line in text.splitlines():
            self._lines.append(line.strip())
        if NO_HOSTS in " ".join(self._lines):
            self.no_hosts = True
        if "Could not match supplied host pattern" in text and text not in self.warnings and len(self.warnings) < 20:
            self.warnings.append(" ".join(text.split()))
        return False

    def reason(self) -> str:
        """The first error Ansible told, as one line (a terminal's line breaks are not part of it)."""
        lines = list(self._lines)
        start = next((n for n, line in enumerate(lines) if line.startswith(("[ERROR]", "ERROR!", "fatal:"))), None)
        if start is None:
            return " ".join(" ".join(lines[-3:]).split())[:500]
        part = [lines[start]]
        for line in lines[start + 1 :]:
            if not line or line.startswith(("[", "Origin:", "<<<", "PLAY", "TASK")):
                break
            part.append(line)
        said = " ".join(" ".join(part).removeprefix("[ERROR]:").removeprefix("ERROR!").split())
        # Of an inventory file, the place of the mistake stands in an earlier warning.
        cause = INVENTORY_CAUSE.search(" ".join(" ".join(lines[:start]).split()))
        if cause and "parse inventory" in said:
            said += f": {cause[1]} ({cause[2]})"
        return said[:500]

    # Ansible is in a session of its own, and its workers each in theirs: only ansible-playbook itself can end them all.
    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """While this lasts, SIGINT, SIGTERM and SIGHUP end the playbook in order."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread receives signals
            return
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        kept = {number: signal.signal(number, self._received) for number in numbers}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    def _received(self, _number: int, _frame: Any) -> None:
        self.stopped += 1
        if self.stopped == 1:
            self._deadline = time.monotonic() + GRACE
            self._interrupt()

    def _interrupt(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._pid, signal.SIGINT)

    def must_kill(self) -> bool:
        """Asked by Runner every second: True makes it kill what has not ended by itself."""
        return bool(self.stopped) and (self.stopped > 1 or time.monotonic() > self._deadline)


def _text(name: str, language: str, **facts: Any) -> str:
    return TEXTS[name][language == "ja"].format(**{key: messages.safe(str(value), 600) for key, value in facts.items()})


def _complain(sentence: str) -> None:
    print(f"nwcs-drift: {messages.safe(sentence, 1000)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
