# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From inventory variables to what a job needs. Every mistake is one sentence that names the variable and the host."""

from __future__ import annotations

import contextlib
import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Key
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want, parse_design
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import driver_for
from ansible_collections.nwcs.hardening.plugins.plugin_utils import apis, camera_logins, documents, files

KIND_NAMES = ("camera", "encoder", "recorder", "router", "access_point", "other")
PROFILES = "abcdefghi"

# name: what it is. The full table with defaults is docs/inventory.md; a misspelt name is told, not ignored.
VARIABLES = {
    "nwcs_family": "API family, or a list with the main one first",
    "nwcs_kind": "camera, encoder, recorder, router, access_point or other",
    "nwcs_apis": "other APIs of the device that nwcs_family lists: port, scheme, username, password of each",
    "nwcs_manual": "values that people looked up: list of {by, on, until, settings}",
    "nwcs_behind": "inventory name of the recorder behind whose own ports the device is: it cannot be reached directly",
    "nwcs_host": "address or name of the device (default: its ansible_host, else its inventory name)",
    "nwcs_port": "port of the first contact",
    "nwcs_scheme": "https or http: naming http allows a login over plain HTTP",
    "nwcs_username": "account of the first contact",
    "nwcs_password": "its password (encrypted); used only until the toolkit has made its own",
    "nwcs_own_account": "name of the administrator account that is ours (default: nwcs_username)",
    "nwcs_passwords": "given passwords by account name (encrypted), for accounts that people or recorders use",
    "nwcs_tls_verify": "true, false, or a file with the CA certificates to trust",
    "nwcs_basic_over_http": "allow Basic logins over plain HTTP",
    "nwcs_site": "name of the site",
    "nwcs_profiles": "IPA profile letters beside a, g, h, i",
    "nwcs_design": "wanted settings of the site or device",
    "nwcs_undeclared_accounts": "report (default) or remove",
    "nwcs_recorders": "inventory names or addresses of recorders that must keep their way in",
    "nwcs_ports": "ports to look at from outside, by service",
    "nwcs_models": "table of models with oddities: manufacturer, model, firmware, restart",
    "nwcs_simulated": "true marks everything made from this device as SIMULATED",
    "nwcs_timeouts": "connect_seconds, read_seconds, total_seconds, body_bytes, depth",
    "nwcs_clock_tolerance": "seconds a clock may be wrong",
    "nwcs_restart": "true allows harden to restart a device that needs it",
    "nwcs_seen_as": "addresses or networks by which the devices see this computer, where a router lies between",
    "nwcs_pins": "SHA-256 fingerprints of certificates that may answer, where nothing else vouches for them",
    "nwcs_recorder_account": "name of the account that recorders log in with",
    "nwcs_logins_typed": "true: the new camera logins that waited for a recorder have been typed into it",
    "nwcs_password_reuse": "refuse (default) or allow: a given password that another device has too",
    "nwcs_stop_after": "number of failed devices after which a run leaves the rest alone (0: never)",
    "nwcs_per_recorder": "how many devices of one recorder may be changed at a time (0: no limit)",
    "nwcs_batch": "devices per batch of rotate_passwords.yml (a number or a percentage)",
    "nwcs_take_over": "true takes over the stale run lock of another computer",
    "nwcs_weaker": "true lets undo.yml bring back values that the design asks to be otherwise",
    "nwcs_accounts": "account names for rotate_passwords.yml (default: our own)",
    "nwcs_revoke": "name of a person whose accounts rotate_passwords.yml removes everywhere",
    "nwcs_suspicion": "true: rotate_passwords.yml replaces every password of every device",
    "nwcs_rotation": "name of a rotation: devices that have finished it are left alone",
    "nwcs_hold": "reason for which hold.yml puts devices on hold",
    "nwcs_release": "reason for which hold.yml releases devices",
    "nwcs_by": "who puts on hold or releases",
    "nwcs_retry": "true writes again what did not take last time",
    "nwcs_accept": "true lets record.yml take what it finds as the new baseline",
    "nwcs_forget_way": "true starts again from the inventory's scheme and port",
    "nwcs_sheet_dir": "folder of the parameter sheets",
    "nwcs_report_dir": "folder of the reports",
    "nwcs_state_dir": "folder of leases, ledger and memory",
    "nwcs_secret_store": "folder of the encrypted secrets, or https://HOST:PORT/v1/MOUNT of a KV v2 engine",
    "nwcs_secret_copy": "second copy of the secrets: a folder, or a command as a list",
    "nwcs_secret_store_ca": "file with the CA certificates of the KV server",
    "nwcs_secret_store_token_file": "file (0600) with the token of the KV server, where VAULT_TOKEN is not set",
    "nwcs_secret_store_namespace": "namespace in the KV server",
    "nwcs_vault_id": "vault id that secrets are encrypted with",
    "nwcs_gateway": "host that reaches the devices (used with delegate_to)",
    "nwcs_language": "en or ja",
    "nwcs_targets": "host pattern of the playbooks (default: all)",
    "nwcs_job": "set by the playbooks",
    "nwcs_fail": "false: the playbook ends well also when the report holds problems",
    "nwcs_snapshot": "name of a maintenance snapshot",
    "nwcs_lab_network": "network of the lab (lab inventory only)",
    "nwcs_lab_dir": "folder of the lab (lab inventory only)",
}
# What is looked at from outside even where no API tells of it: well-known ports and the usual alternates.
PORTS = {"ftp": [21, 2121], "telnet": [23, 2323], "ssh": [22, 2222]}


