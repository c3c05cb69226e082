# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of Dahua's tables: what it reads from a camera's tables, and what of them a write changes."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Binding, Stored
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_edit as edit
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_text as text
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua import DahuaDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua_tables import QUESTIONS, TABLES
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer, Refused

LINES = b"""table.All.General.LockLoginEnable=true
table.All.General.LockLoginTimes=5
table.All.General.LoginFailLockTime=1800
table.All.General.MachineName=IPC
table.All.General.MachineAddress=Gate 3
table.All.General.MachineGroup=
table.All.Network.DefaultInterface=eth2
table.All.Network.Hostname=ipc-1
table.All.Network.eth0.IPAddress=10.0.0.9
table.All.Network.eth2.IPAddress=192.0.2.20
table.All.Network.eth2.SubnetMask=255.255.255.0
table.All.Network.eth2.DefaultGateway=192.0.2.1
table.All.Network.eth2.DhcpEnable=false
table.All.Network.eth2.DnsServers[0]=192.0.2.53
table.All.Network.eth2.DnsServers[1]=0.0.0.0
table.All.Network.eth2.PhysicalAddress=02-00-5E-00-53-01
table.All.Network.eth2.MTU=1500
table.All.NTP.Address=clock.example
table.All.NTP.Enable=false
table.All.NTP.TimeZone=13
table.All.NTP.Port=123
table.All.Locales.DSTEnable=false
table.All.Locales.DSTStart.Year=2000
table.All.RTSP.Enable=true
table.All.RTSP.Port=554
table.All.UserGlobal.OnvifLoginCheck=false
table.All.UPnP.Enable=true
table.All.UPnP.MapTable[0].Enable=true
table.All.DDNS[0].Enable=false
table.All.DDNS[0].HostName=cam.ddns.example
table.All.DDNS[0].Protocol=Dyndns DDNS
table.All.DDNS[0].Password=ddns-secret
table.All.DDNS[1].Enable=true
table.All.DDNS[1].HostName=two.ddns.example
table.All.DDNS[1].Protocol=NO-IP DDNS
table.All.Email.Enable=true
table.All.Email.Password=mail-secret
table.All.T2UServer[0].Enable=true
table.All.VSP_PaaS.Enable=false
table.All.Bonjour.Enable=true
table.All.Bonjour.ServiceName=IPC
table.All.Multicast.RTP[0].Enable=false
table.All.Multicast.DHII[0].Enable=true
table.All.Telnet.Enable=true
table.All.SSHD.Enable=true
table.All.SNMP.Enable=true
table.All.SNMP.ReadCommon=public
table.All.Https.Enable=false
table.All.Https.Port=443
table.All.WLan.eth1.Enable=true
table.All.WLan.eth1.SSID=site
table.All.WLan.eth1.Encryption=WPA-PSK-CCMP
table.All.WLan.eth1.Keys[0]=wlan-secret
table.All.AutoUpgrade.Enable=true
table.All.CloudUpgrade.Enable=true
table.All.LoginFailureAlarm.Enable=false
table.All.RecordMode[0].Mode=0
table.All.RecordMode[0].ModeExtra1=2
table.All.BlindDetect[0].Enable=false
table.All.BlindDetect[0].Level=3
table.All.LossDetect[0].Enable=true
table.All.LossDetect[1].Enable=false
table.All.ChannelTitle[0].Name=CAM1
table.All.AccessFilter.Enable=false
table.All.AccessFilter.Type=TrustList
table.All.AccessFilter.TrustList[0]=192.0.2.5
table.All.AccessFilter.BannedList[0]=198.51.100.1
"""
USERS = {
    "admin": {"group": "admin", "reserved": True},
    "viewer": {"group": "user", "reserved": False},
    "guard": {"group": "patrol", "reserved": False},
}


