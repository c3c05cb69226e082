# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON CGIs, REST, SOAP and ONVIF of simulated AXIS devices."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from vapix_box import ADDRESS, Client

from ansible_collections.nwcs.hardening.lab.onvif.soap import Node, envelope


# -- JSON ----------------------------------------------------------------------------------------------------------
def test_the_envelope_echoes_and_errors_come_with_status_200() -> None:
    client = Client()
    answer = client.json("ntp", "getNTPInfo")
    assert (answer["apiVersion"], answer["context"], answer["method"]) == ("1.0", "here", "getNTPInfo")
    assert client.json("ntp", "setNothing")["error"]["code"] == 4000
    wrong = client.ask("POST", "/axis-cgi/ntp.cgi", b"{}", "text/plain")
    assert wrong.status == 200 and json.loads(wrong.body)["error"]["code"] == 2000
    other = json.dumps({"apiVersion": "2.0", "method": "getNTPInfo"}).encode()
    assert json.loads(client.ask("POST", "/axis-cgi/ntp.cgi", other, "application/json").body)["error"]["code"] == 4001


def test_old_firmware_has_none_of_it() -> None:
    client = Client("vapix-old")
    for path in ("/axis-cgi/apidiscovery.cgi", "/axis-cgi/ntp.cgi", "/config/rest/firewall/v1"):
        assert client.ask("POST", path, b"{}", "application/json").status == 404
    assert client.ask("GET", "/config/discover").status == 404
    assert Client("vapix-9").json("apidiscovery", "getApiList")["data"]["apiList"][0]["id"] == "privacy-mask"
    assert Client("vapix-9").ask("POST", "/axis-cgi/remotesyslog.cgi", b"{}", "application/json").status == 404


def test_identity_without_a_login_tells_less() -> None:
    client = Client()
    body = b'{"apiVersion": "1.0", "method": "getAllUnrestrictedProperties"}'
    free = client.raw("POST", "/axis-cgi/basicdeviceinfo.cgi", body, content_type="application/json")
    told = json.loads(free.body)["data"]["propertyList"]
    assert told["SerialNumber"] == client.device.serial and "Architecture" not in told
    other = b'{"apiVersion": "1.0", "method": "getAllProperties"}'
    refused = client.raw("POST", "/axis-cgi/basicdeviceinfo.cgi", other, content_type="application/json")
    assert refused.status == 401
    assert client.json("basicdeviceinfo", "getAllProperties")["data"]["propertyList"]["Version"] == "12.11.77"


def test_time_servers_are_set_by_ntp_cgi_and_mirrored() -> None:
    client = Client(clock_offset=3600)
    assert client.json("ntp", "getNTPInfo")["data"]["client"]["synced"] is False
    done = client.json(
        "ntp",
        "setNTPClientConfiguration",
        enabled=True,
        serversSource="static",
        staticServers=["192.0.2.1", "b.example"],
    )
    assert done["data"] == {} and client.device.clock_offset == 0
    told = client.json("ntp", "getNTPInfo")["data"]["client"]
    assert told["staticServers"] == ["192.0.2.1", "b.example"] and told["synced"] is True
    assert client.params("Time.NTP.Server") == {"root.Time.NTP.Server": "192.0.2.1"}
    assert "# Error" in client.update({"Time.NTP.Server": "192.0.2.2"}), "a mirror on this OS"
    many = [f"192.0.2.{i}" for i in range(6)]
    assert "error" in client.json("ntp", "setNTPClientConfiguration", staticServers=many)
    old = Client("vapix-9")
    assert old.update({"Time.NTP.Server": "192.0.2.2"}) == "OK\n"
    assert old.json("ntp", "getNTPInfo")["data"]["client"]["staticServers"] == ["192.0.2.2"]


