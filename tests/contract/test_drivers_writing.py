# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver contract, part 2: write one, look at the device itself, write again, check mode, passwords."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import pytest
from driver_cases import FAMILIES, Family, Write, every_family, families_with, rig, short_pauses  # noqa: F401

ROWS = [(family, write) for family in FAMILIES.values() for write in family.writes]
every_write = pytest.mark.parametrize(("family", "write"), ROWS, ids=[f"{f.name}-{w.kind}" for f, w in ROWS])


@every_write
def test_a_write_shows_on_the_device_itself_and_is_not_sent_again(family: Family, write: Write) -> None:
    with rig(family) as run:
        assert write.look(run.device) != write.raw, "the case must start from another state"
        result = run.harden(write.design)
        line = result["outcomes"][write.key]
        assert line["outcome"] == "changed" and line["proof"], line
        assert write.look(run.device) == write.raw
        assert result["error"] is None and result["snapshot"] is not None
        unasked = [line for line in result["outcomes"].values() if line["outcome"] in ("failed", "side_effect")]
        assert unasked == []

        run.forget()
        again = run.harden(write.design)
        assert again["plan"]["changes"] == [] and again["outcomes"][write.key]["outcome"] == "ok"
        assert run.writes() == []
        assert write.look(run.device) == write.raw


@every_write
def test_check_mode_tells_and_sends_no_write(family: Family, write: Write) -> None:
    with rig(family) as run:
        before = write.look(run.device)
        plan = run.plan(write.design)
        preview = {line["key"]: line for line in plan["preview"]}
        assert preview[write.key]["outcome"] == "would_change"
        assert run.writes() == [] and write.look(run.device) == before


@every_family
def test_all_at_once_is_one_run_without_loss(family: Family) -> None:
    design: dict = {}
    for write in family.writes:
        for group, members in write.design.items():
            design.setdefault(group, {}).update(members)
    with rig(family) as run:
        result = run.harden(design)
        bad = {k: v for k, v in result["outcomes"].items() if v["outcome"] not in ("changed", "ok")}
        assert bad == {} and result["error"] is None
        for write in family.writes:
            assert write.look(run.device) == write.raw, write.kind
        run.forget()
        assert run.harden(design)["plan"]["changes"] == [] and run.writes() == []


@families_with("accounts")
def test_our_own_password_is_proven_by_a_login_and_the_old_one_refused(family: Family) -> None:
    user, old = family.login
    bootstrap = [{"username": user, "password": old, "label": "bootstrap"}]
    with rig(family) as run:
        result = run.harden({}, credentials=bootstrap, manage_accounts=True, negative_test=True)
        line = result["outcomes"][f'accounts."{user}".password']
        assert line["outcome"] == "changed" and "login" in line["proof"] and "old login is refused" in line["proof"]
        assert result["proved"] == [f"accounts.{user}"] and result["error"] is None
        assert family.has_password(run.device, user, "N3w-Passw0rd-0")
        assert not family.has_password(run.device, user, old)
        assert run.logins("refused") == 1, "the one deliberate wrong login, and no other (H44, H62)"
        assert "N3w-Passw0rd-0" not in repr(result) and f"'{old}'" not in repr(result)

        run.login = (user, "N3w-Passw0rd-0")
        run.forget()
        assert run.harden({}, manage_accounts=True)["plan"]["changes"] == [] and run.writes() == []


@families_with("accounts")
def test_an_own_account_takes_over_and_the_run_goes_on_with_it(family: Family) -> None:
    user, old = family.login
    bootstrap = [{"username": user, "password": old, "label": "bootstrap"}]
    with rig(family) as run:
        result = run.harden({}, credentials=bootstrap, manage_accounts=True, own_account="nwcs")
        assert result["outcomes"]['accounts."nwcs".role']["outcome"] == "changed"
        assert "login" in result["outcomes"]['accounts."nwcs".role']["proof"]
        assert result["login"]["username"] == "nwcs" and "accounts.nwcs" in result["proved"]
        assert run.logins("refused") == 0
        assert any(family.has_password(run.device, "nwcs", f"N3w-Passw0rd-{i}") for i in range(4))


@families_with("accounts")
def test_a_new_account_is_proven_by_a_login(family: Family) -> None:
    write = next(write for write in family.writes if write.kind == "account")
    with rig(family) as run:
        result = run.harden(write.design)
        assert "login" in result["outcomes"][write.key]["proof"], "a role that reads back is no proof of a password"
        assert result["proved"] == ["accounts.ops"]


@families_with("accounts")
def test_a_password_that_nobody_told_is_not_checked_and_nothing_is_sent(family: Family) -> None:
    write = next(write for write in family.writes if write.kind == "account")
    with rig(family) as run:
        plan = run.plan(write.design)
        result = run.apply({**plan, "needs": []})
        assert result["outcomes"][write.key]["outcome"] == "not_checked"
        assert "accounts.ops" in result["outcomes"][write.key]["why"]
        assert write.look(run.device) is None and "ops" not in family.users(run.device)


@families_with("names")
def test_a_foreign_change_between_plan_and_write_is_kept(family: Family) -> None:
    """What somebody else did to the same document after the plan is neither lost nor taken back."""
    one, two = [write for write in family.writes if write.kind in ("str", "zone")][:2]
    with rig(family) as run:
        plan = run.plan(one.design)
        run.harden(two.design)
        result = run.apply(plan)
        assert result["outcomes"][one.key]["outcome"] == "changed"
        assert one.look(run.device) == one.raw and two.look(run.device) == two.raw


@every_family
def test_what_became_right_by_itself_is_not_written(family: Family) -> None:
    write = next(write for write in family.writes if write.kind == "str")
    with rig(family) as run:
        plan = run.plan(write.design)
        run.harden(write.design)
        run.forget()
        result = run.apply(plan)
        assert result["outcomes"][write.key]["outcome"] == "changed" and run.writes() == []
