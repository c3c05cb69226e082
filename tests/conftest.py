# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests share: where the project is, a home of their own, free ports and free loopback networks."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Nobody listens here: bound only as a sign that a network is taken, by this test run or by another one beside it.
RESERVATION = 61127


def pytest_configure() -> None:
    try:
        from hypothesis import configuration, settings
    except ImportError:
        return
    configuration.set_hypothesis_home_dir(ROOT / "build" / "cache" / "hypothesis")
    # A slow machine is no failing test.
    settings.register_profile("nwcs", deadline=None, max_examples=60, print_blob=True)
    settings.load_profile("nwcs")


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The checkout, which is the collection's root too."""
    return ROOT


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is empty at each test's start, so that no test reads or writes the user's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ANSIBLE_HOME", str(home / ".ansible"))
    monkeypatch.setenv("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
    return home


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def reserve_network() -> tuple[str, socket.socket]:
    """A loopback /24 as its first three numbers ("127.93.17") and the socket that holds it until closed."""
    for _attempt in range(200):
        network = f"127.{random.randrange(80, 250)}.{random.randrange(1, 255)}"
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            holder.bind((f"{network}.254", RESERVATION))
        except OSError:
            holder.close()
            continue
        return network, holder
    raise RuntimeError("no free loopback network found")


@pytest.fixture
def loopback_network() -> Iterator[str]:
    """A loopback network for one lab, for this test alone: "127.93.17"."""
    network, holder = reserve_network()
    yield network
    holder.close()


@pytest.fixture(scope="module")
def module_loopback_network() -> Iterator[str]:
    """The same for all tests of one file."""
    network, holder = reserve_network()
    yield network
    holder.close()
