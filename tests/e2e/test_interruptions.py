# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotate_passwords.yml and undo.yml, disturbed: signals, a full disk, late answers, other runs on the same devices.

All tests share one lab and one site; each has devices of its own. What counts is compared with the devices themselves
and with the store as it lies on the disk, not with what a run says of itself. Interrupted harden: test_interrupt.py.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from e2e_box import SECONDS, Run, Workplace, device_login, every_secret, processes, wait

from ansible_collections.nwcs.hardening.lab.device import Device, Request, Response
from ansible_collections.nwcs.hardening.lab.openwrt import crypt
from ansible_collections.nwcs.hardening.lab.testing import running_lab
from ansible_collections.nwcs.hardening.plugins.plugin_utils import lease
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import VaultFiles

pytestmark = pytest.mark.long

FACTORY = "Planted-Factory-6140"  # in every place but the inventory, a trace of it is a leak
OWN = {"onvif": "admin", "openwrt": "root"}
SIGNALS = {"int": signal.SIGINT, "term": signal.SIGTERM, "kill": signal.SIGKILL}
CUT = [f"{kind}-{how}" for kind in ("cam", "router") for how in SIGNALS]
UNDONE = ["undo-first", "undo-second", "undo-killed"]
DISK = ["disk-limit", "disk-full", "disk-later", "disk-fixed"]
LATE = ["late-cam", "late-router"]
TOGETHER = ["held", "race-1", "race-2", "race-3"]
LEASED = ["lease-stale", "lease-fresh"]
LATE_OPERATION = {"onvif": "SetUser", "openwrt": "rpc-sys.password_set"}
LIMIT = 100_000  # bytes of one file; only the store of disk-limit is larger, by the old password it keeps


# -- devices -----------------------------------------------------------------------------------------------------------
def login_of(device: Any) -> str:
    """What tells whether the password is another one: itself, or its hash."""
    if device.family == "openwrt":
        return device.shadow["root"]
    return next(user["Password"] for user in device.state["users"] if user["Username"] == "admin")


def accepts(device: Any, password: str) -> bool:
    known = login_of(device)
    return crypt.verify(password, known) if device.family == "openwrt" else known == password


class Watched:
    """Every login that was in force on a device, in order. Its answer can be held back when it has acted."""

    def __init__(self, device: Device) -> None:
        self.device, self.history = device, [login_of(device)]
        self.reached, self.released = threading.Event(), threading.Event()
        self.when: Callable[[], bool] = lambda: False
        handle = device.handle

        async def watched(request: Request) -> Response:
            response = await handle(request)
            if login_of(device) != self.history[-1]:
                self.history.append(login_of(device))
            if not self.released.is_set() and self.when():
                self.reached.set()
                while not self.released.is_set():
                    await asyncio.sleep(0.02)
            return response

        device.handle = watched  # type: ignore[method-assign]

    def is_new(self) -> bool:
        return len(self.history) > 1


# -- the site ----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("interruptions"))
    admin = {"Username": "admin", "Password": FACTORY, "UserLevel": "Administrator", "fixed": True}
    devices, hosts = [], {}
    for name in [*CUT, *UNDONE, *DISK, *LATE, *TOGETHER, *LEASED]:
        if "router" in name:
            devices.append({"name": name, "model": "openwrt-full-acl", "overrides": {"passwords": {"root": FACTORY}}})
        else:
            devices.append({"name": name, "model": "onvif-complete", "overrides": {"users": [admin]}})
    with running_lab(devices, network=module_loopback_network) as lab:
        for device in lab.devices:
            hosts[device.name] = device_login(
                device.address, nwcs_family=device.family, nwcs_username=OWN[device.family], nwcs_password=FACTORY
            )
        for name in DISK:
            hosts[name] |= {
                "nwcs_secret_store": str(place.work / name),
                "nwcs_state_dir": str(place.work / f"{name}-state"),
            }
        for name in LATE:
            hosts[name]["nwcs_timeouts"] = {"connect_seconds": 2, "read_seconds": 1, "total_seconds": 4}
        place.write_inventory(hosts, nwcs_tls_verify=str(lab.ca), nwcs_profiles=["d"])
        place.extra = ["-f", "8"]
        watched = lab.call(lambda: {device.name: Watched(device) for device in lab.devices})
        it = SimpleNamespace(place=place, lab=lab, watched=watched, runs=[])
        try:
            yield it
        finally:
            for one in watched.values():
                one.released.set()
            kill(processes(place))