def trees() -> dict[str, Any]:
    found: dict[str, Any] = text.tables(LINES)
    found["AccessFilter"] = edit.filter_tree(found["AccessFilter"])
    return found | {
        "users": copy.deepcopy(USERS),
        "information": {"serialNumber": "SIM123", "deviceType": "IPC-1"},
        "version": {"version": "2.880.0.R,build:2023-11-15"},
        "login": {"schemes": ["digest-md5"]},
        "cameras": {"states": {"channel-1": "Connected", "channel-2": "Unconnect"}},
        "storage": {"rows": [{"State": "Success", "Detail[0].IsError": "false"}]},
    }


def binding_of(key: str, write: bool = False) -> tuple[Binding, list[str]]:
    parsed = settings.parse_key(key)
    for binding in DahuaDriver.bindings:
        if binding.key in (parsed, settings.pattern_of(parsed)) and (binding.put or not write):
            return binding, [settings.item_of(parsed)] if binding.has_items else []
    raise AssertionError(f"no row for {key}")


# key -> (what it reads, a value to write, keys of the tables afterwards that were otherwise before)
ROWS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "facts.model": ("IPC-1", None, {}),
    "facts.serial": ("SIM123", None, {}),
    "facts.firmware": ("2.880.0.R build:2023-11-15", None, {}),
    "firmware.version": ("2.880.0.R build:2023-11-15", None, {}),
    "facts.mac": ("02:00:5e:00:53:01", None, {}),
    "auth.http_schemes": (["digest-md5"], None, {}),
    "auth.basic_login": (False, None, {}),
    "identity.name": ("IPC", "gate", {"General.MachineName": "gate"}),
    "identity.location": ("Gate 3", "", {"General.MachineAddress": ""}),
    "identity.hostname": ("ipc-1", "cam", {"Network.Hostname": "cam"}),
    "identity.overlay_text": ("CAM1", "x", {"ChannelTitle.[0].Name": "x"}),
    'accounts."viewer".role': ("viewer", "administrator", {"users.viewer": {"group": "admin", "reserved": False}}),
    'accounts."admin".role': ("administrator", None, {}),
    'accounts."guard".role': ("other", None, {}),
    "auth.lockout_attempts": (5, 3, {"General.LockLoginTimes": "3"}),
    "auth.lockout_minutes": (30, 45, {"General.LoginFailLockTime": "2700"}),
    "auth.onvif_login": (False, True, {"UserGlobal.OnvifLoginCheck": "true"}),
    "events.login_failure": (False, True, {"LoginFailureAlarm.Enable": "true"}),
    "services.telnet.enabled": (True, False, {"Telnet.Enable": "false"}),
    "services.ssh.enabled": (True, False, {"SSHD.Enable": "false"}),
    "services.upnp.enabled": (True, False, {"UPnP.Enable": "false"}),
    "services.mdns.enabled": (True, False, {"Bonjour.Enable": "false"}),
    "services.snmp.enabled": (True, False, {"SNMP.Enable": "false"}),
    "services.multicast.enabled": (True, False, {"Multicast.DHII[0].Enable": "false"}),
    "services.smtp.enabled": (True, False, {"Email.Enable": "false"}),
    "services.rtsp.enabled": (True, False, {"RTSP.Enable": "false"}),
    "services.rtsp.ports": ([554], [8554], {"RTSP.Port": "8554"}),
    "services.https.enabled": (False, True, {"Https.Enable": "true"}),
    "services.https.ports": ([443], None, {}),
    "cloud.enabled": (True, False, {"T2UServer.[0].Enable": "false"}),
    "ddns.enabled": (True, False, {"DDNS.[1].Enable": "false"}),
    "ddns.hostname": ("two.ddns.example", None, {}),
    "ddns.provider": ("NO-IP DDNS", None, {}),
    "time.sync": ("manual", "ntp", {"NTP.Enable": "true"}),
    "time.servers": (["clock.example"], ["192.0.2.1"], {"NTP.Address": "192.0.2.1"}),
    "time.zone": ("<+08>-8", "Asia/Tokyo", {"NTP.TimeZone": "14"}),
    "access.mode": ("off", "deny", {"AccessFilter.mode": "deny", "AccessFilter.list": "BannedList"}),
    "access.sources": (["192.0.2.5"], ["192.0.2.6"], {"AccessFilter.sources": ["192.0.2.6"]}),
    "network.address": (["192.0.2.20/24"], None, {}),
    "network.gateway": (["192.0.2.1"], None, {}),
    "network.addressing": ("static", None, {}),
    "network.dns_servers": (["192.0.2.53"], ["9.9.9.9", "192.0.2.53"],
                            {"Network.eth2.DnsServers[0]": "9.9.9.9", "Network.eth2.DnsServers[1]": "192.0.2.53"}),
    'wireless."eth1".enabled': (True, False, {"WLan.eth1.Enable": "false"}),
    'wireless."eth1".ssid': ("site", None, {}),
    'wireless."eth1".security': ("wpa", None, {}),
    'wireless."eth1".tkip': (False, None, {}),
    "storage.edge_recording": (True, False, {"RecordMode.[0].Mode": "2"}),
    "storage.state": ("ok", None, {}),
    "recording.state": ("error", None, {}),
    'recording.jobs."channel-1".state': ("active", None, {}),
    'recording.jobs."channel-2".state': ("error", None, {}),
    "events.tamper": (False, True, {"BlindDetect.[0].Enable": "true"}),
    "events.video_loss": (False, True, {"LossDetect.[1].Enable": "true"}),
    "firmware.auto_update": (True, False, {"AutoUpgrade.Enable": "false", "CloudUpgrade.Enable": "false"}),
}  # fmt: skip