def test_the_clock_and_its_zone() -> None:
    client = Client()
    assert client.json("time", "setTimeZone", timeZone="Asia/Tokyo")["data"] == {}
    told = client.json("time", "getDateTimeInfo")["data"]
    assert told["timeZone"] == "Asia/Tokyo" and told["posixTimeZone"] == "JST-9"
    assert told["localDateTime"].endswith("+09:00") and told["dateTime"].endswith("Z")
    assert "error" in client.json("time", "setTimeZone", timeZone="Mars/Olympus")
    assert client.json("time", "setPosixTimeZone", posixTimeZone="UTC0", enableDst=False)["data"] == {}
    assert "timeZone" not in client.json("time", "getDateTimeInfo")["data"]
    assert client.params("Time.DST.Enabled") == {"root.Time.DST.Enabled": "no"}
    assert client.json("time", "setDateTime", dateTime="2030-01-01T00:00:00Z")["data"] == {}
    assert client.json("time", "getDateTimeInfo")["data"]["dateTime"].startswith("2030-01-01T00:00")
    assert "error" in client.json("time", "setDateTime", dateTime="2070-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("servers", "code"),
    [
        ([{"port": 514}], 2103),
        ([{"address": "192.0.2.9", "protocol": "SCTP"}], 2104),
        ([{"address": "192.0.2.9", "severity": "Loud"}], 2104),
        ([{"address": "192.0.2.9"}, {"address": "192.0.2.9"}], 2201),
        ([{"address": f"192.0.2.{i}"} for i in range(3)], 2203),
    ],
)
def test_remote_syslog_errors(servers: list[dict[str, Any]], code: int) -> None:
    client = Client()
    assert client.json("remotesyslog", "setup", servers=servers)["error"]["code"] == code
    assert client.json("remotesyslog", "status")["data"] == {"enabled": False, "servers": []}


def test_remote_syslog_is_set_up_and_then_enabled() -> None:
    client = Client()
    assert client.json("remotesyslog", "enable")["error"]["code"] == 2200
    client.json(
        "remotesyslog", "setup", servers=[{"address": "192.0.2.9", "protocol": "UDP"}, {"address": "b.example"}]
    )
    assert client.json("remotesyslog", "enable")["data"]["enabled"] is True
    rows = client.json("remotesyslog", "status")["data"]["servers"]
    assert [(row["address"], row["port"], row["protocol"]) for row in rows] == [
        ("192.0.2.9", 514, "UDP"), ("b.example", 6514, "TLS")]  # fmt: skip
    assert client.params("API.RemoteSyslog1.Enabled") == {"root.API.RemoteSyslog1.Enabled": "true"}
    assert client.json("remotesyslog", "setup", servers=[])["data"] == {"enabled": False, "servers": []}


def test_network_settings_and_parameters_are_one() -> None:
    client = Client()
    assert client.json("network_settings", "setHostnameConfiguration", staticHostname="cam-7")["data"] == {}
    done = client.json(
        "network_settings", "setResolverConfiguration", useDhcpResolverInfo=False, staticNameServers=["192.0.2.53"]
    )
    assert done["data"] == {}
    told = client.json("network_settings", "getNetworkInfo")["data"]
    assert told["system"]["hostname"]["staticHostname"] == "cam-7"
    assert told["system"]["resolver"]["nameServers"] == ["192.0.2.53"]
    assert told["devices"][0]["IPv4"]["addresses"][0]["address"] == ADDRESS
    assert client.params("Network.DNSServer1") == {"root.Network.DNSServer1": "192.0.2.53"}
    client.device.attack("dns-changed")
    changed = client.json("network_settings", "getNetworkInfo")["data"]["system"]["resolver"]
    assert changed["nameServers"] == ["203.0.113.53"]


@pytest.mark.parametrize(
    ("params", "sub"),
    [
        ({"deviceName": "eth9"}, 100),
        ({"deviceName": "eth0", "enabled": "yes"}, 101),
        ({"deviceName": "eth0", "mode": "OPEN"}, 102),
    ],
)
def test_8021x_errors_carry_a_sub_code(params: dict[str, Any], sub: int) -> None:
    error = Client().json("network_settings", "setWired8021XConfiguration", **params)["error"]
    assert (error["code"], error["details"]["subCode"]) == (4004, sub)


