# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text CGIs of a simulated AXIS device: parameters, accounts, logs, restart (fact sheet 3, 6, 16, 19, 21)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from ..device import Response
from .accounts import CONSULT
from .ask import ADMIN, HTML, OPERATOR, TEXT, VIEWER, Ask, Route, page

if TYPE_CHECKING:
    from .device import VapixDevice

RESERVED = {"action", "usergroup", "responseformat", "listformat", "group", "template", "force"}
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
DISKS = (
    '<?xml version="1.0"?>\n<root xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:noNamespaceSchemaLocation="http://www.axis.com/vapix/http_cgi/disk/list1.xsd">\n'
    '<disks numberofdisks="{count}" >  {rows}\n</disks> </root>\n'
)
CONTINUOUS = (
    '<?xml version="1.0" encoding="utf-8" ?>\n<root><continuousrecordingconfigurations>'
    "{rows}</continuousrecordingconfigurations></root>\n"
)


# -- param.cgi ---------------------------------------------------------------------------------------------------
def _param(device: VapixDevice, ask: Ask) -> Response:
    action = ask.fields.get("action", "")
    if action == "list":
        return page(_list(device, ask))
    if action == "listdefinitions":
        return _definitions(device, ask)
    if action == "update":
        return _update(device, ask)
    if action in ("add", "remove"):
        return page(_groups(device, ask, action))
    return page("# Error: unknown action\n")


def _list(device: VapixDevice, ask: Ask) -> str:
    lines: list[str] = []
    after_error = False
    for group in ask.fields.get("group", "").split(","):
        rows = device.tree.select(group, ask.level)
        if not rows:
            lines.append(f"# Error: Error -1 getting param in group '{group}'")
        # The group after an error line was recorded without its prefix.
        prefix = "" if after_error and device.model.get("prefix_lost_after_error", True) else "root."
        lines += [f"{prefix}{row.name}={row.shown()}" for row in rows]
        after_error = not rows
    return "".join(line + "\n" for line in lines)


def _definitions(device: VapixDevice, ask: Ask) -> Response:
    if ask.fields.get("listformat") != "xmlschema":
        return page("# Error: listformat must be xmlschema\n")
    groups = ask.fields.get("group", "").split(",")
    chosen = {row.name for group in groups for row in device.tree.select(group, ask.level)}
    rows = [row for name, row in device.tree.rows.items() if name in chosen]
    body = device.tree.definitions(rows, device.tree.get("Brand.ProdShortName"), device.firmware, device.address)
    return Response(200, [("Content-Type", "text/xml")], body)


def wishes(ask: Ask) -> list[tuple[str, str]]:
    return [(name, value) for name, value in ask.pairs if name.lower() not in RESERVED]


def _update(device: VapixDevice, ask: Ask) -> Response:
    asked = wishes(ask)
    before = device.tree.values()
    errors, done = device.tree.update(asked, ask.level, clamps="H13" in device.faults)
    device.params_changed([name for name in done if device.tree.rows[name].value != before[name]], before)
    if not asked:
        errors = ["# Error: no parameter"]
    return page("".join(line + "\n" for line in errors) or "OK\n")


def _update_refused(device: VapixDevice, ask: Ask) -> Response:
    asked = wishes(ask) or [("root", "")]
    names = [(name if name.startswith("root.") else f"root.{name}", value) for name, value in asked]
    return page("".join(f"# Error: Error setting '{name}' to '{value}'!\n" for name, value in names))


