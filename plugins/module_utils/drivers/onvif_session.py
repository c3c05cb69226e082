# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An open ONVIF device: the login decision, calls, and where its services are (onvif.md 1.3 to 1.8)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from ansible_collections.nwcs.hardening.plugins.module_utils import auth, decode, zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer, Context, Credential, Stored
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_soap import (
    DEVICE_PATH,
    NAMESPACES,
    NotAuthorized,
    announces_restart,
    body_of,
    content_type,
    el,
    envelope,
    failure,
    kid,
    kids,
    more,
    text,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    DeviceError,
    LoginRefused,
    Refused,
    Unreachable,
    Unsupported,
)

UTC = datetime.UTC
PROOF = "tds:GetDeviceInformation"  # READ_SYSTEM: every account may, so a refusal is a refused login (onvif.md 1.9)
TRUSTED_SKEW = 5.0  # seconds; more is told in the message when a token is refused (onvif.md 1.7)


def now() -> datetime.datetime:
    return datetime.datetime.now(UTC)


def post(transport: Any, operation: str, *content: Any, path: str = DEVICE_PATH, login: bool = True,
         security: Element | None = None) -> tuple[Answer, Element | None, DeviceError | None]:  # fmt: skip
    """One exchange: the answer, its SOAP body (None: no SOAP), and why it is no success (None: it is one).

    A broken XML body is a failure of this exchange only. Unreachable and TlsError come from the transport.
    """
    request = envelope(el(operation, *content), security)
    answer = transport.request(
        "POST",
        path,
        body=request,
        headers={"Content-Type": content_type(operation)},
        login=login,
        idempotent=operation.partition(":")[2].startswith("Get"),
    )
    body: Element | None = None
    if answer.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        try:
            body = body_of(decode.xml(answer.body, transport.target.limits))
        except BadAnswer as error:
            if 200 <= answer.status < 300:
                where = f"{transport.target.name}: {operation.partition(':')[2]}"
                return answer, None, BadAnswer(f"{where}: {error.message}")
    return answer, body, failure(transport.target.name, operation, answer, body)


# -- the clock ---------------------------------------------------------------------------------------------------------
def device_time(response: Element) -> datetime.datetime | None:
    """UTC as the device has it; None when it does not tell or tells nonsense (seen: 00:61:16)."""
    for name in ("UTCDateTime", "LocalDateTime"):
        moment = kid(response, f"SystemDateAndTime/{name}")
        if moment is None:
            continue
        fields = [text(moment, path) for path in (
            "Date/Year", "Date/Month", "Date/Day", "Time/Hour", "Time/Minute", "Time/Second")]  # fmt: skip
        if not all(re.fullmatch(r"[0-9]{1,4}", value) for value in fields):
            continue
        try:
            found = datetime.datetime(*(int(value) for value in fields), tzinfo=UTC)  # type: ignore[arg-type]
            if name == "LocalDateTime":  # agsh/onvif#65: no UTCDateTime
                zone = zones.key(text(response, "SystemDateAndTime/TimeZone/TZ"))
                summer = text(response, "SystemDateAndTime/DaylightSavings").lower() in ("true", "1")
                east = (zone[1] if summer and zone and zone[1] is not None else zone[0]) if zone else 0
                found -= datetime.timedelta(seconds=east)
        except (ValueError, OverflowError):
            continue
        return found
    return None


# -- where the services are --------------------------------------------------------------------------------------------
def path_of(xaddr: str) -> str:
    """Path and query of an XAddr; "" when none could be requested. Host and port are never taken from it."""
    try:
        parts = urlsplit(xaddr.strip())
    except ValueError:
        return ""
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return path if re.fullmatch(r"/[!-~]*", path) else ""


def port_of(uri: str) -> int | None:
    """The port named in a URI, None when there is none or the URI is garbled (http://ip:8106:8106)."""
    try:
        return urlsplit(uri.strip()).port
    except ValueError:
        return None


