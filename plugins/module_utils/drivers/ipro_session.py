# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An open i-PRO (Panasonic) device: which kind it is, login, calls (ipro-cgi.md).

Nothing is sent with an Accept header: with one, cameras take a request for that of a browser and answer 400. Recorders
want a pause between two calls and give a number for the session, which is given back at the end.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.nwcs.hardening.plugins.module_utils import auth
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer, Context, Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    NwcsError,
    Refused,
    Unsupported,
)

CAMERA, RECORDER = "camera", "recorder"
CAMERA_PROOF, RECORDER_PROOF = ("getinfo", {"FILE": "1"}), ("as_getinfo.cgi", {"FILE": "2"})
GAP_SECONDS = 3.0  # between two calls of a recorder
_TITLE = re.compile(rb"<title>\s*(\d{3})\b", re.I)
_UID = re.compile(rb"UID=(\d{1,19})\b")
_NUMBER = re.compile(rb"randomnum=([0-9A-Fa-f]{1,64})\b", re.I)
_ADVICE = ("Check nwcs_username and nwcs_password; a new device gets its first administrator in its own web page. "
           "The toolkit does not try again by itself.")  # fmt: skip


def path_of(name: str, values: Mapping[str, str]) -> str:
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in values.items())
    return f"/cgi-bin/{name}" + (f"?{query}" if query else "")


def code_of(answer: Answer) -> int:
    """The status, or that of the error page that came with a good one (H12)."""
    if answer.status == 200 and (shown := _TITLE.search(answer.body[:500])):
        return int(shown[1])
    return answer.status


def failure(where: str, answer: Answer) -> DeviceError | None:
    """What an answer says is wrong; None when nothing is."""
    code = code_of(answer)
    shown = f"HTTP {answer.status}" if code == answer.status else f"HTTP {answer.status}, which shows error {code}"
    if code == 200:
        return None
    if code == 401:
        return LoginRefused(f"{where}: the login was not accepted ({shown}).", _ADVICE)
    if code in (400, 403):
        return Refused(f"{where}: refused ({shown}).")
    if code in (404, 405, 501):
        return Unsupported(f"{where}: not on this model or firmware ({shown}).")
    if code in (429, 503):
        return Busy(f"{where}: the device is busy ({shown}).")
    return BadAnswer(f"{where}: unexpected answer ({shown}).")


def lines(answer: Answer) -> dict[str, str]:
    """`KEY=value` and `KEY,"value"` lines; a byte order mark, blank lines and the <HTML> around them do not count.

    BadAnswer when there is not one such line.
    """
    found: dict[str, str] = {}
    for line in answer.body.decode("utf-8-sig", "replace").splitlines():
        match = re.match(r'\s*([A-Za-z][\w.]*)(?:=(.*)|,"(.*)")\s*$', line)
        if match:
            found.setdefault(match[1], (match[2] if match[2] is not None else match[3]).strip())
    if not found:
        raise BadAnswer("the answer holds no line of the kind KEY=value.")
    return found


def kind_of(transport: Any) -> tuple[str, Answer]:
    """(camera, recorder or "" for something else; the answer that says so), without a login."""
    answer = transport.request("GET", path_of(*CAMERA_PROOF), login=False)
    if _ours(answer, ("MAC", "NAME")):
        return CAMERA, answer
    if code_of(answer) == 404:
        other = transport.request("GET", path_of(*RECORDER_PROOF), login=False)
        if _ours(other, ("MAXUID",)):
            return RECORDER, other
    return "", answer


def _ours(answer: Answer, names: tuple[str, ...]) -> bool:
    """A Digest challenge with the plain error page of these devices, or the values themselves."""
    code = code_of(answer)
    if code == 401:
        return _TITLE.search(answer.body[:500]) is not None and any(
            scheme.startswith("digest-") for scheme in auth.schemes(answer)
        )
    try:
        return code == 200 and any(name in lines(answer) for name in names)
    except BadAnswer:
        return False


