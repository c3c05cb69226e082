# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory variables: each mistake is one sentence with host, variable and remedy; each default is as documented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import inventory
from ansible_collections.nwcs.hardening.plugins.plugin_utils.inventory import Device

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def describe(folder: Path | str = "/site", hostvars: dict[str, dict[str, Any]] | None = None, **given: Any) -> Device:
    """The device cam-1 with these variables."""
    values = {"nwcs_family": "onvif", **given}
    return inventory.describe(
        "cam-1",
        lambda name, default: values.get(name, default),  # pylint: disable=unnecessary-lambda
        list(values),
        hostvars or {"cam-1": values},
        str(folder),
    )


def refused(**given: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        inventory.wanted(describe(**given))
    return caught.value


class TestDefaults:
    def test_only_the_family_is_needed(self) -> None:
        device = describe()
        assert (device.host, device.kind, device.site, device.language) == ("cam-1", "camera", "default", "en")
        assert device.password is None
        assert device.spec["ways"] == [{"scheme": "https", "port": 0}]
        assert device.spec["target"]["tls_verify"] is True
        assert device.spec["undeclared_accounts"] == "report"
        for name in ("restart", "retry"):
            assert device.spec[name] is False
        assert device.spec["target"]["basic_over_http"] is False
        assert device.folders == {
            "nwcs_sheet_dir": "/site/parameter_sheets",
            "nwcs_report_dir": "/site/reports",
            "nwcs_state_dir": "/site/.nwcs",
            "nwcs_secret_store": "/site/secrets",
        }

    def test_the_address(self) -> None:
        assert describe(ansible_host="192.0.2.7").host == "192.0.2.7"
        assert describe(ansible_host="192.0.2.7", nwcs_host="192.0.2.8").host == "192.0.2.8"
        assert describe(nwcs_host="2001:db8::7").host == "2001:db8::7"

    def test_a_gateways_address_is_not_the_devices(self) -> None:
        """Under delegate_to, ansible_host can be that of the host the task is delegated to (DESIGN 5)."""
        own = {"cam-1": {"ansible_host": "192.0.2.7"}}
        assert describe(hostvars=own, ansible_host="198.51.100.1").host == "192.0.2.7"
        assert describe(hostvars={"cam-1": {}}, ansible_host="198.51.100.1").host == "cam-1"

    def test_our_account_is_the_first_one_unless_named(self) -> None:
        assert describe(nwcs_username="root").own_account == "root"
        assert describe(nwcs_username="root", nwcs_own_account="nwcs").own_account == "nwcs"

    def test_no_secret_shows_in_the_device(self) -> None:
        device = describe(nwcs_password="Recognisable-1", nwcs_passwords={"nvr": "Recognisable-2"})
        assert "Recognisable" not in repr(device)
        assert "Recognisable" not in repr(device.spec)

    def test_an_empty_password_is_one(self) -> None:
        assert describe(nwcs_password="").password == ""


class TestWays:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"nwcs_port": 8443}, {"scheme": "https", "port": 8443}),
            ({"nwcs_port": "8443"}, {"scheme": "https", "port": 8443}),
            ({"nwcs_scheme": "http"}, {"scheme": "http", "port": 0}),
            ({"nwcs_scheme": "http", "nwcs_port": 8080}, {"scheme": "http", "port": 8080}),
            ({"nwcs_scheme": "https", "nwcs_port": ""}, {"scheme": "https", "port": 0}),
        ],
    )
    def test_plain_http_only_when_named(self, given: dict, expected: dict) -> None:
        assert describe(**given).spec["ways"] == [expected]