def _groups(device: VapixDevice, ask: Ask, action: str) -> str:
    """Dynamic groups: stream profiles only."""
    fields = ask.fields
    group = fields.get("group", "").removeprefix("root.")
    if ask.level < OPERATOR:
        return f"# Error: not allowed to {action} group '{group}'\n"
    if action == "remove":
        if not group.startswith("StreamProfile.S") or not device.tree.select(group, ask.level):
            return f"# Error: Error removing group '{group}'!\n"
        device.tree.remove(group)
        return "OK\n"
    if group != "StreamProfile" or fields.get("template", "").lower() != "streamprofile":
        return f"# Error: Error adding group '{group}'!\n"
    number = next(i for i in range(1000) if f"StreamProfile.S{i}.Name" not in device.tree.rows)
    own = {name.rpartition(".")[2]: value for name, value in wishes(ask)}
    for name, longest in (("Description", " maxlen=128"), ("Name", " maxlen=64"), ("Parameters", "")):
        line = f"StreamProfile.S{number}.{name}\t4414\tdynamic\tstring{longest}\t{name}\t"
        device.tree.add(line, {})
        device.tree.put(f"StreamProfile.S{number}.{name}", own.get(name, ""))
    device.tree.sort()
    return f"S{number} OK\n"


# -- accounts ----------------------------------------------------------------------------------------------------
def _pwdgrp(device: VapixDevice, ask: Ask) -> Response:
    if "H03" in device.faults and ask.fields.get("action") == "get":
        return page('admin=""\noperator=""\nviewer=""\nptz=""\ndigusers=""\n')
    text, changed = device.accounts.act(ask.fields)
    if changed:
        device.note(f"pwdgrp.cgi: {text}")
    elif text == CONSULT:
        device.note("pwdgrp.cgi: the account could not be changed")
    return page(text, TEXT if ask.fields.get("action") == "get" else HTML)


def _pwdgrp_taken(device: VapixDevice, ask: Ask) -> Response:
    verb = {"add": "Created", "update": "Modified", "remove": "Removed"}.get(ask.fields.get("action", ""), "Modified")
    return page(f"{verb} account {ask.fields.get('user', '')}.", HTML)


def _usergroup(device: VapixDevice, ask: Ask) -> Response:
    user = device.accounts.users.get(ask.user)
    return page(f"{ask.user}\n{' '.join(['users', *(user.groups if user else [])])}\n")


# -- logs, disks, restart ----------------------------------------------------------------------------------------
def _systemlog(device: VapixDevice, ask: Ask) -> Response:
    wanted = ask.fields.get("text", "")
    lines = [line for line in device.system_log if wanted in line]
    return page("\n----- System log -----\n\n\n" + "".join(line + "\n" for line in lines))


def _accesslog(device: VapixDevice, _unused_ask: Ask) -> Response:
    return page("----- Access log -----\n\n" + "".join(line + "\n" for line in device.access_log))


def _report(device: VapixDevice, ask: Ask) -> Response:
    log = _systemlog(device, ask).body.decode()
    return page(f"SIMULATED server report of {device.tree.get('Brand.ProdFullName')}\n{_list(device, ask)}{log}")


def _disks(device: VapixDevice, _unused_ask: Ask) -> Response:
    rows = []
    for disk, group, system in (("SD_DISK", "S0", "ext4"), ("NetworkShare", "S1", "cifs")):
        on = device.tree.is_on(f"Storage.{group}.Enabled", True) and disk not in device.model.get("no_disk", ())
        facts = {
            "diskid": disk, "name": "", "totalsize": 116109036, "freesize": 63126240, "cleanuplevel": 90,
            "cleanupmaxage": device.tree.get(f"Storage.{group}.CleanupMaxAge", "7"), "cleanuppolicy": "fifo",
            "locked": "no", "full": "no", "readonly": "no", "status": "OK" if on else "disconnected",
            "filesystem": system, "group": group, "requiredfilesystem": "none", "encryptionenabled": "false",
            "diskencrypted": "false",
        }  # fmt: skip
        rows.append("<disk " + " ".join(f"{name}={quoteattr(str(value))}" for name, value in facts.items()) + "/>")
    return page(DISKS.format(count=len(rows), rows="\n  ".join(rows)), "text/xml")


def _recordings(device: VapixDevice, _unused_ask: Ask) -> Response:
    rows = "".join(
        "<continuousrecordingconfiguration "
        + " ".join(f"{name}={quoteattr(str(value))}" for name, value in row.items())
        + " />"
        for row in device.recordings
    )
    return page(CONTINUOUS.format(rows=rows), "text/xml")


