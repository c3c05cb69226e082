# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row per maker's family: its characters, how their passwords are planted, what is wanted, and a look inside.

The looks take the device's own state: nothing of the toolkit takes part.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.nwcs.hardening.lab.sunapi.state import SECRET_NAMES, hardware_address, serial

Model = Mapping[str, Any]


@dataclass(frozen=True)
class Maker:
    """What the scenarios and the judge must know of a family."""

    characters: Mapping[str, str]  # model of the lab -> the account it leaves the factory with
    plant: Callable[[Model, str, str], dict[str, Any]]  # (model, account, password) -> laid over the model
    design: Callable[[str], dict[str, Any]]  # (the first three numbers of the device's network) -> nwcs_design
    held: Callable[[Any], dict[str, str]]  # device -> {account: password in force}
    settled: Callable[[Any], Any]  # device -> everything it is set to, without passwords
    own: Callable[[Any], list[str]]  # device -> texts that belong to this one device only
    waits: Callable[[Any], bool] = lambda _device: False  # does it show values that wait for a restart?
    recorders: tuple[str, ...] = ()


def _design(sources: list[str], **more: Any) -> dict[str, Any]:
    return {
        "accounts": {"nvr": {"role": "viewer"}},
        "access": {"mode": "allow", "sources": sources},
        "time": {"sync": "ntp", "servers": ["192.0.2.123"], "zone": "Asia/Tokyo"},
        **more,
    }


def _rows(name: str, secret: str) -> Callable[[Model, str, str], dict[str, Any]]:
    """Accounts that are a list of mappings in the model; a recorder's cameras are no part of the case."""

    def plant(model: Model, account: str, password: str) -> dict[str, Any]:
        users = [dict(user) for user in model["users"]]
        for user in users:
            if user[name] == account:
                user[secret] = password
        return {"users": users, **({"channels": []} if "channels" in model else {})}

    return plant


# -- VAPIX -------------------------------------------------------------------------------------------------------------
def _vapix_settled(device: Any) -> dict[str, Any]:
    firewall = device.firewall
    return {
        "parameters": device.tree.values(),
        "users": {name: user.groups for name, user in device.accounts.users.items()},
        "onvif_users": sorted(device.onvif_users),
        "ntp": device.ntp,
        "zone": device.time_zone,
        "rest": {name: value for name, value in device.rest.items() if name != "cert"},
        "firewall": [firewall.activated, firewall.policy, firewall.rules],
    }


# -- ISAPI -------------------------------------------------------------------------------------------------------------
def _isapi_settled(device: Any) -> dict[str, Any]:
    return {
        "documents": {path: xml for path, xml in device.documents.items() if path != "System/deviceInfo"},
        "name": device.value("System/deviceInfo", "deviceName"),
        "users": sorted((row["userName"], row["userLevel"]) for row in device.users.rows),
    }


# -- Dahua -------------------------------------------------------------------------------------------------------------
def _dahua_settled(device: Any) -> dict[str, Any]:
    return {
        "tables": device.public_state()["tables"],
        "users": sorted((user["Name"], user["Group"], user["AuthorityList"]) for user in device.users.all),
    }


# -- SUNAPI ------------------------------------------------------------------------------------------------------------
def _sunapi_plant(model: Model, _account: str, password: str) -> dict[str, Any]:
    return {"password": password}


def _sunapi_settled(device: Any) -> dict[str, Any]:
    state = copy.deepcopy(device.state)
    state["security"]["users"] = sorted(
        ({key: value for key, value in row.items() if key != "Index"} for row in state["security"]["users"]),
        key=lambda row: row["UserID"],
    )
    state["security"]["ssl"].pop("Certificates")  # made for one address
    for menus in state.values():
        for values in menus.values():
            for row in values if isinstance(values, list) else [values]:
                for name in SECRET_NAMES:
                    row.pop(name, None)
    return state


MAKERS: dict[str, Maker] = {
    "vapix": Maker(
        characters={"vapix-modern": "admin", "vapix-9": "root", "vapix-old": "root"},
        plant=lambda _model, account, password: {"users": {account: {"password": password}}},
        design=lambda network: _design(
            ["127.0.0.1/32", f"{network}.0/24"], services={"http": {"enabled": False}}, identity={"hostname": "cam"}
        ),
        held=lambda device: {name: user.password for name, user in device.accounts.users.items()},
        settled=_vapix_settled,
        own=lambda device: [device.serial, device.serial.lower(), device.mac, device.mac.lower()],
    ),
    "isapi": Maker(
        characters={"isapi-camera": "admin", "isapi-camera-old": "admin", "isapi-nvr": "admin"},
        plant=_rows("userName", "password"),
        # The lab's filter knows single addresses only.
        design=lambda _network: _design(
            ["127.0.0.1", "192.0.2.7"], services={"http": {"enabled": False}}, identity={"name": "cam"}
        ),
        held=lambda device: {row["userName"]: row["password"] for row in device.users.rows},
        settled=_isapi_settled,
        own=lambda device: [device.facts[name] for name in ("serial", "mac", "uuid")],
        waits=lambda device: bool(device.pending),
        recorders=("isapi-nvr",),
    ),
    "dahua": Maker(
        characters={"dahua-camera": "admin", "dahua-camera-old": "admin", "dahua-nvr": "admin"},
        plant=_rows("Name", "Password"),
        # Its lists take single addresses.
        design=lambda _network: _design(
            ["127.0.0.1", "192.0.2.7"], services={"https": {"enabled": True}}, identity={"name": "cam"}
        ),
        held=lambda device: {user["Name"]: user["Password"] for user in device.users.all},
        settled=_dahua_settled,
        own=lambda device: [device.identity["sn"], hardware_address(device.name).lower()],
        waits=lambda device: device.waits_for_restart(),
        recorders=("dahua-nvr",),
    ),
    "sunapi": Maker(
        characters={"sunapi-modern": "admin", "sunapi-old": "admin"},
        plant=_sunapi_plant,
        design=lambda network: _design(
            ["127.0.0.0/8", f"{network}.0/24"], services={"http": {"enabled": False}}, identity={"name": "cam"}
        ),
        held=lambda device: {
            row["UserID"]: row["Password"] for row in device.state["security"]["users"] if row["Enable"]
        },
        settled=_sunapi_settled,
        own=lambda device: [hardware_address(device.name), hardware_address(device.name).replace(":", ""),
                            serial(device.name)],
    ),
}  # fmt: skip
