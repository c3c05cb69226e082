# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Status documents of OpenWrt: how each is read, and its answer as a tree without secrets."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Tree

# Status documents: ways to read each, in order of preference; the first that the rights allow is taken.
STATUS: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    "board": (("system", "board", {}),),
    "info": (("system", "info", {}),),
    "epoch": (("luci", "getUnixtime", {}),),
    "interfaces": (("network.interface", "dump", {}),),
    "devices": (("network.device", "status", {}), ("luci-rpc", "getNetworkDevices", {})),
    "rc": (("rc", "list", {}),),
    "packages": (("rpc-sys", "packagelist", {"all": False}),),
    "leases": (("file", "read", {"path": "/tmp/dhcp.leases"}), ("luci-rpc", "getDHCPLeases", {"family": 0})),
    "authorized_keys": (("file", "read", {"path": "/etc/dropbear/authorized_keys"}),),
    "passwd": (("file", "read", {"path": "/etc/passwd"}),),
    "shadow": (("file", "read", {"path": "/etc/shadow"}),),
}


def decode(name: str, data: Any) -> Tree:
    """A status answer as a tree. Secrets (password hashes, keys) do not get past here."""
    data = data if isinstance(data, dict) else {}
    if name == "info":
        return {**data, "received": time.time()}
    if name == "leases":
        return _leases(data)
    if name == "passwd":
        rows = [line.split(":") for line in str(data.get("data", "")).splitlines()]
        return {row[0]: {"uid": row[2], "shell": row[6]} for row in rows if len(row) >= 7}
    if name == "shadow":
        rows = [line.split(":") for line in str(data.get("data", "")).splitlines()]
        return {row[0]: "empty" if row[1] == "" else "locked" if row[1][:1] in "*!x" else "set"
                for row in rows if len(row) > 1}  # fmt: skip
    if name == "authorized_keys":
        return {"keys": fingerprints(str(data.get("data", "")))}
    return data


def fingerprints(text: str) -> list[str]:
    """authorized_keys as "type SHA256:... comment", one per key, as ssh-keygen shows them."""
    found = []
    for line in text.splitlines():
        words = line.split()
        for i, word in enumerate(words[:-1]):
            if word.startswith(("ssh-", "ecdsa-", "sk-")) and not line.lstrip().startswith("#"):
                try:
                    digest = hashlib.sha256(base64.b64decode(words[i + 1], validate=True)).digest()
                except (binascii.Error, ValueError):
                    break
                print_ = base64.b64encode(digest).decode().rstrip("=")
                found.append(" ".join([word, f"SHA256:{print_}", *words[i + 2 :]]))
                break
    return sorted(found)


def _leases(data: Mapping[str, Any]) -> Tree:
    """dnsmasq's file (expiry mac address name clientid) or luci-rpc's answer as [{mac, address, name}]."""
    leases = []
    for row in (line.split() for line in str(data.get("data", "")).splitlines()):
        if len(row) >= 4:
            leases.append({"mac": row[1], "address": row[2], "name": "" if row[3] == "*" else row[3]})
    for row in data.get("dhcp_leases") or ():
        if isinstance(row, dict):
            leases.append({"mac": row.get("macaddr") or "", "address": row.get("ipaddr") or "",
                           "name": row.get("hostname") or ""})  # fmt: skip
    return {"leases": leases}
