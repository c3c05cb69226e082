# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one action plugin of all device modules (DESIGN 5).

It runs the same functions as the modules: here in the worker, or, under delegate_to, as a module on the site's gateway.
Files, secrets and the console are only ever touched here.
"""

from __future__ import annotations

import base64
import copy
import datetime
import json
import os
import re
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.nwcs.hardening.plugins.module_utils import jobs
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, NwcsError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import (
    changing,
    console,
    controller,
    files,
    inventory,
    messages,
    report,
    run,
)

TEXT_FIELDS = ("message", "advice", "why", "proof")
# Limits of a rotation where the site sets none: few gaps in recordings, and an end when something is wrong.
ROTATION_LIMITS = {"stop_after": 5, "per_recorder": 2}
# The job that a module is, where no playbook says it.
JOBS = {"device_info": "info", "device_settings": "harden", "parameter_sheet": "record", "device_passwords": "rotate",
        "device_undo": "undo", "device_hold": "hold"}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "device_info": {},
    "device_settings": {"settings": {"type": "dict"}},
    "parameter_sheet": {"accept": {"type": "bool"}, "snapshot": {"type": "str"}},
    "drift": {"snapshot": {"type": "str"}},
    "device_hold": {"reason": {"type": "str"}, "release": {"type": "str"}, "by": {"type": "str"}},
    "device_passwords": {
        "accounts": {"type": "list", "elements": "str"},
        "revoke": {"type": "str"},
        "suspicion": {"type": "bool"},
        "rotation": {"type": "str"},
    },
    "device_undo": {"run": {"type": "str", "required": True}, "weaker": {"type": "bool"}},
    "run_report": {"fail": {"type": "bool"}},
}


class ActionModule(ActionBase):
    """Which module was meant is the name of the task's action."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        self._vars = task_vars or {}
        self._host = str(self._vars.get("inventory_hostname", ""))
        if self._task.async_val:
            raise AnsibleError("nwcs.hardening tasks cannot run with async: a change must be followed to its proof.")
        super().run(tmp, task_vars)
        name = self._task.action.rpartition(".")[2]
        _unused, self._options = self.validate_argument_spec(argument_spec=OPTIONS[name])
        try:
            return self._named(name)
        except NwcsError as error:  # not one device's: where or how to report is not known
            raise AnsibleError(str(error)) from None

    def _named(self, name: str) -> dict[str, Any]:
        self._job = str(self._get("nwcs_job", None) or JOBS.get(name, name))
        if name == "run_report":
            return self._report()
        if "gateways" in (self._vars.get("group_names") or ()):
            return {"skipped": True, "skip_reason": "A host of the group gateways is a way to devices, not a device."}
        return self._device(name)

    # -- one device ----------------------------------------------------------------------------------------------------
    def _device(self, name: str) -> dict[str, Any]:
        """Never fails the host: what went wrong is in its result, and the report judges (DESIGN 5)."""
        run.folder(self._report_dir(), self._job)  # what cannot be told is not done: nothing was sent yet
        work, secrets = None, []
        try:
            work = self._work()
            secrets = work.secrets()
            result = self._run(work, name)
        except NwcsError as error:
            result = controller.failed_result(self._host, error, self._job)
        except Exception as error:  # a fault of ours must not end the play of the others, nor look like "ok"
            result = controller.failed_result(self._host, _internal(self._host, error), self._job)
        if work is not None:
            secrets += work.secrets()
        result = _scrub(result, {text for text in secrets if len(text) >= 6})
        written = self._keep(result)
        self._display.display(self._progress(written, result["status"]))
        answer = {
            "changed": any(line["outcome"] in ("changed", "would_change") for line in result["outcomes"]),
            "status": result["status"],
            "error": result["error"],
            "outcomes": [line for line in result["outcomes"] if line["outcome"] != "ok"],
            "findings": result["findings"],
            "result_file": written,
            "sheet": result["sheet"],
        }
        if name == "device_info" and work is not None and result["error"] is None:
            answer["device"] = work.snapshot
        if self._task.diff and work is not None and name in ("device_settings", "device_passwords", "device_undo"):
            answer["diff"] = [_diff(self._host, work)]
        return answer

    def _run(self, work: changing.ChangeRun, name: str) -> dict[str, Any]:
        if name == "device_info":
            return work.info()
        if name == "device_settings":
            return work.harden()
        if name == "device_hold":
            reason, release = self._option("reason", "nwcs_hold"), self._option("release", "nwcs_release")
            return work.set_hold(reason, release, self._option("by", "nwcs_by"))
        if name == "device_passwords":
            for limit, default in ROTATION_LIMITS.items():
                if f"nwcs_{limit}" not in self._vars:
                    work.device.options[limit] = default
            accounts = self._options.get("accounts") or self._get("nwcs_accounts", None) or []
            return work.rotate(
                [str(account) for account in ([accounts] if isinstance(accounts, str) else accounts)],
                self._option("revoke", "nwcs_revoke"),
                self._flag("suspicion", "nwcs_suspicion"),
                self._option("rotation", "nwcs_rotation"),
            )
        if name == "device_undo":
            return work.undo(self._options["run"], self._flag("weaker", "nwcs_weaker"))
        snapshot = self._options.get("snapshot")
        if name == "parameter_sheet":
            accept = self._flag("accept", "nwcs_accept")
            return work.keep_snapshot(snapshot) if snapshot else work.record(accept)
        return work.compare_snapshot(snapshot) if snapshot else work.drift()

    def _option(self, option: str, variable: str) -> str:
        return str(self._options.get(option) or self._get(variable, None) or "").strip()

    def _flag(self, option: str, variable: str) -> bool:
        given = self._options.get(option)
        return inventory.flag(self._host, variable, self._get(variable, False) if given is None else given)

    def _work(self) -> changing.ChangeRun:
        names = [name for name in self._vars if isinstance(name, str)]
        device = inventory.describe(
            self._host, self._get, names, self._vars.get("hostvars") or {}, self._inventory_dir(), self._base_dir()
        )
        if self._options.get("settings"):
            device.options["design"] = self._options["settings"]
        device.options["local"] = self._is_local()
        work = changing.ChangeRun(device, self._send, self._loader._vault, self._job, self._task.check_mode)
        work.run_folder = run.folder(self._report_dir(), self._job)
        self._event = work.on_event
        return work

    def _is_local(self) -> bool:
        target = self._task.delegate_to
        return not target or target == self._host or self._connection.transport == "local"

    def _send(self, job: dict[str, Any]) -> dict[str, Any]:
        """Run a job here, or as a module where the task is delegated to another host."""
        target = self._task.delegate_to
        if self._is_local():
            return jobs.run(job, self._event)
        text = base64.b64encode(json.dumps(job).encode()).decode()
        self._connection.set_become_plugin(None)  # no right of the gateway is needed to talk to a device
        try:
            raw = self._execute_module(
                module_name="nwcs.hardening.device_info", module_args={"job": text}, task_vars=self._vars
            )
        except AnsibleError as error:
            advice = "Look at the connection to the gateway. What a change has reached, the next run finds out."
            raise self._no_gateway(target, str(error), advice) from None
        if "answer" not in raw:
            advice = "It needs Python 3.11 and the libraries defusedxml and cryptography."
            raise self._no_gateway(target, _reason(raw), advice)
        return json.loads(base64.b64decode(raw["answer"]))

    def _no_gateway(self, target: str, reason: str, advice: str) -> NwcsError:
        last = (reason.strip().splitlines() or ["no answer"])[-1].strip().removesuffix(".")
        return NwcsError(f"{self._host}: the gateway {target} could not run the job: {last[:300]}.", advice)

    # -- the report ----------------------------------------------------------------------------------------------------
    def _report(self) -> dict[str, Any]:
        folder = run.folder(self._report_dir(), self._job)
        gateways = (self._vars.get("groups") or {}).get("gateways") or ()
        hosts = [str(host) for host in self._vars.get("ansible_play_hosts_all") or [] if host not in gateways]
        files.write_json(
            os.path.join(folder, "run.json"),
            {
                "job": "check" if self._task.check_mode and self._job == "harden" else self._job,
                "run_id": run.RUN,
                "started": run.STARTED,
                "site": str(self._get("nwcs_site", "default")),
                "language": self._language(),
                "simulated": inventory.flag(self._host, "nwcs_simulated", self._get("nwcs_simulated", False)),
                "controller": {"clock": run.clock_state(), "version": _version()},
                "hosts": hosts,
            },
        )
        outcome = report.write_run(folder, self._language())
        run.tell(outcome["result"])
        self._display.display(outcome["console"])
        fail = self._options.get("fail")
        wanted = self._get("nwcs_fail", True) if fail is None else fail
        answer = {
            "changed": False,
            "exit_code": outcome["exit_code"],
            "counts": outcome["counts"],
            "result_file": outcome["result"],
            "report": outcome["report"],
        }
        if outcome["exit_code"] and inventory.flag("", "nwcs_fail", wanted):
            answer.update(failed=True, msg=messages.text(f"verdict.{outcome['exit_code']}", self._language()))
        return answer

    def _progress(self, folder: str, status: str) -> str:
        hosts = self._vars.get("ansible_play_hosts_all") or [self._host]
        done = min(len(os.listdir(os.path.join(folder, "devices"))), len(hosts))
        return console.progress(done, len(hosts), self._host, status, self._language())

    # -- small things ------------------------------------------------------------------------------------------------
    def _get(self, name: str, default: Any) -> Any:
        """A templated variable of this host, as plain data; InputError when that is not possible."""
        if name not in self._vars:
            return default
        try:
            return _plain(self._templar.template(self._vars[name]))
        except AnsibleError as error:
            raise _unknown_value(self._host, name, error) from None

    def _inventory_dir(self) -> str:
        return str(self._vars.get("inventory_dir") or os.getcwd())

    def _base_dir(self) -> str:
        """Where our folders lie by default: beside the inventory. A folder given with -i is read whole by Ansible, so
        nothing of ours may lie in it."""
        folder = self._inventory_dir()
        sources = [os.path.realpath(str(source)) for source in self._vars.get("ansible_inventory_sources") or ()]
        return os.path.dirname(os.path.realpath(folder)) if os.path.realpath(folder) in sources else folder

    def _report_dir(self) -> str:
        named = self._get("nwcs_report_dir", None)
        return os.path.normpath(str(named or os.path.join(self._base_dir(), "reports")))

    def _language(self) -> str:
        language = self._get("nwcs_language", "en")
        return language if language in ("en", "ja") else "en"

    def _keep(self, result: dict[str, Any]) -> str:
        folder = run.folder(self._report_dir(), self._job)
        report.write_device(folder, result)
        return folder


