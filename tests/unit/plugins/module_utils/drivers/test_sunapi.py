# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SUNAPI answers as trees, JSON and text alike; the schema; the encryption of passwords; how a filter is read."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa as keys

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_answers as answers
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_filter as filters
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_network as net
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_rsa as rsa
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_schema as schema
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.sunapi import SunapiDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    LoginRefused,
    Refused,
    Unsupported,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits
from ansible_collections.nwcs.hardening.plugins.plugin_utils import passwords


def answer(body: Any, status: int = 200) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, {}, text.encode(), "/stw-cgi/x.cgi")


def parsed(body: Any) -> dict[str, Any]:
    return answers.parse(answer(body), Limits())


def viewed(body: Any) -> Any:
    """A context whose device answers every view with `body`."""
    return SimpleNamespace(name="cam", factory=False, facts={}, view=lambda path, **values: parsed(body))


# -- answers -----------------------------------------------------------------------------------------------------------
def test_json_and_text_are_one_tree() -> None:
    text = "Version1=False\r\nVersion2=True\r\nPort=80\r\nList=a,b\r\n"
    assert parsed(text) == parsed({"Version1": False, "Version2": True, "Port": 80, "List": ["a", "b"]})
    assert parsed("\ufeffOK\r\nIndex=1\r\n")["Response"] == parsed({"Response": "Success"})["Response"] == "Success"


@pytest.mark.parametrize(
    "body",
    ["NG\r\nError Code: 602\r\nInvalid Parameter(s)\r\n",
     {"Response": "Fail", "Error": {"Code": 602, "Details": "Invalid Parameter(s)"}}],
)  # fmt: skip
def test_ng_inside_status_200_is_a_refusal_with_its_code(body: Any) -> None:
    why = answers.failure("cam", answer(body), parsed(body))
    assert type(why) is Refused and "602" in str(why) and "Invalid Parameter" in str(why)  # pylint: disable=unidiomatic-typecheck


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [(200, "NG\r\nError Code: 601\r\nAction Not Found", Unsupported), (200, "NG", Refused), (401, "", LoginRefused),
     (403, "", Refused), (404, "", Unsupported), (490, "", Busy), (503, "", Busy), (500, "", BadAnswer)],
)  # fmt: skip
def test_what_an_answer_says_is_wrong(status: int, body: str, kind: type[Exception]) -> None:
    tree = parsed(body) if status == 200 else None
    assert isinstance(answers.failure("cam", answer(body, status), tree), kind)
    assert answers.failure("cam", answer("OK"), parsed("OK")) is None


@pytest.mark.parametrize(
    ("page", "locked"),
    [("Unauthorized", False), ("<style>.m{display:block}</style>Unauthorized at 10 o'clock", False),
     ("<style>.lock{color:red}</style><p>Unauthorized", False), ("<script>lock()</script>no", False),
     ("<p class='lock'>no", False), ("<script>lock()", False), ("Account locked", True), ("<b>LOCK</b>", True),
     ("<style>p{}</style>Too many attempts: lockout", True), ("account lock-out", True)],
)  # fmt: skip
def test_a_device_is_locked_only_where_it_says_so_in_words(page: str, locked: bool) -> None:
    why = answers.failure("cam", answer(page, 401), None)
    assert isinstance(why, LoginRefused) and why.locked is locked


@pytest.mark.parametrize("body", ["", "<html><body>Login</body></html>", "hello", "[1, 2]", "{broken"])
def test_what_is_no_answer_is_bad(body: str) -> None:
    with pytest.raises(BadAnswer):
        parsed(body)


def test_passwords_that_a_device_gives_out_do_not_get_past_the_parser() -> None:
    told = {"Host": "x", "Password": "Cl3ar", "ReadCommunity": "Cl3ar", "Users": [{"UserID": "a", "Password": "Cl3ar"}]}
    assert "Cl3ar" not in repr(parsed(told))
    assert "Cl3ar" not in repr(parsed("Host=x\r\nPassword=Cl3ar\r\nReadCommunity=Cl3ar"))


