# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: what a drift check costs the controller, beside the bare requests and beside ansible.builtin.uri.

Every case talks to the same simulated cameras in the same run. Counted is the client's side alone: user and system
time of the process and its children, never the lab's. README.md beside this file says how to read the table.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import measure
import uri
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "bench"
MODEL = "onvif-complete"
THREADS = 16  # of the floor; more made it slower on 2 cores
URI_DEVICES = 20  # it is slow
MOST_FLOORS, MOST_GROWTH, LEAST_URI = 25.0, 0.5, 50.0  # what issue 2 asks for


class BenchError(Exception):
    """One sentence: what failed, and where to look."""


# -- running things ----------------------------------------------------------------------------------------------------
def environment() -> dict[str, str]:
    """As in `make`: our own home, the checkout's ansible.cfg, nothing of what the caller has set for other projects."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "NWCS_", "PYTHON"))}
    home = WORK / "home"
    home.mkdir(parents=True, exist_ok=True)
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }


def command(name: str, *arguments: str | Path) -> list[str]:
    program = Path(sys.executable).parent / name
    if not program.exists():
        raise BenchError(f"{name} is not installed beside {Path(sys.executable).name}: run `make bench`")
    return [str(program), *map(str, arguments)]


def run(what: str, arguments: list[str], log: Path, seconds: float) -> measure.Measured:
    """Run and measure; whatever does not end with 0 is no measurement."""
    try:
        done = measure.run(arguments, environment(), ROOT, log, seconds)
    except TimeoutError as error:
        raise BenchError(f"{what}: {error}; see {log.relative_to(ROOT)}") from None
    if done.status:
        lines = log.read_text(errors="replace").strip().splitlines() or ["no output"]
        raise BenchError(f"{what} ended with {done.status}: {lines[-1][:300]}; see {log.relative_to(ROOT)}")
    return done


def play(name: str, folder: Path, seconds: float) -> measure.Measured:
    """One of the project's playbooks on the inventory of `folder`."""
    arguments = command("ansible-playbook", ROOT / "playbooks" / f"{name}.yml", "-i", folder / "hosts.yml")
    return run(f"{name}.yml", arguments, folder / f"{name}.log", seconds)


@contextlib.contextmanager
def lab(devices: int) -> Iterator[Any]:
    """A lab of its own with its inventory; gives the client. Ended, whatever happens."""
    from ansible_collections.nwcs.hardening.lab.base import LabError
    from ansible_collections.nwcs.hardening.lab.client import LabClient

    folder = WORK / f"site-{devices}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    client = LabClient(folder / "lab")
    try:
        for attempt in range(10):
            network = f"127.{random.randrange(120, 250)}"  # another lab may be running on this machine
            up = command("nwcs-lab", "up", "--count", str(devices), "--model", MODEL)
            up += ["--network", network, "--dir", str(client.directory)]
            done = subprocess.run(up, env=environment(), capture_output=True, text=True, check=False)
            if done.returncode == 0:
                break
            if attempt == 9 or "cannot listen" not in done.stderr:
                raise BenchError(f"the lab with {devices} devices does not start: {done.stderr.strip()[:300]}")
        (folder / "hosts.yml").write_text(yaml.safe_dump(client.inventory(), sort_keys=False))
        yield client
    except LabError as error:
        raise BenchError(f"the lab with {devices} devices: {error}") from None
    finally:
        client.stop()


def hosts(client: Any) -> dict[str, dict[str, Any]]:
    return client.inventory()["all"]["children"]["cameras"]["hosts"]