def _plain(value: Any) -> Any:
    """Ansible's tagged strings and containers as plain ones; nested vault values are decrypted by this.

    A date (2026-01-02 without quotes) stays one: where a text is needed, as for a password, that is a mistake to tell.
    """
    if isinstance(value, bool) or value is None or isinstance(value, (int, float, datetime.date)):
        return value
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return "".join(str(value))


def _unknown_value(host: str, name: str, error: AnsibleError) -> InputError:
    """Why a variable has no value. Ansible's own message may hold the value, so only known parts of it are told."""
    if "undecryptable" in str(error):
        return InputError(
            f"{host}: {name} is encrypted and cannot be decrypted.",
            "Give its vault password, for example with --vault-password-file, and look whether it is the right one.",
        )
    missing = re.search(r"'(\w{1,60})' is undefined", str(error))
    why = f"the variable {missing[1]!r} in it is not defined" if missing else f"{type(error).__name__} in its template"
    return InputError(f"{host}: {name} has no value: {why}.", "Correct it in the inventory.")


def _reason(raw: dict[str, Any]) -> str:
    """Why a module gave no answer, as far as Ansible tells."""
    said = str(raw.get("msg") or raw.get("module_stderr") or "")
    if said.startswith("Module result deserialization failed"):  # neither Python nor a shell had anything to say
        what = "answered something else" if str(raw.get("module_stdout") or "").strip() else "said nothing"
        return f"its Python ended with exit code {raw.get('rc')} and {what}"
    return said


