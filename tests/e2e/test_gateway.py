# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reaches a gateway, what comes back, and what stays there. Whole results by each way: test_delegate.py.

One simulated camera is in the inventory under several names, each with another way to it: in one run, all read the
same device at the same time, so that what they say of it must be the same.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import base64
import binascii
import json
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from e2e_box import ROOT, Workplace, every_secret

from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab

pytestmark = pytest.mark.slow

PLUGINS = Path(__file__).parent / "plugins" / "connection"
ONE_LETTER = "a"
LOGIN = {
    "nwcs_family": "onvif", "nwcs_scheme": "http", "nwcs_port": 8080, "nwcs_username": "admin",
    "nwcs_password": ONE_LETTER,
}  # fmt: skip
# name: (gateway, more variables); the address is the device's unless said otherwise
WAYS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "here": (None, {}),
    "by-localhost": ("localhost", {}),
    "by-near": ("near", {}),  # another name, but its connection is local
    "by-gw": ("gw", {}),
    "by-gw-own-address": ("gw", {"ansible_host": "192.0.2.1"}),  # nwcs_host wins over ansible_host
}
LOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - nwcs.hardening.device_info:
      register: seen
      delegate_to: "{{ nwcs_gateway | default(omit) }}"
    - ansible.builtin.copy:
        content: "{{ {'error': seen.error, 'device': seen.device | default(none)} | to_json }}"
        dest: "{{ seen_in }}/seen-{{ inventory_hostname }}.json"
        mode: "0600"
      delegate_to: localhost
