# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of simulated ISAPI devices by name, and the ways they damage an answer."""

from __future__ import annotations

import re

from ..device import Response

FAULTS = {
    "open": "every request is answered without a login, the stream too",
    "H01": "writes answer ok and change nothing",
    "H03": "the user list is empty",
    "H04": "the user list is given without a login",
    "H05": "writes answer ok and show only after a restart",
    "H07-open": "a protocol reported as disabled still answers",
    "H07-closed": "RTSP has no open socket although it is reported as enabled",
    "H08": "capability flags are inverted",
    "H09": "an account of any level may do anything",
    "H12": "errors have HTTP status 200, and every write is such an error",
    "H13": "values out of the ordinary are accepted with ok and the old one is kept",
    "H16": "changes read back and are lost at power-off",
    "H20-403": "a refused login has status 403",
    "H24-single-use": "a nonce is good for one request; the next challenge says stale",
    "H24-mute": "the third use of a nonce is answered 401 without a challenge",
    "H24-invalid": "a nonce that is used up is answered invalidOperation",
    "H30-prefix": "the answer to a write uses an undeclared prefix",
    "H30-bom": "answers begin with a byte order mark and name a wrong encoding",
    "H30-utf8": "the device name holds invalid UTF-8",
    "H32-nesting": "answers hold 100,000 nested elements",
    "H32-entities": "answers begin with a document type full of entities",
    "H34": "names carry hostile strings (model: hostile)",
    "H35": "accounts exist that look like admin",
    "H40": "HTTPS is reported as enabled and listens only after a restart",
    "H41": "the device sees every caller under another address (…254 of its network)",
    "H42": "a client that is logged in stays so after its password was changed or its account deleted",
    "H49": "after a restart the device is in factory state",
    "H49-gone": "after a restart the device does not come back",
    "H50": "the device is not activated",
    "reboot": "changes of ports and protocols answer statusCode 7 and wait for a restart",
    "disk-error": "a disk is reported with an error",
}
_BOMB = b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">'.encode() for new, old in zip("bcdefghi", "abcdefgh", strict=True)
)
_BOMB += b'<!ENTITY x SYSTEM "file:///etc/passwd">]>'
_ROOT = re.compile(rb"(<[A-Za-z][^>]*>)")  # the first element: declarations begin with ? or !


def damage(names: set[str], response: Response, wrote: bool) -> Response:
    """The answer as the faults leave it; `wrote`: it was a write."""
    body = response.body
    if not body.startswith(b"<?xml"):
        return response
    if "H30-prefix" in names and wrote:
        body = body.replace(b"<statusString>", b"<x:extra>1</x:extra><statusString>", 1)
    if "H30-utf8" in names:
        body = body.replace(b"<deviceName>", b"<deviceName>\xff\xfe\xc3", 1)
    if "H30-bom" in names:
        body = b"\xef\xbb\xbf" + body.replace(b'encoding="UTF-8"', b'encoding="GB2312"', 1)
    if "H32-nesting" in names:
        body = _ROOT.sub(lambda found: found[1] + b"<x>" * 100_000 + b"</x>" * 100_000, body, count=1)
    if "H32-entities" in names:
        head, mark, rest = body.partition(b"?>")
        body = head + mark + _BOMB + _ROOT.sub(lambda found: found[1] + b"<x>&i;&x;</x>", rest, count=1)
    response.body = body
    return response
