# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An open ISAPI device: login, requests, activation, capabilities (fact sheet 1, 3, 4)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import auth, decode
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    Answer,
    Context,
    Credential,
    Identity,
    Stored,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_crypt as crypt
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_answers import (
    failure,
    number,
    refused_login,
    status_of,
    user_check,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    LoginRefused,
    Refused,
    Unsupported,
)

ROOT = "/ISAPI/"
ACTIVATE_STATUS = "/SDK/activateStatus"
DEVICE_INFO = "System/deviceInfo"
CAPABILITIES = "System/capabilities"
FIRST_ACCOUNT = "admin"  # the account that activation gives its password
TAGS = 40_000  # a recorder with 128 channels lists its triggers in half as many
_XML = {"Content-Type": "application/xml; charset=UTF-8"}
_RECORDER = re.compile(r"NVR|DVR|CVR|^DS-[789]\d|^iDS-[79]", re.I)


def _refused(answer: Answer) -> bool:
    """A login that was not accepted; userCheck says so under another status, too."""
    return answer.status == 401 or (answer.status == 403 and bool(user_check(answer)))


class Digest(auth.Digest):
    """A new challenge for every request: some devices take a nonce once or twice and then count a failure (sheet 1)."""

    def headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        if self._count:
            self._params = {}
        return super().headers(method, path, body)