def read_services(transport: Any, call: Any) -> dict[str, dict[str, str]]:
    """{namespace: {"path", "xaddr", "version"}} by GetServices, else by GetCapabilities (old Profile S)."""
    try:
        response = call("tds:GetServices", el("tds:IncludeCapability", False))
        found = {}
        for service in kids(response, "Service"):
            namespace, xaddr = text(service, "Namespace"), text(service, "XAddr")
            version = ".".join(filter(None, (text(service, "Version/Major"), text(service, "Version/Minor"))))
            if namespace:
                found[namespace] = {"path": path_of(xaddr), "xaddr": xaddr, "version": version}
        if found:
            return found
    except (Unsupported, Refused, BadAnswer):
        pass
    capabilities = kid(call("tds:GetCapabilities", el("tds:Category", "All")), "Capabilities")
    found = {NAMESPACES["tds"]: {"path": DEVICE_PATH, "xaddr": "", "version": ""}}
    for path, prefix in (("Media", "trt"), ("Extension/Recording", "trc")):
        xaddr = text(capabilities, f"{path}/XAddr") if capabilities is not None else ""
        if xaddr:
            found[NAMESPACES[prefix]] = {"path": path_of(xaddr), "xaddr": xaddr, "version": ""}
    return found


# -- the session -------------------------------------------------------------------------------------------------------
class OnvifContext(Context):
    """facts: anonymous (bool: answers without a login), http_schemes (list), oddities (engine), clock_offset (s)."""

    def __init__(self, transport: Any, credential: Credential | None, secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(transport, credential, secrets)
        self.mode = ""  # "digest", "basic", "token"; "": nothing was asked for yet
        self.offset: datetime.timedelta | None = None  # device minus controller; None: not asked, or not told
        self.clock_asked = False
        self.endpoint_asked = False
        self.information: Element | None = None  # the answer that proved the login, good for one reading
        self.time_answer: tuple[Element, datetime.datetime, datetime.datetime] | None = None  # likewise
        self.services: dict[str, dict[str, str]] | None = None
        self.capabilities: dict[str, str] | None = None
        self.previous: Credential | None = None  # before a change of our own password
        self._ports: dict[str, Any] = {}  # service prefix -> transport on the port its XAddr names

    @property
    def name(self) -> str:
        return self.transport.target.name

    def close(self) -> None:
        for transport in self._ports.values():
            transport.close()
        self._ports.clear()
        super().close()

    # -- login ---------------------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Find the scheme without credentials, then send them exactly once (onvif.md 1.4)."""
        answer, body, why = post(self.transport, PROOF, login=False)
        if why is None and body is not None:
            self.facts["anonymous"] = True
            self.notes.append("The device gives out its settings without a login.")
            self.information = kid(body, "GetDeviceInformationResponse")
            return
        if not isinstance(why, NotAuthorized) and answer.status != 403:
            raise why or BadAnswer(f"{self.name}: no usable answer")
        self.facts["anonymous"] = False
        self.log_in(answer)

    def log_in(self, challenge: Answer) -> None:
        """Choose the scheme from a refusal and prove the credential once. LoginRefused when it is not accepted."""
        if self.credential is None:
            raise LoginRefused(f"{self.name}: the device wants a login, and none is known.")
        target, offered = self.transport.target, list(auth.schemes(challenge))
        self.facts["http_schemes"] = offered
        user, password = self.credential.username, self.credential.password
        if any(scheme.startswith(("digest-md5", "digest-sha-256")) for scheme in offered):
            self.mode, self.transport.auth = "digest", auth.Digest(user, password)
            self.transport.auth.challenged(challenge)
        elif "basic" in offered and not any(scheme.startswith("digest") for scheme in offered):
            if target.scheme != "https" and not target.basic_over_http:
                raise Refused(
                    f"{self.name}: the device offers only HTTP Basic, which shows the password to everyone listening.",
                    "Use nwcs_scheme: https, or allow Basic over HTTP for this device in the inventory.",
                )
            self.mode, self.transport.auth = "basic", auth.Basic(user, password)
        else:  # no challenge, or only algorithms nobody registered (H24): the token of the ONVIF message itself
            self.mode = "token"
            self.facts["http_schemes"] = offered or ["ws-usernametoken"]
            self.ask_clock()
        _answer, body, why = self._post(PROOF)
        if why is None and body is not None:
            self.information = kid(body, "GetDeviceInformationResponse")
            return
        if isinstance(why, NotAuthorized):
            raise self._refused(why)
        raise why or BadAnswer(f"{self.name}: no usable answer")

    def _refused(self, why: NotAuthorized) -> LoginRefused:
        advice = "Check nwcs_username and nwcs_password; the toolkit does not try again by itself."
        if self.mode == "token" and self.offset is None:
            advice += " The device did not tell its clock, so the login was signed with the controller's."
        elif self.mode == "token" and self.offset and abs(self.offset.total_seconds()) > TRUSTED_SKEW:
            skew = round(self.offset.total_seconds())
            advice += f" The device's clock is off by {skew} s; the login was signed with it."
        user = self.credential.username if self.credential else ""
        return LoginRefused(f"{why.message} Account {user!r} was refused.", advice, why.locked, why.seconds)

    def ask_clock(self) -> None:
        """Read the device's clock without a login, once (H25)."""
        if self.clock_asked:
            return
        self.clock_asked = True
        before = now()
        _answer, body, why = post(self.transport, "tds:GetSystemDateAndTime", login=False)
        if why is None and body is not None:
            self.learn_clock(kid(body, "GetSystemDateAndTimeResponse"), before, now())

    def learn_clock(self, response: Element | None, before: datetime.datetime, after: datetime.datetime) -> None:
        self.clock_asked = True
        if response is None:
            return
        middle = before + (after - before) / 2
        self.time_answer = (response, middle, after)
        told = device_time(response)
        if told is not None:
            self.offset = told - middle

    def own_password_changed(self, name: str, password: str) -> None:
        """Our own password was just set: new requests use it; the old one comes back if it was not taken (H01)."""
        if self.credential is None or self.credential.username != name:
            return
        if self.mode:
            self.previous = self.credential
        self._use(Credential(name, password, self.credential.label))

    def account_created(self, name: str, password: str) -> None:
        """A device that was open until now may ask for a login from its first administrator on (Profile Q, H50)."""
        if not self.mode:
            self.credential = Credential(name, password, "pending")

    def _use(self, credential: Credential) -> None:
        self.credential = credential
        if self.mode in ("digest", "basic"):
            kind = auth.Digest if self.mode == "digest" else auth.Basic
            self.transport.auth = kind(credential.username, credential.password)

    # -- calls ---------------------------------------------------------------------------------------------------------
    def call(self, operation: str, *content: Any, login: bool = True) -> Element:
        """The response element ("tds:GetNTP" -> GetNTPResponse). Raises what failure() says, in the session's terms."""
        body = self.exchange(operation, *content, login=login)
        response = kid(body, f"{operation.partition(':')[2]}Response")
        if response is None:  # failure() has looked already
            raise BadAnswer(f"{self.name}: {operation}: no response element")
        return response

    def send(self, operation: str, *content: Any) -> Stored:
        """A write. Stored.restart when the answer announces one, wherever it stands."""
        return Stored(restart=announces_restart(self.exchange(operation, *content)))

    def exchange(self, operation: str, *content: Any, login: bool = True) -> Element:
        answer, body, why = self._post(operation, *content, login=login)
        if isinstance(why, NotAuthorized) and login:
            if not self.mode:  # open until now, and this one wants a login
                self.log_in(answer)
            elif self.previous is not None:
                previous, self.previous = self.previous, None
                self._use(previous)
                self.notes.append("The device said that it took a new password, and still wants the old one.")
            else:
                raise self._too_few_rights(answer, why)
            answer, body, why = self._post(operation, *content)
        if why is None and body is not None:
            if login and self.mode:
                self.previous = None
            return body
        if isinstance(why, NotAuthorized) and self.mode:
            raise self._too_few_rights(answer, why)
        raise why or BadAnswer(f"{self.name}: {operation}: no usable answer")

    def _too_few_rights(self, answer: Answer, why: NotAuthorized) -> DeviceError:
        """Logged in before, refused now: the account's rights, or has the login itself gone bad (H22)?"""
        _answer, _body, proof = self._post(PROOF)
        if isinstance(proof, NotAuthorized):
            return self._refused(proof)
        advice = "The operation probably needs an account of level Administrator."
        return Refused(f"{why.message} The login itself is good.", advice)

    def _post(self, operation: str, *content: Any, login: bool = True) -> Any:
        prefix = operation.partition(":")[0]
        if prefix == "tds":
            return self._post_to(self.transport, DEVICE_PATH, operation, content, login)
        service = self.service(prefix)
        if prefix in self._ports:
            return self._post_to(self._ports[prefix], service["path"], operation, content, login)
        try:
            result = self._post_to(self.transport, service["path"] or DEVICE_PATH, operation, content, login)
        except Unreachable:
            if not self._other_port(prefix, service):
                raise
        else:
            if result[0].status != 404 or result[1] is not None or not self._other_port(prefix, service):
                return result
        return self._post_to(self._ports[prefix], service["path"], operation, content, login)

    def _post_to(self, transport: Any, path: str, operation: str, content: Any, login: bool) -> Any:
        security = None
        if login and self.mode == "token" and self.credential is not None:
            created = now() + (self.offset or datetime.timedelta())
            security = auth.wsse_header(self.credential.username, self.credential.password, created)
        return post(transport, operation, *content, path=path, login=login, security=security)

    def _other_port(self, prefix: str, service: Mapping[str, str]) -> bool:
        """A service on another port of the same host and scheme (onvif.md 1.3); never another host (H33)."""
        try:
            parts = urlsplit(service["xaddr"])
            port, host, scheme = parts.port, parts.hostname, parts.scheme
        except ValueError:
            return False
        target = self.transport.target
        if not port or port == target.port or host != target.host.lower() or scheme != target.scheme:
            return False
        self._ports[prefix] = self.transport.via(port=port)
        if self.mode in ("digest", "basic") and self.credential is not None:
            kind = auth.Digest if self.mode == "digest" else auth.Basic
            self._ports[prefix].auth = kind(self.credential.username, self.credential.password)
        return True

    # -- what is there -------------------------------------------------------------------------------------------------
    def service(self, prefix: str) -> dict[str, str]:
        """Where a service is; Unsupported when the device does not have it."""
        if self.services is None:
            self.services = read_services(self.transport, self.call)
        found = self.services.get(NAMESPACES[prefix])
        if found is None:
            raise Unsupported(f"{self.name}: the device does not have the service {NAMESPACES[prefix]}.")
        return found

    def security(self) -> dict[str, str]:
        """Security capabilities as told (they may be wrong, H08); {} when the device does not tell. Asked once."""
        if self.capabilities is None:
            self.capabilities = {}
            try:
                response = self.call("tds:GetServiceCapabilities")
            except (Unsupported, Refused, BadAnswer):
                return self.capabilities
            told = more(response)
            group = told.get("Capabilities", [{}])[0] if isinstance(told, dict) else {}
            group = group.get("Security", [{}])[0] if isinstance(group, dict) else {}
            if isinstance(group, dict):
                self.capabilities = {k.lstrip("@"): v for k, v in group.items() if isinstance(v, str)}
        return self.capabilities

    def limit(self, name: str) -> int | None:
        """A number among the security capabilities (MaxPasswordLength…); None when it is not told."""
        word = self.security().get(name, "")
        return int(word) if re.fullmatch(r"[0-9]{1,4}", word) and int(word) > 0 else None
