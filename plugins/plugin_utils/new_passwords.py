# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which new passwords a change needs: made here or given by the site, and which of them must not be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import secret_name
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import MANAGED, outcome, want_from_plain
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import driver_for
from ansible_collections.nwcs.hardening.plugins.plugin_utils import camera_logins, drift, passwords
from ansible_collections.nwcs.hardening.plugins.plugin_utils.controller import DeviceRun


class NewPasswords(DeviceRun):
    """A DeviceRun that can make passwords. rotation: the name of a rotation that can be run again, "" for none."""

    rotation = ""

    def _leave_out(self, planned: dict[str, Any], outcomes: dict[str, Any]) -> None:
        """What the plan would change, and must not: a password that is in use elsewhere, or done in this rotation."""
        for need in planned["needs"]:
            name, account = need["name"], need["name"].partition(".")[2]
            given, current = self.device.passwords.get(account), self.store.value(name)
            mine = [c for c in planned["changes"] if settings.parse_key(c["key"])[:2] == ("accounts", account)]
            replaced = [c for c in mine if c["new"].get("value") == MANAGED]
            if self.rotation and replaced and self._is_done(name):
                self._drop(planned, outcomes, replaced, "ok", f"done before in the rotation {self.rotation}")
            elif replaced and self._stays_replaced(planned, account, given, current):
                why = "its password was set and proven before; it was not tried again"
                self._drop(planned, outcomes, replaced, "ok", why)
            elif self.job == "rotate" and replaced and given is not None and given == current:
                why = "the inventory gives this password: put a new one into nwcs_passwords"
                self._drop(planned, outcomes, replaced, "refused", why)
            elif given is not None and given != current and (why := passwords.misfit(given, planned["password_rules"])):
                self._drop(planned, outcomes, [c for c in mine if not c["new"].get("absent")], "refused", why)
            elif given is not None and given != current and self.device.options.get("password_reuse") != "allow":
                if others := self._claimed_elsewhere(account, given, current):
                    where = ", ".join(f"{device} ({name})" for device, name in others[:5])
                    why = f"the given password is in use elsewhere ({where}): give every device its own"
                    self._drop(planned, outcomes, [c for c in mine if not c["new"].get("absent")], "refused", why)

    def _stays_replaced(
        self, planned: dict[str, Any], account: str, given: str | None, current: str | None
    ) -> bool:  # fmt: skip
        """A built-in account that cannot be removed got a password of ours; harden makes no new one in each run.

        Not where the first contact's login got us in: then the device may have been reset to its factory state (H49).
        """
        login = planned["credential"]
        ours = login["label"] != "bootstrap" and account != login["username"]
        # An API beside has a login of its own, and may have been reset by itself.
        taken = {line["username"]: line["label"] for line in planned.get("logins") or () if not line.get("refused")}
        ours = ours and taken.get(account) != "bootstrap"
        return self.job == "harden" and ours and current is not None and given in (None, current)

    def _claimed_elsewhere(self, account: str, given: str, current: str | None) -> list[tuple[str, str]]:
        """Who else has this password. Entered before it is sent: of two devices at the same moment one is told."""
        if self.check or self.documents.refuses():
            return []
        others = self.reuse.claim(self.device.name, account, given)
        if others and current is not None:
            self.reuse.claim(self.device.name, account, current)
        elif others:
            self.reuse.release(self.device.name, account)
        return others

    def _drop(
        self, planned: dict[str, Any], outcomes: dict[str, Any], changes: list[dict[str, Any]], name: str, why: str
    ) -> None:
        for change in changes:
            planned["changes"].remove(change)
            planned["preview"] = [line for line in planned["preview"] if line["key"] != change["key"]]
            key = settings.parse_key(change["key"])
            line = outcome(key, name, want_from_plain(change["want"]).value, why=why)
            outcomes[line["key"]] = line

    def _is_done(self, name: str) -> bool:
        entry = self.store.entries().get(name, {}).get("current") or {}
        return entry.get("why") == f"{self.job} {self.rotation}"

    def _new_secrets(self, planned: dict[str, Any]) -> tuple[dict[str, str], dict[str, float]]:
        new: dict[str, str] = {}
        bits: dict[str, float] = {}
        managed = {change["key"] for change in planned["changes"] if change["new"].get("value") == MANAGED}
        keys = [settings.parse_key(change["key"]) for change in planned["changes"]]
        needed = {key[1] for key in keys if key[0] == "accounts"}
        for need in planned["needs"]:
            name = need["name"]
            account = name.partition(".")[2]
            if account not in needed:
                continue
            given, current = self.device.passwords.get(account), self.store.value(name)
            replace = settings.key_text(("accounts", account, "password")) in managed
            if given is not None:
                if given != current:
                    new[name] = given
                    self._judge_given(account, given, planned["password_rules"])
            elif need["generate"] and (current is None or replace):
                new[name], bits[name] = passwords.generate(planned["password_rules"], [account, *self._words()])
        return new, bits

    def _judge_given(self, account: str, password: str, rules: Mapping[str, Any]) -> None:
        why = passwords.weakness(password, [account, *self._words()], rules)
        if why:
            key = settings.key_text(("accounts", account, "password"))
            self.result["findings"].append(
                drift.finding("weak_password", key, severity="critical", item=account, why=why))  # fmt: skip

    @staticmethod
    def _note_bits(applied: Mapping[str, Any], name: str, bits: Mapping[str, float]) -> None:
        line = applied["outcomes"].get(settings.key_text(("accounts", name.partition(".")[2], "password")))
        if line and name in bits:
            line["bits"] = int(bits[name])

    def _known_secret(self, name: str) -> str | None:
        return self.store.value(name, "pending") or self.store.value(name)

    def _tell_recorders(self, outcomes: Mapping[str, Any], sent: Iterable[str]) -> None:
        """Which recorder must be given which new login by hand (H61): where it cannot be left for its own turn.

        sent: names of secrets that may be in force now, proven or not. An account that is gone is told as well; one
        that was made just now only where it is the recorders' own, since they knew no other.
        """
        theirs = self.device.options.get("recorder_account") or ""
        left = camera_logins.account_of(theirs, self.store, self.device.apis)
        lines = {settings.parse_key(text): line for text, line in outcomes.items()}
        roles = {key[1]: line for key, line in lines.items() if key[0] == "accounts" and key[-1] == "role"}
        changed = {name: line for name, line in roles.items() if line["outcome"] == "changed"}
        new = {name.partition(".")[2]: "recorder_login" for name in sent}
        new = {name: kind for name, kind in new.items() if theirs or "old" in changed.get(name, {"old": None})}
        gone = {name: "recorder_login_gone" for name, line in changed.items() if line.get("wanted") == "absent"}
        for name, kind in sorted({**new, **gone}.items()):
            if theirs and name != theirs and camera_logins.bare(name, self.device.apis) != theirs:
                continue
            for recorder in self.device.options.get("recorders") or []:
                if kind == "recorder_login" and recorder in self.device.options.get("tellable", ()) and name == left:
                    continue  # its own turn tells it, or says why not
                key = settings.key_text(("accounts", name, "role" if name in gone else "password"))
                told = drift.finding(kind, key, severity="high", item=name, recorder=recorder, camera=self.device.name)
                self.result["findings"].append(told)

    def _leave_for_recorders(self, proved: Iterable[str]) -> None:
        """The new password of the recorders' account waits in their own documents for their turn.

        proved: names of secrets that are proven, and pending still or current already
        """
        named = self.device.options.get("recorder_account") or ""
        theirs = camera_logins.account_of(named, self.store, self.device.apis)
        password = self._known_secret(secret_name(theirs)) if theirs else None
        if password is None or secret_name(theirs) not in proved:
            return
        account, port = camera_logins.bare(theirs, self.device.apis), self.device.spec["ways"][0]["port"]
        for recorder in self.device.options.get("recorders") or []:
            options = self.device.options
            if recorder not in options.get("in_inventory", ()):
                continue
            if recorder not in options.get("tellable", ()) and self.device.passwords.get(theirs) == password:
                continue  # the site gave this one: people know it, and have typed it in
            try:
                camera_logins.leave(
                    self.documents, recorder, self.device.name, self.device.host, account, password, port
                )  # fmt: skip
            except NwcsError as error:  # the camera is changed and its password kept: that stands
                note = f"The new login could not be left for {recorder}: {error.message}"
                self.result["notes"].append(note)

    def _tell_cameras(self) -> None:
        """On a recorder: the logins that its cameras have left for it."""
        waiting = camera_logins.waiting(self.store)
        if not waiting:
            return
        if self.check:
            note = f"{len(waiting)} new camera logins wait for this recorder; a real run tells them."
            self.result["notes"].append(note)
            return
        driver = driver_for(self.device.family)
        spec = self._spec(self._sheet())

        def send(cameras: list[dict[str, Any]]) -> Mapping[str, Any]:
            answer = self._send({"what": "tell", "spec": spec, "cameras": cameras})
            self.result["requests"] += answer["requests"]
            self.result["writes"] += answer["writes"]
            return answer

        usable = send if camera_logins.can_be_told(driver) else None
        typed = bool(self.device.options.get("logins_typed"))
        found, notes = camera_logins.tell(self.store, usable, self.device.name, typed)
        self.result["findings"] += found
        self.result["notes"] += notes
