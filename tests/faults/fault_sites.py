# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which simulated characters are changed, what is wanted of them, and how each boundary reads in plain words."""

from __future__ import annotations

from typing import Any

from fault_makers import MAKERS

from ansible_collections.nwcs.hardening.lab.site import model_names, resolve_model

# Planted: no file and no output may hold these. What is given is what all of the makers take.
FACTORY = "Planted-Fac-731"
GIVEN = "Given-Pad-44726"
KNOWN = "Planted-Kno-885"
NAME = "device-under-test"

# What each scenario is about. `commission`: everything at once, from the factory state. `own-account`: the factory
# account is replaced by one of ours and removed. `rotate`: only a new password, on a device that is ours already.
SCENARIOS = ("commission", "own-account", "rotate")


def family_of(character: str) -> str:
    return character.partition("-")[0]


def characters(every: bool = True) -> list[str]:
    """The characters of the families whose state the scenarios know how to set; without `every` one of each maker."""
    found = [name for name in model_names() if name.startswith(("onvif-", "openwrt-"))]
    for maker in MAKERS.values():
        found += list(maker.characters) if every else [next(iter(maker.characters))]
    return found


def fits(character: str, scenario: str) -> bool:
    """A character that shows no accounts, or whose login may write nothing, has nothing to be cut there. An account
    that a device has built in stays when ours takes its place, with a new password: that is cut."""
    return (character, scenario) not in {("onvif-lying", "own-account"), ("openwrt-bare", "own-account")}


def login_of(character: str) -> str:
    """The account that a character leaves the factory with."""
    family = family_of(character)
    return MAKERS[family].characters[character] if family in MAKERS else "root" if family == "openwrt" else "admin"


def overrides(character: str, scenario: str) -> dict[str, Any]:
    """Laid over the model: a factory password that can be searched for, and what the scenario starts from."""
    password = KNOWN if scenario == "rotate" else FACTORY
    if family_of(character) == "openwrt":
        return {"passwords": {"root": password}}
    model = resolve_model(character, "127.0.0")
    if maker := MAKERS.get(family_of(character)):
        return maker.plant(model, login_of(character), password)
    users = [dict(user) for user in model.get("users") or [{"Username": "admin", "fixed": True}]]
    for user in users:
        user["UserLevel"] = user.get("UserLevel", "Administrator")
        user["Password"] = password if user["Username"] == "admin" else user["Password"]
        if scenario == "own-account":
            user["fixed"] = False
    return {"users": users, "channels": []} if "channels" in model else {"users": users}


def variables(character: str, scenario: str, address: str, ca: str) -> dict[str, Any]:
    """The inventory of one device."""
    common: dict[str, Any] = {
        "nwcs_name": NAME,
        "nwcs_host": address,
        "nwcs_family": family_of(character),
        "nwcs_scheme": "http",
        "nwcs_port": 8080,
        "nwcs_tls_verify": ca,
        "nwcs_simulated": True,
        "nwcs_undeclared_accounts": "remove",
        "nwcs_seen_as": ["127.0.0.1"],
        "nwcs_profiles": ["d"],
        "nwcs_timeouts": {"connect_seconds": 1.5, "read_seconds": 3, "total_seconds": 10},
        "nwcs_username": login_of(character),
        "nwcs_password": KNOWN if scenario == "rotate" else FACTORY,
    }
    if scenario == "own-account":
        common["nwcs_own_account"] = "warden"
    network = address.rpartition(".")[0]
    if family_of(character) == "openwrt":
        common["nwcs_passwords"] = {"watch": GIVEN}
        common["nwcs_state_dir"] = None
        common["nwcs_design"] = {
            "identity": {"hostname": "router"},
            "time": {"sync": "ntp", "servers": ["ntp.example.jp"], "serve": False, "zone": "Asia/Tokyo"},
            "accounts": {"watch": {"role": "viewer"}},
        }
    elif maker := MAKERS.get(family_of(character)):
        common["nwcs_passwords"] = {"nvr": GIVEN}
        common["nwcs_kind"] = "recorder" if character in maker.recorders else "camera"
        common["nwcs_design"] = maker.design(network)
    else:
        common["nwcs_passwords"] = {"nvr": GIVEN}
        common["nwcs_kind"] = "recorder" if character == "onvif-recorder" else "camera"
        common["nwcs_models"] = [
            {"manufacturer": "SIMULATED*", "model": "VC-210",
             "restart": ["protocols", "hostname", "scopes", "ntp", "zero_configuration", "dynamic_dns"]},
        ]  # fmt: skip
        common["nwcs_design"] = {
            "accounts": {"nvr": {"role": "operator"}},
            "access": {"mode": "allow", "sources": ["127.0.0.1/32", f"{network}.0/24"]},
            "services": {"http": {"enabled": False}},
            "time": {"sync": "ntp", "servers": ["ntp.example.jp"]},
            "identity": {"hostname": "cam"},
        }
    return {name: value for name, value in common.items() if value is not None}