class TestMistakes:
    @pytest.mark.parametrize(
        ("name", "value", "hint"),
        [
            ("nwcs_family", "onvfi", "onvif, openwrt"),
            ("nwcs_family", "", "nwcs_family: onvif"),
            ("nwcs_family", ["onvif", "onvif"], "main one"),
            ("nwcs_family", ["onvif", "openwirt"], "onvif, openwrt"),
            ("nwcs_kind", "kamera", "camera, encoder, recorder, router, access_point, other"),
            ("nwcs_language", "de", "en, ja"),
            ("nwcs_scheme", "ftp", "https, http"),
            ("nwcs_scheme", "HTTP", "https, http"),
            ("nwcs_port", 0, "1 to 65535"),
            ("nwcs_port", 65536, "1 to 65535"),
            ("nwcs_port", "http", "1 to 65535"),
            ("nwcs_host", "http://192.0.2.7", "nwcs_scheme"),
            ("nwcs_host", "192.0.2.7 ; id", "address or name alone"),
            ("nwcs_host", "admin@192.0.2.7", "address or name alone"),
            ("nwcs_password", 12345, "quotes"),
            ("nwcs_password", False, "quotes"),
            ("nwcs_passwords", "secret", "docs/inventory.md"),
            ("nwcs_passwords", {"nvr": 5349}, "quotes"),
            ("nwcs_undeclared_accounts", "delete", "report, remove"),
            ("nwcs_restart", "perhaps", "true or false"),
            ("nwcs_retry", None, "true or false"),
            ("nwcs_basic_over_http", "maybe", "true or false"),
            ("nwcs_simulated", 2, "true or false"),
            ("nwcs_forget_way", "x", "true or false"),
            ("nwcs_timeouts", {"conect_seconds": 3}, "connect_seconds"),
            ("nwcs_timeouts", {"connect_seconds": "soon"}, "number above 0"),
            ("nwcs_timeouts", {"connect_seconds": -1}, "number above 0"),
            ("nwcs_timeouts", {"read_seconds": "nan"}, "number above 0"),
            ("nwcs_timeouts", [5], "docs/inventory.md"),
            ("nwcs_clock_tolerance", "half a minute", "number above 0"),
            ("nwcs_ports", {"telnet": ["x"]}, "1 to 65535"),
            ("nwcs_ports", [23], "docs/inventory.md"),
            ("nwcs_models", {"model": "X"}, "manufacturer, model"),
            ("nwcs_models", [{"modell": "X"}], "manufacturer, model"),
            ("nwcs_models", ["X"], "docs/inventory.md"),
            ("nwcs_recorders", 5, "inventory names or addresses"),
            ("nwcs_recorders", {"nvr": 1}, "inventory names or addresses"),
            ("nwcs_profiles", ["z"], "a, b, c"),
            ("nwcs_profiles", 5, "a, b, c"),
            ("nwcs_design", "telnet off", ""),
            ("nwcs_design", {"servces": {"telnet": {"enabled": False}}}, "services"),
            ("nwcs_design", {"accounts": {"ops": {"password": "x"}}}, "nwcs_passwords"),
            ("nwcs_design", {"services": {"telnet": {"enabled": "perhaps"}}}, ""),
        ],
    )
    def test_one_sentence_with_host_variable_and_remedy(self, name: str, value: Any, hint: str) -> None:
        error = refused(**{name: value})
        assert error.message.startswith("cam-1: ")
        assert name in error.message
        assert hint in str(error)
        assert "\n" not in str(error)

    def test_a_password_is_not_in_the_sentence_about_it(self) -> None:
        assert "8675309" not in str(refused(nwcs_password=8675309))
        assert "8675309" not in str(refused(nwcs_passwords={"nvr": 8675309}))

    @pytest.mark.parametrize(
        ("name", "meant"),
        [("nwcs_passwort", "nwcs_password"), ("nwcs_tls_verfy", "nwcs_tls_verify"), ("nwcs_desing", "nwcs_design")],
    )
    def test_a_misspelt_variable_is_told(self, name: str, meant: str) -> None:
        error = refused(**{name: "x"})
        assert str(error) == f"cam-1: the inventory variable {name!r} is not known. Did you mean {meant!r}?"

    def test_a_strange_one_too_and_others_variables_are_theirs(self) -> None:
        assert "docs/inventory.md" in str(refused(nwcs_zzzzzzzz=1))
        assert describe(ansible_user="x", site_nwcs="y", nwcsx=1).name == "cam-1"

    def test_every_variable_read_is_a_known_one(self) -> None:
        """Else a documented variable would be refused as unknown."""
        asked = set()

        def get(name: str, default: Any) -> Any:
            asked.add(name)
            return "onvif" if name == "nwcs_family" else default

        inventory.describe("cam-1", get, [], {}, "/site")
        assert {name for name in asked if name.startswith("nwcs_")} <= set(inventory.VARIABLES)


class TestText:
    """-e gives text only."""

    @pytest.mark.parametrize(
        ("text", "value"), [("true", True), ("Yes", True), ("1", True), ("no", False), ("off", False)]
    )
    def test_flags(self, text: str, value: bool) -> None:
        assert describe(nwcs_restart=text).spec["restart"] is value

    def test_numbers(self) -> None:
        device = describe(
            nwcs_clock_tolerance="90",
            nwcs_timeouts={"connect_seconds": "2.5", "depth": "30"},
            nwcs_ports={"telnet": "24"},
        )
        assert device.options["clock_tolerance"] == 90
        assert device.spec["target"]["limits"] == {"connect_seconds": 2.5, "depth": 30}
        assert device.spec["ports"]["telnet"] == [24]
        assert device.spec["ports"]["ftp"] == [21, 2121]