@dataclass
class Device:
    """One host as the inventory describes it."""

    name: str
    family: str
    kind: str
    host: str
    site: str
    language: str
    simulated: bool
    spec: dict[str, Any] = field(repr=False)  # without credentials and secrets; those come from the store
    username: str = ""
    password: str | None = field(default=None, repr=False)
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    apis: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)  # apis.beside
    own_account: str = ""
    wanted: dict[Key, Want] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


Get = Callable[[str, Any], Any]


def check_names(names: list[str], host: str) -> None:
    """InputError when a variable looks like ours and is not."""
    for name in names:
        if name.startswith("nwcs_") and name not in VARIABLES:
            close = difflib.get_close_matches(name, list(VARIABLES), 1)
            hint = f"Did you mean {close[0]!r}?" if close else "See docs/inventory.md for all variables."
            raise InputError(f"{host}: the inventory variable {name!r} is not known.", hint)


def describe(
    host: str, get: Get, names: list[str], hostvars: Mapping[str, Any], inventory_dir: str, base_dir: str = ""
) -> Device:
    """The Device of an inventory host. `get(name, default)` gives a templated variable.

    Files that the inventory names are looked for in `inventory_dir`; our own folders lie in `base_dir` by default.
    """
    check_names(names, host)
    family = get("nwcs_family", None)
    families = list(family) if isinstance(family, (list, tuple)) else [family]
    if not families or not families[0]:
        raise InputError(f"{host}: nwcs_family is not set.", "Name the device's API, for example nwcs_family: onvif.")
    names_of = [str(name) for name in families]
    try:
        driver = [driver_for(name) for name in names_of][0]
    except InputError as error:
        raise InputError(f"{host}: {error.message}", error.advice) from None
    if len(set(names_of)) < len(names_of):
        raise InputError(f"{host}: nwcs_family names one API twice.", "Give each once, the main one first.")
    main = names_of[0]
    kind = _choice(host, "nwcs_kind", get("nwcs_kind", None) or driver.kind, KIND_NAMES)
    language = _choice(host, "nwcs_language", get("nwcs_language", "en"), ("en", "ja"))
    address = _address(host, get, hostvars)
    username = str(get("nwcs_username", "") or "")
    password = _secret(host, "nwcs_password", get("nwcs_password", None))
    folders = {
        name: folder(str(get(name, None) or os.path.join(base_dir or inventory_dir, default)))
        for name, default in (
            ("nwcs_sheet_dir", "parameter_sheets"),
            ("nwcs_report_dir", "reports"),
            ("nwcs_state_dir", ".nwcs"),
            ("nwcs_secret_store", "secrets"),
        )
    }
    beside = apis.beside(host, names_of[1:], get("nwcs_apis", None) or {})
    spec = {
        "name": host,
        "family": main,
        "target": {
            "name": host,
            "host": address,
            "port": 0,
            "scheme": "https",
            "tls_verify": _tls(host, get("nwcs_tls_verify", True), inventory_dir),
            "limits": _limits(host, get("nwcs_timeouts", None) or {}),
            "basic_over_http": flag(host, "nwcs_basic_over_http", get("nwcs_basic_over_http", False)),
        },
        "ways": _ways(host, get("nwcs_scheme", None), get("nwcs_port", None)),
        "expected": {},
        "oddities": _models(host, get("nwcs_models", None) or []),
        "ports": {**PORTS, **_ports(host, get("nwcs_ports", None) or {})},
        "recorders": _recorders(host, get("nwcs_recorders", None) or [], hostvars),
        "seen_as": _addresses(host, "nwcs_seen_as", get("nwcs_seen_as", None) or []),
        "plain_http": get("nwcs_scheme", None) == "http",
        "undeclared_accounts": _choice(
            host, "nwcs_undeclared_accounts", get("nwcs_undeclared_accounts", "report"), ("report", "remove")
        ),
        "beside": {name: {"way": api["way"]} for name, api in beside.items()},
        "manual": apis.typed_in(host, get("nwcs_manual", None) or [], "manual" in names_of),
        "restart": flag(host, "nwcs_restart", get("nwcs_restart", False)),
        "retry": flag(host, "nwcs_retry", get("nwcs_retry", False)),
    }
    return Device(
        name=host,
        family=main,
        kind=kind,
        host=address,
        site=str(get("nwcs_site", None) or "default"),
        language=language,
        simulated=flag(host, "nwcs_simulated", get("nwcs_simulated", False)),
        spec=spec,
        username=username,
        password=password,
        apis=beside,
        passwords=_secrets(host, get("nwcs_passwords", None) or {}),
        own_account=str(get("nwcs_own_account", "") or username),
        folders=folders,
        options={
            "profiles": get("nwcs_profiles", None) or [],
            "design": get("nwcs_design", None),
            "clock_tolerance": int(_number(host, "nwcs_clock_tolerance", get("nwcs_clock_tolerance", 30))),
            "forget_way": flag(host, "nwcs_forget_way", get("nwcs_forget_way", False)),
            "vault_id": get("nwcs_vault_id", None),
            "store_options": store_options(get, inventory_dir),
            "pins": _fingerprints(host, get("nwcs_pins", None) or []),
            "behind": _behind(host, get("nwcs_behind", None), hostvars),
            "recorders": _names(get("nwcs_recorders", None) or []),
            **_teachable(_names(get("nwcs_recorders", None) or []), hostvars),
            "logins_typed": flag(host, "nwcs_logins_typed", get("nwcs_logins_typed", False)),
            "recorder_account": str(get("nwcs_recorder_account", None) or ""),
            "password_reuse": _choice(
                host, "nwcs_password_reuse", get("nwcs_password_reuse", "refuse"), ("refuse", "allow")
            ),
            "stop_after": _count(host, "nwcs_stop_after", get("nwcs_stop_after", 0)),
            "per_recorder": _count(host, "nwcs_per_recorder", get("nwcs_per_recorder", 0)),
            "take_over": flag(host, "nwcs_take_over", get("nwcs_take_over", False)),
        },
    )