class IproContext(Context):
    """facts: anonymous, http_schemes. `kind`: camera or recorder."""

    def __init__(self, transport: Any, credential: Credential | None, secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(transport, credential, secrets)
        self.kind = ""
        self.uid = ""  # of a recorder's session; never in a message
        self.information: dict[str, str] | None = None  # the answer that proved the login, good for one reading
        self._called = 0.0

    @property
    def name(self) -> str:
        return self.transport.target.name

    # -- login ---------------------------------------------------------------------------------------------------------
    def open(self, kind: str, first: Answer) -> None:
        """Answer the challenge exactly once. A device that gives its settings to anybody is noted."""
        self.kind = kind
        schemes = auth.schemes(first)
        self.facts.update(http_schemes=schemes, anonymous=code_of(first) == 200)
        if self.credential is None:
            raise LoginRefused(f"{self.name}: the device wants a login, and none is known.")
        if schemes and not any(scheme.startswith("digest-") for scheme in schemes):
            raise Refused(f"{self.name}: the device offers no Digest login.")
        self.transport.auth = auth.Digest(self.credential.username, self.credential.password)
        if self.facts["anonymous"]:
            self.notes.append("The device gives out its settings without a login.")
            self.information = lines(first)
            return
        self.transport.auth.challenged(first)
        if kind == RECORDER:
            self._log_in()
        else:
            self.information = self.lines(*CAMERA_PROOF)

    def _log_in(self) -> None:
        found = _UID.search(self.call("dlogin.cgi", {"UID": "-1"}).body)
        if found is None:
            raise BadAnswer(f"{self.name}: dlogin.cgi: the answer holds no session number.")
        self.uid = found[1].decode("ascii")

    def close(self) -> None:
        if self.uid:
            try:
                self.call("logout.cgi", {"UID": self.uid})
            except NwcsError:
                pass  # it ends by itself after 90 s
            self.uid = ""
        super().close()

    # -- calls ---------------------------------------------------------------------------------------------------------
    def call(self, name: str, values: Mapping[str, str], write: bool = False) -> Answer:
        """One call. Where the device asked for no login at first, a call that wants one may still refuse ours: that
        ends this call only; it counts, and the login is not sent again."""
        try:
            return self.prove(name, values, write)
        except LoginRefused as error:
            if not self.facts["anonymous"] or self.credential is None:
                raise
            if self.transport.auth is not None:
                self.transport.auth = None
                line = {"username": self.credential.username, "label": self.credential.label, "refused": True}
                self.facts.setdefault("logins", []).append({**line, "locked": error.locked, "seconds": error.seconds})
            raise Refused(error.message, error.advice) from None

    def prove(self, name: str, values: Mapping[str, str], write: bool = False) -> Answer:
        """One call; a refused login is one. A 400 is answered once with the camera's number of the moment, as its
        document says."""
        where = f"{self.name}: {name}"
        answer = self._ask(name, values, write)
        if code_of(answer) == 400 and self.kind == CAMERA:
            number = _NUMBER.search(self._ask("get_randomnum", {}, False).body)
            if number is not None:
                answer = self._ask(name, {**values, "Randomnum": number[1].decode("ascii")}, write)
        why = failure(where, answer)
        if isinstance(why, LoginRefused) and self.credential is not None:
            why.message = f"{self.name}: account {self.credential.username!r} was refused."
            why.args = (why.message,)
        if why is not None:
            raise why
        return answer

    def lines(self, name: str, values: Mapping[str, str]) -> dict[str, str]:
        try:
            return lines(self.call(name, values))
        except BadAnswer as error:
            raise BadAnswer(f"{self.name}: {name}: {error.message}") from None

    def _ask(self, name: str, values: Mapping[str, str], write: bool) -> Answer:
        if self.kind == RECORDER:
            time.sleep(max(0.0, self._called + GAP_SECONDS - time.monotonic()))  # its document asks for the pause
        self._called = time.monotonic()
        return self.transport.request("GET", path_of(name, values), idempotent=not write)

    def only(self, kind: str) -> None:
        """Unsupported on the other kind of device."""
        if self.kind != kind:
            raise Unsupported(f"{self.name}: only a {kind} has this.")
