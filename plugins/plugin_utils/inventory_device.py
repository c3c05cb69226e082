# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One device of an inventory for a command, by Ansible's own reading of it (vault, templates, group variables)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import inventory, messages
from ansible_collections.nwcs.hardening.plugins.plugin_utils.inventory import Device


def find(
    host: str, sources: Sequence[str], vault_files: Sequence[str] = (), vault_ids: Sequence[str] = ()
) -> tuple[Device | None, Any, str]:
    """(the device or None, Ansible's vault, the inventory's language).

    sources  as `ansible-playbook -i` takes them; empty: Ansible's default
    Raises InputError for an inventory that cannot be read, or variables that cannot be used.
    """
    from ansible import constants
    from ansible.cli import CLI
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.vars.hostvars import HostVars
    from ansible.vars.manager import VariableManager

    sources = list(sources) or [str(source) for source in constants.DEFAULT_HOST_LIST]
    loader = DataLoader()
    config = constants.config.get_config_value
    named = config("DEFAULT_VAULT_PASSWORD_FILE")
    files = list(vault_files) or ([named] if named else [])
    try:
        ids = [*(config("DEFAULT_VAULT_IDENTITY_LIST") or []), *vault_ids]
        loader.set_vault_secrets(
            CLI.setup_vault_secrets(
                loader, vault_ids=ids, vault_password_files=files, ask_vault_pass=False, auto_prompt=False
            )
        )
        manager = InventoryManager(loader=loader, sources=sources)
        variables = VariableManager(loader=loader, inventory=manager)
        found = manager.get_host(host)
        if found is None:
            return None, loader._vault, "en"
        values = variables.get_vars(host=found, include_hostvars=False)
        if not values.get("nwcs_family"):
            return None, loader._vault, "en"
        return _device(host, values, HostVars(manager, variables, loader), loader, sources)
    except AnsibleError as error:
        raise InputError(f"{messages.safe(str(error).splitlines()[0], 600)}") from None


def _device(
    host: str, values: dict[str, Any], hostvars: Any, loader: Any, sources: Sequence[str]
) -> tuple[Device, Any, str]:
    from ansible.errors import AnsibleError
    from ansible.template import Templar

    templar = Templar(loader=loader, variables={**values, "hostvars": hostvars})

    def get(name: str, default: Any) -> Any:
        if name not in values:
            return default
        try:
            return _plain(templar.template(values[name]))
        except AnsibleError as error:  # Ansible's message may hold the value
            raise InputError(f"{host}: {name} has no value ({type(error).__name__}).", "Correct it in the inventory, "
                             "or give the vault password.") from None  # fmt: skip

    folder = str(values.get("inventory_dir") or os.getcwd())
    real = [os.path.realpath(source) for source in sources]
    base = os.path.dirname(os.path.realpath(folder)) if os.path.realpath(folder) in real else folder
    device = inventory.describe(host, get, [name for name in values if isinstance(name, str)], hostvars, folder, base)
    return device, loader._vault, device.language


def _plain(value: Any) -> Any:
    """Ansible's tagged values as plain ones."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return "".join(str(value)) if isinstance(value, str) else value