"""


@pytest.fixture(scope="module")
def gateway_python() -> Path:
    """A Python with the two declared libraries from the package index and nothing else; made once, kept in build/."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    folder = ROOT / "build" / "cache" / f"gateway-python{version}"
    python = folder / "bin" / "python"
    check = [str(python), "-c", "import defusedxml, cryptography.x509"]
    if not python.exists() or subprocess.run(check, capture_output=True, check=False).returncode:
        venv.create(folder, clear=True, symlinks=True, with_pip=False)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
        install = [*pip, "install", "-q", "defusedxml", "cryptography"]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    found = subprocess.run(
        [str(python), "-c", "import importlib.util as i; print(i.find_spec('ansible'), i.find_spec('requests'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.split() == ["None", "None"]
    return python


def gateways(place: Workplace, python: Path, **more: Any) -> None:
    """The hosts that are no devices: `near` is local, `gw` is not by the name of its connection."""
    gateway = {
        "ansible_host": "192.0.2.99", "ansible_connection": "elsewhere", "ansible_python_interpreter": str(python),
        "ansible_remote_tmp": str(place.folder / "remote"), **more,
    }  # fmt: skip
    near = {"ansible_connection": "local", "ansible_python_interpreter": "/nowhere/python"}
    content = {"all": {"children": {"gateways": {"hosts": {"gw": gateway, "near": near}}}}}
    (place.inventory / "gateways.yml").write_text(json.dumps(content))
    place.extra = ["--limit", "all:!gateways"]


def environment(**more: str) -> dict[str, str]:
    return {"ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS), **more}


@pytest.fixture(scope="module")
def seen(
    tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str, gateway_python: Path
) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("gateway"))
    users = [{"Username": "admin", "Password": ONE_LETTER, "UserLevel": "Administrator", "fixed": True}]
    device = {"name": "cam", "model": "onvif-complete", "overrides": {"users": users}}
    with running_lab([device], network=module_loopback_network) as lab:
        hosts = {}
        for name, (gateway, more) in WAYS.items():
            hosts[name] = {**LOGIN, "nwcs_host": lab.device("cam").address, **more}
            if gateway:
                hosts[name]["nwcs_gateway"] = gateway
        design = {"time": {"sync": "ntp", "servers": ["ntp.example.jp"]}}
        place.write_inventory(hosts, nwcs_tls_verify=str(lab.ca), nwcs_profiles=["d"], nwcs_design=design)
        gateways(place, gateway_python)
        playbook = place.folder / "look.yml"
        playbook.write_text(LOOK)
        told = SimpleNamespace(place=place, lab=lab)
        told.look = place.play(str(playbook), "-e", f"seen_in={place.work}", env=environment())
        told.devices = {name: json.loads((place.work / f"seen-{name}.json").read_text()) for name in WAYS}
        told.check = place.play("harden", "--check", "--diff", env=environment(ANSIBLE_CALLBACK_RESULT_FORMAT="json"))
        told.record = place.play("record", env=environment())
        lab.attack("cam", "new-account")
        lab.attack("cam", "rename")
        told.drift = place.play("drift", env=environment())
        told.writes = len(lab.writes("cam"))
        yield told


def alike(data: Any, name: str) -> Any:
    """Without what differs from one moment, and from one name of the device, to another."""
    text = json.dumps(data, sort_keys=True)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?", "TIME", text)
    data = json.loads(text.replace(f'"{name}"', '"NAME"').replace(f"{name}:", "NAME:").replace(f"/{name}.", "/NAME."))
    if isinstance(data, dict):
        for key in ("seconds", "requests", "sheet"):
            data.pop(key, None)
        # Five names of one device have one password: each is told those that were entered before it.
        data["findings"] = [f for f in data.get("findings", ()) if f["kind"] != "password_reused"]
        skew = (data.get("readings") or {}).get("time.skew_seconds")
        if skew:
            assert abs(skew["value"]) <= 2
            skew["value"] = 0
    return data


@pytest.mark.parametrize("name", [name for name in WAYS if name != "here"])
def test_the_snapshot_is_the_same_by_every_way(seen: SimpleNamespace, name: str) -> None:
    here, there = seen.devices["here"], seen.devices[name]
    assert here["error"] is None and there["error"] is None
    assert len(here["device"]["readings"]) > 20
    assert alike(there["device"], name) == alike(here["device"], "here")


@pytest.mark.parametrize("name", [name for name in WAYS if name != "here"])
@pytest.mark.parametrize("job", ["check", "record", "drift"])
def test_the_result_is_the_same_by_every_way(seen: SimpleNamespace, job: str, name: str) -> None:
    run = getattr(seen, job)
    assert alike(run.device(name), name) == alike(run.device("here"), "here"), run.said()


def test_drift_is_found_through_the_gateway(seen: SimpleNamespace) -> None:
    kinds = {(finding["kind"], finding["key"]) for finding in seen.drift.device("by-gw")["findings"]}
    assert ("account_appeared", 'accounts."support".role') in kinds
    assert ("value_changed", "identity.hostname") in kinds


def test_check_mode_through_the_gateway_tells_and_writes_nothing(seen: SimpleNamespace) -> None:
    assert seen.check.outcomes("by-gw")["time.servers"]["outcome"] == "would_change"
    assert seen.writes == 0
    assert not seen.place.secrets()  # no password was made either


def test_the_diff_is_the_same_through_the_gateway(seen: SimpleNamespace) -> None:
    blocks = re.findall(r"^--- before: (\S+) \(as it is\)\n\+\+\+ after: .*\n((?:[-+@ ].*\n)+)", seen.check.out, re.M)
    shown = dict(blocks)
    assert set(shown) == set(WAYS), seen.check.said()
    assert len(set(shown.values())) == 1
    assert "\n+time.servers: " in shown["by-gw"]


def test_one_letter_is_masked_nowhere(seen: SimpleNamespace) -> None:
    assert "****" not in json.dumps([seen.devices, seen.drift.result, seen.check.result])


def test_nothing_stays_on_the_gateway(seen: SimpleNamespace) -> None:
    remote = seen.place.folder / "remote"
    assert [str(path) for path in remote.rglob("*") if path.is_file()] == []


# -- harden through it ---------------------------------------------------------------------------------------------
def one_camera(tmp_path: Path, lab: RunningLab, python: Path, **gateway: Any) -> Workplace:
    (tmp_path / "place").mkdir()
    place = Workplace(tmp_path / "place")
    variables = {**LOGIN, "nwcs_password": "12345", "nwcs_host": lab.device("cam").address, "nwcs_gateway": "gw"}
    place.write_inventory({"cam": variables}, nwcs_tls_verify=str(lab.ca), nwcs_profiles=["d"])
    gateways(place, python, **gateway)
    return place


def decoded(text: str) -> Iterator[str]:
    """Every base64 text inside, in clear."""
    for token in re.findall(r"[A-Za-z0-9+/]{24,}={0,2}", text):
        try:
            yield base64.b64decode(token + "=" * (-len(token) % 4)).decode("utf-8", "replace")
        except binascii.Error:
            continue


def test_hardened_through_the_gateway_no_secret_is_shown_or_left(
    tmp_path: Path, loopback_network: str, gateway_python: Path
) -> None:
    with running_lab([{"name": "cam", "model": "onvif-complete"}], network=loopback_network) as lab:
        # Without pipelining the module is a file of the gateway while it runs: the case that could leave something.
        place = one_camera(tmp_path, lab, gateway_python, ansible_pipelining=False)
        run = place.play("harden", "-vvvvv", env=environment(ANSIBLE_PIPELINING="0"))
        assert run.outcomes("cam")['accounts."admin".password']["outcome"] == "changed", run.said()
        made = place.password("cam")
        assert lab.device("cam").state["users"][0]["Password"] == made
    assert "AnsiballZ_device_info.py" in run.out  # it was a file
    remote = place.folder / "remote"
    assert remote.exists()
    assert [str(path) for path in remote.rglob("*") if path.is_file()] == []
    said = run.out + run.err
    hidden = [text for text in decoded(said) if made in text]
    assert made not in said
    assert hidden == []
    secret = every_secret(place.secrets())
    for path in place.files():
        content = path.read_text(errors="replace")
        assert not [text for text in secret if len(text) > 6 and text in content], path


def test_a_line_that_breaks_after_the_change_loses_no_password(
    tmp_path: Path, loopback_network: str, gateway_python: Path
) -> None:
    with running_lab([{"name": "cam", "model": "onvif-complete"}], network=loopback_network) as lab:
        place = one_camera(tmp_path, lab, gateway_python, ansible_connection="breaking", ansible_pipelining=True)
        cut = tmp_path / "break"
        cut.write_text("1")  # the plan comes back, the answer to the change does not
        env = environment(NWCS_TEST_BREAK=str(cut))
        broken = place.play("harden", env=env)
        assert not cut.exists(), broken.said()
        error = broken.device("cam")["error"]
        assert error["message"].startswith("cam: the gateway gw could not run the job")
        assert "the line went dead" in error["message"]
        assert "toolkit itself failed" not in broken.out
        users = lab.device("cam").state["users"]
        assert users[0]["Password"] in every_secret(place.secrets())  # what is in force is known

        again = place.play("harden", env=env)
        assert again.device("cam")["error"] is None, again.said()
        assert users[0]["Password"] == place.password("cam")
        assert place.secrets()["cam"]["accounts.admin"]["pending"] is None
        writes = len(lab.writes("cam"))
        assert place.play("harden", env=env).device("cam")["error"] is None
        assert len(lab.writes("cam")) == writes


# -- what can be wrong with a gateway ----------------------------------------------------------------------------------
def looked_at(tmp_path: Path, python: Path, *arguments: str, **gateway: Any) -> dict[str, str]:
    (tmp_path / "place").mkdir()
    place = Workplace(tmp_path / "place")
    place.write_inventory({"cam": {**LOGIN, "nwcs_host": "127.0.0.1", "nwcs_port": 9, "nwcs_gateway": "gw"}})
    gateways(place, python, **gateway)
    (tmp_path / "break").write_text("0")
    run = place.play("drift", *arguments, env=environment(NWCS_TEST_BREAK=str(tmp_path / "break")))
    assert run.result["exit_code"] == 3, run.said()
    assert "Traceback" not in run.out + run.err
    error = run.device("cam")["error"]
    assert "\n" not in error["message"]
    return error


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"ansible_python_interpreter": "/nowhere/python"}, "/nowhere/python"),
        ({"ansible_python_interpreter": "/bin/false"}, "exit code 1 and said nothing"),
        ({"ansible_python_interpreter": "/bin/cat"}, "answered something else"),
        ({"ansible_connection": "breaking", "ansible_pipelining": True}, "the line went dead"),
    ],
    ids=["no-python", "silent-python", "other-program", "unreachable"],
)
def test_a_gateway_that_cannot_is_named(tmp_path: Path, variables: dict[str, Any], said: str) -> None:
    error = looked_at(tmp_path, Path(sys.executable), **variables)
    assert error["message"].startswith("cam: the gateway gw could not run the job"), error
    assert said in error["message"]


def test_a_device_the_gateway_cannot_reach_is_told_as_from_here(tmp_path: Path, gateway_python: Path) -> None:
    error = looked_at(tmp_path, gateway_python)
    assert error["code"] == "unreachable"
    assert error["message"].startswith("cam: ")


def test_become_has_no_effect(tmp_path: Path, gateway_python: Path) -> None:
    """A play that becomes root for its servers must not need root on the gateway (DESIGN 5)."""
    error = looked_at(tmp_path, gateway_python, "--become-user", "nobody", "-b", "-e", "ansible_become_exe=/nowhere")
    assert error["code"] == "unreachable", error