# -- plain words -------------------------------------------------------------------------------------------------------
# (how the boundary's name begins, what is changed, what was going on)
WORDS = (
    ("file:secrets:", "password change", "the file of secrets is being written"),
    ("file:site key:", "password change", "the key of the reuse index is being written"),
    ("file:reuse index:", "password change", "the reuse index is being written"),
    ("file:undo set:", "every change", "the undo set is being written"),
    ("file:lease:", "every change", "the run lock is being written"),
    ("file:hold:", "every change", "the hold is being written"),
    ("file:sheet:", "every change", "the parameter sheet is being written"),
    ("file:", "every change", "the memory of the device (state folder) is being written"),
    ("planned", "every change", "the plan is made, nothing was sent"),
    ("promoted-late", "password change", "a password of a run that was cut off was found to be in force"),
    ("first-contact", "every change", "the factory state is recorded"),
    ("prepare:before", "password change", "new passwords are made, nothing is stored"),
    ("prepare:after", "password change", "new passwords are stored, nothing was sent"),
    ("undo-set", "every change", "the undo set is stored, nothing was sent"),
    ("apply:before", "every change", "just before the device is changed"),
    ("apply:after", "every change", "the device is changed, nothing of it is promoted yet"),
    ("promoted", "password change", "proven passwords are current, the run is not recorded yet"),
    ("recorded", "every change", "the run is recorded, its lock not given back"),
    ("send:", "password change", "the store says that a password may be in force; it is sent next"),
    ("negative-test:", "password change", "before the old password is tried once, to see it refused"),
    ("apply:uci:before", "OpenWrt apply", "everything is staged, apply is sent next"),
    ("apply:uci:read", "OpenWrt apply", "applied and read back, the device's rollback is armed"),
    ("confirm:uci:", "OpenWrt apply", "proven by a new login, confirm is sent next"),
    ("apply:firewall:before", "filter", "the rules are set out, their trial is sent next"),
    ("apply:firewall:read", "filter", "the rules are on trial and read back; the device takes them back by itself"),
    ("confirm:firewall:", "filter", "the rules on trial are proven by a new login, confirm is sent next"),
    ("restore:", "every change", "a step that was not proven is being put back"),
    ("store:protocols:", "HTTPS switch", "the network services are being written"),
    ("store:Https:", "HTTPS switch", "the network services are being written"),
    ("store:ssl:", "HTTPS switch", "the network services are being written"),
    ("store:admin_accesses:", "HTTPS switch", "the network services are being written"),
    ("store:param:", "other settings", "parameters are being written: HTTPS, the filter, or other settings"),
    ("store:ip_filter:", "filter", "the address filter is being written"),
    ("store:ipfilter:", "filter", "the address filter is being written"),
    ("store:AccessFilter:", "filter", "the address filter is being written"),
    ("store:users", "account change", "accounts and passwords are being written"),
    ("store:password", "password change", "the password is being written"),
    ("store:rpcd:", "account change", "logins are being staged"),
    ("store:uhttpd:", "HTTPS switch", "the web server's settings are being staged"),
    ("store:firewall:", "filter", "the firewall is being staged"),
    ("store:", "other settings", "other settings are being written"),
    ("transport", "HTTPS switch", "the step that switches HTTPS on"),
    ("path", "filter", "the step of filters and the way in"),
    ("close", "HTTPS switch", "the step that closes HTTP and removes accounts"),
    ("open:own", "password change", "the step of our own password"),
    ("open", "account change", "the step of accounts and passwords"),
    ("write:", "every write", "the device is working on a write"),
    ("", "other settings", "a step of other settings"),
)


def words(boundary: str, scenario: str = "") -> tuple[str, str]:
    """(what is changed, what was going on) for a boundary's name."""
    if boundary.partition(":")[2].split(":")[0] == "uci" and not boundary.startswith(("store", "apply", "confirm")):
        return "OpenWrt apply", "a step whose settings are staged and applied together"
    if scenario == "rotate" and boundary.startswith(("open", "store:users")):
        return "password change", "the new password is being written"
    exact = [row for row in WORDS if row[0] == boundary]
    row = next(iter(exact), None) or next(row for row in WORDS if boundary.startswith(row[0]) and row[0] not in _WHOLE)
    return row[1], row[2]


_WHOLE = {"planned", "promoted-late", "first-contact", "prepare:before", "prepare:after", "undo-set", "apply:before",
          "apply:after", "promoted", "recorded"}  # fmt: skip


def belongs(boundary: str, scenario: str) -> bool:
    """Of `own-account` only the steps that replace an account: all others are enumerated in `commission`."""
    parts = boundary.split(":")
    return (
        scenario != "own-account"
        or boundary in _WHOLE
        or parts[0] in ("open", "close", "send", "negative-test")
        or parts[1:2] == ["users"]
    )