class TestTls:
    def test_a_ca_file_travels_as_its_text(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text(PEM)
        assert describe(tmp_path, nwcs_tls_verify="ca.pem").spec["target"]["tls_verify"] == PEM
        assert describe("/elsewhere", nwcs_tls_verify=str(tmp_path / "ca.pem")).spec["target"]["tls_verify"] == PEM

    @pytest.mark.parametrize(("given", "value"), [(False, False), ("false", False), ("no", False), ("True", True)])
    def test_switches(self, given: object, value: bool) -> None:
        assert describe(nwcs_tls_verify=given).spec["target"]["tls_verify"] is value

    def test_a_file_that_is_no_ca_never_means_no_check(self, tmp_path: Path) -> None:
        (tmp_path / "empty.pem").write_text("")
        (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
        (tmp_path / "binary.pem").write_bytes(b"\xff\xfe\x00")
        for name, told in (
            ("missing.pem", "there is no file"),
            ("empty.pem", "holds no PEM certificate"),
            ("key.pem", "holds no PEM certificate"),
            ("binary.pem", "is not UTF-8"),
            (".", "is not an ordinary file"),
        ):
            with pytest.raises(InputError, match=told) as caught:
                describe(tmp_path, nwcs_tls_verify=name)
            assert "cam-1: nwcs_tls_verify: " in str(caught.value)


class TestRecorders:
    HOSTS = {
        "cam-1": {},
        "nvr-1": {"nwcs_host": "192.0.2.50", "ansible_host": "198.51.100.50"},
        "nvr-2": {"ansible_host": "192.0.2.51"},
        "nvr-3.example.jp": {},
    }

    def test_names_become_addresses(self) -> None:
        names = ["nvr-1", "nvr-2", "nvr-3.example.jp", "192.0.2.99"]
        device = describe(hostvars=self.HOSTS, nwcs_recorders=names)
        assert device.spec["recorders"] == ["192.0.2.50", "192.0.2.51", "nvr-3.example.jp", "192.0.2.99"]

    def test_one_without_a_list(self) -> None:
        assert describe(hostvars=self.HOSTS, nwcs_recorders="nvr-1").spec["recorders"] == ["192.0.2.50"]


TELNET = ("services", "telnet", "enabled")
HTTP = ("services", "http", "enabled")


class TestWanted:
    def test_the_common_profiles_always_hold(self) -> None:
        wanted = inventory.wanted(describe())
        assert wanted[TELNET].value is False
        assert wanted[TELNET].origin == "profile a"
        assert HTTP not in wanted

    def test_a_declared_profile_adds(self) -> None:
        for given in (["d"], "d"):
            wanted = inventory.wanted(describe(nwcs_profiles=given))
            assert (wanted[HTTP].value, wanted[HTTP].origin) == (False, "profile d")

    def test_an_entry_holds_for_its_kinds_of_devices_only(self) -> None:
        assert ("nat", "forwards") not in inventory.wanted(describe())
        assert ("nat", "forwards") in inventory.wanted(describe(nwcs_family="openwrt"))
        assert ("nat", "forwards") not in inventory.wanted(describe(nwcs_family="openwrt", nwcs_kind="recorder"))
        assert HTTP in inventory.wanted(describe(nwcs_kind="recorder", nwcs_profiles="b"))
        assert HTTP not in inventory.wanted(describe(nwcs_profiles="b"))

    def test_the_design_lies_over_the_defaults(self) -> None:
        design = {"services": {"telnet": {"enabled": True}}, "identity": {"name": "Gate"}}
        wanted = inventory.wanted(describe(nwcs_design=design))
        assert wanted[TELNET].value is True
        assert "nwcs_design" in wanted[TELNET].origin
        assert wanted[("identity", "name")].value == "Gate"
        assert wanted[("services", "ftp", "enabled")].value is False  # the rest of the defaults stays

    def test_an_account_away_is_wholly_away(self) -> None:
        wanted = inventory.wanted(describe(nwcs_design={"accounts": {"guest": "absent"}}))
        assert [want.value for key, want in wanted.items() if key[:2] == ("accounts", "guest")] == [ABSENT]

    def test_the_shipped_defaults_are_sound_for_every_kind(self) -> None:
        for kind in inventory.KIND_NAMES:
            assert inventory.wanted(describe(nwcs_kind=kind, nwcs_profiles=inventory.PROFILES))


@pytest.mark.parametrize(("name", "told"), [("nvr1", "'nvr-1'"), (["nvr-1"], "inventory"), ("cam-1", "no other"),
                                            (5, "inventory")])  # fmt: skip
def test_behind_a_recorder_that_nobody_knows_is_a_mistake(name: Any, told: str) -> None:
    """Else the device is never looked at, and the report names a result that never comes."""
    hosts = {"cam-1": {}, "nvr-1": {"nwcs_family": "isapi"}}
    with pytest.raises(InputError) as caught:
        describe(hostvars=hosts, nwcs_behind=name)
    assert "nwcs_behind" in caught.value.message and told in str(caught.value)
    assert describe(hostvars=hosts, nwcs_behind="nvr-1").options["behind"] == "nvr-1"


@pytest.mark.parametrize("family", [5, {"isapi": 1}, [], None, True])
def test_a_recorder_with_a_mistake_of_its_own_does_not_stop_its_cameras(family: Any) -> None:
    assert describe(hostvars={"nvr-1": {"nwcs_family": family}}, nwcs_recorders="nvr-1").options["tellable"] == []
