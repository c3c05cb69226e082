# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same reads as people write them without a collection: one ansible.builtin.uri task per request."""

from __future__ import annotations

from typing import Any

import yaml


class _Unsafe(str):
    """A text that Ansible must not template."""


yaml.SafeDumper.add_representer(_Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style='"'))


def requests_of(trace: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `uri` is asked for: no RTSP (it has none), no first try of a login (it makes its own before each answer)."""
    wanted = []
    for number, step in enumerate(trace):
        following = trace[number + 1] if number + 1 < len(trace) else {}
        same = all(step.get(name) == following.get(name) for name in ("method", "path", "body"))
        first_try = step["status"] == 401 and same and following.get("login")
        if step["scheme"] == "http" and not first_try:
            wanted.append(step)
    return wanted


def playbook(trace: list[dict[str, Any]]) -> str:
    """A playbook for the hosts of the bench's inventory, whose variables give address, user name and password."""
    tasks = []
    for number, step in enumerate(requests_of(trace), 1):
        arguments: dict[str, Any] = {
            "url": f"http://{{{{ nwcs_host }}}}:{step['port']}{step['path']}",
            "method": step["method"],
            "status_code": [step["status"]],
            "return_content": True,
        }
        if step["body"]:
            arguments |= {"body": _Unsafe(step["body"]), "body_format": "raw", "headers": step["headers"]}
        if step["login"]:
            arguments |= {"url_username": "{{ nwcs_username }}", "url_password": "{{ nwcs_password }}"}
        tasks.append({"name": f"Request {number}", "ansible.builtin.uri": arguments})
    variables = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    play = {"name": "Read by uri", "hosts": "all", "gather_facts": False, "vars": variables, "tasks": tasks}
    return yaml.safe_dump([play], sort_keys=False, width=1000)