# -- the schema --------------------------------------------------------------------------------------------------------
SCHEMA = """<cgis><cgi name="security"><submenu name="tlsversion"><action name="set" accesslevel="admin">
<parameter name="Version.#.Enable" request="true" response="true"><dataType><bool true="True" false="False"/></dataType>
</parameter></action></submenu><submenu name="rtsp"><action name="view"/><action name="set">
<parameter name="RTSPAuthentication" request="true"><dataType><enum><entry value="Protected"/></enum></dataType>
</parameter><parameter name="Shown" request="false"/>
<parameter name="Port" request="true"><dataType><int min="1" max="65535"/></dataType></parameter>
<parameter name="Name" request="true"><dataType><string maxlen="8"/></dataType></parameter>
</action></submenu></cgi></cgis>"""


@pytest.mark.parametrize(
    ("action", "values", "why"),
    [
        ("set", {"RTSPAuthentication": "Protected"}, None),
        ("set", {"RTSPAuthentication": "Anonymous"}, "has no 'Anonymous'"),
        ("set", {"Other": "1"}, "has no Other"),
        ("set", {"Shown": "1"}, "has no Shown"),
        ("set", {"Port": "0"}, "from 1 to 65535"),
        ("set", {"Port": "x"}, "from 1 to 65535"),
        ("set", {"Port": "80"}, None),
        ("set", {"Name": "n" * 9}, "8 characters"),
        ("add", {}, "no action 'add'"),
    ],
)
def test_the_schema_says_what_the_device_takes(action: str, values: dict[str, str], why: str | None) -> None:
    known = schema.parse(fromstring(SCHEMA))
    said = schema.refusal(known, "security/rtsp", action, values)
    assert said is None if why is None else why in str(said)


def test_numbered_parameters_are_found_and_an_empty_schema_is_bad() -> None:
    known = schema.parse(fromstring(SCHEMA))
    assert schema.refusal(known, "security/tlsversion", "set", {"Version.TLSv1_0.Enable": "False"}) is None
    assert "attributes.cgi" in str(schema.refusal(None, "security/rtsp", "set", {}))
    with pytest.raises(BadAnswer):
        schema.parse(fromstring("<cgis/>"))


# -- encryption --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["PKCS1", "SubjectPublicKeyInfo"])
@pytest.mark.parametrize("escaped", [False, True], ids=["text", "json"])
def test_what_is_encrypted_is_decrypted_by_the_key(form: str, escaped: bool) -> None:
    private = keys.generate_private_key(65537, 2048)
    public, shape = private.public_key(), getattr(serialization.PublicFormat, form)
    pem = public.public_bytes(serialization.Encoding.PEM, shape).decode()
    told = json.dumps({"PublicKey": pem}) if escaped else f"PublicKey={pem}"
    sent = rsa.encrypt(told, "Pä55-wörd")
    assert private.decrypt(base64.b64decode(sent), padding.PKCS1v15()).decode() == "Pä55-wörd"
    assert rsa.encrypt(told, "Pä55-wörd") != sent