@pytest.mark.parametrize("key", ROWS)
def test_each_row_reads_its_value_and_changes_no_more_than_that(key: str) -> None:
    expected, wanted, changed = ROWS[key]
    held = trees()
    binding, item = binding_of(key, write=wanted is not None)
    found = [held[name] for name in binding.documents]
    assert binding.when is None or binding.when(None, *found)
    assert compare.same(settings.parse_key(key), settings.normalise(settings.parse_key(key), expected),
                        settings.normalise(settings.parse_key(key), binding.get(*found, *item)))  # fmt: skip
    if wanted is None:
        return
    before = copy.deepcopy(held)
    value = settings.normalise(settings.parse_key(key), wanted)
    if binding.limits:
        assert binding.limits(None, *found, *(item or [""]), value) is None
    binding.put(*found, *item, value)
    differs = {
        f"{name}.{field}": content
        for name, tree in held.items()
        for field, content in tree.items()
        if before[name].get(field) != content
    }
    assert differs == changed
    back = settings.normalise(settings.parse_key(key), binding.get(*found, *item))
    assert compare.same(settings.parse_key(key), value, back)


def test_every_row_has_a_case() -> None:
    tried = {settings.pattern_of(settings.parse_key(key)) or settings.parse_key(key) for key in ROWS}
    rows = {settings.pattern_of(binding.key) or binding.key for binding in DahuaDriver.bindings if not binding.secret}
    assert rows == tried


def test_a_password_is_marked_and_never_held() -> None:
    binding, item = binding_of('accounts."viewer".password', write=True)
    tree = copy.deepcopy(USERS)
    assert binding.secret and binding.proof == "login" and binding.get(tree, *item) is ABSENT
    binding.put(tree, *item, "N3w-Secret-1")
    assert tree["viewer"]["password"] == "set" and "N3w" not in repr(tree)
    assert binding.needs(None, "viewer", "", "") == ["accounts.viewer"]


@pytest.mark.parametrize(
    ("key", "first", "left"),
    [("cloud.enabled", "T2UServer", "VSP_PaaS"), ("cloud.enabled", "VSP_PaaS", "T2UServer"),
     ("firmware.auto_update", "AutoUpgrade", "CloudUpgrade"), ("firmware.auto_update", "CloudUpgrade", "AutoUpgrade")],
)  # fmt: skip
def test_a_device_that_has_one_of_two_tables_is_read_by_that(key: str, first: str, left: str) -> None:
    rows = [binding for binding in DahuaDriver.bindings if binding.key == settings.parse_key(key)]
    assert [binding.documents for binding in rows if first in binding.documents and left not in binding.documents]
    assert rows[0].documents in ((first, left), (left, first)), "both, where both are there"


