# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site file says which simulated devices there are; models say what each is like.

Site file: `{name, description, devices: [{name, host, count, model, state, overrides, ports, faults}], attack:
[{device, name}]}`. `host` is the last number of the address (the network, "127.77.0", is given when the lab starts).
With `count` the entry stands for so many devices, NAME-001 at `host` and so on. `model` is the name of a file in
`models/` or a mapping. `overrides` are merged into the model, mapping by mapping; the text
`{network}` in any value becomes the network.
"""

from __future__ import annotations

import copy
import functools
import importlib
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .base import LabError, check_loopback
from .beside import described, join
from .device import Device

HERE = Path(__file__).parent
# family -> (module, class); imported when a device of the family is made
FAMILIES = {
    "isapi": (".isapi.device", "IsapiDevice"),
    "isapi-recorder": (".isapi.recorder", "IsapiRecorder"),
    "dahua": (".dahua.device", "DahuaDevice"),
    "dahua-recorder": (".dahua.recorder", "DahuaRecorder"),
    "ipro": (".ipro.device", "IproCamera"),
    "ipro-recorder": (".ipro.recorder", "IproRecorder"),
    "onvif": (".onvif.device", "OnvifDevice"),
    "onvif-recorder": (".onvif.recorder", "OnvifRecorder"),
    "motion": (".motion.device", "MotionDevice"),
    "motioneye": (".motioneye.device", "MotionEyeDevice"),
    "openwrt": (".openwrt.device", "OpenWrtDevice"),
    "zoneminder": (".zoneminder.device", "ZoneMinderDevice"),
    "vapix": (".vapix.device", "VapixDevice"),
    "sunapi": (".sunapi.device", "SunapiDevice"),
    "replay": (".replay.device", "ReplayDevice"),
}
_SITE_KEYS = {"name", "description", "devices", "attack"}
_DEVICE_KEYS = {"name", "host", "count", "model", "state", "overrides", "ports", "faults"}
_PER_NET = 250  # devices of a made-up site in each /24


@dataclass
class Site:
    """The devices of one lab and the intrusion that belongs to it."""

    name: str
    network: str
    devices: list[Device]
    attack: list[tuple[str, str]] = field(default_factory=list)  # (device, attack)
    _by_name: dict[str, Device] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._by_name = {device.name: device for device in self.devices}

    def device(self, name: str) -> Device:
        """The device of that name; raises LabError when there is none."""
        if name not in self._by_name:
            known = ", ".join(self._by_name) if len(self._by_name) <= 20 else f"{len(self._by_name)} others"
            raise LabError(f"no device {name!r} in site {self.name!r}; there are: {known}")
        return self._by_name[name]

    @classmethod
    def build(
        cls,
        source: str | Path | dict | None = None,
        network: str = "127.77.0",
        count: int | None = None,
        model: str | dict | None = None,
    ) -> Site:
        """Make the devices of a site file (a name in `sites/`, a path or its content; default "demo").

        With `count` and `model` instead: that many devices of one model, named "MODEL-0001"… With a network of two
        numbers ("127.77") they spread over 127.77.1.1, 127.77.1.2, … Raises LabError naming file, device and key.
        """
        if (count is None) != (model is None):
            raise LabError("--count and --model go together: how many devices, and of which model")
        if count is not None:
            if source is not None:
                raise LabError("either a site or --count with --model, not both")
            return cls._many(count, model, network)
        source = "demo" if source is None else source
        content, where = (source, "site") if isinstance(source, dict) else _load_site(source)
        return cls._from(content, where, network)

    @classmethod
    def _many(cls, count: int, model: Any, network: str) -> Site:
        parts = _network(network, (2, 3))
        if count < 1 or count > (_PER_NET * 254 if len(parts) == 2 else _PER_NET):
            hint = "; give a network of two numbers (127.77) for more" if len(parts) == 3 else ""
            raise LabError(f"{count} devices do not fit in {network}{hint}")
        stem = model if isinstance(model, str) else "device"
        devices = []
        for index in range(count):
            tail = [index // _PER_NET + 1, index % _PER_NET + 1] if len(parts) == 2 else [index + 1]
            address = ".".join(str(part) for part in (*parts, *tail))
            name = f"{stem}-{index + 1:04d}"
            devices.append(make_device(name, address, resolve_model(model, network), where=f"model {stem}"))
        return cls(f"{count} x {stem}", network, devices)

    @classmethod
    def _from(cls, content: Any, where: str, network: str) -> Site:
        parts = _network(network, (3,))
        _check_keys(content, _SITE_KEYS, where)
        entries = content.get("devices")
        if not isinstance(entries, list) or not entries:
            raise LabError(f"{where}: key 'devices' must be a list of devices")
        devices: list[Device] = []
        for number, entry in enumerate(entries, 1):
            spot = f"{where}: device {entry.get('name', number) if isinstance(entry, dict) else number}"
            devices += [_device(one, spot, parts, network) for one in _counted(entry, spot)]
        for key in ("name", "address"):
            seen: dict[str, str] = {}
            for device in devices:
                value = getattr(device, key)
                if value in seen:
                    raise LabError(f"{where}: device {device.name}: {key} {value!r} is taken by device {seen[value]}")
                seen[value] = device.name
        site = cls(str(content.get("name", Path(where).stem)), network, devices)
        for item in content.get("attack") or []:
            _check_keys(item, {"device", "name"}, f"{where}: attack")
            device = site.device(str(item.get("device")))
            if item.get("name") not in device.attacks:
                raise LabError(
                    f"{where}: attack on {device.name}: no attack {item.get('name')!r}; known: {_names(device.attacks)}"
                )
            site.attack.append((device.name, item["name"]))
        return site


def resolve_model(model: str | dict, network: str) -> dict[str, Any]:
    """A fresh copy of a model as mapping; raises LabError when there is no such model."""
    content = copy.deepcopy(_load_model(model) if isinstance(model, str) else model)
    return _fill(content, network)


def make_device(
    name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None, where: str = ""
) -> Device:
    """One device of the family its model names."""
    check_loopback(address)
    cls = _class_of(model, where or name)
    try:
        made = cls(name, address, model, ports)
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(f"{where or name}: the model cannot be used: {type(error).__name__}: {error}") from error
    if second := described(model):
        prefix, other, overrides = second
        network = address.rpartition(".")[0]
        their = resolve_model(other, network)
        _merge(their, _fill(overrides, network))
        join(made, make_device(name, address, their, ports, where), prefix)
    for fault in model.get("faults") or ():
        try:
            made.fault(fault)
        except KeyError as error:
            raise LabError(f"{where or name}: key 'faults': {error.args[0]}") from None
    return made


def device_class(model: str | dict) -> type[Device]:
    """The class of a model's devices: its `faults_known` and `attacks` say what can be played."""
    return _class_of(_load_model(model) if isinstance(model, str) else model, str(model))