# -- the session -------------------------------------------------------------------------------------------------------
class IsapiContext(Context):
    """facts: anonymous (settings are given without a login), http_schemes."""

    def __init__(self, transport: Any, credential: Credential | None, secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(transport, credential, secrets)
        self.activated: bool | None = None  # None: the device does not tell
        self.versions: set[str] = set()  # of the activation exchange
        self.logged_in = False
        self.recorder = False
        self.previous: Credential | None = None  # before a change of our own password
        self.information: dict[str, str] | None = None  # the answer that proved the login, good for one reading
        self.flags: dict[str, list[tuple[str, dict[str, str]]]] | None = None  # capabilities by name
        self.asked: set[str] = set()  # documents
        self.missing: set[str] = set()  # those of them that the device said it does not offer
        self.kept: dict[str, str] = {}  # secrets cut out of documents, by the mark that stands for them
        self.told_time: tuple[str, str, datetime.datetime] | None = None  # local time, zone, the controller's clock
        self.lock: dict[str, str] = {}
        self.names: list[str] = []  # accounts

    @property
    def name(self) -> str:
        return self.transport.target.name

    # -- requests ------------------------------------------------------------------------------------------------------
    def request(self, method: str, path: str, body: bytes = b"", login: bool = True) -> Answer:
        """`path` is below /ISAPI/. A refused login raises LoginRefused; every other answer is returned."""
        answer = self._request(method, path, body, login)
        if login and _refused(answer) and self.previous is not None:
            # It said that it took our new password and still wants the old one (H01): once, then that is settled.
            previous, self.previous = self.previous, None
            self.use(previous)
            self.notes.append("The device said that it took a new password, and still wants the old one.")
            answer = self._request(method, path, body, login)
        if login and _refused(answer):
            raise refused_login(self.name, self.credential.username if self.credential else "", answer)
        if answer.status < 400 and login:
            self.previous = None
        return answer

    def _request(self, method: str, path: str, body: bytes, login: bool) -> Answer:
        place = path if path.startswith("/") else ROOT + path
        return self.transport.request(method, place, body=body, headers=_XML if body else {}, login=login)

    def fetch(self, path: str, name: str) -> dict[str, str]:
        """A document without its secrets. Unsupported, Refused, Busy, BadAnswer, LoginRefused."""
        where = f"{self.name}: GET {path}"
        answer = self.request("GET", path)
        if (why := failure(where, ROOT + path, answer)) is not None:
            raise why
        tree = self.checked(where, answer)
        self.kept.update(xml.mask(tree, name))
        return tree

    def checked(self, where: str, answer: Answer) -> dict[str, str]:
        """The document of an answer, within the limits on bodies."""
        try:
            decode.xml(answer.body, self.transport.target.limits)
            if answer.body.count(b"<") > TAGS:
                raise BadAnswer(f"the answer has more than {TAGS} tags.")
            tree = xml.tree_of(answer.body)
            root = xml.parse(tree["text"])
        except BadAnswer as error:
            raise BadAnswer(f"{where}: {error.message}") from None
        except ValueError:
            raise BadAnswer(f"{where}: the answer is not XML.") from None
        if root.name in ("ResponseStatus", "userCheck"):
            raise BadAnswer(f"{where}: a status came where a document was asked for.")
        return tree

    def send(self, method: str, path: str, tree: Mapping[str, str] | None = None, name: str = "") -> Stored:
        """A write: the whole document, with the secrets that stood in it. Stored.restart: the device asks for one."""
        body = b""
        if tree is not None:
            whole = dict(tree)
            try:
                whole = xml.unmask(whole, self.kept)
            except KeyError:  # read in an earlier session
                self.fetch(path, name)
                try:
                    whole = xml.unmask(whole, self.kept)
                except KeyError:
                    raise Refused(f"{self.name}: {method} {path}: a secret of it is not known; not sent.") from None
            body = xml.body_of(whole)
        answer = self.request(method, path, body)
        if (why := failure(f"{self.name}: {method} {path}", ROOT + path, answer)) is not None:
            raise why
        said = status_of(answer)
        return Stored(restart=said is not None and said.code == 7)

    # -- login ---------------------------------------------------------------------------------------------------------
    def ask_activation(self) -> None:
        """Is the device in use already? Needs no login; devices that do not know the question say nothing."""
        answer = self._request("GET", ACTIVATE_STATUS, b"", False)
        self.learn_activation(answer)

    def learn_activation(self, answer: Answer) -> bool:
        """True when this is an answer to the question for the activation."""
        if answer.status != 200 or b"ActivateStatus" not in answer.body[:4000]:
            return False
        try:
            tree = xml.tree_of(answer.body)
            if xml.parse(tree["text"]).name != "ActivateStatus":
                return False
            self.activated = {"true": True, "false": False}.get(xml.get(tree, "Activated", "").lower())
            self.versions = set(re.findall(r"\d+", xml.get(tree, "supportVersion", "")))
        except ValueError:
            return False
        return True

    def open(self) -> None:
        """Find the scheme without credentials, then send them exactly once."""
        if self.activated is False:
            self.notes.append("The device is not activated: it has no account and no password yet.")
            return
        answer = self._request("GET", DEVICE_INFO, b"", False)
        self.facts["http_schemes"] = []
        if answer.status == 401:
            self.log_in(answer)
            answer = self.request("GET", DEVICE_INFO)
            self.logged_in = True
        elif failure("", ROOT, answer) is None:
            self.notes.append("The device gives out its settings without a login.")
            self.use(self.credential)
        self.facts["anonymous"] = not self.logged_in
        if (why := failure(f"{self.name}: GET {DEVICE_INFO}", ROOT, answer)) is not None:
            raise why
        self.learn_information(self.checked(f"{self.name}: GET {DEVICE_INFO}", answer))

    def log_in(self, challenge: Answer) -> None:
        """Choose the scheme from a refusal. LoginRefused when the device says that it is locked: nothing is sent."""
        if self.credential is None:
            raise LoginRefused(f"{self.name}: the device wants a login, and none is known.")
        told = refused_login(self.name, self.credential.username, challenge)
        if told.locked:
            raise told
        offered = self.facts["http_schemes"] = list(auth.schemes(challenge))
        if any(scheme.startswith(("digest-md5", "digest-sha-256")) for scheme in offered):
            self.use(self.credential)
            self.transport.auth.challenged(challenge)
        elif "basic" in offered:
            target = self.transport.target
            if target.scheme != "https" and not target.basic_over_http:
                raise Refused(
                    f"{self.name}: the device offers only HTTP Basic, which shows the password to everyone listening.",
                    "Use nwcs_scheme: https, or allow Basic over HTTP for this device in the inventory.",
                )
            self.transport.auth = auth.Basic(self.credential.username, self.credential.password)
        else:
            raise Refused(f"{self.name}: the device offers no login that is known here; nothing was sent.",
                          "Digest by MD5 or SHA-256 is needed (Security/webCertificate).")  # fmt: skip

    def use(self, credential: Credential | None) -> None:
        self.credential = credential
        if credential is not None:
            kind = auth.Basic if isinstance(self.transport.auth, auth.Basic) else Digest
            self.transport.auth = kind(credential.username, credential.password)

    def own_password_changed(self, name: str, password: str) -> None:
        """Our own password was just set: new requests use it; the old one comes back if it was not taken (H01)."""
        if self.credential is not None and self.credential.username == name:
            self.previous = self.credential
            self.use(Credential(name, password, self.credential.label))

    def learn_information(self, tree: dict[str, str]) -> None:
        self.information = tree
        firmware = " ".join(
            filter(None, (xml.get(tree, "firmwareVersion", ""), xml.get(tree, "firmwareReleasedDate", "")))
        )
        digits = re.sub(r"[^0-9a-f]", "", xml.get(tree, "macAddress", "").lower())
        mac = ":".join(digits[at : at + 2] for at in range(0, 12, 2)) if len(digits) == 12 else ""
        self.identity = Identity(
            xml.get(tree, "manufacturer", "") or "Hikvision", xml.get(tree, "model", ""),
            xml.get(tree, "serialNumber", ""), mac, firmware,
        )  # fmt: skip
        kind = xml.get(tree, "deviceType", "")
        self.recorder = bool(_RECORDER.search(kind or self.identity.model))

    # -- activation (sheet 4) ------------------------------------------------------------------------------------------
    def activate(self, password: str) -> None:
        """Give a factory-new device the password of its first account. Unsupported where the exchange is not known."""
        byhand = "Activate it once by its web page or by SADP, then give nwcs_password and run again."
        keys = crypt.KeyPair()
        where = f"{self.name}: activation"
        body = {"text": f'<?xml version="1.0" encoding="UTF-8"?><PublicKey><key>{keys.public_text()}</key></PublicKey>'}
        answer = self._request("POST", "Security/challenge", xml.body_of(body), False)
        why = failure(where, ROOT, answer)
        if why is not None or answer.status == 401:
            if self.versions & {"3"}:
                raise Unsupported(f"{where}: this device wants the third exchange, whose key is not published.", byhand)
            raise Unsupported(
                f"{where}: the device does not take the published exchange (HTTP {answer.status}).", byhand
            )
        challenge = xml.get(self.checked(where, answer), "key", "")
        sealed = crypt.sealed_password(keys.decrypt(challenge), password)
        body = {"text": '<?xml version="1.0" encoding="UTF-8"?>'
                        f"<ActivateInfo><password>{sealed}</password></ActivateInfo>"}  # fmt: skip
        answer = self._request("PUT", "System/activate", xml.body_of(body), False)
        if (why := failure(where, ROOT, answer)) is not None:
            raise why
        if answer.status == 401:
            raise Refused(f"{where}: the device refused it (HTTP 401).")
        self.ask_activation()
        if self.activated is not True:
            raise Refused(f"{where}: the device took it and still says that it is not activated.")
        self.credential = Credential(FIRST_ACCOUNT, password, "pending")
        self.open()

    # -- capabilities --------------------------------------------------------------------------------------------------
    def learn_capabilities(self, tree: dict[str, str]) -> None:
        found: dict[str, list[tuple[str, dict[str, str]]]] = {}
        waiting = [xml.parse(tree["text"])]
        while waiting:
            node = waiting.pop()
            waiting += node.children
            word = "" if node.children else xml.value(tree["text"], node)
            found.setdefault(node.name.lower(), []).append((word, xml.attributes(tree, node)))
        self.flags = found

    def ask_capabilities(self) -> None:
        """Once. A device that does not tell them is asked for everything."""
        if self.flags is None:
            try:
                self.learn_capabilities(self.fetch(CAPABILITIES, "capabilities"))
            except (Unsupported, Refused, Busy, BadAnswer):
                self.flags = {}

    def offers(self, flag: str) -> bool | None:
        """What the capabilities say; None: nothing. Absence is not believed: the endpoint itself decides (sheet 24)."""
        words = {word.lower() for word, _attributes in (self.flags or {}).get(flag.lower(), [])}
        return True if "true" in words else False if words == {"false"} else None

    def told(self, name: str, attribute: str = "") -> int | None:
        """A number in the capabilities: the text of an element, or its attribute min, max, def."""
        for word, attributes in (self.flags or {}).get(name.lower(), []):
            if (found := number(attributes.get(attribute, "") if attribute else word)) is not None:
                return found
        return None

    def lock_range(self, name: str, attribute: str) -> int | None:
        """min or max of maxIllegalLoginTimes and maxIllegalLoginLockTime: from the capabilities of the device, else of
        the endpoint (asked once)."""
        if (known := self.told(name, attribute)) is not None:
            return known
        if "lock_tree" not in self.facts:
            try:
                self.facts["lock_tree"] = self.fetch("Security/illegalLoginLock/capabilities", "lock_capabilities")
            except (Unsupported, Refused, Busy, BadAnswer):
                self.facts["lock_tree"] = None
        tree = self.facts["lock_tree"]
        for node in xml.every(tree, name) if tree else ():
            return number(xml.attributes(tree, node).get(attribute, ""))
        return None


@dataclass(frozen=True)
class Source:
    """Where a document is. `flag`: not asked when the capabilities say that it is false. `only`: camera or recorder.
    `instead`: asked only where that document is not offered, so that no reading takes more requests for it.
    `keep` looks at what came (clock, lock) and may return another tree."""

    path: str
    flag: str = ""
    only: str = ""
    instead: str = ""
    keep: Callable[[IsapiContext, dict[str, str]], Any] | None = None

    def __call__(self, ctx: IsapiContext, name: str) -> Any:
        if ctx.activated is False:
            raise Refused(f"{ctx.name}: the device is not activated yet; nothing can be read or set before.",
                          "The first run gives it its password; run again for everything else.")  # fmt: skip
        if self.only and ctx.recorder is not (self.only == "recorder"):
            raise Unsupported(f"{ctx.name}: {self.path} is asked of {self.only}s only.")
        if self.instead and self.instead not in ctx.missing:
            raise Unsupported(f"{ctx.name}: {self.path} is asked only of devices without the document {self.instead}.")
        if self.flag and ctx.offers(self.flag) is False:
            raise Unsupported(f"{ctx.name}: the capabilities of the device say {self.flag} false.")
        tree = ctx.fetch(self.path, name)
        if self.keep is None:
            return tree
        kept = self.keep(ctx, tree)
        return tree if kept is None else kept


def plain_text(word: Any) -> Any:
    """ABSENT for what the device leaves empty."""
    return ABSENT if word in ("", ABSENT) else word
