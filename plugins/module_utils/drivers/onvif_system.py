# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""System, time, scope, media and recording documents of an ONVIF device (onvif.md 2.3, 2.4)."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import quote, unquote
from xml.etree.ElementTree import Element

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Stored, Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_network import host, hosts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_session import UTC, device_time, now
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_soap import (
    boolean,
    el,
    is_fault,
    kid,
    kids,
    more,
    need,
    text,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer, Refused, Unsupported

SCOPE = "onvif://www.onvif.org/"
MOST_JOBS = 256  # of a recorder; one request each


# -- device information ------------------------------------------------------------------------------------------------
def information(response: Element) -> Tree:
    """Strings of the device; "" where it says nothing. Unsupported when it says nothing at all (H02)."""
    fields = {
        "manufacturer": "Manufacturer",
        "model": "Model",
        "firmware": "FirmwareVersion",
        "serial": "SerialNumber",
        "hardware": "HardwareId",
    }
    tree = {name: text(response, child) for name, child in fields.items()}
    if not any(tree.values()):
        raise Unsupported("GetDeviceInformation: the answer is empty.")
    return tree


def endpoint_of(response: Element) -> str:
    """The id of the device in discovery; "" when it has none (IPD, SUNBA: onvif.md 2.8)."""
    return "".join(char for char in text(response, "GUID") if char.isprintable())[:200]


def fetch_information(ctx: Any) -> Tree:
    if not ctx.endpoint_asked:  # a connection on which identify() did not ask
        ctx.endpoint_asked = True
        try:
            ctx.identity.endpoint = endpoint_of(ctx.call("tds:GetEndpointReference"))
        except (Unsupported, Refused, BadAnswer):
            pass
    response, ctx.information = ctx.information, None  # the answer that proved the login is fresh once
    return information(response if response is not None else ctx.call("tds:GetDeviceInformation"))


def fetch_services(ctx: Any) -> Tree:
    """{namespace: version}. Where they are is the session's business: addresses change with the network."""
    ctx.service("tds")
    return {namespace: service["version"] for namespace, service in sorted(ctx.services.items())}


def fetch_login(ctx: Any) -> Tree:
    """What the login taught, without a request: the schemes offered, and whether one was asked for."""
    return {"anonymous": bool(ctx.facts.get("anonymous")), "schemes": list(ctx.facts.get("http_schemes", ()))}


# -- time --------------------------------------------------------------------------------------------------------------
def fetch_clock(ctx: Any) -> Tree:
    """{"type": Manual | NTP, "dst", "zone", "device", "controller"}: both moments in UTC, ISO text; None: not told."""
    if ctx.time_answer is not None and (now() - ctx.time_answer[2]).total_seconds() < 5.0:
        (response, moment, _after), ctx.time_answer = ctx.time_answer, None
    else:
        before = now()
        response = ctx.call("tds:GetSystemDateAndTime")
        moment = before + (now() - before) / 2
    told = device_time(response)
    if told is not None:
        ctx.offset, ctx.clock_asked = told - moment, True
    info = need(response, "SystemDateAndTime")
    return {
        "type": text(need(info, "DateTimeType")),
        "dst": boolean(info, "DaylightSavings") if kid(info, "DaylightSavings") is not None else False,
        "zone": text(info, "TimeZone/TZ"),
        "device": told.isoformat() if told else None,
        "controller": moment.isoformat(),
        "more": more(response, ("DateTimeType", "DaylightSavings", "TZ", "UTCDateTime", "LocalDateTime")),
    }


def set_clock(ctx: Any, tree: Tree) -> Stored:
    """Zone and summer time go along as they are: some devices reset what is left out (onvif.md 2.4)."""
    moment = now() + (ctx.offset or datetime.timedelta())

    def content(zone: str) -> list[Element]:
        parts = [el("tds:DateTimeType", tree["type"]), el("tds:DaylightSavings", tree["dst"])]
        if zone:
            parts.append(el("tds:TimeZone", el("tt:TZ", zone)))
        if tree["type"] == "Manual":  # a manual time wants a time: the one that the device has
            time = [el(f"tt:{name}", getattr(moment, name.lower())) for name in ("Hour", "Minute", "Second")]
            date = [el(f"tt:{name}", getattr(moment, name.lower())) for name in ("Year", "Month", "Day")]
            parts.append(el("tds:UTCDateTime", el("tt:Time", time), el("tt:Date", date)))
        return parts

    try:
        return ctx.send("tds:SetSystemDateAndTime", content(tree["zone"]))
    except Refused as error:
        if not is_fault(error, "InvalidTimeZone") or tree.get("zone_wanted"):
            raise
        return ctx.send("tds:SetSystemDateAndTime", content(""))  # it refuses what it holds itself (HA core#90820)


def store_clock(ctx: Any, old: Tree, new: Tree) -> Stored:
    return set_clock(ctx, {**new, "zone_wanted": new["zone"] != old["zone"]})


def ntp(response: Element) -> Tree:
    info = need(response, "NTPInformation")
    return {
        "from_dhcp": boolean(info, "FromDHCP"),
        "dhcp": hosts(info, "NTPFromDHCP"),
        "manual": hosts(info, "NTPManual"),
        "more": more(response, ("FromDHCP", "NTPFromDHCP", "NTPManual")),
    }


def store_ntp(ctx: Any, old: Tree, new: Tree) -> Stored:
    """SetNTP alone switches nothing on. A device that follows a server may refuse another one: stop, set, go on."""
    content = (el("tds:FromDHCP", new["from_dhcp"]), [host("tds:NTPManual", server) for server in new["manual"]])
    try:
        return ctx.send("tds:SetNTP", *content)
    except Refused as error:
        if not is_fault(error, "TimeSyncedToNtp"):
            raise
    clock = fetch_clock(ctx)
    set_clock(ctx, {**clock, "type": "Manual"})
    try:
        return ctx.send("tds:SetNTP", *content)
    finally:  # also when it is refused again: the clock must not stay on its own
        set_clock(ctx, {**clock, "type": "NTP"})


# -- scopes: names that the device shouts into the network -------------------------------------------------------------
def scopes(response: Element) -> Tree:
    """{"scopes": [{"uri", "fixed"}]} in the device's order."""
    found = [
        {"uri": text(scope, "ScopeItem"), "fixed": text(scope, "ScopeDef") == "Fixed"}
        for scope in kids(response, "Scopes")
    ]
    if not found:
        raise Unsupported("GetScopes: the answer lacks its scopes, so the device does not have this.")
    return {"scopes": found}


def scope_values(tree: Tree, kind: str, fixed: bool | None = None) -> list[str]:
    """The texts of all scopes of a kind ("name"), decoded; fixed ones, changeable ones, or both."""
    start = f"{SCOPE}{kind}/"
    return [
        unquote(scope["uri"][len(start) :], errors="replace")
        for scope in tree["scopes"]
        if scope["uri"].lower().startswith(start) and fixed in (None, scope["fixed"])
    ]


def get_scope(tree: Tree, kind: str) -> str:
    return ", ".join(value for value in scope_values(tree, kind) if value)


def put_scope(tree: Tree, kind: str, value: str) -> None:
    """One changeable scope of the kind takes the place of all; "" leaves none."""
    start = f"{SCOPE}{kind}/"
    tree["scopes"] = [s for s in tree["scopes"] if s["fixed"] or not s["uri"].lower().startswith(start)]
    if value:
        tree["scopes"].append({"uri": start + quote(value, safe="/"), "fixed": False})


def scope_limits(tree: Tree, kind: str, value: str | None) -> str | None:
    fixed = scope_values(tree, kind, fixed=True)
    return f"the device has it built in as {', '.join(fixed)!r}" if fixed and value not in fixed else None


def store_scopes(ctx: Any, old: Tree, new: Tree) -> Stored:
    """SetScopes replaces all changeable ones, so all are sent; an empty list cannot be, so the last are removed."""
    wanted = [scope["uri"] for scope in new["scopes"] if not scope["fixed"]]
    if wanted:
        return ctx.send("tds:SetScopes", [el("tds:Scopes", uri) for uri in wanted])
    gone = [scope["uri"] for scope in old["scopes"] if not scope["fixed"]]
    return ctx.send("tds:RemoveScopes", [el("tds:ScopeItem", uri) for uri in gone])


def scopes_rest(tree: Tree) -> list[list[Any]]:
    named = (f"{SCOPE}name/", f"{SCOPE}location/")
    others = (s for s in tree["scopes"] if not s["uri"].lower().startswith(named))
    return sorted([scope["uri"], scope["fixed"]] for scope in others)


# -- media: only what the look from outside needs ----------------------------------------------------------------------
def fetch_media(ctx: Any) -> Tree:
    """{"profiles": [[token, name]], "stream", "snapshot"}: URIs of the first profile, "" when refused or missing."""
    try:
        ctx.service("trt")
        prefix = "trt"
    except Unsupported:
        ctx.service("tr2")
        prefix = "tr2"
    response = ctx.call(f"{prefix}:GetProfiles")
    profiles = [[profile.get("token", ""), text(profile, "Name")] for profile in kids(response, "Profiles")]
    if not profiles:
        raise Unsupported("GetProfiles: the device lists no media profile.")
    token = el(f"{prefix}:ProfileToken", profiles[0][0])
    if prefix == "trt":
        transport = el("tt:Transport", el("tt:Protocol", "RTSP"))
        setup = [el("trt:StreamSetup", el("tt:Stream", "RTP-Unicast"), transport), token]
    else:
        setup = [el("tr2:Protocol", "RTSP"), token]
    return {
        "profiles": sorted(profiles),
        "stream": _uri(ctx, f"{prefix}:GetStreamUri", setup),
        "snapshot": _uri(ctx, f"{prefix}:GetSnapshotUri", token),
    }


def _uri(ctx: Any, operation: str, content: Any) -> str:
    try:
        response = ctx.call(operation, content)
    except (Unsupported, Refused):
        return ""
    return text(response, "MediaUri/Uri") or text(response, "Uri")


# -- recording (Profile G) ---------------------------------------------------------------------------------------------
STATE_OF = {"Active": "active", "PartiallyActive": "partial", "Idle": "idle", "Error": "error"}


def fetch_recording(ctx: Any) -> Tree:
    """{"jobs": {item: state}, "modes": {item: mode}}. Items are named by what they record, not by the job's id."""
    ctx.service("trc")
    response = ctx.call("trc:GetRecordingJobs")
    jobs: dict[str, str] = {}
    modes: dict[str, str] = {}
    for job in kids(response, "JobItem")[:MOST_JOBS]:
        token = text(job, "JobToken")
        state = need(ctx.call("trc:GetRecordingJobState", el("trc:JobToken", token)), "State")
        sources = [(text(s, "SourceToken/Token"), text(s, "State")) for s in kids(state, "Sources")]
        if not sources:
            recording = text(state, "RecordingToken") or text(job, "JobConfiguration/RecordingToken")
            sources = [(recording, text(state, "State"))]
        for name, word in sources:
            item, count = name, 1
            while item in jobs:
                count += 1
                item = f"{name}#{count}"
            jobs[item] = STATE_OF.get(word, word)
            modes[item] = text(job, "JobConfiguration/Mode")
    return {"jobs": jobs, "modes": modes}


def recording_state(tree: Tree) -> str:
    states = set(tree["jobs"].values())
    if "error" in states:
        return "error"
    return states.pop() if len(states) == 1 else "partial" if states else "idle"


def moment(value: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(value).astimezone(UTC) if value else None
