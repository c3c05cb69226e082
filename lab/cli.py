# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`nwcs-lab`: start, look at, disturb and end the simulated site."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import select
import signal
import sys
import time
import traceback
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import cli_disturb
from .base import MARK, LabError
from .client import LabClient
from .disturb import words
from .site import Site, model_names, site_names

if TYPE_CHECKING:
    from .control import Lab

READY_SECONDS = 30.0


def main(argv: list[str] | None = None) -> int:
    """Entry point; 0 done, 1 it could not be done (one sentence on stderr), 2 wrong arguments."""
    options = _parser().parse_args(argv)
    try:
        options.run(options, LabClient(options.dir))
    except LabError as error:
        print(f"nwcs-lab: {printable(str(error), 2000)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return 0


def printable(text: str, limit: int = 200) -> str:
    """Names of devices are data: control, format and surrogate characters are shown as escapes (H34, H37)."""
    shown = "".join(
        char if unicodedata.category(char)[0] != "C" else char.encode("unicode_escape", "replace").decode()
        for char in text[:limit]
    )
    return shown + ("…" if len(text) > limit else "")


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--dir", type=Path, default=Path("build/lab"), help="directory of the running lab (default: build/lab)"
    )
    parser = argparse.ArgumentParser(prog="nwcs-lab", description=f"{MARK} cameras, recorders and routers.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about, parents=[common])
        made.set_defaults(run=run)
        return made

    up = command("up", _up, "start the site in the background")
    up.add_argument("--site", help=f"site file, or one of: {', '.join(site_names())} (default: demo)")
    up.add_argument("--network", default=None, help="loopback network (default: 127.77.0; with --count 127.77)")
    up.add_argument("--count", type=int, help="instead of a site: so many devices of one model")
    up.add_argument("--model", help=f"the model for --count: {', '.join(model_names())}")
    up.add_argument("--foreground", action="store_true", help="stay in this terminal until Ctrl-C")
    up.add_argument("--lifetime", type=float, default=3600.0, help="seconds until it ends by itself (default: 3600)")
    command("down", _down, "end the lab")
    status = command("status", _status, "show the devices, their sockets, faults and requests")
    status.add_argument("--json", action="store_true")
    attack = command("attack", _attack, "play an intrusion (without a name: the one that belongs to the site)")
    attack.add_argument("device", nargs="?")
    attack.add_argument("name", nargs="?")
    fault = command("fault", _fault, "make a device misbehave")
    fault.add_argument("device")
    fault.add_argument("name")
    fault.add_argument("--off", action="store_true", help="end the fault")
    restart = command("restart", _restart, "switch a device off and on")
    restart.add_argument("device")
    restart.add_argument("--seconds", type=float, help="how long it stays away (default: as its model says)")
    cli_disturb.add(command, printable)
    log = command("log", _log, "show the requests the devices have seen")
    log.add_argument("device", nargs="?")
    log.add_argument("--writes", action="store_true", help="only what would change a configuration")
    log.add_argument("--json", action="store_true")
    command("clear-log", _clear_log, "forget the requests")
    state = command("state", _state, "show a device's own state as JSON, secrets masked")
    state.add_argument("device")
    command("list-faults", _list_faults, "show the faults by name")
    command("list-attacks", _list_attacks, "show the intrusions by name")
    command("inventory", _inventory, "print an Ansible inventory of the running site")
    return parser


# -- up and down ------------------------------------------------------------------------------------------------
def _up(options: argparse.Namespace, client: LabClient) -> None:
    if client.running():
        about = client.description()
        print(
            f"{MARK} site {printable(about['site'])} is already running on {about['network']}"
            f" (process {about['pid']}, {options.dir})"
        )
        return
    if options.lifetime <= 0:
        raise LabError(f"--lifetime must be more than 0 seconds, not {options.lifetime:g}")
    network = options.network or ("127.77" if options.count else "127.77.0")
    site = Site.build(options.site, network=network, count=options.count, model=options.model)
    from .control import Lab  # brings the HTTP server with it, which the other commands do without

    lab = Lab(options.dir.absolute(), site, options.lifetime)
    if options.foreground:
        asyncio.run(lab.run(lambda: _announce(options, client)))
        print(f"{MARK} site ended")
        return
    _start_in_background(lab)
    client.call("status")  # the ready check: the control port answers
    _announce(options, client)


def _announce(options: argparse.Namespace, client: LabClient) -> None:
    about = client.description()
    print(f"{MARK} site {printable(about['site'])} is up on {about['network']} (process {about['pid']})")
    print(f"  directory {options.dir}, certificate authority {options.dir / 'ca.pem'}")
    print(f"  it ends by itself in {options.lifetime:g} s, or with: nwcs-lab down --dir {options.dir}", flush=True)


def _start_in_background(lab: Lab) -> None:
    """Fork a process of its own session; returns when it serves, raises LabError with its sentence when it cannot."""
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _background(lab, writer)
    os.close(writer)
    said = b""
    os.set_blocking(reader, False)
    deadline = time.monotonic() + READY_SECONDS
    try:
        while not said.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([reader], [], [], left)[0]:
                raise LabError(f"the lab was not ready within {READY_SECONDS:g} s; see {lab.directory / 'lab.log'}")
            part = os.read(reader, 65536)
            if not part:
                break
            said += part
    except BaseException:  # also Ctrl-C: what is not ready must not stay behind
        os.kill(pid, signal.SIGTERM)
        raise
    finally:
        os.close(reader)
    text = said.decode("utf-8", "replace").strip()
    if text != "ready":
        os.waitpid(pid, 0)
        raise LabError(text or f"the lab ended at its start; see {lab.directory / 'lab.log'}")


def _background(lab: Lab, writer: int) -> None:
    """The child: detached from the terminal and from every inherited file but the pipe. Never returns."""
    status = 1
    told = False

    def tell(text: str) -> None:
        nonlocal told
        if not told:
            os.write(writer, " ".join(text.split()).encode() + b"\n")
            os.close(writer)
            told = True

    try:
        os.setsid()
        lab.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = os.open(lab.directory / "lab.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.closerange(3, writer)
        os.closerange(writer + 1, 4096)
        asyncio.run(lab.run(lambda: tell("ready")))
        status = 0
    except LabError as error:
        tell(str(error))
    except BaseException as error:
        traceback.print_exc()
        tell(f"the lab could not start: {type(error).__name__}: {error}")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _down(options: argparse.Namespace, client: LabClient) -> None:
    ended = client.stop()
    print(f"{MARK} site ended" if ended else f"no {MARK} site was running in {options.dir}")


# -- looking and disturbing -------------------------------------------------------------------------------------
def _status(options: argparse.Namespace, client: LabClient) -> None:
    about = client.status()
    if options.json:
        print(json.dumps(about, indent=2))
        return
    print(
        f"{MARK} site {printable(about['site'])} on {about['network']}, process {about['pid']},"
        f" ends in {about['seconds_left']} s"
    )
    rows = [("name", "address", "model", "up", "sockets", "faults", "requests", "writes", "character")]
    for one in about["devices"]:
        rows.append(
            (
                printable(one["name"], 40),
                one["address"],
                printable(one["model"], 30),
                ("up" if one["up"] else "down") + (" *" if words(one) else ""),
                " ".join(f"{kind}:{port}" for kind, port in one["sockets"]) or "-",
                " ".join(one["faults"]) or "-",
                str(one["requests"]),
                str(one["writes"]),
                printable(one["character"], 80),
            )
        )
    _table(rows)
    for one in about["devices"]:
        if words(one):
            print(f"* {printable(one['name'], 40)}: {printable(words(one), 500)}")
    for problem in about["problems"]:
        print(f"problem of the lab itself: {printable(problem, 500)}")


def _attack(options: argparse.Namespace, client: LabClient) -> None:
    for one in client.attack(options.device, options.name):
        print(f"{MARK} attack {one['attack']} on {printable(one['device'])}: {printable(one['done'], 500)}")


def _fault(options: argparse.Namespace, client: LabClient) -> None:
    faults = client.fault(options.device, options.name, not options.off)
    print(f"{MARK} {printable(options.device)} now has: {', '.join(faults) or 'no fault'}")


def _restart(options: argparse.Namespace, client: LabClient) -> None:
    seconds = client.restart(options.device, options.seconds)
    print(f"{MARK} {printable(options.device)} restarts and is back in {seconds:g} s")


def _log(options: argparse.Namespace, client: LabClient) -> None:
    entries = client.log(options.device, options.writes)
    if options.json:
        print(json.dumps({"simulated": True, "log": entries}, indent=2))
        return
    print(f"{MARK} requests: {len(entries)}")
    rows = [("time (UTC)", "device", "from", "request", "operation", "status", "user", "login", "write")]
    for one in entries:
        stamp = time.strftime("%H:%M:%S", time.gmtime(one["at"])) + f".{int(one['at'] * 1000) % 1000:03d}"
        rows.append(
            (
                stamp,
                printable(one["device"], 40),
                one["peer"],
                printable(f"{one['scheme']} {one['method']} {one['path']}", 60),
                printable(one["operation"], 40) + (f" x{one['count']}" if one["count"] != 1 else ""),
                str(one["status"]),
                printable(one["user"], 30) or "-",
                one["login"] or "-",
                "write" if one["write"] else "",
            )
        )
    if entries:
        _table(rows)


def _clear_log(options: argparse.Namespace, client: LabClient) -> None:
    print(f"{MARK} requests forgotten: {client.clear_log()}")


def _state(options: argparse.Namespace, client: LabClient) -> None:
    print(json.dumps({"simulated": True, "device": options.device, "state": client.state(options.device)}, indent=2))


def _list_faults(options: argparse.Namespace, client: LabClient) -> None:
    print(f"{MARK} devices can have these faults:")
    _named(client.call("list_faults"))


def _list_attacks(options: argparse.Namespace, client: LabClient) -> None:
    print(f"{MARK} intrusions:")
    _named(client.call("list_attacks"))


def _inventory(options: argparse.Namespace, client: LabClient) -> None:
    import yaml

    content = client.inventory()
    print(f"---\n# {MARK} site: no real device is in this inventory.")
    print(yaml.safe_dump(content, sort_keys=False, allow_unicode=False, width=120), end="")


def _named(groups: dict[str, dict[str, str]]) -> None:
    """Devices with the same list are shown together."""
    together: dict[str, list[str]] = {}
    for device, names in groups.items():
        together.setdefault(json.dumps(names, sort_keys=True), []).append(printable(device, 40))
    for names, devices in together.items():
        more = f" and {len(devices) - 8} more" if len(devices) > 8 else ""
        print(f"{', '.join(devices[:8])}{more}:")
        for name, about in json.loads(names).items():
            print(f"  {name}: {about}")


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