def folder(given: str) -> str:
    return given if documents.is_url(given) else os.path.normpath(given)


def store_options(get: Get, inventory_dir: str) -> dict[str, Any]:
    """Options of documents.open_documents; files are looked for beside the inventory."""
    copy = get("nwcs_secret_copy", None)
    found = {
        "copy": os.path.normpath(os.path.expanduser(copy)) if copy and isinstance(copy, str) else copy,
        "token": get("nwcs_secret_store_token_file", None),
        "ca": get("nwcs_secret_store_ca", None),
        "namespace": get("nwcs_secret_store_namespace", None),
    }
    for name in ("token", "ca"):
        if found[name]:
            found[name] = os.path.join(inventory_dir, os.path.expanduser(str(found[name])))
    return found


def _ways(host: str, scheme: Any, port: Any) -> list[dict[str, Any]]:
    """What the inventory declares; plain HTTP is a way only when it is named."""
    if scheme is None:
        return [{"scheme": "https", "port": _port(host, port)}]
    _choice(host, "nwcs_scheme", scheme, ("https", "http"))
    return [{"scheme": str(scheme), "port": _port(host, port)}]


def _port(host: str, port: Any, name: str = "nwcs_port") -> int:
    if port is None or port == "":
        return 0
    try:
        number = int(port)
    except (TypeError, ValueError):
        number = -1
    if not 0 < number < 65536:
        raise InputError(f"{host}: {name} is {port!r}.", "A port is a number from 1 to 65535.")
    return number


