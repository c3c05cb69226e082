# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated AXIS devices: parameters with their declared types, policies, sockets, faults."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from vapix_box import ADD, ADDRESS, Client

from ansible_collections.nwcs.hardening.lab.vapix.faults import FAULTS, HOSTILE
from ansible_collections.nwcs.hardening.lab.vapix.tree import Tree, Type

MODELS = ("vapix-modern", "vapix-11", "vapix-9", "vapix-old")


def kinds(client: Client) -> set[str]:
    return {listener.kind for listener in client.device.listeners()}


# -- parameters ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MODELS)
def test_an_update_sets_the_named_parameters_only(model: str) -> None:
    client = Client(model)
    before = client.device.tree.values()
    assert client.update({"root.Network.HostName": "cam-7", "Network.Bonjour.Enabled": "no"}) == "OK\n"
    after = client.device.tree.values()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"Network.HostName", "Network.Bonjour.Enabled", "Network.VolatileHostName.HostName"}
    assert client.params("Network.HostName") == {"root.Network.HostName": "cam-7"}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("HTTPS.Port", "99999"),
        ("HTTPS.Port", "none"),
        ("HTTPS.Enabled", "true"),
        ("Network.RTSP.Port", "600"),
        ("Network.HTTP.AuthenticationPolicy", "none"),
        ("System.BoaProtViewer", "yes"),
        ("SNMP.V1ReadCommunity", "c" * 33),
        ("Network.DNSServer1", "a.b.c"),
        ("Properties.Firmware.Version", "1"),
        ("Network.Nothing", "1"),
    ],
)
def test_a_value_outside_its_type_is_refused_inside_status_200(parameter: str, value: str) -> None:
    client = Client("vapix-9")
    before = client.device.tree.values()
    assert client.update({parameter: value}) == f"# Error: Error setting 'root.{parameter}' to '{value}'!\n"
    assert client.device.tree.values() == before


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("System.AccessLog", "On"),
        ("WebService.DiscoveryMode.Discoverable", "No"),
        ("System.BoaProtViewer", "anonymous"),
        ("Network.RTSP.Port", "554"),
        ("Network.RTSP.Port", "1024"),
        ("RemoteService.Enabled", "no"),
        ("System.PreventDoSAttack.DoSPageCount", "1000"),
    ],
)
def test_each_parameter_has_its_own_words(parameter: str, value: str) -> None:
    client = Client("vapix-9")
    assert client.update({parameter: value}) == "OK\n"
    assert client.params(parameter) == {f"root.{parameter}": value}


def test_one_wrong_value_leaves_the_others_set_on_one_model_and_none_on_another() -> None:
    wishes = {"Network.HostName": "cam-7", "HTTPS.Port": "0"}
    loose, strict = Client("vapix-9"), Client("vapix-old")
    assert loose.update(wishes) == strict.update(wishes)
    assert loose.device.tree.get("Network.HostName") == "cam-7"
    assert strict.device.tree.get("Network.HostName") != "cam-7"


def test_an_unknown_group_is_an_error_line_and_the_next_group_lacks_its_prefix() -> None:
    body = Client().ask("GET", "/axis-cgi/param.cgi?action=list&group=HTTPS.Port,Network.Filter,Brand.Brand").body
    assert body.decode().splitlines() == [
        "root.HTTPS.Port=8443",
        "# Error: Error -1 getting param in group 'Network.Filter'",
        "Brand.Brand=AXIS",
    ]


def test_devices_of_one_model_share_nothing() -> None:
    one, other = Client(), Client()
    before = other.device.public_state()
    one.update({"Network.Bonjour.Enabled": "no", "Network.HostName": "cam-7"})
    one.device.attack("new-account")
    one.rest("PATCH", "rest/lldp/v1", {"activated": False})
    assert other.device.public_state() == before and Client().device.tree.is_on("Network.Bonjour.Enabled")


def test_wildcards_and_the_prefix_select_the_same() -> None:
    client = Client("vapix-9")
    assert set(client.params("root.System.BoaGroupPolicy")) == set(client.params("System.BoaGroupPolicy.*"))
    assert "root.Network.RTSP.Enabled" in client.params("Network.*.Enabled")