# -- what our play sends -----------------------------------------------------------------------------------------------
def record_trace() -> list[dict[str, Any]]:
    """Every request of one drift play to one device, as the device saw it. The password does not travel with it."""
    from ansible_collections.nwcs.hardening.lab.testing import running_lab

    folder = WORK / "trace"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with running_lab([MODEL]) as site:
        from ansible_collections.nwcs.hardening.lab.control import inventory

        device = site.devices[0]
        (folder / "hosts.yml").write_text(yaml.safe_dump(inventory(site.site), sort_keys=False))
        play("record", folder, 120)
        device.log.clear()
        trace: list[dict[str, Any]] = []
        handle = device.handle

        async def recording(request: Any) -> Any:
            response = await handle(request)
            skipped = ("host", "authorization", "content-length", "connection")
            trace.append(
                {
                    "connection": request.connection,
                    "scheme": request.scheme,
                    "port": request.port,
                    "method": request.method,
                    "path": request.path,
                    "headers": {name: text for name, text in request.headers.items() if name not in skipped},
                    "body": request.body.decode(),
                    "login": "authorization" in request.headers,
                    "status": response.status,
                }
            )
            return response

        device.handle = recording
        play("drift", folder, 120)
        for entry in device.log:
            if entry.scheme == "rtsp":
                trace.append({"scheme": "rtsp", "port": device.ports["rtsp"], "method": entry.method,
                              "path": entry.path, "body": "", "login": False, "status": entry.status})  # fmt: skip
        if len(trace) != len(device.log) or any(step["scheme"] not in ("http", "rtsp") for step in trace):
            raise BenchError(f"the trace has {len(trace)} requests, the device's log {len(device.log)}")
    if not any(step["login"] and step["status"] == 200 for step in trace):
        raise BenchError("no request of the drift play was answered to a login: nothing to measure")
    shutil.rmtree(folder)
    return trace


# -- the cases ---------------------------------------------------------------------------------------------------------
def asked(client: Any, devices: int) -> float:
    """Requests per device since the log was cleared; every device must have seen the same number."""
    seen = Counter(entry["device"] for entry in client.log())
    if len(seen) != devices or len(set(seen.values())) != 1:
        low, high = min(seen.values(), default=0), max(seen.values(), default=0)
        raise BenchError(f"{len(seen)} of {devices} devices were asked, with {low} to {high} requests each")
    return float(next(iter(seen.values())))


def line(case: str, devices: int, done: measure.Measured, requests: float) -> dict[str, Any]:
    return {
        "case": case,
        "devices": devices,
        "cpu_ms_per_device": round(1000 * done.cpu_s / devices, 2),
        "wall_s": round(done.wall_s, 2),
        "peak_mb": round(done.peak_mb, 1),
        "requests_per_device": requests,
    }


