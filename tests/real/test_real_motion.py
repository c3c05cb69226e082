# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""motion 4.5.1 as Debian 12 has it: from no login to hardened, proven by what it does. In the order of the file."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from programs import Motion, listening, status, until
from real_rig import Rig, outcomes

from ansible_collections.nwcs.hardening.plugins.module_utils.auth import Digest
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Target, Transport

DESIGN = {
    "identity": {"name": "cam-7", "overlay_text": "gate"},
    "accounts": {"viewer@stream": {"role": "viewer"}},
    "auth": {"lockout_attempts": 3, "lockout_minutes": 10, "basic_login": False},
    "video": {"authentication": True},
    "services": {"http": {"interface": "localhost"}, "stream": {"interface": "localhost"},
                 "commands": {"enabled": False}},
}  # fmt: skip


@pytest.fixture(scope="module")
def rig(motion: Motion) -> Rig:
    return Rig("motion", motion.port, ("admin", "none-yet"))


def raw(port: int, path: str, login: tuple[str, str] | None = None) -> tuple[int, str]:
    """One question as a person at a terminal asks it."""
    transport = Transport(Target("motion", "127.0.0.1", port, "http"), Digest(*login) if login else None)
    answer = transport.request("GET", path)
    transport.close()
    return answer.status, answer.body.decode(errors="replace")


def test_open_to_everybody_is_a_finding(motion: Motion, rig: Rig) -> None:
    found = rig.readings()
    assert found["auth.anonymous_api"]["value"] is True and found["accounts.anonymous_view"]["value"] is True
    assert found["video.authentication"]["value"] is False and found["services.http.interface"]["value"] == "all"
    assert found["facts.firmware"]["value"] == "4.5.1"
    assert listening(motion.port) == "00000000"


def test_a_way_to_log_in_without_an_account_lets_everybody_in(motion: Motion, rig: Rig) -> None:
    assert "Done" in raw(motion.port, "/0/config/set?stream_auth_method=2")[1]
    assert status(motion.stream, "/0/current") == 200 and rig.value("video.authentication") is False
    assert "Done" in raw(motion.port, "/0/config/set?stream_auth_method=0")[1]


def test_h12_an_error_is_http_200(motion: Motion) -> None:
    assert raw(motion.port, "/0/config/set?nonsense=1")[1].startswith("Bad Request")
    assert raw(motion.port, "/0/config/set?webcontrol_parms=1") == raw(motion.port, "/0/config/set?nonsense=1")


def test_h13_a_word_that_is_no_switch_opens_it_so_only_on_and_off_are_sent(motion: Motion, rig: Rig) -> None:
    assert "Done" in raw(motion.port, "/0/config/set?webcontrol_localhost=on")[1]
    assert "Done" in raw(motion.port, "/0/config/set?webcontrol_localhost=banana")[1]
    assert "webcontrol_localhost = off" in raw(motion.port, "/0/config/get?query=webcontrol_localhost")[1]
    plan = rig.plan({"services": {"http": {"interface": "banana"}}})
    assert plan["outcomes"]["services.http.interface"]["outcome"] == "refused" and plan["changes"] == []


def test_without_a_login_nothing_that_moves_the_way_in_is_kept(motion: Motion, rig: Rig) -> None:
    """No password can be proven on a motion that asks for none: the step is put back."""
    result = rig.harden({"services": {"http": {"interface": "localhost"}}})
    assert outcomes(result)["services.http.interface"] == "undone"
    assert motion.setting("webcontrol_localhost") == "off" and listening(motion.port) == "00000000"


def test_hardened_in_one_run(motion: Motion, rig: Rig) -> None:
    assert "Done" in raw(motion.port, f"/0/config/set?on_event_start={quote('touch /scratch/motion/ran')}")[1]
    result = rig.harden(DESIGN, **rig.bootstrap())
    bad = {k: v for k, v in outcomes(result).items() if v not in ("changed", "ok")}
    assert bad == {} and result["error"] is None
    assert result["proved"] == ["accounts.viewer@stream", "accounts.admin"]
    assert motion.setting("webcontrol_lock_attempts") == "2" and motion.setting("stream_auth_method") == "2"
    assert motion.setting("on_event_start").strip() == "" and motion.setting("camera_name") == "cam-7"
    assert rig.plan(DESIGN)["changes"] == []


def test_by_effect_strangers_get_nothing(motion: Motion, rig: Rig) -> None:
    assert listening(motion.port) == listening(motion.stream) == "0100007F"
    assert status(motion.port, "/0/config/list") == 401 and status(motion.stream, "/0/current") == 401
    viewer = ("viewer", rig.secrets["accounts.viewer@stream"])
    assert raw(motion.stream, "/0/current", viewer)[0] == 200
    assert raw(motion.port, "/", viewer)[0] == 401, "who may look may not set"
    found = rig.readings()
    assert found["auth.anonymous_api"]["value"] is False and found["accounts.anonymous_view"]["value"] is False
    rig.proven("auth.anonymous_api", "accounts.anonymous_view", "services.http.interface", "services.stream.interface",
               "video.authentication", 'accounts."viewer@stream".password', "services.commands.enabled")  # fmt: skip


def test_a_new_password_is_in_force_and_the_old_one_is_not(motion: Motion, rig: Rig) -> None:
    rig.secrets["accounts.admin"] = "An0ther-Passw0rd &%+:7"
    result = rig.harden({}, **rig.bootstrap(negative_test=True))
    line = result["outcomes"]['accounts."admin".password']
    assert line["outcome"] == "changed" and "old login is refused" in line["proof"]
    assert raw(motion.port, "/", rig.login)[0] == 200
    rig.proven('accounts."admin".password')


def test_h34_a_hostile_name_is_text(motion: Motion, rig: Rig) -> None:
    name = "{{ 7*7 }}\"<&;#'$(id)\u202e\u30ab\u30e1\u30e9"
    assert outcomes(rig.harden({"identity": {"name": name}}))["identity.name"] == "changed"
    assert rig.value("identity.name") == name and motion.setting("camera_name") == name
    rig.harden({"identity": {"name": "cam-7"}})


def test_drift_a_change_by_hand_is_found(motion: Motion, rig: Rig) -> None:
    assert "Done" in raw(motion.port, "/0/config/set?stream_auth_method=0", rig.login)[1]
    assert "Done" in raw(motion.port, "/0/config/set?on_movie_end=rm", rig.login)[1]
    keys = {change["key"] for change in rig.plan(DESIGN)["changes"]}
    assert keys == {"video.authentication", "services.commands.enabled"}
    assert rig.value("accounts.anonymous_view") is True
    rig.harden(DESIGN)
    assert rig.value("accounts.anonymous_view") is False and rig.plan(DESIGN)["changes"] == []


def test_lockout_after_three_wrong_passwords(motion: Motion, rig: Rig) -> None:
    """The last one: motion ignores this address from here on, also with the right password."""
    for _try in range(3):
        assert raw(motion.port, "/", ("admin", "Wr0ng-Passw0rd"))[0] == 401
    until(lambda: raw(motion.port, "/", rig.login)[1].startswith("Bad Request"), "the lock-out", 10)
    with pytest.raises(LoginRefused) as caught:
        rig.readings()
    assert caught.value.locked and rig.login[1] not in str(caught.value)
    rig.proven("auth.lockout_attempts")