def start(site: SimpleNamespace, playbook: str, names: list[str], *arguments: str) -> subprocess.Popen[str]:
    command = site.place.command(playbook, "-l", ",".join(names), *arguments)
    return site.place.start(command, env={"RUN_OF": ",".join(names)})


def ended(site: SimpleNamespace, process: subprocess.Popen[str]) -> Run:
    """The run of a process, once it has ended; several may write reports at once, the number tells whose is whose."""
    out, err = process.communicate(timeout=SECONDS)
    others = {folder for folder in site.place.run_folders() if not folder.name.endswith(f"-{process.pid}")}
    site.runs.append(site.place.finished(process.returncode, out, err, others))
    return site.runs[-1]


def play(site: SimpleNamespace, playbook: str, names: list[str], *arguments: str) -> Run:
    return ended(site, start(site, playbook, names, *arguments))


def family(place: Workplace, names: list[str]) -> list[int]:
    """The processes of the run on these devices."""
    return [number for number in processes(place) if f"RUN_OF={','.join(names)}" in told(number, "environ")]


def told(number: int, what: str) -> list[str]:
    """A process's arguments (cmdline) or environment (environ), as anyone (or root) sees them."""
    try:
        return Path(f"/proc/{number}/{what}").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def kill(numbers: list[int], how: signal.Signals = signal.SIGKILL) -> None:
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, how)


def entry(site: SimpleNamespace, name: str, store: str = "secrets") -> dict[str, Any]:
    """What a store holds of a device's own account, {} for nothing."""
    path = site.place.work / store / site.place.site / f"{name}.vault.yml"
    if not path.exists():
        return {}
    content = yaml.safe_load(vault(site.place).decrypt(path.read_bytes()))
    return content["secrets"][f"accounts.{OWN[site.lab.device(name).family]}"]


def vault(place: Workplace) -> VaultLib:
    return VaultLib([("default", VaultSecret(place.vault_file.read_bytes().strip()))])


def check_one_in_force(site: SimpleNamespace, name: str, changes: int = 1, store: str = "secrets") -> None:
    """The device answers to what the store calls current; nothing is open; it was changed just so many times."""
    device, kept = site.lab.device(name), entry(site, name, store)
    assert kept["pending"] is None and accepts(device, kept["current"]["value"])
    assert not accepts(device, FACTORY)
    assert len(site.watched[name].history) == 1 + changes
    assert len(site.lab.logins(name, "refused")) <= 2, "one to find out, one to prove"


def check_untouched(site: SimpleNamespace, name: str) -> None:
    assert site.lab.writes(name) == []
    assert accepts(site.lab.device(name), FACTORY) and len(site.watched[name].history) == 1