def _class_of(model: dict[str, Any], where: str) -> type[Device]:
    family = model.get("family")
    if family not in FAMILIES:
        raise LabError(f"{where}: key 'family': {family!r} is none of {_names(FAMILIES)}")
    module, cls = FAMILIES[family]
    return getattr(importlib.import_module(module, __package__), cls)


def model_names() -> list[str]:
    return sorted(path.stem for path in (HERE / "models").glob("*.yml"))


def site_names() -> list[str]:
    return sorted(path.stem for path in (HERE / "sites").glob("*.yml"))


def _counted(entry: Any, where: str) -> list[Any]:
    """The entry itself, or one for each of its `count` devices."""
    if not isinstance(entry, dict) or "count" not in entry:
        return [entry]
    count, rest = entry["count"], {key: value for key, value in entry.items() if key != "count"}
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise LabError(f"{where}: key 'count' must be a number from 1, not {count!r}")
    if not isinstance(entry.get("host"), int):
        return [rest]
    return [rest | {"name": f"{entry.get('name')}-{i + 1:03d}", "host": entry["host"] + i} for i in range(count)]


def _device(entry: Any, where: str, parts: list[int], network: str) -> Device:
    _check_keys(entry, _DEVICE_KEYS, where)
    for key in ("name", "host", "model"):
        if key not in entry:
            raise LabError(f"{where}: key {key!r} is missing")
    host = entry["host"]
    if isinstance(host, bool) or not isinstance(host, int) or not 1 <= host <= 253:
        raise LabError(f"{where}: key 'host' must be a number from 1 to 253, not {host!r}")
    for key, kind in (("overrides", dict), ("ports", dict), ("faults", list)):
        if not isinstance(entry.get(key) or kind(), kind):
            raise LabError(f"{where}: key {key!r} must be a {'mapping' if kind is dict else 'list'}")
    try:
        model = resolve_model(entry["model"], network)
    except LabError as error:
        raise LabError(f"{where}: key 'model': {error}") from None
    state = entry.get("state")
    if state is not None:
        states = model.pop("states", None)
        if states is not None:
            if state not in states:
                raise LabError(f"{where}: key 'state': {state!r} is none of {_names(states)}")
            _merge(model, states[state])
        model["state"] = state
    _merge(model, _fill(copy.deepcopy(entry.get("overrides") or {}), network))
    model["faults"] = [*(model.get("faults") or ()), *(entry.get("faults") or ())]
    address = ".".join(str(part) for part in (*parts, host))
    return make_device(str(entry["name"]), address, model, entry.get("ports"), where)


def _network(network: str, sizes: tuple[int, ...]) -> list[int]:
    parts = str(network).split(".")
    if len(parts) not in sizes or not all(part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts):
        shape = " or ".join({2: "127.77", 3: "127.77.0"}[size] for size in sizes)
        raise LabError(f"the network must look like {shape}, not {network!r}")
    if ipaddress.ip_address(f"{int(parts[0])}.0.0.1").is_loopback is False:
        raise LabError(f"the lab binds loopback addresses (127.0.0.0/8) only, not network {network!r}")
    return [int(part) for part in parts]


@functools.cache
def _load_model(name: str) -> dict[str, Any]:
    path = HERE / "models" / f"{name}.yml"
    if name not in model_names():
        raise LabError(f"no model {name!r}; known: {', '.join(model_names()) or 'none'}")
    return _load_yaml(path)


def _load_site(source: str | Path) -> tuple[dict, str]:
    path = Path(source)
    if str(source) in site_names():
        path = HERE / "sites" / f"{source}.yml"
    if not path.is_file():
        raise LabError(f"no site {str(source)!r}: neither a file nor one of {', '.join(site_names())}")
    return _load_yaml(path), str(source)


def _load_yaml(path: Path) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 (a safe loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LabError(f"{path.name}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise LabError(f"{path.name}: must be a mapping")
    return content


def _check_keys(content: Any, known: set[str], where: str) -> None:
    if not isinstance(content, dict):
        raise LabError(f"{where}: must be a mapping, not {type(content).__name__}")
    for key in content:
        if key not in known:
            raise LabError(f"{where}: unknown key {key!r}; known: {_names(known)}")


def _merge(base: dict, over: dict) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = copy.deepcopy(value)


def _fill(value: Any, network: str) -> Any:
    if isinstance(value, str):
        return value.replace("{network}", network)
    if isinstance(value, list):
        return [_fill(item, network) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, network) for key, item in value.items()}
    return value


def _names(names: Any) -> str:
    return ", ".join(sorted(map(str, names))) or "none"