def test_8021x_is_switched_on_and_its_password_kept_back() -> None:
    client = Client()
    mode = "WPA-Enterprise-PEAP-MSCHAPv2"
    client.json("network_settings", "setWired8021XConfiguration", deviceName="eth0", enabled=True, mode=mode,
                identity="cam", password="Net-Secret-3", eapolVersion="EAPoLv2")  # fmt: skip
    answer = client.json("network_settings", "getNetworkInfo")
    own = answer["data"]["devices"][0]["wired"]["8021X"]
    assert own["enabled"] is True and own["mode"] == mode
    assert own["configurations"][0]["params"] == {"identity": "cam", "eapolVersion": "EAPoLv2"}
    assert "Net-Secret-3" not in json.dumps(answer) + str(client.device.public_state())


def test_ssh_opens_its_socket() -> None:
    client = Client()
    assert client.json("ssh", "setSshConfiguration", enabled=True)["data"] == {}
    assert 2222 in {listener.port for listener in client.device.listeners()}
    assert client.json("ssh", "getSshInfo")["data"] == {"enabled": True}


def test_firmware_management_restarts_and_resets() -> None:
    client = Client()
    assert client.json("firmwaremanagement", "status")["data"]["activeFirmwareVersion"] == "12.11.77"
    assert client.json("firmwaremanagement", "rollback")["error"]["code"] == 404
    assert client.json("firmwaremanagement", "factoryDefault", factoryDefaultMode="none")["error"]["code"] == 400
    assert client.json("firmwaremanagement", "factoryDefault", factoryDefaultMode="hard")["data"] == {}
    assert client.device.accounts.needs_setup and client.device.restart_at


# -- REST ----------------------------------------------------------------------------------------------------------
def test_discovery_lists_what_answers() -> None:
    client = Client()
    status, body = client.rest("GET", "discover")
    assert status == 200 and body["apis"]["firewall"]["v1"]["state"] == "released"
    for name, versions in body["apis"].items():
        for version in versions:
            assert client.rest("GET", f"rest/{name}/{version}")[0] == 200, name
    status, body = client.rest("GET", "rest/firewall/v9")
    assert status == 404 and body["error"]["code"] == 1
    assert body["error"]["message"].startswith("Resource not found:")


def test_a_subtree_is_read_and_patched_in_part() -> None:
    client = Client()
    assert client.rest("PATCH", "rest/snmp/v1", {"snmpV1": {"enabled": True}, "transportProtocol": "tcp"})[0] == 200
    assert client.rest("GET", "rest/snmp/v1/snmpV1/enabled") == (200, {"status": "success", "data": True})
    assert client.params("SNMP.V1") == {"root.SNMP.V1": "yes"}
    assert client.rest("PATCH", "rest/snmp/v1/snmpV2/enabled", "yes")[0] == 400
    assert client.rest("PATCH", "rest/snmp/v1", {"snmpV3": {"userPasswd": "short"}})[0] == 400
    assert client.rest("PATCH", "rest/snmp/v1", {"snmpV3": {"userPasswd": "Long-Secret-8"}})[0] == 200
    assert "Long-Secret-8" not in json.dumps(client.rest("GET", "rest/snmp/v1"))
    assert client.rest("PUT", "rest/snmp/v1", {})[0] == 405


def test_up_to_11_10_setting_was_put() -> None:
    client = Client(rest_put=True)
    assert client.rest("PUT", "rest/firewall/v1/activated", True)[0] == 200
    assert client.rest("PATCH", "rest/firewall/v1/activated", False)[0] == 405


