# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a camera says before and beside a login: whether it has a password at all, and what it can do."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from ..device import Request, Response
from . import answers, passwords, schema
from .schema import invalid

if TYPE_CHECKING:
    from .device import SunapiDevice


def answer(device: SunapiDevice, request: Request, as_json: bool) -> Response:
    """The one CGI that asks for no login: it tells the state, and takes the first password once."""
    given = dict(parse_qsl(request.path.partition("?")[2], keep_blank_values=True))
    what = (given.get("msubmenu"), given.get("action"))
    if what == ("statuscheck", "view"):
        longest = device.model.get("max_password", 15)
        tree: dict[str, Any] = {"Initialized": device.initialised, "Language": "English", "MaxChannel": 1,
                                "NewPasswordPolicy": True}  # fmt: skip
        tree |= {"MaxPasswordLength": longest} if longest > 15 else {}
        if not device.initialised:
            form = given.get("PublicKeyFormat", "PKCS1")
            tree |= {"SupportedPublicKeyFormats": ["PKCS1", "X509"], "PublicKey": passwords.public_key(form)}
        tree["Manufacturer"] = str(device.model.get("manufacturer", "Hanwha Vision"))
        return Response(200, [("Content-Type", answers.JSON)], json.dumps(tree).encode())
    if what != ("setinitpassword", "set"):
        raise schema.not_found()
    if device.initialised:
        raise invalid("Password")  # it works once
    encrypted = given.get("IsPasswordEncrypted") == "True"
    if not encrypted and not device.model.get("plain_passwords", True):
        raise invalid("Password")
    text = passwords.decrypt(request.body) if encrypted else given.get("Password", "")
    if text is None or not passwords.is_allowed(text, int(device.model.get("max_password", 15))):
        raise invalid("Password")
    if not device.lies():
        rows = copy.deepcopy(device.state["security"]["users"])
        rows[0]["Password"] = text
        device.force("security", "users", rows)
        device.initialised = True
    return answers.done(as_json)


def capabilities(model: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """What attributes.cgi/attributes tells of a model."""
    return {
        "System": {"Property": {"DeviceType": "NWC", "CGIVersion": model.get("cgi_version", "2.6.3")},
                   "Limit": {"MaxChannel": 1}},
        "Security": {"Limit": {"MaxUser": 10, "MaxPasswordLength": model.get("max_password", 15)},
                     "Support": {"CurrentPasswordVerification": model.get("current_password", "None")}},
        "Network": {"Limit": {"MaxIPv4Filter": 10, "MaxIPv6Filter": 10}},
    }  # fmt: skip
