# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources below /ISAPI/: documents and their parts, accounts, time, and what is no document."""

from __future__ import annotations

import copy
import datetime
import re
from typing import Any

from ..device import Request, Response
from .answers import XML, Refused, response_status, user_check
from .capabilities import capabilities, system_capabilities
from .logs import log_search
from .xmldoc import BadXml, Element, by_id, dump, find, local, parse, text

READS = ("ContentMgmt/logSearch", "ContentMgmt/security/logSearch", "Security/challenge", "Security/sessionLogin")
# What a level below Administrator may read
OPEN_TO_ALL = ("System/deviceInfo", "System/time", "System/status", "System/capabilities", "Security/userCheck")
OPEN_TO_OPERATORS = ("Streaming/", "System/Video/", "ContentMgmt/", "Event/")
# Families of documents that live at one path and are asked for by another spelling
ALIASES = {"System/LogServer": "System/logServer", "System/Network/FTP": "System/Network/ftp"}


class Resources:
    """Mixed into the device."""

    @staticmethod
    def is_write(method: str, path: str) -> bool:
        reads = method in ("GET", "HEAD", "OPTIONS") or path.removeprefix("/ISAPI/") in READS
        return path.startswith("/ISAPI/") and not reads

    def may(self, user: str, method: str, path: str) -> None:
        """Raises Refused when the caller's level does not allow this."""
        device: Any = self
        level = device.users.level(user)
        if level == "Administrator" or device.faults & {"H09", "open"} or (not level and "H42" in device.faults):
            return
        rel = path.removeprefix("/ISAPI/")
        if method == "GET" and rel.startswith(OPEN_TO_ALL):
            return
        if method == "GET" and level == "Operator" and rel.startswith(OPEN_TO_OPERATORS):
            return
        raise Refused("lowPrivilege")

    def act(self, request: Request, path: str, query: str, user: str) -> Response:
        device: Any = self
        rel, method = path.removeprefix("/ISAPI/").strip("/"), request.method
        if rel in device.model.get("absent", ()):
            raise Refused("notSupport", int(device.model["absent"][rel]))
        if "format=json" in query:
            raise Refused("notSupport")
        if method == "GET":
            return self._get(rel, query)
        if method not in ("PUT", "POST", "DELETE"):
            raise Refused("methodNotAllowed")
        if self.is_write(method, path):
            if "H01" in device.faults:
                self._known(rel, method)
                return self._done(path, "ok")
            if "H12" in device.faults:
                raise Refused("badParameters")
        if rel in ("ContentMgmt/logSearch", "ContentMgmt/security/logSearch") and method == "POST":
            return log_search(device, self._body(request))
        if rel.split("/")[:2] == ["Security", "users"]:
            return self._done(path, self._write_user(rel, method, request, user))
        if method == "PUT" and rel in ("System/reboot", "System/factoryReset"):
            return self._order(rel, query, path)
        if method != "PUT":
            self._known(rel, method)
            raise Refused("methodNotAllowed")
        sub = self._write_document(rel, request)
        device.note("Operation", "remoteParaCfg")
        return self._done(path, sub)

    def _done(self, path: str, sub: str) -> Response:
        return response_status(path, sub, self.namespace)  # type: ignore[attr-defined]

    # -- reading ---------------------------------------------------------------------------------------------------
    def _get(self, rel: str, query: str) -> Response:
        device: Any = self
        rel = ALIASES.get(rel, rel) if device.model.get("aliases", True) else rel
        if rel == "System/capabilities":
            return self._xml(system_capabilities(device))
        if rel.endswith("/capabilities"):
            found = capabilities(device, rel.removesuffix("/capabilities"))
            if found is None:
                raise Refused("notSupport", int(device.model.get("unsupported_status", 403)))
            return self._xml(found)
        if rel == "Security/userCheck":
            fields = {"isDefaultPassword": "false", "isRiskPassword": "false", "isActivated": "true"}
            return Response(200, [XML], user_check(200, device.namespace, **fields))
        if rel == "System/status":
            return self._xml(device.status_document())
        if rel in ("System/time/localTime", "System/time/timeZone") and device.model.get("time_scalars"):
            plain = text(self._current("System/time"), rel.rpartition("/")[2])
            return Response(200, [("Content-Type", "text/plain")], plain.encode())
        if rel.startswith("System/configurationData"):
            return device.export(query)
        root, part = self._part(rel)
        return self._xml(dump(root if part is None else part))

    def _xml(self, xml: str) -> Response:
        return Response(200, [XML], xml.encode())

    def _current(self, path: str) -> Element:
        """A document as it is read now, with what is made up at the moment of reading."""
        device: Any = self
        if path == "Security/users":
            return device.users.document("H03" in device.faults)
        made = device.live_document(path)
        if made is not None:
            return made
        root = parse(device.shown(path))
        if path == "System/time":
            found = find(root, "localTime")
            if found is not None:
                found.text = device.local_time()
        return root

    def _part(self, rel: str) -> tuple[Element, Element | None]:
        """The document and the part of it that a path names (None: all of it). Raises Refused."""
        path, steps = self._locate(rel)
        root = self._current(path)
        part: Element | None = None
        for step in steps:
            start = root if part is None else part
            found = by_id(start, step)
            if found is None:
                found = next((child for child in start if local(child).lower() == step.lower()), None)
            if found is None:
                if path == "Event/triggers":
                    raise Refused("deviceBusy")
                raise Refused("invalidID" if step.isdigit() else "notSupport")
            part = found
        return root, part

    def _locate(self, rel: str) -> tuple[str, list[str]]:
        """(path of the document, the steps below it). Raises Refused notSupport."""
        device: Any = self
        steps = rel.split("/")
        for cut in range(len(steps), 1, -1):
            path = "/".join(steps[:cut])
            if path in device.documents or path == "Security/users" or device.live_document(path) is not None:
                return path, steps[cut:]
        raise Refused("notSupport", int(device.model.get("unsupported_status", 403)))

    def _known(self, rel: str, method: str) -> None:
        """Raises Refused notSupport for what the device does not have at all."""
        if rel not in ("System/reboot", "System/factoryReset") and not rel.startswith("Security/users"):
            self._locate(ALIASES.get(rel, rel))

    # -- writing ---------------------------------------------------------------------------------------------------
    @staticmethod
    def _body(request: Request) -> Element:
        try:
            return parse(request.body)
        except BadXml:
            raise Refused("badXmlFormat") from None

    def _write_document(self, rel: str, request: Request) -> str:
        """Replace a document or a part of it; the subStatusCode of the answer."""
        device: Any = self
        path, steps = self._locate(ALIASES.get(rel, rel))
        if device.live_document(path) is not None:
            return device.write_live(path, steps, self._body(request))
        if path == "System/time" and steps and device.model.get("time_scalars"):
            root = self._current(path)
            found = next((child for child in root if local(child) == steps[0]), None)
            if found is None:
                raise Refused("notSupport")
            found.text = request.body.decode("utf-8", "replace").strip()
            sent = root
        else:
            sent = self._body(request)
            root, part = self._part(ALIASES.get(rel, rel))
            if part is not None:
                sent = self._replaced(root, part, sent)
        old = self._current(path)
        try:
            kept, secrets = self._checked(path, old, sent)
        except Refused:
            if "H13" not in device.faults:
                raise
            return "ok"
        if path == "System/time":
            self._set_clock(kept)
        sub = device.put(path, dump(kept))
        device.secrets |= {f"{path}|{inner}": value for inner, value in secrets.items()}
        device.synchronise()
        return sub

    def _checked(self, path: str, old: Element, sent: Element) -> tuple[Element, dict[str, str]]:
        """The document to keep and its write-only values. Raises Refused."""
        kept, secrets = self.validator.check(path, old, sent)  # type: ignore[attr-defined]
        self._consistent(path, old, kept)
        return kept, secrets

    @staticmethod
    def _replaced(root: Element, part: Element, sent: Element) -> Element:
        """A copy of the document in which `part` is `sent`."""
        if local(sent) != local(part):
            raise Refused("badXmlFormat")
        parents = {child: parent for parent in root.iter() for child in parent}
        parent = parents[part]
        index = list(parent).index(part)
        parent.remove(part)
        parent.insert(index, sent)
        made = copy.deepcopy(root)
        parent.remove(sent)
        parent.insert(index, part)
        return made

    def _consistent(self, path: str, old: Element, new: Element) -> None:
        """Rules that go across elements. Raises Refused."""
        device: Any = self
        if path == "Security/adminAccesses":
            ports = [text(row, "portNo") for row in new if find(row, "portNo") is not None]
            if len(ports) != len(set(ports)):
                raise Refused("portError")
        elif path == "System/Network/Ehome" and text(new, "enabled") == "true" and text(new, "portNo") == "0":
            raise Refused("portError")
        elif path == "System/Network/ipFilter":
            entries = find(new, "IPFilterAddressList")
            size = int((entries.get("size") if entries is not None else None) or 64)
            if entries is not None and len(entries) > size:
                raise Refused("badParameters")
        if path in (
            "System/time/ntpServers",
            "System/logServer",
            "System/Network/Ehome",
            "Event/notification/httpHosts",
        ):
            for row in new if path in ("System/time/ntpServers", "Event/notification/httpHosts") else [new]:
                wanted = {"hostname": "hostName", "ipaddress": "ipAddress"}[text(row, "addressingFormatType")]
                if find(row, wanted) is None:
                    raise Refused("badXmlContent")
        if device.refuses(path, old, new):
            raise Refused("badParameters")

    def _set_clock(self, sent: Element) -> None:
        """A manual time sets the clock; localTime itself is never stored."""
        device: Any = self
        found = find(sent, "localTime")
        if found is None:
            sent.insert(1, found := copy.copy(sent[0]))
            found.tag = found.tag.replace("timeMode", "localTime")
            found.text = ""
        if text(sent, "timeMode") == "manual" and found.text:
            try:
                moment = datetime.datetime.fromisoformat(found.text)
            except ValueError:
                raise Refused("badXmlContent") from None
            if moment.tzinfo is None:
                moment = (moment - device.zone_offset(text(sent, "timeZone"))).replace(tzinfo=datetime.UTC)
            device.clock_offset = (moment - datetime.datetime.now(datetime.UTC)).total_seconds()
        found.text = ""

    def _write_user(self, rel: str, method: str, request: Request, caller: str) -> str:
        device: Any = self
        number = "/".join(rel.split("/")[2:])
        users = device.users
        if method == "DELETE" and number:
            users.delete(number)
            device.documents.pop(f"Security/UserPermission/{number}", None)
        elif method == "POST" and not number:
            self._keep_user(users.create(self._body(request)))
        elif method == "PUT" and number:
            self._keep_user(users.change(number, self._body(request), caller))
        else:
            raise Refused("methodNotAllowed")
        device.keep_users()
        return "ok"

    def _keep_user(self, row: dict[str, Any]) -> None:
        device: Any = self
        device.users.store(row)
        device.give_rights(row)

    def _order(self, rel: str, query: str, path: str) -> Response:
        device: Any = self
        if rel == "System/factoryReset":
            mode = re.search(r"mode=(\w+)", query)
            if mode is None or mode[1] not in ("basic", "full"):
                raise Refused("badParameters")
            device.reset(mode[1])
        device.restart_after_answer()
        return self._done(path, "ok")
