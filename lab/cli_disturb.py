# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of `nwcs-lab` that cut, lock, swap and listen in."""

from __future__ import annotations

import argparse
from typing import Any

from .base import MARK
from .client import LabClient
from .cuts import CERTIFICATES, HOW, OF, WHAT, WHEN
from .disturb import words


def add(command: Any, printable: Any) -> None:
    """Enter the commands; `command(name, run, about)` makes a parser, `printable(text)` makes device text harmless."""

    def say(options: argparse.Namespace, presence: dict[str, Any]) -> None:
        print(f"{MARK} {printable(options.device)}: {printable(words(presence) or 'nothing unusual', 500)}")

    def switch(name: str, about: str) -> None:
        def run(options: argparse.Namespace, client: LabClient) -> None:
            say(options, client.call(name, device=options.device, on=options.state == "on", **_given(options)))

        made = command(name, run, about)
        made.add_argument("device")
        made.add_argument("state", choices=("on", "off"))
        made.add_argument("--how", choices=HOW, help="connections are reset and refused, or nothing comes back at all")
        made.add_argument("--back-after", type=float, dest="back_after", help="seconds until it is on again")

    def certificate(options: argparse.Namespace, client: LabClient) -> None:
        say(options, client.certificate(options.device, options.kind))

    def cut(options: argparse.Namespace, client: LabClient) -> None:
        if options.forget:
            say(options, client.call("uncut", device=options.device))
        else:
            say(options, client.cut_at(options.device, **_given(options)))

    def swap(options: argparse.Namespace, client: LabClient) -> None:
        for name, address in client.swap(options.device, options.other).items():
            print(f"{MARK} {printable(name)} now answers at {address}")

    def mitm(options: argparse.Namespace, client: LabClient) -> None:
        given = {"kind": options.kind} if options.kind else {}
        say(options, client.mitm(options.device, options.state == "on", **given))

    switch("power", "take the power of a device away, or give it back")
    switch("network", "pull or plug the network cable of a device")
    made = command("certificate", certificate, "let a device serve another certificate from now on")
    made.add_argument("device")
    made.add_argument("kind", choices=sorted(CERTIFICATES))
    made = command("cut", cut, "let power, network or patience end at one of the next requests")
    made.add_argument("device")
    made.add_argument("--nth", type=int, help="which request, counted from now (default: the next)")
    made.add_argument("--operation", help="count only requests of this operation, as the log names it")
    made.add_argument("--of", choices=OF)
    made.add_argument("--when", choices=WHEN)
    made.add_argument("--what", choices=WHAT)
    made.add_argument("--how", choices=HOW)
    made.add_argument("--back-after", type=float, dest="back_after", help="seconds until it is back")
    made.add_argument("--forget", action="store_true", help="forget the cuts that have not happened")
    made = command("swap", swap, "let two devices answer at each other's address")
    made.add_argument("device")
    made.add_argument("other")
    made = command("mitm", mitm, "put somebody with another certificate between a device and its clients")
    made.add_argument("device")
    made.add_argument("state", choices=("on", "off"))
    made.add_argument("--kind", choices=("https", "http", "rtsp"))


def _given(options: argparse.Namespace) -> dict[str, Any]:
    names = ("nth", "operation", "of", "when", "what", "how", "back_after")
    return {name: getattr(options, name) for name in names if getattr(options, name, None) is not None}