def _recording_removed(device: VapixDevice, ask: Ask) -> Response:
    profile = ask.fields.get("profile", "")
    left = [row for row in device.recordings if str(row.get("profile")) != profile]
    known, device.recordings = len(left) != len(device.recordings), left
    result = "OK" if known else "ERROR"
    return page(f'<?xml version="1.0"?>\n<root><remove profile={quoteattr(profile)} result="{result}"/></root>\n',
                "text/xml")  # fmt: skip


def _applications(_unused_device: VapixDevice, _unused_ask: Ask) -> Response:
    return page('<?xml version="1.0" encoding="UTF-8"?>\n<reply result="ok">\n</reply>\n', "text/xml")


def _dnsupdate(device: VapixDevice, ask: Ask) -> Response:
    name = ask.fields.get("add", "")
    if name and not (device.tree.rows["Network.DNSUpdate.DNSName"].type.accepts(name)):
        return page("Error: invalid name\n", HTML)
    if name:
        device.tree.put("Network.DNSUpdate.DNSName", name)
    return page("<html><body>SIMULATED update done</body></html>\n", HTML)


def _restart(device: VapixDevice, _unused_ask: Ask) -> Response:
    device.restart_soon()
    return page("<html><body>SIMULATED device restarts</body></html>\n", HTML)


def _default(hard: bool):
    def answer(device: VapixDevice, _unused_ask: Ask) -> Response:
        device.factory_default(hard)
        return page("<html><body>SIMULATED device goes back to its factory state</body></html>\n", HTML)

    return answer


def _image(_unused_device: VapixDevice, _unused_ask: Ask) -> Response:
    return Response(200, [("Content-Type", "image/jpeg")], JPEG)


def _always(_unused_ask: Ask) -> bool:
    return True


def _action(name: str):
    return lambda ask: f"{name} {ask.fields.get('action', '')}".strip()


def _named(name: str):
    return lambda ask: name


def _changes(*actions: str):
    return lambda ask: ask.fields.get("action") in actions


def _ok(_unused_device: VapixDevice, _unused_ask: Ask) -> Response:
    return page("OK\n")


def _consult(_unused_device: VapixDevice, _unused_ask: Ask) -> Response:
    return page(CONSULT, HTML)


TEXT_CGIS = {
    "param.cgi": Route(VIEWER, _param, _action("param.cgi"), _changes("update", "add", "remove"), _update_refused, _ok),
    "pwdgrp.cgi": Route(
        ADMIN, _pwdgrp, _action("pwdgrp.cgi"), _changes("add", "update", "remove"), _consult, _pwdgrp_taken
    ),
    "usergroup.cgi": Route(VIEWER, _usergroup, _named("usergroup.cgi")),
    "systemlog.cgi": Route(ADMIN, _systemlog, _named("systemlog.cgi")),
    "accesslog.cgi": Route(ADMIN, _accesslog, _named("accesslog.cgi")),
    "serverreport.cgi": Route(ADMIN, _report, _named("serverreport.cgi")),
    "dnsupdate.cgi": Route(ADMIN, _dnsupdate, _named("dnsupdate.cgi"), _always, _update_refused, _ok),
    "restart.cgi": Route(ADMIN, _restart, _named("restart.cgi"), _always),
    "factorydefault.cgi": Route(ADMIN, _default(False), _named("factorydefault.cgi"), _always),
    "hardfactorydefault.cgi": Route(ADMIN, _default(True), _named("hardfactorydefault.cgi"), _always),
    "disks/list.cgi": Route(OPERATOR, _disks, _named("disks/list.cgi")),
    "record/continuous/listconfiguration.cgi": Route(OPERATOR, _recordings, _named("continuous list")),
    "record/continuous/removeconfiguration.cgi": Route(
        OPERATOR, _recording_removed, _named("continuous remove"), _always
    ),
    "applications/list.cgi": Route(ADMIN, _applications, _named("applications list")),
    "jpg/image.cgi": Route(VIEWER, _image, _named("image.cgi")),
}
