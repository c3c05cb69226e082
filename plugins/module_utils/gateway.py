# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job on a gateway: what all device modules do when they run as modules (DESIGN 5)."""

from __future__ import annotations

import base64
import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

JOB_OPTION = {"job": {"type": "str", "no_log": True}}


def run_module(argument_spec: dict[str, Any]) -> None:
    """Run the job that the action plugin sent. The answer travels encoded, so that no masking can corrupt it."""
    module = AnsibleModule(argument_spec={**argument_spec, **JOB_OPTION}, supports_check_mode=True)
    if not module.params["job"]:
        module.fail_json(msg="This module works through its action plugin; run it from a playbook.")
    for name in ("defusedxml", "cryptography"):
        try:
            __import__(name)
        except ImportError:
            module.fail_json(msg=missing_required_lib(name))
    from ansible_collections.nwcs.hardening.plugins.module_utils import jobs

    answer = jobs.run(json.loads(base64.b64decode(module.params["job"])))
    module.exit_json(changed=False, answer=base64.b64encode(json.dumps(answer).encode()).decode())