def test_the_passphrase_policy_binds_pwdgrp() -> None:
    client = Client()
    wanted = {"settings": {"passphraseComplexity": {"policy": "length"}}}
    assert client.rest("PATCH", "rest/user-management/v2", wanted)[0] == 200
    assert client.form("pwdgrp.cgi", action="update", user="guest", pwd="Short-1").startswith("Error")
    assert client.rest("PATCH", "rest/user-management/v2/settings/passphraseComplexity", {"policy": "none"})[0] == 200
    assert client.form("pwdgrp.cgi", action="update", user="guest", pwd="Short-1").startswith("Modified")
    wrong = {"settings": {"passphraseComplexity": {"policy": "strong"}}}
    assert client.rest("PATCH", "rest/user-management/v2", wanted | wrong)[0] == 400


def test_ssh_users_are_a_list_of_their_own() -> None:
    client = Client()
    assert client.rest("POST", "rest/ssh/v2/users", {"username": "ops", "password": "Ssh-Secret-4"})[0] == 201
    body = client.rest("GET", "rest/ssh/v2/users")[1]
    assert body["data"] == [{"username": "ops", "comment": ""}]
    assert "ops" not in client.device.accounts.users
    assert client.rest("DELETE", "rest/ssh/v2/users/ops")[0] == 200
    assert client.rest("DELETE", "rest/ssh/v2/users/ops")[0] == 404


def test_certificates_are_made_listed_and_removed() -> None:
    client = Client()
    made = {"alias": "own", "key_type": "EC-P256", "subject": "CN=cam"}
    assert client.rest("POST", "rest/cert/v1/create_certificate", made | {"key_type": "DSA"})[1]["error"]["code"] == 5
    assert client.rest("POST", "rest/cert/v1/create_certificate", made)[0] == 200
    aliases = [row["alias"] for row in client.rest("GET", "rest/cert/v1/certificates")[1]["data"]]
    assert aliases == ["Axis-device-ID", "own"]
    assert client.rest("POST", "rest/cert/v1/certificates/own/get_csr", {})[1]["data"].startswith("SIMULATED")
    assert client.rest("DELETE", "rest/cert/v1/certificates/own")[0] == 200


def test_virtual_hosts_tell_the_login_of_each_scheme() -> None:
    rows = Client().rest("GET", "rest/virtualhost/v1")[1]["data"]["defaulthosts"]
    assert {row["server_name"]: row["auth_type"] for row in rows} == {
        "default-http": "digest",
        "default-https": "basic",
    }


def test_os_11_has_the_old_filter_and_a_beta_of_rest() -> None:
    client = Client("vapix-11")
    apis = client.rest("GET", "discover")[1]["apis"]
    assert set(apis) == {"cert"} and apis["cert"]["v1beta"]["state"] == "beta"
    assert client.rest("GET", "rest/firewall/v1")[0] == 404
    assert client.params("Network.Filter.Enabled") == {"root.Network.Filter.Enabled": "no"}
    assert client.first is not None and dict(client.first.headers)["WWW-Authenticate"].startswith("Digest")
    made = {"alias": "own", "key_type": "EC-P256", "subject": "CN=cam"}
    assert client.rest("POST", "rest/cert/v1beta/create_certificate", made)[0] == 405
    assert client.rest("PUT", "rest/cert/v1beta/create_certificate", made)[0] == 200


def test_a_dns_record_is_pushed_by_its_cgi() -> None:
    client = Client("vapix-9")
    assert client.ask("GET", "/axis-cgi/dnsupdate.cgi?add=cam.example.com&hdgen=yes").status == 200
    assert client.device.log[-1].write and client.params("Network.DNSUpdate.DNSName") == {
        "root.Network.DNSUpdate.DNSName": "cam.example.com"}  # fmt: skip


# -- SOAP ----------------------------------------------------------------------------------------------------------
WEB = 'xmlns:aweb="http://www.axis.com/vapix/ws/webserver" xmlns:acert="http://www.axis.com/vapix/ws/cert"'