def test_the_zone_is_read_where_summer_time_cannot_be() -> None:
    rows = [binding for binding in DahuaDriver.bindings if binding.key == ("time", "zone")]
    assert [binding.documents for binding in rows] == [("NTP", "Locales"), ("NTP",)]
    assert rows[1].get({"TimeZone": "14"}) == "<+09>-9"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("identity.name", "x" * 64), ("identity.name", "two\nlines"), ("auth.lockout_attempts", 31),
        ("auth.lockout_minutes", 0), ("services.rtsp.ports", [554, 8554]), ("time.servers", []),
        ("time.servers", ["a", "b"]), ("time.zone", "Europe/Berlin"), ("time.zone", "nowhere"),
        ("network.dns_servers", ["9.9.9.9", "8.8.8.8", "1.1.1.1"]), ("network.dns_servers", ["2001:db8::1"]),
        ('accounts."ops".role', "operator"), ('accounts."admin".role', "viewer"), ('accounts."admin".role', None),
        ('accounts."a&b".role', "viewer"), ("access.sources", [f"10.0.{n}.1" for n in range(257)]),
        ("access.sources", ["192.0.2.0/24"]),
    ],
)  # fmt: skip
def test_what_the_device_cannot_hold_is_refused_before_it_is_sent(key: str, value: Any) -> None:
    binding, item = binding_of(key, write=True)
    held = trees()
    found = [held[name] for name in binding.documents]
    assert binding.limits is not None and binding.limits(None, *found, *(item or [""]), value)


def test_a_network_is_written_where_the_device_holds_one() -> None:
    binding, _item = binding_of("access.sources", write=True)
    held = edit.filter_tree({"Enable": "false", "Type": "TrustList", "TrustList[0]": "198.51.100.0/24"})
    assert binding.limits(None, held, "", ["192.0.2.0/24"]) is None


def test_names_of_several_channels_are_not_overwritten_with_one() -> None:
    binding, _item = binding_of("identity.overlay_text", write=True)
    assert binding.limits(None, {"[0].Name": "one", "[1].Name": "two"}, "", "x")


# Tables of which nothing is modelled: their digest alone shows a change.
RECORDED = frozenset({
    "LoginAuthCtrl", "RecordStoragePoint", "MovedDetect", "StorageNotExist", "StorageFailure", "StorageLowSpace",
    "StorageGroup", "NetAbort", "IPConflict", "AutoMaintain", "VideoWidget", "RemoteDevice",
})  # fmt: skip


# -- documents ---------------------------------------------------------------------------------------------------------
def test_every_table_is_a_document_that_digests_what_no_row_models() -> None:
    documents = {document.name: document for document in DahuaDriver.documents}
    assert set(documents) == {*TABLES, *QUESTIONS, "AccessFilter"}
    modelled = {name for binding in DahuaDriver.bindings for name in binding.documents}
    assert set(documents) - modelled == RECORDED | {"clock"}
    assert all(documents[name].rest({"x": "1"}) == {"x": "1"} for name in RECORDED)
    rest = {name: documents[name].rest(tree) for name, tree in trees().items() if documents[name].rest}
    assert rest["General"] == {"MachineGroup": ""}
    assert rest["NTP"] == {"Port": "123"}
    assert rest["Locales"] == {}, "dates of summer time are those of one year"
    assert rest["Network"] == {"DefaultInterface": "eth2", "eth2.MTU": "1500"}
    assert rest["AccessFilter"] == {"BannedList[0]": "198.51.100.1"}
    assert rest["Email"] == {"Password": text.MASK}
    assert rest["BlindDetect"] == {"[0].Level": "3"}