def _internal(host: str, error: Exception) -> NwcsError:
    """A fault of ours in one sentence: the type and the place, never values."""
    trace, place = error.__traceback__, "?"
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return NwcsError(f"{host}: the toolkit itself failed ({type(error).__name__} at {place}).", "Please report this.")


def _diff(host: str, work: changing.ChangeRun) -> dict[str, str]:
    """What --diff shows: a line per key, device strings made harmless for the terminal."""

    def lines(values: dict[str, Any]) -> str:
        return "".join(f"{messages.safe(key, 300)}: {messages.show(value, 'en')}\n" for key, value in values.items())

    return {
        "before_header": f"{host} (as it is)",
        "after_header": f"{host} (as wanted)",
        "before": lines(work.before),
        "after": lines(work.after),
    }


def _scrub(result: dict[str, Any], secrets: set[str]) -> dict[str, Any]:
    """The last net: known secrets never leave in free text (keys and values cannot hold them by construction)."""

    def clean(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "********")
        return text

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name in TEXT_FIELDS and isinstance(inner, str):
                    value[name] = clean(inner)
                else:
                    walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    if secrets:
        result = copy.deepcopy(result)
        walk(result)
        result["notes"] = [clean(note) for note in result["notes"]]
    return result


def _version() -> str:
    path = os.path.join(os.path.dirname(__file__), "..", "..", "galaxy.yml")
    try:
        with open(path, encoding="utf-8") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith("version:")), "")
    except OSError:
        return ""


__all__ = ["ActionModule"]
