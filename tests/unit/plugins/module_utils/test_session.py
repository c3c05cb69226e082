# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a device: order of ways, identity before the login, lock budget, model table."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import pytest
from fake_family import Box, box, spec  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    InputError,
    LoginRefused,
    Unreachable,
    WrongDevice,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

HTTPS, HTTP = {"scheme": "https", "port": 443}, {"scheme": "http", "port": 80}


def test_ways_are_tried_in_their_order(box: Box) -> None:  # noqa: F811
    box.trees["ways"]["https"] = True
    with Session(spec(ways=[HTTPS, HTTP])) as session:
        assert session.way == HTTPS
    box.trees["ways"]["https"] = False
    with Session(spec(ways=[HTTPS, HTTP])) as session:
        assert session.way == HTTP


def test_https_is_never_left_for_an_undeclared_http(box: Box) -> None:  # noqa: F811
    with pytest.raises(Unreachable):
        Session(spec(ways=[HTTPS])).open()
    assert box.log == ["identify by https"]


def test_a_refused_login_is_not_tried_again_on_another_way(box: Box) -> None:  # noqa: F811
    box.trees["ways"]["https"] = True
    wrong = [{"username": "admin", "password": "no", "label": "current"}]
    with pytest.raises(LoginRefused):
        Session(spec(ways=[HTTPS, HTTP], credentials=wrong)).open()
    assert [line for line in box.log if line.startswith("refused")] == ["refused admin by https"]


def test_without_declared_ways_the_family_gives_them_https_first(box: Box) -> None:  # noqa: F811
    with Session(spec(ways=[])) as session:
        assert session.way == HTTP
    assert [line for line in box.log if "identify" in line] == ["identify by https", "identify by http"]


@pytest.mark.parametrize("field", ["endpoint", "serial", "mac"])
def test_another_device_is_found_out(box: Box, field: str) -> None:  # noqa: F811
    right = getattr(box.identity, field)
    with Session(spec(expected={field: right})):
        pass
    box.log.clear()
    with pytest.raises(WrongDevice, match=right):
        Session(spec(expected={field: "other"})).open()
    assert any("login" in line for line in box.log) == (field != "endpoint"), "the endpoint is compared before a login"


def test_an_identity_that_the_device_does_not_tell_is_no_mismatch(box: Box) -> None:  # noqa: F811
    box.identity.serial = ""
    with Session(spec(expected={"serial": "S1"})) as session:
        assert session.way == HTTP


def test_the_pins_go_along_with_every_connection(box: Box) -> None:  # noqa: F811
    """The transport compares them at each handshake, before anything is sent (test_transport.py)."""
    with Session(spec(expected={"sha256": ["aa", "bb"]})) as session:
        assert session.ctx.transport.target.pins == ("aa", "bb")
    with Session(spec()) as session:
        assert session.ctx.transport.target.pins == ()


def test_two_credentials_are_tried_and_no_third(box: Box) -> None:  # noqa: F811
    rows = [{"username": "admin", "password": p, "label": label} for p, label in (("x", "pending"), ("old", "current"))]
    with Session(spec(credentials=rows)) as session:
        assert session.credential.label == "current"
    with pytest.raises(LoginRefused):
        Session(spec(credentials=[rows[0], rows[0], rows[1]])).open()
    assert len([line for line in box.log if line.startswith("refused")]) == 3


def test_a_lock_ends_the_trying(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def locked(*_args: object) -> None:
        box.log.append("locked")
        raise LoginRefused("box: locked", locked=True)

    session = Session(spec(credentials=spec()["credentials"] * 2))
    monkeypatch.setattr(session.driver, "open", locked)
    with pytest.raises(LoginRefused):
        session.open()
    assert box.log.count("locked") == 1


def test_no_login_is_said_in_words(box: Box) -> None:  # noqa: F811
    with pytest.raises(InputError, match="no login is known"):
        Session(spec(credentials=[])).open()


def test_reopen_keeps_the_old_connection_when_the_new_one_fails(box: Box) -> None:  # noqa: F811
    with Session(spec()) as session:
        before = session.ctx
        with pytest.raises(LoginRefused):
            session.reopen(credential=Credential("admin", "no"))
        assert session.ctx is before and not before.transport.closed and session.way == HTTP
        box.trees["ways"]["https"] = True
        session.reopen(HTTPS)
        assert session.way == HTTPS and before.transport.closed
        assert session.count() >= 2


@pytest.mark.parametrize(
    ("row", "expected"),
    [({"model": "Box"}, {"names"}), ({"manufacturer": "M*", "firmware": "1.*"}, {"names"}), ({"model": "Bo"}, set()),
     ({"model": "Box", "firmware": "2*"}, set())],
)  # fmt: skip
def test_the_model_table_of_the_site(box: Box, row: dict[str, str], expected: set[str]) -> None:  # noqa: F811
    with Session(spec(oddities=[{**row, "restart": ["names"]}])) as session:
        assert session.ctx.facts["oddities"]["restart"] == expected