def test_a_secret_reads_as_stars_and_is_kept() -> None:
    client = Client("vapix-9")
    name = "Network.Interface.I0.dot1x.EAPTLS.PrivateKeyPassword"
    assert client.update({name: "Key-Secret-9"}) == "OK\n"
    assert client.params(name) == {f"root.{name}": "*****"}
    assert client.device.tree.get(name) == "Key-Secret-9"
    assert "Key-Secret-9" not in str(client.device.public_state())


def test_definitions_tell_type_range_and_access() -> None:
    path = "/axis-cgi/param.cgi?action=listdefinitions&listformat=xmlschema&group=System.PreventDoSAttack,RemoteService"
    response = Client().ask("GET", path)
    text = response.body.decode("iso-8859-1")
    assert dict(response.headers)["Content-Type"] == "text/xml"
    assert '<bool true="On" false="Off" />' in text and '<int min="0" max="1000" />' in text
    assert '<entry value="oneclick" niceValue="One-click enabled" />' in text
    assert f"http://{ADDRESS}/pub/" in text and 'name="BoaPort"' not in text


def test_a_viewer_reads_little_and_writes_nothing() -> None:
    client = Client("vapix-9")
    viewer = ("viewer1", "Look-Old-1")
    assert client.params("HTTPS.Port", login=viewer) and not client.params("SNMP", login=viewer)
    assert "# Error" in client.update({"HTTPS.Port": "444"}, login=viewer)
    assert client.ask("GET", "/axis-cgi/pwdgrp.cgi?action=get", login=viewer).status == 401


def test_stream_profiles_come_and_go() -> None:
    client = Client("vapix-9")
    made = client.form("param.cgi", action="add", group="StreamProfile", template="streamprofile",
                       StreamProfile__S__Name="gate")  # fmt: skip
    assert made == "S1 OK\n" and client.params("StreamProfile.S1.Name") == {"root.StreamProfile.S1.Name": "gate"}
    assert client.form("param.cgi", action="remove", group="root.StreamProfile.S1") == "OK\n"
    assert client.params("StreamProfile.S1") == {}
    assert "# Error" in client.form("param.cgi", action="remove", group="Network")


@pytest.mark.parametrize(
    ("kind", "value", "nearest"),
    [("int min=0 max=63", "64", "63"), ("int :#554|#1024-65535", "600", "554"), ("int min=1", "-5", "1")],
)
def test_the_nearest_value_inside_a_range(kind: str, value: str, nearest: str) -> None:
    assert Type.parse(kind).clamp(value) == nearest and Type.parse(kind).accepts(nearest)


def test_all_values_of_the_tables_fit_their_own_types() -> None:
    places = dict.fromkeys(("address", "gateway", "broadcast"), "192.0.2.1") | {
        "serial": "0200",
        "serial_lower": "0200",
    }
    for name in ("5.51", "9.80"):
        rows = Tree.load(name, places | {"mac": "02:00"}).rows.values()
        odd = {row.name for row in rows if not row.type.accepts(row.value.strip())}
        assert odd <= {"Properties.API.Metadata.Version", "Properties.Geolocation.Version", "StreamCache.Size"}


# -- what settings do ----------------------------------------------------------------------------------------------
def test_old_source_filter_lets_in_whom_it_lists() -> None:
    client = Client("vapix-9")
    client.update({"Network.Filter.Enabled": "yes", "Network.Filter.Input.AcceptAddresses": "127.0.0.1 10.0.0.0/24"})
    assert client.device.admits("127.0.0.1") and client.device.admits("10.0.0.7")
    assert not client.device.admits("127.0.0.2")
    client.update({"Network.Filter.Input.Policy": "deny"})
    assert client.device.admits("127.0.0.2") and not client.device.admits("10.0.0.7")


def test_https_only_closes_or_redirects_http() -> None:
    policy = {f"System.BoaGroupPolicy.{role}": "https" for role in ("admin", "operator", "viewer")}
    closing, sending = Client(), Client("vapix-9")
    assert closing.update(policy) == sending.update(policy) == "OK\n"
    assert "http" not in kinds(closing) and {"http", "https"} <= kinds(sending)
    moved = sending.raw("GET", "/axis-cgi/usergroup.cgi")
    assert moved.status == 301 and dict(moved.headers)["Location"].startswith(f"https://{ADDRESS}:8443/")
    assert closing.ask("GET", "/axis-cgi/usergroup.cgi", scheme="https").status == 200