def _tls(host: str, verify: Any, inventory_dir: str) -> bool | str:
    """True, False, or the PEM text of the named file (a CA travels as PEM)."""
    if isinstance(verify, bool):
        return verify
    text = str(verify).strip()
    if text.lower() in ("true", "yes", "false", "no"):
        return text.lower() in ("true", "yes")
    path = os.path.join(inventory_dir, os.path.expanduser(text))
    try:
        pem = files.read_text(path)
    except InputError as error:
        raise InputError(f"{host}: nwcs_tls_verify: {error.message}") from None
    if pem is None or "BEGIN CERTIFICATE" not in pem:
        wrong = f"there is no file {path}" if pem is None else f"{path} holds no PEM certificate"
        raise InputError(f"{host}: nwcs_tls_verify: {wrong}.", "Give true, false, or a CA file in PEM form.")
    return pem


def _address(host: str, get: Get, hostvars: Mapping[str, Any]) -> str:
    """Where the device is. Under delegate_to ansible_host may be the gateway's; hostvars has the device's own."""
    own = hostvars[host].get("ansible_host") if host in hostvars else get("ansible_host", None)
    address = str(get("nwcs_host", None) or own or host).strip()
    if re.search(r"[\s/@?#]", address):
        raise InputError(
            f"{host}: nwcs_host is {address!r}.",
            "Give an address or name alone; scheme and port are nwcs_scheme and nwcs_port.",
        )
    return address


def _secret(host: str, name: str, value: Any) -> str | None:
    """YAML makes other things of passwords without quotes: 012345 is the number 5349, no is false."""
    if value is not None and not isinstance(value, str):
        raise InputError(f"{host}: {name} is not a text.", "Put the password into quotes.")
    return value


def _secrets(host: str, given: Any) -> dict[str, str]:
    table = _table(host, "nwcs_passwords", given)
    found = {str(account): _secret(host, f"nwcs_passwords.{account}", value) for account, value in table.items()}
    return {account: value for account, value in found.items() if value is not None}


def _table(host: str, name: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InputError(f"{host}: {name} is not a table of names and values.", "See docs/inventory.md for an example.")
    return given


def _number(host: str, name: str, value: Any) -> float:
    """A number above 0, also given as text (-e)."""
    try:
        number = float(value) if not isinstance(value, bool) else 0.0
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < 1e12:
        raise InputError(f"{host}: {name} is {value!r}.", "Give a number above 0.")
    return number


def _count(host: str, name: str, value: Any) -> int:
    """A whole number from 0 on, also given as text (-e)."""
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or len(text) > 6:
        raise InputError(f"{host}: {name} is {value!r}.", "Give a whole number; 0 switches it off.")
    return int(text)


def _names(given: Any) -> list[str]:
    return [str(name) for name in ([given] if isinstance(given, str) else given)]


def _addresses(host: str, name: str, given: Any) -> list[str]:
    found = _names(given) if isinstance(given, (str, list, tuple)) else [repr(given)]
    for text in found:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            problem = f"{host}: {name} has {text!r}."
            raise InputError(problem, "Give addresses or networks, for example 192.0.2.7 or 192.0.2.0/24.") from None
    return found


def _fingerprints(host: str, given: Any) -> list[str]:
    found = []
    for text in _names(given) if isinstance(given, (str, list, tuple)) else [repr(given)]:
        digest = text.replace(":", "").strip().lower()  # as browsers show it: with colons
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            problem = f"{host}: nwcs_pins has {text[:80]!r}."
            raise InputError(problem, "Give the SHA-256 fingerprint of the certificate: 64 hexadecimal digits.")
        found.append(digest)
    return found


def _ports(host: str, given: Any) -> dict[str, list[int]]:
    found = {}
    for service, numbers in _table(host, "nwcs_ports", given).items():
        listed = numbers if isinstance(numbers, (list, tuple)) else [numbers]
        found[str(service)] = [_port(host, port, f"nwcs_ports.{service}") for port in listed]
    return found


def _limits(host: str, given: Any) -> dict[str, Any]:
    given = _table(host, "nwcs_timeouts", given)
    known = ("connect_seconds", "read_seconds", "total_seconds", "body_bytes", "depth")
    for name in given:
        if name not in known:
            raise InputError(f"{host}: nwcs_timeouts has an unknown key {name!r}.", f"Known: {', '.join(known)}.")
    numbers = {name: _number(host, f"nwcs_timeouts.{name}", value) for name, value in given.items()}
    return {name: value if name.endswith("seconds") else int(value) for name, value in numbers.items()}


def _models(host: str, rows: Any) -> list[dict[str, Any]]:
    known = ("manufacturer", "model", "firmware", "restart", "source")
    if not isinstance(rows, (list, tuple)):
        raise InputError(f"{host}: nwcs_models is not a list.", f"Each entry is a table with {', '.join(known)}.")
    for row in rows:
        for name in _table(host, "an entry of nwcs_models", row):
            if name not in known:
                raise InputError(f"{host}: nwcs_models has an unknown key {name!r}.", f"Known: {', '.join(known)}.")
    return [dict(row) for row in rows]


def _recorders(host: str, names: Any, hostvars: Mapping[str, Any]) -> list[str]:
    """Addresses of recorders given by inventory name, or as addresses."""
    found = []
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, (list, tuple)) or not all(isinstance(name, str) for name in listed):
        raise InputError(f"{host}: nwcs_recorders is {names!r}.", "Give a list of inventory names or addresses.")
    for name in listed:
        theirs = hostvars.get(name) if name in hostvars else None
        found.append(str(theirs.get("nwcs_host") or theirs.get("ansible_host") or name) if theirs else str(name))
    return found