def test_a_store_sends_what_changed_and_switches_on_last() -> None:
    sent: list[tuple[str, str]] = []
    ctx = SimpleNamespace(set_table=lambda table, changes: sent.extend(changes) or Stored())
    document = next(document for document in DahuaDriver.documents if document.name == "NTP")
    old = {"Enable": "false", "Address": "a", "Port": "123"}
    document.store(ctx, old, {**old, "Enable": "true", "Address": "b"})
    assert sent == [("Address", "b"), ("Enable", "true")]


def test_the_filter_fills_free_places_and_empties_those_that_go() -> None:
    sent: list[tuple[str, str]] = []
    held = {"Enable": "true", "Type": "TrustList", "TrustList[0]": "a", "TrustList[1]": "b"}

    def set_table(_table: str, changes: list[tuple[str, str]]) -> Stored:
        sent.extend(changes)
        held.update(changes)
        return Stored()

    ctx = SimpleNamespace(set_table=set_table, tables=lambda names: {name: held for name in names})
    old = edit.filter_tree(dict(held))
    assert old["mode"] == "allow" and old["sources"] == ["a", "b"]
    edit.store_filter(ctx, old, {**old, "sources": ["b", "c"]})
    assert sent == [("TrustList[2]", "c"), ("TrustList[0]", "")]


@pytest.mark.parametrize("table", [{}, {"Enable": "true"}, {"Enable": "false", "Type": "Both"}, {"Type": "TrustList"},
                                   {"Enable": "on!", "Type": "TrustList"}])  # fmt: skip
def test_a_filter_of_another_shape_is_not_understood(table: dict[str, str]) -> None:
    with pytest.raises(Refused, match="another shape"):
        edit.filter_tree(table)


@pytest.mark.parametrize(
    ("words", "together", "told"),
    [(["true", "x"], any, True), (["false", "x"], any, "unverifiable"), (["false", "x"], all, False),
     (["true", "x"], all, "unverifiable"), (["Off"], any, False), (["On", "0"], any, True)],
)  # fmt: skip
def test_a_word_that_is_not_known_counts_only_where_it_matters(words: list[str], together: Any, told: Any) -> None:
    get, put = edit.switch("Enable", together)
    held = [{"Enable": word} for word in words]
    found = get(*held)
    assert getattr(found, "state", found) == told
    put(*held, False)
    assert {tree["Enable"].lower() for tree in held} <= {"false", "off", "0"}


def test_a_table_that_shows_no_switch_leaves_open_what_the_two_say_together() -> None:
    get, _put = edit.switch()
    assert get({"Enable": "true"}, {"Online": "false"}) is True
    assert get({"Enable": "false"}, {"Online": "false"}).state == "unverifiable"


@pytest.mark.parametrize("number", ["\u00b2", "\u00b28443", "9" * 5000, "-1", ""])
def test_odd_digits_are_no_numbers(number: str) -> None:
    tables = {"Https": {"Port": number, "Enable": "true"}, "RTSP": {"Port": number}}
    assert binding_of("services.rtsp.ports")[0].get(tables["RTSP"]) is ABSENT
    assert edit.zone({"TimeZone": number}) is ABSENT
    lock = {"LockLoginEnable": "true", "LockLoginTimes": number, "LoginFailLockTime": number}
    assert edit.attempts(lock) is ABSENT and edit.minutes(lock) is ABSENT
    target = SimpleNamespace(scheme="https", port=443)
    ctx = SimpleNamespace(transport=SimpleNamespace(target=target), lock={**lock, "LockLoginTimes": "3"})
    assert DahuaDriver().endpoints(ctx, tables)
    assert DahuaDriver().lock_rules(ctx).seconds is None


@pytest.mark.parametrize(
    ("rows", "told"),
    [([], "none"), ([{"Name": "/dev/sda"}], "unreadable"), ([{"State": "Success"}, {"Name": "b"}], "unreadable"),
     ([{"State": "Error"}], "error"), ([{"State": "Success", "Detail[0].IsError": "?"}], "unreadable"),
     ([{"Detail[0].IsError": "false"}], "ok"), ([{"State": "Success", "Detail[0].IsError": "true"}], "error")],
)  # fmt: skip
def test_media_that_say_nothing_are_not_in_order(rows: list[dict[str, str]], told: str) -> None:
    found = binding_of("storage.state")[0].get({"rows": rows})
    assert getattr(found, "state", found) == told