def test_the_connection_policy_is_that_of_the_accounts_group() -> None:
    client = Client("vapix-9")
    client.update({"System.BoaGroupPolicy.admin": "https"})
    assert client.ask("GET", "/axis-cgi/usergroup.cgi").status == 301
    assert client.ask("GET", "/axis-cgi/usergroup.cgi", login=("viewer1", "Look-Old-1")).status == 200
    assert client.ask("GET", "/axis-cgi/usergroup.cgi", scheme="https").status == 200


@pytest.mark.parametrize(
    ("model", "parameter", "off", "port"),
    [
        ("vapix-old", "Network.FTP.Enabled", "no", 2121),
        ("vapix-old", "Network.UPnP.Enabled", "no", 49153),
        ("vapix-old", "Network.RTSP.Enabled", "no", 8554),
        ("vapix-old", "HTTPS.Enabled", "no", 8443),
        ("vapix-9", "WebService.DiscoveryMode.Discoverable", "No", 3702),
    ],
)
def test_a_switch_closes_its_socket(model: str, parameter: str, off: str, port: int) -> None:
    client = Client(model)
    assert port in {listener.port for listener in client.device.listeners()}
    assert client.update({parameter: off}) == "OK\n"
    assert port not in {listener.port for listener in client.device.listeners()}


def test_ports_move_and_further_ones_open() -> None:
    client = Client("vapix-9")
    client.update({"System.BoaPort": "8181", "System.AlternateBoaPort": "8099", "Network.RTSPS.Enabled": "yes"})
    ports = {(listener.kind, listener.port) for listener in client.device.listeners()}
    assert {("http", 8181), ("http", 8099), ("rtsps", 8322)} <= ports and ("http", 8080) not in ports


def test_the_video_policy() -> None:
    client = Client("vapix-9")
    assert client.raw("GET", "/axis-cgi/jpg/image.cgi").status == 401 and not client.device.rtsp_open()
    client.update({"System.BoaProtViewer": "anonymous", "Network.RTSP.ProtViewer": "anonymous"})
    assert client.raw("GET", "/axis-cgi/jpg/image.cgi").status == 200 and client.device.rtsp_open()


def test_the_web_interface_can_be_hidden() -> None:
    client = Client("vapix-9")
    assert client.raw("GET", "/").status == 200
    client.update({"System.WebInterfaceDisabled": "yes"})
    assert client.raw("GET", "/").status == 404 and client.params("HTTPS.Port")


def test_another_address_answers_no_more() -> None:
    client = Client("vapix-9")
    client.update({"Network.BootProto": "none", "Network.IPAddress": "127.77.0.99"})
    assert client.device.listeners() == set()


# -- faults and attacks --------------------------------------------------------------------------------------------
def test_the_liar_says_done_and_changes_nothing() -> None:
    client = Client(faults=["H01"])
    before = client.device.public_state()
    assert client.update({"Network.HostName": "cam-7"}) == "OK\n"
    assert client.form("pwdgrp.cgi", **ADD) == "Created account ops."
    assert client.form("pwdgrp.cgi", action="update", user="admin", pwd="New-1") == "Modified account admin."
    assert "data" in client.json("ntp", "setNTPClientConfiguration", enabled=False)
    assert client.rest("PATCH", "rest/firewall/v1/activated", True)[1]["status"] == "success"
    assert client.device.public_state() == before
    assert client.device.accounts.password("admin") == "Axis-Old-1"


def test_errors_inside_status_200_change_nothing() -> None:
    client = Client(faults=["H12"])
    before = client.device.public_state()
    assert client.update({"Network.HostName": "cam-7"}).startswith("# Error: Error setting 'root.Network.HostName'")
    assert client.form("pwdgrp.cgi", **ADD) == "Error: consult the system log file."
    assert client.json("ntp", "setNTPClientConfiguration", enabled=False)["error"]["code"] == 1000
    assert client.rest("PATCH", "rest/firewall/v1/activated", True) == (
        200, {"status": "error", "error": {"code": 2, "message": "Internal error"}})  # fmt: skip
    assert client.device.public_state() == before