def _behind(host: str, given: Any, hostvars: Mapping[str, Any]) -> str:
    """The recorder whose result stands for this device: a name that nobody has would promise one that never comes."""
    if not given:
        return ""
    if isinstance(given, str) and given != host and (given in hostvars or not hostvars):
        return given
    names = [str(name) for name in hostvars if name != host]
    close = difflib.get_close_matches(str(given), names, 1)
    hint = f"Did you mean {close[0]!r}?" if close else "Give the inventory name of the recorder."
    raise InputError(f"{host}: nwcs_behind is {given!r}, which is no other device of the inventory.", hint)


def _teachable(names: list[str], hostvars: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of these recorders: those of the inventory, and those whose API can be told a camera's login."""
    here = [name for name in names if name in hostvars]
    able = []
    for name in here:
        family = hostvars[name].get("nwcs_family")
        first = next(iter(family), "") if isinstance(family, (list, tuple)) else family
        with contextlib.suppress(InputError):
            if camera_logins.can_be_told(driver_for(str(first or ""))):
                able.append(name)
    return {"in_inventory": here, "tellable": able}


def flag(host: str, name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() in ("true", "yes", "1", "on"):  # -e name=true is text
        return True
    if str(value).strip().lower() in ("false", "no", "0", "off"):
        return False
    raise InputError(f"{host}: {name} is {value!r}.", "Give true or false.")


def _choice(host: str, name: str, value: Any, known: tuple[str, ...]) -> str:
    if str(value) not in known:
        raise InputError(f"{host}: {name} is {value!r}.", f"Give one of: {', '.join(known)}.")
    return str(value)


# -- what is wanted: shipped defaults by profile letter, the site's design over them -----------------------------------
@lru_cache(maxsize=1)
def shipped() -> dict[str, Any]:
    path = os.path.join(os.path.dirname(__file__), "..", "..", "policies", "defaults.yml")
    return files.read_yaml(path)


def wanted(device: Device) -> dict[Key, Want]:
    """All that is wanted of a device: profiles in the order of their letters, then the design (later wins)."""
    letters = _profiles(device)
    result: dict[Key, Want] = {}
    for letter in letters:
        for entry in shipped()["profiles"].get(letter) or ():
            if not entry.get("kinds") or device.kind in entry["kinds"]:
                result.update(parse_design(entry["settings"], f"profile {letter}"))
    design = parse_design(device.options["design"], f"{device.name}: nwcs_design")
    for key in design:  # an item that the design removes, or defines, replaces what defaults said of its parts
        if len(key) == 3 and key[0] == "accounts":
            result = {k: w for k, w in result.items() if k[:2] != key[:2]}
    result.update(design)
    return result


def _profiles(device: Device) -> list[str]:
    given = device.options["profiles"]
    letters = list(given) if isinstance(given, (list, tuple, str)) else [given]
    for letter in letters:
        if str(letter) not in PROFILES:
            problem = f"{device.name}: nwcs_profiles has {letter!r}."
            raise InputError(problem, f"The IPA profiles are {', '.join(PROFILES)}.")
    return sorted({*shipped()["always"], *map(str, letters)})