@pytest.mark.parametrize(
    "pem",
    ["", "PublicKey=", "-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----",
     "-----BEGIN RSA PUBLIC KEY-----MAYCAQMCAQM=-----END RSA PUBLIC KEY-----"],
)  # fmt: skip
def test_a_key_that_hides_nothing_is_refused(pem: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        rsa.encrypt(pem, "S3cret-word")
    assert "S3cret" not in str(caught.value)


def test_passwords_made_by_the_rules_have_no_runs() -> None:
    rules = SunapiDriver().password_rules(SimpleNamespace(status={"MaxPasswordLength": "15"}))
    plain = {"min_length": rules.min_length, "max_length": rules.max_length, "alphabet": rules.alphabet,
             "forbidden": list(rules.forbidden), "classes": dict(rules.classes)}  # fmt: skip
    for _time in range(20):
        made, _bits = passwords.generate(plain)
        assert 10 <= len(made) <= 15 and passwords.misfit(made, plain) is None
    for weak in ("Abc1-xyz-77Q", "Aaa1-kpw-77Q", "K9-qwe-mT5-z", "K9-876-mT5-z"):
        assert passwords.misfit(weak, plain), weak
    assert passwords.misfit("K9:mT5-zP2w", plain)


# -- documents ---------------------------------------------------------------------------------------------------------
HEADING = '"Users.Index=UserID/Password/Enable/VideoProfileAccess/PTZAccess/AudioInAccess/AudioOutAccess/' \
          'AlarmOutputAccess/AdminAccess/PrivacyAreaAccess"'  # fmt: skip


def test_accounts_of_a_camera_in_text() -> None:
    rows = ["Users.0=admin//True/True/True/True/True/True/True/True",
            "Users.1=ops//True/True/True/True/True/True/False/False",
            "Users.2=see//True/True/False/False/False/False/False/False",
            "Users.3=mask//True/True/False/False/False/False/False/True",
            "Users.4=user4//False/False/False/False/False/False/False/False",
            "Users.5=guard//False/False/False/False/False/False/False/False"]  # fmt: skip
    tree = accounts.decode(parsed("\r\n".join([HEADING, *rows])))
    assert {name: user["role"] for name, user in tree["users"].items()} == {
        "admin": "administrator", "ops": "operator", "see": "viewer", "mask": "other", "guard": "viewer",
    }  # fmt: skip
    assert tree["free"] == ["4"] and tree["users"]["guard"]["enabled"] is False


def test_accounts_of_a_recorder_are_read_without_their_passwords_and_not_given_rights() -> None:
    rows = [{"Index": 0, "UserID": "admin", "Password": "Cl3ar", "GroupID": "", "UserLevel": "Admin"},
            {"Index": 1, "UserID": "view", "Password": "Cl3ar", "GroupID": "Group 1", "UserLevel": "User"}]  # fmt: skip
    tree = accounts.decode(parsed({"Users": rows}))
    assert tree["kind"] == "recorder" and "Cl3ar" not in repr(tree)
    assert [user["role"] for user in tree["users"].values()] == ["administrator", "other"]
    assert "groups" in str(accounts.limits(None, tree, "new", "viewer"))
    text = '"Users.Index=UserID/UserName/Password/GroupID/UserLevel/ViewerAccess"\r\n'
    text += "Users.0=admin/admin/Cl3ar//Admin/True"
    assert "Cl3ar" not in repr(accounts.decode(parsed(text)))


ROW = "Users.0=admin//True/True/True/True/True/True/True/True"


@pytest.mark.parametrize(
    "row",
    ["Users.1=ops/pa/ss/True/True/True/True/True/True/False/False", "Users.1=ops//True/True",
     "Users.1=ops//Maybe/True/True/True/True/True/False/False", "Users.1=//True/True/True/True/True/True/False/False"],
)  # fmt: skip
def test_a_list_of_accounts_with_a_row_that_is_not_understood_is_none(row: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        accounts.decode(parsed("\r\n".join([HEADING, ROW, row])))
    assert "pa" not in str(caught.value).split(), "it may be a password"


def test_true_and_false_are_read_in_whatever_case() -> None:
    rows = [ROW, "Users.1=ops//true/true/true/true/true/true/false/false",
            "Users.2=user2//false/false/false/false/false/false/false/false"]  # fmt: skip
    tree = accounts.decode(parsed("\r\n".join([HEADING, *rows])))
    assert (tree["users"]["ops"]["role"], tree["users"]["ops"]["enabled"]) == ("operator", True)
    assert tree["free"] == ["2"]
    with pytest.raises(BadAnswer):
        accounts.decode(parsed({"Users": [{"Index": 1, "UserID": "x", "Enable": "maybe"}]}))


@pytest.mark.parametrize("body", [{"Response": "Success"}, {"Users": []}, HEADING, {"Users": [{"Index": 0}]}])
def test_an_empty_list_of_accounts_is_no_list(body: Any) -> None:
    with pytest.raises(BadAnswer):
        accounts.decode(parsed(body))


def test_whose_account_was_refused_is_told() -> None:
    def send(action: str, values: dict[str, str], password: str, own: bool) -> None:
        if values["UserID"] != "b":
            raise Refused(f"cam: {values['UserID']} is not taken.")

    ctx = SimpleNamespace(name="cam", credential=None, secret=lambda name: "N3w-Secr-4711", send_account=send,
                          refuses=lambda *request: None)  # fmt: skip
    old = accounts.decode(parsed("\r\n".join([HEADING, ROW])))
    made = {name: {"name": name, "enabled": True, "role": "viewer"} for name in "abc"}
    with pytest.raises(Refused) as caught:
        accounts.store(ctx, old, {**old, "users": {**old["users"], **made}})
    assert {name: type(error) for name, error in caught.value.items.items()} == {"a": Refused, "c": Refused}


@pytest.mark.parametrize(
    "details",
    ["Invalid Parameter(s): UserID=ops&Password=N3w/Secr 4711", "Invalid: N3w/Secr 4711", "Bad N3w%2FSecr%204711 here",
     "Bad N3w%2FSecr+4711", "x" * 110 + "N3w/Secr 4711"],
)  # fmt: skip
def test_what_a_device_repeats_of_the_request_is_in_no_message(details: str) -> None:
    for body in ({"Response": "Fail", "Error": {"Code": 602, "Details": details}},
                 f"NG\r\nError Code: 602\r\n{details}\r\n"):  # fmt: skip
        why = answers.failure("cam", answer(body), parsed(body), ["N3w/Secr 4711"])
        assert "602" in str(why) and "N3w" not in str(why), str(why)


FILTERS = [
    ("Deny", [], "off", []),
    ("Allow", [("192.0.2.0", 24, True), ("192.0.2.9", 32, False)], "allow", ["192.0.2.0/24"]),
    ("Deny", [("192.0.2.9", 32, True)], "deny", ["192.0.2.9"]),
    ("Allow", [("192.0.2.9", 32, False)], "off", ["192.0.2.9"]),
]


@pytest.mark.parametrize(("kind", "rules", "mode", "sources"), FILTERS)
def test_a_filter_is_what_is_in_force(kind: str, rules: list, mode: str, sources: list[str]) -> None:
    rows = [{"IPIndex": i, "Address": a, "Mask": m, "Enable": on} for i, (a, m, on) in enumerate(rules, 1)]
    told = {"AccessType": kind, "IPFilters": [{"IPType": "IPv4", "Filters": rows}, {"IPType": "IPv6", "Filters": []}]}
    heading = '"ipfilter.IPType.IPIndex=Address/Mask/Enable"'
    lines = [f"ipfilter.IPv4.{r['IPIndex']}={r['Address']}/{r['Mask']}/{r['Enable']}" for r in rows]
    text = "\r\n".join([heading, f"AccessType={kind}", *lines])
    for form in (told, text):
        tree = filters.fetch_filter(viewed(form))
        assert (tree["mode"], tree["sources"]) == (mode, sources), form


def test_a_recorders_filter_with_two_kinds_in_force_is_not_guessed() -> None:
    def group(kind: str, access: str, address: str, mask: int) -> dict[str, Any]:
        row = {"IPIndex": 1, "Address": address, "Mask": mask, "Enable": True}
        return {"IPType": kind, "AccessType": access, "Filters": [row]}

    both = [group("IPv4", "Deny", "192.0.2.9", 32), group("IPv6", "Allow", "2001:db8::1", 128)]
    with pytest.raises(Unsupported):
        filters.fetch_filter(viewed({"IPFilters": both}))
    both[1]["AccessType"] = "Deny"
    assert filters.fetch_filter(viewed({"IPFilters": both}))["mode"] == "deny"


RULE = {"IPIndex": 1, "Address": "192.0.2.66", "Mask": 32, "Enable": True}


@pytest.mark.parametrize(
    "changed",
    [{"Mask": None}, {"Mask": ""}, {"Mask": 99}, {"IPIndex": None}, {"IPIndex": "\u00b2"}, {"Enable": None},
     {"Enable": "maybe"}, {"Address": None}, {"Address": "2001:db8::1"}],
    ids=repr,
)  # fmt: skip
def test_a_rule_that_is_not_understood_makes_the_filter_unreadable(changed: dict[str, Any]) -> None:
    row = {name: value for name, value in (RULE | changed).items() if value is not None}
    groups = [{"IPType": "IPv4", "Filters": [row]}, {"IPType": "IPv6", "Filters": []}]
    with pytest.raises(BadAnswer):
        filters.fetch_filter(viewed({"AccessType": "Deny", "IPFilters": groups}))


@pytest.mark.parametrize(
    "body",
    ["AccessType=Deny\r\nipfilter.IPv4.1=192.0.2.66/True\r\n", "AccessType=Deny\r\n",
     "AccessType=Deny\r\nipfilter.IPv4.1=192.0.2.66//True\r\n", {"AccessType": "Deny", "Response": "Success"},
     {"AccessType": "Deny", "IPFilters": [{"IPType": "IPv4"}]},
     {"AccessType": "Deny", "IPFilters": [{"IPType": "IPv4", "Filters": ["x"]}]}],
)  # fmt: skip
def test_a_filter_without_its_list_of_rules_is_not_off(body: Any) -> None:
    with pytest.raises(BadAnswer):
        filters.fetch_filter(viewed(body))


def test_a_rule_is_in_force_in_whatever_case_it_says_so() -> None:
    groups = [{"IPType": "IPv4", "Filters": [RULE | {"Enable": "true"}]}]
    assert filters.fetch_filter(viewed({"AccessType": "Allow", "IPFilters": groups}))["mode"] == "allow"


@pytest.mark.parametrize(("ipv6", "expected"), [(True, "unverifiable"), (None, "unverifiable"), (False, "allow")])
def test_a_recorders_allow_list_that_leaves_ipv6_open_is_not_simply_allow(ipv6: bool | None, expected: str) -> None:
    groups = [{"IPType": "IPv4", "AccessType": "Allow", "Filters": [RULE]},
              {"IPType": "IPv6", "AccessType": "Deny", "Filters": []}]  # fmt: skip
    face = {"InterfaceName": "Network1", **({} if ipv6 is None else {"IPv6Enable": ipv6})}
    told = {"security/ipfilter": {"IPFilters": groups}, "network/interface": {"NetworkInterfaces": [face]}}
    ctx = SimpleNamespace(name="nvr", facts={}, view=lambda path, **values: parsed(told[path]))
    said = filters.mode(filters.fetch_filter(ctx))
    assert getattr(said, "state", said) == expected
    if expected != "allow":
        assert "IPv6" in said.why


class Recorder:
    """A recorder's filter: one kind for each of IPv4 and IPv6. We come in as 127.0.0.1, and are never shut out."""

    name, factory = "nvr", False

    def __init__(self, literal: bool) -> None:
        self.facts: dict[str, Any] = {}
        self.literal = literal
        self.types = {"IPv4": "Deny", "IPv6": "Deny"}
        self.held: dict[str, list[dict[str, Any]]] = {"IPv4": [], "IPv6": []}
        self.transport = SimpleNamespace(local_address=lambda: "127.0.0.1")

    def view(self, path: str, **values: str) -> Any:
        if path != "security/ipfilter":
            raise Unsupported("not there")
        return parsed({"IPFilters": [{"IPType": kind, "AccessType": self.types[kind], "Filters": rows}
                                     for kind, rows in self.held.items()]})  # fmt: skip

    def refuses(self, *request: Any) -> None:
        return None

    def send(self, path: str, action: str, values: dict[str, str]) -> None:
        kind = values["IPType"]
        rows = self.held[kind]
        if action == "add":
            rows.append({"IPIndex": str(len(rows) + 1)})
        given = {name: values[name] for name in ("Address", "Mask", "Enable") if name in values}
        if action in ("add", "update"):
            rows[int(values.get("IPIndex", len(rows))) - 1].update(given)
        elif action == "remove":
            rows.pop(int(values["IPIndex"]) - 1)
            rows[:] = [row | {"IPIndex": str(number)} for number, row in enumerate(rows, 1)]
        self.types[kind] = values.get("AccessType", self.types[kind])
        on = [row["Address"] for row in self.held["IPv4"] if row["Enable"] == "True"]
        inside = ("127.0.0.1" in on) if self.types["IPv4"] == "Allow" else "127.0.0.1" not in on
        assert inside or (not on and not self.literal), (action, values)


@pytest.mark.parametrize("literal", [False, True])
def test_a_recorders_filter_is_turned_kind_by_kind_without_a_gap(literal: bool) -> None:
    nvr = Recorder(literal)
    for mode, sources in (("deny", ["192.0.2.66", "2001:db8::66"]), ("allow", ["127.0.0.1", "192.0.2.66"]),
                          ("off", ["192.0.2.1"]), ("allow", ["2001:db8::1", "127.0.0.1"]), ("deny", ["192.0.2.7"]),
                          ("off", ["192.0.2.7"])):  # fmt: skip
        tree = filters.fetch_filter(nvr)
        filters.store_filter(nvr, tree, {**tree, "mode": mode, "sources": sources})
        now = filters.fetch_filter(nvr)
        assert (filters.mode(now), now["sources"]) == (mode, sorted(sources))
    assert set(nvr.types.values()) == {"Deny"}


@pytest.mark.parametrize(
    "body",
    ["Channel.0.Connected=True\r\nChannel.0.CameraValidationStatus=HTTP\r\nChannel.1.Connected=False\r\n",
     {"cameravalidationstatus": [{"Channel": 0, "Connected": True, "CameraValidationStatus": "HTTP"},
                                 {"Channel": 1, "Connected": False}]}],
)  # fmt: skip
def test_the_cameras_of_a_recorder(body: Any) -> None:
    tree = net.fetch_cameras(viewed(body))
    assert tree == {"cameras": {"0": "True", "1": "False"}, "how": {"0": "HTTP", "1": ""}}
    (row,) = [b for b in SunapiDriver.bindings if b.key == ("recording", "jobs", "*", "state")]
    assert list(row.items(tree)) == ["0", "1"]
    on, off = row.get(tree, "0"), row.get(tree, "1")
    assert (on.value, off.value) == ("active", "error") and "not told" in on.why
    assert row.get({"cameras": {"0": "Maybe"}}, "0").state == "unreadable"


@pytest.mark.parametrize(
    ("told", "protection", "service"),
    [(["True", "True"], True, True), (["True", "False"], False, True), (["False", "False"], False, False),
     (["True", None], "unreadable", "unreadable"), (["False", "Maybe"], "unreadable", "unreadable")],
)  # fmt: skip
def test_a_protection_is_on_when_every_piece_has_it_and_a_service_when_one_has(
    told: list[str | None], protection: Any, service: Any
) -> None:
    tree = {"rows": [{} if text is None else {"Enable": text} for text in told]}
    for key, expected in ((("events", "tamper"), protection), (("dot1x", "enabled"), protection),
                          (("services", "zeroconf", "enabled"), service)):  # fmt: skip
        (row,) = [b for b in SunapiDriver.bindings if b.key == key]
        said = row.get(tree)
        assert (said if isinstance(said, bool) else said.value if said.value is not None else said.state) == expected


@pytest.mark.parametrize(
    ("policy", "http", "https", "expected"),
    [("HTTP", True, True, "HTTPandHTTPSProprietary"), ("HTTPandHTTPSPublic", False, True, "HTTPSPublic"),
     ("HTTPSPublic", True, True, "HTTPandHTTPSPublic"), ("HTTPandHTTPSProprietary", True, False, "HTTP")],
)  # fmt: skip
def test_the_policy_keeps_the_certificate_in_use(policy: str, http: bool, https: bool, expected: str) -> None:
    assert net.policy({"Policy": policy}, http, https) == expected


@pytest.mark.parametrize(("policy", "http", "https"), [
    ("HTTP", True, False), ("HTTPSPublic", False, True), ("HTTPandHTTPSProprietary", True, True),
    ("httpandhttpsPublic", None, None), ("", None, None), ("HTTPand", None, None), ("TLS", None, None)])  # fmt: skip
def test_h13_a_policy_that_nobody_knows_is_not_told_as_closed(policy: str, http: Any, https: Any) -> None:
    rows = {row.key: row for row in SunapiDriver.bindings if row.documents == ("ssl",)}
    found = [rows["services", "*", "enabled"].get({"Policy": policy}, name) for name in ("http", "https")]
    found.append(rows["tls", "https_only"].get({"Policy": policy}))
    if http is None:
        assert {reading.state for reading in found} == {"unverifiable"}
    else:
        assert found == [http, https, https and not http]


@pytest.mark.parametrize("lowest", [{}, {"Enable": "On"}, {"Enable": None}])
def test_h51_a_tls_version_of_which_nothing_is_told_does_not_count_as_off(lowest: dict[str, Any]) -> None:
    def device(*rows: dict[str, Any]) -> Any:
        return viewed({"Versions": [*rows, {"Version": "TLSv1_2", "Enable": True}]})

    with pytest.raises(BadAnswer, match="of each version"):
        net.fetch_tls(device({"Version": "TLSv1_0", **lowest}))
    assert net.fetch_tls(device({"Version": "TLSv1_0", "Enable": False}))["versions"] == {"1.0": False, "1.2": True}


def test_times_that_are_none() -> None:
    assert net.moment("2026-02-31 00:00:00") is None and net.moment("") is None
    assert str(net.moment("2026-01-31 23:59:58")) == "2026-01-31 23:59:58+00:00"
