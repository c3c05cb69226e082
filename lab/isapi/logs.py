# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event log of a device, and the search in it (fact sheet 15)."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from ..device import Response
from .answers import XML, Refused
from .xmldoc import HEAD, VER20, Element, find, local, text

LIMIT = 100  # lines in one answer


def log_search(device: Any, sent: Element) -> Response:
    """Answer CMSearchDescription; times are compared as text (UTC, ending in Z)."""
    if local(sent) != "CMSearchDescription":
        raise Refused("badXmlFormat")
    kind = text(sent, "metaId").rpartition("/")[2]
    # The element is spelled so on the wire.
    if find(sent, "searchResultPostion") is None or kind not in ("Operation", "Exception", "Alarm", "Information"):
        raise Refused("badXmlContent")
    numbers = [text(sent, name, "0") or "0" for name in ("searchResultPostion", "maxResults")]
    if not all(one.isascii() and one.isdigit() and len(one) < 10 for one in numbers):
        raise Refused("badXmlContent")
    start, end = text(sent, "timeSpanList/timeSpan/startTime"), text(sent, "timeSpanList/timeSpan/endTime")
    first, most = int(numbers[0]), min(int(numbers[1]) or LIMIT, LIMIT)
    rows = [row for row in device.system_log if row[1] == kind and start <= row[0] <= (end or "9")]
    shown = rows[first : first + most]
    word = "NO MATCHES" if not shown else "MORE" if first + most < len(rows) else "OK"
    items = "".join(
        f"<searchMatchItem><logDescriptor><metaId>log.std-cgi.com/{kind}/{minor}</metaId><StartDateTime>{at}"
        "</StartDateTime><paraType></paraType><userName></userName></logDescriptor></searchMatchItem>"
        for at, _unused, minor in shown
    )
    number = escape(text(sent, "searchID")[:64])
    body = (
        f'{HEAD}<CMSearchResult version="1.0" xmlns="{VER20}"><searchID>{number}</searchID>'
        f"<responseStatus>true</responseStatus><responseStatusStrg>{word}</responseStatusStrg>"
        f"<numOfMatches>{len(shown)}</numOfMatches><matchList>{items}</matchList></CMSearchResult>\n"
    )
    return Response(200, [XML], body.encode())