def floor_case(client: Any, folder: Path, trace: list[dict[str, Any]]) -> dict[str, Any]:
    about = hosts(client)
    first = next(iter(about.values()))
    plan = {
        "hosts": [one["nwcs_host"] for one in about.values()],
        "username": first["nwcs_username"],
        "password": first["nwcs_password"],
        "threads": min(THREADS, len(about)),
        "requests": trace,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    client.clear_log()
    arguments = [sys.executable, str(ROOT / "tests" / "bench" / "floor.py"), str(folder / "plan.json")]
    done = run("the floor", arguments, folder / "floor.log", 60 + len(about))
    requests = asked(client, len(about))
    if requests != len(trace):
        raise BenchError(f"the floor sent {requests:g} requests per device, not {len(trace)}")
    return line("floor", len(about), done, requests)


def drift_case(client: Any, folder: Path, trace: list[dict[str, Any]]) -> dict[str, Any]:
    about = hosts(client)
    client.clear_log()
    done = play("drift", folder, 120 + 2 * len(about))
    requests = asked(client, len(about))
    result = json.loads((folder / "reports" / "latest" / "result.json").read_text())
    good = {one["host"] for one in result["devices"] if one["status"] == "ok" and not one["error"]}
    if result["job"] != "drift" or good != set(about):
        raise BenchError(f"drift: {len(good)} of {len(about)} devices were read and found as recorded")
    if requests != len(trace):
        raise BenchError(f"drift sent {requests:g} requests per device, the recorded one {len(trace)}")
    return line("drift", len(about), done, requests)


def uri_case(client: Any, folder: Path, trace: list[dict[str, Any]]) -> dict[str, Any]:
    about = hosts(client)
    (folder / "uri.yml").write_text(uri.playbook(trace))
    client.clear_log()
    arguments = command("ansible-playbook", folder / "uri.yml", "-i", folder / "hosts.yml")
    done = run("uri", arguments, folder / "uri.log", 1800)
    wanted = sum(step["status"] == 200 for step in uri.requests_of(trace))
    answered = Counter(entry["device"] for entry in client.log() if entry["status"] == 200)
    if len(answered) != len(about) or set(answered.values()) != {wanted}:
        low, high = min(answered.values(), default=0), max(answered.values(), default=0)
        raise BenchError(f"uri: {len(answered)} of {len(about)} devices gave {low} to {high} answers, not {wanted}")
    return line("uri", len(about), done, asked(client, len(about)))


# -- the whole ---------------------------------------------------------------------------------------------------------
def show(lines: list[dict[str, Any]], trace: list[dict[str, Any]]) -> None:
    by = {(one["case"], one["devices"]): one for one in lines}
    print(f"\n{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
          f"ansible-core {metadata.version('ansible-core')}; {MODEL} over HTTP with digest login, "
          f"{len(trace)} requests per device")  # fmt: skip
    print("| case | devices | CPU ms/device | wall s | peak MB (PSS) | requests/device | x floor | x drift |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for one in lines:
        ratios = []
        for case in ("floor", "drift"):
            other = by.get((case, one["devices"])) if case != one["case"] and one["case"] != "floor" else None
            ratios.append(f"{one['cpu_ms_per_device'] / other['cpu_ms_per_device']:.1f}" if other else "")
        print(f"| {one['case']} | {one['devices']} | {one['cpu_ms_per_device']:.1f} | {one['wall_s']:.1f} | "
              f"{one['peak_mb']:.0f} | {one['requests_per_device']:g} | {ratios[0]} | {ratios[1]} |")  # fmt: skip


def judge(lines: list[dict[str, Any]]) -> None:
    """The targets, at the largest number of devices that was measured."""
    drifts = [one for one in lines if one["case"] == "drift"]
    large, small = max(drifts, key=lambda one: one["devices"]), min(drifts, key=lambda one: one["devices"])
    floor = next(one for one in lines if one["case"] == "floor" and one["devices"] == large["devices"])

    def say(met: bool, text: str) -> None:
        print(f"{'met    ' if met else 'NOT MET'}  {text}")

    ratio = large["cpu_ms_per_device"] / floor["cpu_ms_per_device"]
    say(ratio <= MOST_FLOORS, f"drift at {large['devices']}: {ratio:.1f} x the floor's CPU (at most {MOST_FLOORS:g})")
    slow = next((one for one in lines if one["case"] == "uri"), None)
    if slow:
        gain = slow["cpu_ms_per_device"] / large["cpu_ms_per_device"]
        text = f"uri at {slow['devices']} takes {gain:.1f} x the CPU per device of drift at {large['devices']}"
        say(gain >= LEAST_URI, f"{text} (at least {LEAST_URI:g})")
    if large is not small:
        growth = (large["peak_mb"] - small["peak_mb"]) / (large["devices"] - small["devices"])
        text = f"drift's memory grows by {growth:.3f} MB per device from {small['devices']} to {large['devices']}"
        say(growth < MOST_GROWTH, f"{text} (less than {MOST_GROWTH:g})")


def bench(options: argparse.Namespace) -> None:
    print("recording what one drift play sends", flush=True)
    trace = record_trace()
    lines: list[dict[str, Any]] = []

    def add(one: dict[str, Any]) -> None:
        lines.append(one)
        print(f"  {one['case']} {one['devices']}: {one['cpu_ms_per_device']:.1f} ms CPU per device", flush=True)

    for devices in options.devices:
        print(f"{devices} devices", flush=True)
        with lab(devices) as client:
            folder = client.directory.parent
            add(floor_case(client, folder, trace))
            play("record", folder, 120 + 2 * devices)  # the sheets; not measured
            add(drift_case(client, folder, trace))
            if devices == URI_DEVICES and not options.skip_uri:
                add(uri_case(client, folder, trace))
        shutil.rmtree(folder)
    order = ("floor", "drift", "uri")
    lines.sort(key=lambda one: (one["devices"], order.index(one["case"])))
    show(lines, trace)
    judge(lines)
    target = ROOT / "build" / "bench.json"
    target.write_text(json.dumps(lines, indent=1) + "\n")
    print(f"written: {target.relative_to(ROOT)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--devices", default="20,100,400", help="numbers of devices (default: 20,100,400)")
    parser.add_argument("--skip-uri", action="store_true", help=f"leave out uri (only at {URI_DEVICES} devices)")
    options = parser.parse_args()
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", options.devices):
        parser.error(f"--devices: numbers with commas between them, not {options.devices!r}")
    options.devices = sorted({int(number) for number in options.devices.split(",")})
    signal.signal(signal.SIGTERM, lambda *_ignored: sys.exit(143))  # so that the lab is ended
    try:
        bench(options)
        shutil.rmtree(WORK, ignore_errors=True)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