def soap(client: Client, inside: str) -> tuple[int, str]:
    body = f'<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body {WEB}>{inside}</Body></Envelope>'
    response = client.ask("POST", "/vapix/services", body.encode(), "application/soap+xml")
    ElementTree.fromstring(response.body)
    return response.status, response.body.decode()


def test_the_web_server_by_soap_is_the_one_of_the_parameters() -> None:
    client = Client()
    status, text = soap(client, "<aweb:GetWebServerTlsConfiguration/>")
    assert status == 200 and "<aweb:Admin>HttpAndHttps</aweb:Admin>" in text
    wanted = (
        "<aweb:SetWebServerTlsConfiguration><aweb:Configuration><aweb:Tls>true</aweb:Tls><aweb:ConnectionPolicies>"
        "<aweb:Admin>Https</aweb:Admin></aweb:ConnectionPolicies><aweb:Ciphers><acert:Cipher>ECDHE-RSA-AES128-GCM-SHA256"
        "</acert:Cipher></aweb:Ciphers><aweb:CertificateSet><acert:Certificates><acert:Id>{alias}</acert:Id>"
        "</acert:Certificates></aweb:CertificateSet></aweb:Configuration></aweb:SetWebServerTlsConfiguration>"
    )
    assert soap(client, wanted.format(alias="nobody"))[0] == 400
    assert set(client.device.policies().values()) == {"both"}
    assert soap(client, wanted.format(alias="Axis-device-ID"))[0] == 200
    assert set(client.device.policies().values()) == {"https"}
    assert client.device.tree.get("HTTPS.Ciphers") == "ECDHE-RSA-AES128-GCM-SHA256"


def onvif(client: Client, operation: str, *content: Node, login: tuple[str, str] | None = None) -> tuple[int, str]:
    header = []
    if login:
        nonce, created = b"0123456789abcdef" + operation.encode(), f"{client.device.now():%Y-%m-%dT%H:%M:%SZ}"
        digest = hashlib.sha1(nonce + created.encode() + login[1].encode(), usedforsecurity=False).digest()
        kind = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
        password = Node("wsse:Password", base64.b64encode(digest).decode(), Type=kind)
        token = Node("wsse:UsernameToken", Node("wsse:Username", login[0]), password,
                     Node("wsse:Nonce", base64.b64encode(nonce).decode()), Node("wsu:Created", created))  # fmt: skip
        header = [Node("wsse:Security", token)]
    body = envelope(Node(f"tds:{operation}", *content), header=header)
    response = client.raw("POST", "/onvif/device_service", body)
    return response.status, response.body.decode()


def test_onvif_accounts_are_another_world() -> None:
    client = Client(onvif_users={"vms": {"password": "Vms-1", "level": "Administrator"}})
    assert onvif(client, "GetSystemDateAndTime")[0] == 200
    assert onvif(client, "GetUsers")[0] == 400
    assert onvif(client, "GetUsers", login=client.login)[0] == 400, "an account of the web API is none here"
    assert "vms" in onvif(client, "GetUsers", login=("vms", "Vms-1"))[1]
    user = Node("tds:User", Node("tt:Username", "eve"), Node("tt:Password", "Eve-1"), Node("tt:UserLevel", "User"))
    assert onvif(client, "CreateUsers", user, login=("vms", "Vms-1"))[0] == 200
    assert set(client.device.onvif_users) == {"vms", "eve"} and "eve" not in client.device.accounts.users
    assert onvif(client, "DeleteUsers", Node("tds:Username", "eve"), login=("vms", "Vms-1"))[0] == 200
    assert "eve" not in client.device.onvif_users


def test_ws_discovery_follows_its_switch() -> None:
    client = Client()
    header = [Node("wsa:MessageID", "urn:uuid:1")]
    probe = envelope(Node("d:Probe"), header=header)
    answer = client.device.discovery_answer(probe, "127.0.0.1")
    assert answer is not None and b"P3265-V" in answer and b"/onvif/device_service" in answer
    assert client.device.discovery_answer(b"M-SEARCH * HTTP/1.1", "127.0.0.1") is None
