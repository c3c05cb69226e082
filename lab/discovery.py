# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WS-Discovery of the simulated devices: unicast probes over UDP on each device's own address.

Multicast (239.255.255.250) is left out on purpose: a socket on it would not be bound inside 127.0.0.0/8, and the lab
must never answer on a real network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .device import Device

MAX_PROBE = 65507  # the largest UDP payload over IPv4


class DiscoveryProtocol(asyncio.DatagramProtocol):
    """Hands each datagram to the device and sends back what it says, if anything."""

    def __init__(self, device: Device, failed: Callable[[Device, BaseException], None]) -> None:
        self.device = device
        self.failed = failed
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple) -> None:
        if self.device.is_down() or self.device.silent() or not self.device.admits(addr[0]):
            return
        try:
            answer = self.device.discovery_answer(data, addr[0])
        except Exception as error:  # a mistake in one device must not stop the others; it is reported
            self.failed(self.device, error)
            return
        if answer is not None and self.transport is not None and len(answer) <= MAX_PROBE:
            self.transport.sendto(answer, addr)