def test_a_careless_device_stores_another_value_and_says_ok() -> None:
    client = Client("vapix-9", faults=["H13"])
    assert client.update({"SNMP.DSCP": "100", "HTTPS.Enabled": "banana"}) == "OK\n"
    assert client.device.tree.get("SNMP.DSCP") == "63" and client.device.tree.get("HTTPS.Enabled") == "no"


def test_a_forgetful_device_loses_changes_with_its_power() -> None:
    client = Client(faults=["H16"])
    client.update({"Network.HostName": "cam-7"})
    client.form("pwdgrp.cgi", **ADD)
    assert client.params("Network.HostName") == {"root.Network.HostName": "cam-7"}
    client.device.power(False)
    client.device.power(True)
    assert client.device.tree.get("Network.HostName") != "cam-7" and "ops" not in client.device.accounts.users
    steady = Client()
    steady.update({"Network.HostName": "cam-7"})
    steady.device.power(False)
    steady.device.power(True)
    assert steady.device.tree.get("Network.HostName") == "cam-7"


def test_hostile_names_stay_one_line_each() -> None:
    client = Client("vapix-9", faults=["H34"])
    shown = client.params("Network,Image,StreamProfile")
    assert shown["root.Network.HostName"] == HOSTILE[0] and shown["root.Network.Bonjour.FriendlyName"] == HOSTILE[1]


@pytest.mark.parametrize(("fault", "status"), [("", 401), ("H42", 200)])
def test_a_digest_session_ends_with_its_password_unless_the_fault_holds(fault: str, status: int) -> None:
    client = Client("vapix-9", faults=[fault] if fault else [])
    path = "/axis-cgi/usergroup.cgi"
    challenge = dict(client.raw("GET", path).headers)["WWW-Authenticate"]
    answer = client.credentials(challenge, "GET", path, *client.login)
    assert client.raw("GET", path, authorization=answer).status == 200
    client.device.accounts.users["root"].password = "Other-1"
    assert client.raw("GET", path, authorization=answer).status == status


def test_other_faults_show() -> None:
    assert 'digusers=""' in Client(faults=["H03"]).form("pwdgrp.cgi", action="get")
    assert b"admin=" in Client(faults=["H04"]).raw("GET", "/axis-cgi/pwdgrp.cgi?action=get").body
    assert "rtsp" not in kinds(Client(faults=["H07-closed"]))
    assert "banner" in kinds(Client("vapix-9", faults=["H07-open"]))
    lowest = Client("vapix-9", faults=["H09"])
    assert lowest.update({"HTTPS.Port": "8444"}, login=("viewer1", "Look-Old-1")) == "OK\n"
    late = Client("vapix-9", values={"HTTPS.Enabled": "no"}, faults=["H40"])
    late.update({"HTTPS.Enabled": "yes"})
    assert "https" not in kinds(late)
    shifted = Client("vapix-9", faults=["H41"])
    shifted.update({"Network.Filter.Enabled": "yes", "Network.Filter.Input.AcceptAddresses": "127.0.0.1"})
    assert not shifted.device.admits("127.0.0.1")
    reset = Client("vapix-9", faults=["H49"])
    reset.update({"Network.HostName": "cam-7"})
    reset.device.restart(0)
    assert reset.device.tree.get("Network.HostName") != "cam-7"
    assert len(FAULTS) == len(set(FAULTS))


@pytest.mark.parametrize("model", MODELS)
def test_every_attack_changes_the_state_and_tells_it(model: str) -> None:
    for name in Client(model).device.attacks:
        client = Client(model, values={} if model == "vapix-modern" else {"Network.Filter.Enabled": "yes"},
                        firewall={"activated": True})  # fmt: skip
        before = client.device.public_state(), [user.password for user in client.device.accounts.users.values()]
        assert client.device.attack(name).endswith(".")
        after = client.device.public_state(), [user.password for user in client.device.accounts.users.values()]
        assert after != before, name
    assert client.device.attack("new-account") and client.device.accounts.users["support"].role == "admin"
    with pytest.raises(KeyError, match="no attack"):
        client.device.attack("nothing")
