# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: plain data in, plain data out, every expected trouble as {"error": …}."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import json

import pytest
from fake_family import Box, box, plan, spec  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import jobs
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Stored
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import WrongDevice


def test_a_job_travels_as_json_both_ways(box: Box) -> None:  # noqa: F811
    planned = json.loads(json.dumps(plan({"identity": {"name": "x"}, "accounts": {"ops": {"role": "viewer"}}})))
    job = {"what": "apply", "spec": spec(secrets={"accounts.ops": "Pl4nted"}), "plan": planned}
    result = json.loads(json.dumps(jobs.run(json.loads(json.dumps(job)))))
    assert {line["outcome"] for line in result["outcomes"].values()} == {"changed"}
    assert result["snapshot"]["readings"]["identity.name"]["value"] == "x" and result["writes"] == 2
    assert "Pl4nted" not in json.dumps(result) and "old" not in json.dumps(result["login"])


def test_a_reading_tells_way_login_and_requests(box: Box) -> None:  # noqa: F811
    result = jobs.run({"what": "read", "spec": spec()})
    assert result["login"] == "current" and result["requests"] == 2
    assert result["snapshot"]["way"] == {"scheme": "http", "port": 80}
    assert result["snapshot"]["identity"]["serial"] == "S1" and result["snapshot"]["schema"] == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [({"family": "nothing"}, "input"), ({"credentials": []}, "input"),
     ({"credentials": [{"username": "admin", "password": "no"}]}, "login_refused"),
     ({"ways": [{"scheme": "https", "port": 443}]}, "unreachable"), ({"expected": {"serial": "S2"}}, "wrong_device")],
)  # fmt: skip
@pytest.mark.parametrize("what", ["read", "plan", "apply"])
def test_expected_trouble_is_an_error_with_a_code(box: Box, what: str, change: dict, code: str) -> None:  # noqa: F811
    planned = plan({"identity": {"name": "x"}})
    box.log.clear()
    answer = jobs.run({"what": what, "spec": spec(**change), "wanted": {}, "plan": planned})
    assert set(answer) == {"error", "logins"} and answer["error"]["code"] == code and answer["error"]["message"]
    assert not any(line.startswith("store") for line in box.log)


def test_an_unknown_job_is_an_error(box: Box) -> None:  # noqa: F811
    assert jobs.run({"what": "format", "spec": spec()})["error"]["code"] == "input"


def test_an_identity_that_shows_only_in_the_reading_is_compared_before_a_write(box: Box) -> None:  # noqa: F811
    """Some devices tell their MAC in a document only."""
    driver = jobs.Session(spec()).driver
    planned = plan({"identity": {"name": "x"}})
    mac, box.identity.mac = box.identity.mac, ""
    honest = driver.fetch

    def fetch(ctx: object, names: object) -> dict:
        ctx.identity.mac = mac
        return honest(ctx, names)

    driver.fetch = fetch
    with pytest.raises(WrongDevice):
        jobs.apply(spec(expected={"mac": "02:00:00:00:00:99"}), planned)
    assert not any(line.startswith("store") for line in box.log)
    assert jobs.apply(spec(expected={"mac": mac}), planned)["error"] is None


@pytest.mark.parametrize("allowed", [False, True])
def test_restarting_is_the_sites_word(box: Box, allowed: bool) -> None:  # noqa: F811
    """The device stores at once and shows after a restart; without the word nobody restarts it."""
    driver = jobs.Session(spec()).driver
    honest, before = driver.fetch, dict(box.trees["names"])

    def fetch(ctx: object, names: object) -> dict:
        shown = {} if "restart" in box.log else {"names": dict(before)}
        return {**honest(ctx, names), **{name: tree for name, tree in shown.items() if name in names}}

    planned = plan({"identity": {"name": "x"}})
    driver.fetch = fetch
    box.say["names"] = Stored(restart=True)
    line = jobs.apply(spec(restart=allowed), planned)["outcomes"]["identity.name"]
    assert ("restart" in box.log) is allowed
    assert line["outcome"] == ("changed" if allowed else "pending_restart")