# -- (a) signals in the middle of a new password -----------------------------------------------------------------------
@pytest.fixture(scope="module")
def cut(site: SimpleNamespace) -> SimpleNamespace:
    """Six runs at once, each cut off between the device's change and its answer; then one run for all."""
    place, watched = site.place, site.watched
    for name in CUT:
        watched[name].when = watched[name].is_new
    going = {name: start(site, "rotate_passwords", [name], "-e", "nwcs_rotation=autumn") for name in CUT}
    wait(lambda: all(watched[name].reached.is_set() for name in CUT), SECONDS)
    them = {name: family(place, [name]) for name in CUT}
    numbers = [number for name in CUT for number in them[name]]
    shown = [text for number in numbers for what in ("cmdline", "environ") for text in told(number, what)]
    everybody = [text for path in Path("/proc").glob("[0-9]*") for text in told(int(path.name), "cmdline")]
    middle = {name: entry(site, name) for name in CUT}
    kept = {path: (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
            for path in (place.work / "secrets").rglob("*")}  # fmt: skip
    for name, process in going.items():
        how = SIGNALS[name.partition("-")[2]]
        if how is signal.SIGINT:
            os.killpg(process.pid, how)  # as the terminal does it
        else:
            kill(them[name], how)  # as a service manager does it
        if how is signal.SIGKILL:
            wait(lambda name=name: not family(place, [name]))
        watched[name].released.set()
    runs = {name: ended(site, process) for name, process in going.items()}
    wait(lambda: not any(family(place, [name]) for name in CUT))  # nobody is left
    after = {name: entry(site, name) for name in CUT}
    again = play(site, "rotate_passwords", CUT, "-e", "nwcs_rotation=autumn")
    return SimpleNamespace(them=them, shown=shown, everybody=everybody, middle=middle, kept=kept, runs=runs,
                           after=after, again=again)  # fmt: skip


@pytest.mark.parametrize("name", CUT)
def test_a_cut_rotation_knows_the_password_and_the_next_run_makes_no_other(
    site: SimpleNamespace, cut: SimpleNamespace, name: str
) -> None:
    assert len(cut.them[name]) >= 2  # ansible-playbook and a worker
    device, sent = site.lab.device(name), cut.middle[name]["pending"]
    assert sent["sent"] is True and accepts(device, sent["value"]), "what is in force was in the store before it left"
    run, after = cut.runs[name], cut.after[name]
    assert run.code != 0, run.said()
    if name.endswith("-kill"):
        assert after == cut.middle[name]
    else:  # followed to its proof
        assert after["pending"] is None and after["current"]["value"] == sent["value"], run.said()
    told_again = cut.again.device(name)
    assert told_again["error"] is None, cut.again.said()
    assert ("was cut off before it gave the device back" in " ".join(told_again["notes"])) is name.endswith("-kill")
    line = cut.again.outcomes(name)[f'accounts."{OWN[device.family]}".password']
    assert line["outcome"] == "ok" and "rotation autumn" in line["why"]
    check_one_in_force(site, name)
    assert entry(site, name)["current"]["value"] == sent["value"]


def test_in_the_middle_secrets_stand_nowhere_but_in_encrypted_private_files(cut: SimpleNamespace) -> None:
    secrets = {FACTORY, *(kept["pending"]["value"] for kept in cut.middle.values())}
    assert len(secrets) == 1 + len(CUT)
    assert any("ansible-playbook" in text for text in cut.shown), "this sees what it should see"
    assert not [text for text in [*cut.shown, *cut.everybody] if any(secret in text for secret in secrets)]
    assert len([path for path in cut.kept if path.name.endswith(".vault.yml")]) >= 3 * len(CUT)  # lease, undo set too
    for path, (mode, content) in cut.kept.items():
        assert stat.S_IMODE(mode) == (0o700 if stat.S_ISDIR(mode) else 0o600), path
        assert content == b"" or content.startswith(b"$ANSIBLE_VAULT;"), path


# -- (b) undo ----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def undone(site: SimpleNamespace) -> SimpleNamespace:
    lab, watched = site.lab, site.watched

    def look() -> dict[str, Any]:
        return lab.call(lambda: {name: lab.device(name).public_state() for name in UNDONE})

    factory = look()
    harden = play(site, "harden", UNDONE)
    hardened = look()
    back = ("-e", f"run={harden.result['run_id']}", "-e", "nwcs_weaker=true")
    for name in ("undo-first", "undo-killed"):
        device = lab.device(name)
        watched[name].when = lambda device=device: device.public_state() != hardened[device.name]
    going = {names[0]: (names, start(site, "undo", names, "-f", "1", *back)) for names in (UNDONE[:2], UNDONE[2:])}
    wait(lambda: all(watched[name].reached.is_set() for name in going), SECONDS)
    os.killpg(going["undo-first"][1].pid, signal.SIGINT)
    kill(family(site.place, UNDONE[2:]))
    wait(lambda: not family(site.place, UNDONE[2:]))
    for name in going:
        watched[name].released.set()
    runs = {name: ended(site, process) for name, (_names, process) in going.items()}
    wait(lambda: not any(family(site.place, names) for names, _process in going.values()))
    after = look()
    again = play(site, "undo", UNDONE, *back)
    return SimpleNamespace(factory=factory, hardened=hardened, after=after, back=look(), harden=harden, runs=runs,
                           again=again)  # fmt: skip


def test_ctrl_c_in_undo_finishes_one_device_and_begins_no_other(undone: SimpleNamespace) -> None:
    assert all(undone.hardened[name] != undone.factory[name] for name in UNDONE), undone.harden.said()
    assert all(run.code != 0 for run in undone.runs.values())
    assert undone.after["undo-first"] == undone.factory["undo-first"], undone.runs["undo-first"].said()
    assert undone.after["undo-second"] == undone.hardened["undo-second"]
    assert undone.after["undo-killed"] not in (undone.factory["undo-killed"], undone.hardened["undo-killed"])


@pytest.mark.parametrize("name", UNDONE)
def test_the_next_undo_finishes(site: SimpleNamespace, undone: SimpleNamespace, name: str) -> None:
    assert undone.again.device(name)["error"] is None, undone.again.said()
    assert undone.back[name] == undone.factory[name]
    assert {line["outcome"] for line in undone.again.device(name)["outcomes"]} <= {"ok", "changed"}
    check_one_in_force(site, name)  # passwords stay ours


# -- (c) the disk ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def disks(site: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """Stores without room. disk-limit: a limit of the process, anywhere; disk-fixed: read-only, or without the right
    to write where nothing can be mounted; disk-full and disk-later (full once the password is stored): only mounted."""
    place, later, mounted = site.place, site.watched["disk-later"], []
    for name in DISK:
        (place.work / name).mkdir(mode=0o700)
        if name != "disk-limit" and mount("-t", "tmpfs", "-o", "size=96k,mode=0700", "tmpfs", str(place.work / name)):
            mounted.append(name)
    try:
        names = [name for name in DISK if name in (*mounted, "disk-limit", "disk-fixed")]
        old = {"current": {"value": FACTORY, "sent": True}, "pending": None,
               "previous": [{"value": "long-" * 10_000, "sent": True}]}  # fmt: skip
        large = VaultFiles(str(place.work / "disk-limit"), place.site, vault(place))
        content = {"schema": 1, "device": "disk-limit", "secrets": {"accounts.admin": old}}
        large.write(("secrets", "disk-limit"), content, "")
        assert os.path.getsize(large.where(("secrets", "disk-limit"))) > LIMIT
        fixed = place.work / "disk-fixed"
        if "disk-fixed" not in mounted:
            fixed.chmod(0o500)
        else:
            assert mount("-o", "remount,ro", str(fixed))
        if mounted:
            fill(place.work / "disk-full")
            later.when = (place.work / "disk-later" / place.site / "disk-later.vault.yml").exists
        process = start(site, "rotate_passwords", names, "-e", "nwcs_stop_after=50")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
        if mounted:
            wait(lambda: later.reached.is_set() or process.poll() is not None, SECONDS)
            fill(place.work / "disk-later")
            later.released.set()
        failed = ended(site, process)
        writes = {name: list(site.lab.writes(name)) for name in names}
        histories = {name: list(site.watched[name].history) for name in names}
        kept = {name: entry(site, name, name) for name in names}
        for name in mounted:
            assert mount("-o", "remount,rw,size=1m", str(place.work / name))
            with contextlib.suppress(FileNotFoundError):
                (place.work / name / "filler").unlink()
        fixed.chmod(0o700)
        again = play(site, "rotate_passwords", names)
        yield SimpleNamespace(names=names, failed=failed, writes=writes, histories=histories, kept=kept, again=again,
                              mounted=mounted)  # fmt: skip
    finally:
        for name in mounted:
            subprocess.run(["umount", "-l", str(place.work / name)], check=True)


def mount(*arguments: str) -> bool:
    """Mount, where this user may; False where not."""
    if not shutil.which("mount"):
        return False
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def fill(folder: Path) -> None:
    with contextlib.suppress(OSError), open(folder / "filler", "wb", buffering=0) as filler:
        while filler.write(b"x" * 1024):
            pass


@pytest.mark.parametrize(
    ("name", "file", "why"),
    [("disk-limit", "disk-limit.vault.yml", "File too large"),
     ("disk-full", ".leases/disk-full.vault.yml", "No space left"),
     ("disk-later", "disk-later.vault.yml", "No space left"),
     ("disk-fixed", "disk-fixed", ("Read-only file system", "Permission denied"))],
)  # fmt: skip
def test_without_room_in_the_store_nothing_is_sent(
    site: SimpleNamespace, disks: SimpleNamespace, name: str, file: str, why: str | tuple[str, ...]
) -> None:
    if name not in disks.names:
        pytest.skip("nothing can be mounted here")
    error = disks.failed.device(name)["error"]
    assert error is not None and error["code"] == "state", disks.failed.said()
    assert file in error["message"] and str(site.place.work / name) in error["message"], error
    assert any(word in error["message"] for word in ([why] if isinstance(why, str) else why)), error
    assert "Check free space, owner and rights" in error["advice"]
    assert disks.failed.code != 0 and disks.failed.device(name)["writes"] == 0
    assert disks.writes[name] == [] and disks.histories[name] == [FACTORY]
    pending = (disks.kept[name] or {"pending": None})["pending"]
    assert (pending is None) is (name != "disk-later")
    assert pending is None or pending["sent"] is False
    # With room again
    assert disks.again.device(name)["error"] is None, disks.again.said()
    check_one_in_force(site, name, store=name)


# -- (d) answers that come too late ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def late(site: SimpleNamespace) -> SimpleNamespace:
    for name in LATE:
        site.lab.answer_late(name, 2.5, operation=LATE_OPERATION[site.lab.device(name).family])
    first = play(site, "rotate_passwords", LATE, "-e", "nwcs_rotation=late")
    kept = {name: entry(site, name) for name in LATE}
    struck = {name: site.lab.has_struck(name) for name in LATE}
    again = play(site, "rotate_passwords", LATE, "-e", "nwcs_rotation=late")
    return SimpleNamespace(first=first, kept=kept, struck=struck, again=again)


@pytest.mark.parametrize("name", LATE)
def test_a_late_answer_leaves_no_doubt_of_the_password(site: SimpleNamespace, late: SimpleNamespace, name: str) -> None:
    assert late.struck[name]
    device, kept = site.lab.device(name), late.kept[name]
    key = f'accounts."{OWN[device.family]}".password'
    assert late.again.device(name)["error"] is None, late.again.said()
    assert late.again.outcomes(name)[key]["outcome"] == "ok"
    check_one_in_force(site, name)
    # What the first run said was so.
    in_force = entry(site, name)["current"]["value"]
    if late.first.device(name)["error"] is None and late.first.outcomes(name)[key]["outcome"] == "changed":
        assert kept["pending"] is None and kept["current"]["value"] == in_force
    else:
        assert late.first.code != 0 and kept["pending"] == {**kept["pending"], "value": in_force, "sent": True}


# -- (e) two playbooks at once -----------------------------------------------------------------------------------------
def test_who_comes_second_is_told_by_whom_the_device_is_taken(site: SimpleNamespace) -> None:
    held = site.watched["held"]
    held.when = held.is_new
    first = start(site, "rotate_passwords", ["held"])
    wait(held.reached.is_set, SECONDS)
    asked = len(site.lab.log("held"))
    # Without the file lock, the store's lease counts; each has a folder of its own, so that none waits for the other.
    elsewhere, nowhere = (f"nwcs_state_dir={site.place.folder / name}" for name in ("elsewhere", "nowhere"))
    more = [start(site, "rotate_passwords", ["held"], "-e", elsewhere), start(site, "harden", ["held"]),
            start(site, "rotate_passwords", ["held"], "-e", nowhere, "-e", "nwcs_take_over=true")]  # fmt: skip
    try:
        others = [ended(site, process) for process in more]
        assert len(site.lab.log("held")) == asked, "it was not even contacted"
        worker = [number for number in family(site.place, ["held"]) if number != first.pid]
    finally:
        held.released.set()
    done = ended(site, first)
    for other in others:
        error = other.device("held")["error"]
        assert error is not None and error["code"] == "state" and other.code != 0, other.said()
        assert "is being changed by another run (rotate on " in error["message"], error
        assert socket.gethostname() in error["message"] and "since 20" in error["message"]
        assert any(f"process {number}," in error["message"] for number in worker), (error, worker)
        assert "Wait for it to end" in error["advice"]
    assert done.code == 0, done.said()
    check_one_in_force(site, "held")


def test_runs_that_race_leave_one_password_in_force(site: SimpleNamespace) -> None:
    names = TOGETHER[1:]
    going = [start(site, playbook, names) for playbook in ("rotate_passwords", "rotate_passwords", "harden")]
    runs = [ended(site, process) for process in going]
    for name in names:
        errors = [run.device(name)["error"] for run in runs]
        busy = [error for error in errors if error is not None]
        assert len(busy) < len(runs), [run.said() for run in runs]
        assert all("is being changed by another run" in error["message"] for error in busy), busy
        assert all(run.device(name)["writes"] == 0 for run in runs if run.device(name)["error"])
        changes = len(runs) - len(busy)
        history = site.watched[name].history
        assert 2 <= len(history) <= 1 + changes and len(set(history)) == len(history)
        check_one_in_force(site, name, changes=len(history) - 1)
        assert set(history) - {FACTORY} <= every_secret(site.place.secrets())


# -- (f) leases of other hosts -----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def leased(site: SimpleNamespace) -> SimpleNamespace:
    elsewhere = lease.Place()
    elsewhere.host, elsewhere.machine, elsewhere.boot_id, elsewhere.pid = "control-9", "0" * 16, "another boot", 4711
    documents = VaultFiles(str(site.place.work / "secrets"), site.place.site, vault(site.place))
    ages = {"lease-stale": lease.LEASE_SECONDS + 60, "lease-fresh": lease.LEASE_SECONDS - 600}
    theirs = {}
    for name, age in ages.items():
        theirs[name] = lease.Lease.of("harden", "20260102T030405Z-4711", elsewhere, time.time() - age)
        documents.write(("leases", name), asdict(theirs[name]), "")
    plain = play(site, "rotate_passwords", LEASED)
    writes = {name: list(site.lab.writes(name)) for name in LEASED}
    taken = play(site, "rotate_passwords", LEASED, "-e", "nwcs_take_over=true")
    left = {name: documents.read(("leases", name))[0] for name in LEASED}
    return SimpleNamespace(theirs=theirs, plain=plain, writes=writes, taken=taken, left=left)


def test_a_lease_of_another_host_is_named_and_obeyed(leased: SimpleNamespace) -> None:
    words = {"lease-stale": "did not give it back", "lease-fresh": "is being changed by another run"}
    for name, theirs in leased.theirs.items():
        error = leased.plain.device(name)["error"]
        assert error is not None and error["code"] == "state" and leased.plain.code != 0, leased.plain.said()
        assert words[name] in error["message"], error
        assert f"harden on control-9, process 4711, since {theirs.since}" in error["message"], error
        assert theirs.until in error["message"] + error["advice"] and "nwcs_take_over=true" in error["advice"]
        assert leased.writes[name] == []


def test_only_a_stale_one_is_taken_over_and_only_when_told(site: SimpleNamespace, leased: SimpleNamespace) -> None:
    run = leased.taken
    notes = " ".join(run.device("lease-stale")["notes"])
    assert run.device("lease-stale")["error"] is None, run.said()
    assert "was taken over, as told (harden on control-9, process 4711, since" in notes, notes
    check_one_in_force(site, "lease-stale")
    assert leased.left["lease-stale"] is None, "given back at the end"
    assert "is being changed by another run (harden on control-9" in run.device("lease-fresh")["error"]["message"]
    assert leased.left["lease-fresh"] == asdict(leased.theirs["lease-fresh"])
    check_untouched(site, "lease-fresh")


# -- after all of it ---------------------------------------------------------------------------------------------------
def test_no_secret_in_anything_that_was_shown_or_written(
    site: SimpleNamespace, cut: SimpleNamespace, undone: SimpleNamespace, disks: SimpleNamespace, late: SimpleNamespace,
    leased: SimpleNamespace,
) -> None:  # fmt: skip
    assert cut and undone and disks and late and leased
    secrets = {FACTORY, *every_secret(site.place.secrets())}
    for name in disks.names:
        secrets |= every_secret({name: {"own": entry(site, name, name)}})
    assert len(secrets) > 12 and len(site.runs) >= 17
    shown = "".join(run.out + run.err + json.dumps(run.result) for run in site.runs)
    assert "Traceback" not in shown
    content = {path: path.read_bytes() for path in site.place.folder.rglob("*")
               if path.is_file() and site.place.inventory not in path.parents}  # fmt: skip
    for secret in secrets:
        assert secret not in shown
        assert not [path for path, data in content.items() if secret.encode() in data]
    assert not [path for path in content if "secrets" in path.parts and path.name.startswith(".tmp-")]