def test_media_told_in_another_shape_are_not_none() -> None:
    assert QUESTIONS["storage"](SimpleNamespace(name="dev", ask=lambda *_what: b"\r\n")) == {"rows": []}
    with pytest.raises(Refused, match="another shape"):
        QUESTIONS["storage"](SimpleNamespace(name="dev", ask=lambda *_what: b"list[0].State=Error\r\n"))


# -- zones -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "security", "tkip"),
    [("Off", "none", False), ("WEP128Bits", "wep", False), ("WPA-PSK-TKIP", "wpa", True),
     ("WPA-PSK-CCMP", "wpa", False), ("WPA2-PSK-AES", "wpa2", False), ("WPA2-PSK-TKIP", "wpa2", True),
     ("On", ABSENT, None), ("WPA-PSK", "wpa", None)],
)  # fmt: skip
def test_wireless_encryption_in_the_devices_words(said: str, security: Any, tkip: bool | None) -> None:
    """`On` is a word of the device, too; it does not tell the cipher."""
    tree = {"eth1.Enable": "true", "eth1.Encryption": said}
    found = {key: binding_of(f'wireless."eth1".{key}')[0].get(tree, "eth1") for key in ("security", "tkip")}
    assert found["security"] == security
    assert found["tkip"].state == "unverifiable" if tkip is None else found["tkip"] is tkip


def test_h51_a_wireless_card_without_a_switch_is_not_overlooked() -> None:
    tree = {"eth1.SSID": "site", "eth1.Encryption": "Off", "eth2.Enable": "false", "eth2.SSID": "x"}
    row = binding_of('wireless."eth1".security')[0]
    assert row.items(tree) == ["eth1", "eth2"] and row.get(tree, "eth1") == "none"


def test_h03_an_account_without_a_name_makes_the_list_unknown() -> None:
    rows = "users[0].Name=admin\r\nusers[0].Group=admin\r\nusers[1].{0}users[1].Group=admin\r\n"
    for second in ("", "Name=\r\n"):
        ctx = SimpleNamespace(name="dev", ask=lambda *_what, second=second: rows.format(second).encode())
        with pytest.raises(BadAnswer, match="without a name"):
            QUESTIONS["users"](ctx)
    ctx = SimpleNamespace(name="dev", ask=lambda *_what: rows.format("Name=ops\r\n").encode())
    assert set(QUESTIONS["users"](ctx)) == {"admin", "ops"}


def test_an_address_without_a_mask_or_with_nonsense_is_still_told() -> None:
    assert edit.address({"eth0.IPAddress": "192.0.2.20"}) == ["192.0.2.20/32"]
    assert edit.address({"eth0.IPAddress": "nonsense", "eth0.SubnetMask": "x"}) == ["nonsense"]
    assert edit.address({"eth0.IPAddress": "0.0.0.0"}) is ABSENT


def test_zones_of_devices_that_were_seen() -> None:
    """0 is GMT, 14 GMT+9, 25 GMT-5, 27 GMT-7 (fact sheet); halves and quarters of hours have a form of their own."""
    for number, posix in (("0", "UTC0"), ("14", "<+09>-9"), ("25", "<-05>5"), ("27", "<-07>7"), ("9", "<+0545>-5:45")):
        assert edit.zone({"TimeZone": number}) == posix
        tree = {"TimeZone": "99"}
        edit.put_zone(tree, posix)
        assert tree["TimeZone"] == number
    assert edit.zone({"TimeZone": "99"}) is ABSENT and edit.zone({}) is ABSENT
    assert edit.zone({"TimeZone": "14"}, {"DSTEnable": "true"}) == "<+09>-9<+10>"
