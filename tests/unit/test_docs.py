# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents say is there: commands, options, files, variables, words; the example site is understood."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nwcs.hardening.lab import cli as lab_cli
from ansible_collections.nwcs.hardening.lab.device import WIRE_FAULTS, Device
from ansible_collections.nwcs.hardening.lab.site import Site
from ansible_collections.nwcs.hardening.plugins.module_utils import contract
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import (
    cli_doctor,
    cli_drift,
    cli_record_device,
    cli_secrets,
    inventory,
    messages,
    result,
)

ROOT = Path(__file__).resolve().parents[2]
READMES = (ROOT / "README.md", ROOT / "README.ja.md")
PAGES = (
    *READMES, *sorted((ROOT / "docs").glob("*.md")), ROOT / "systemd/README.md", ROOT / "parameter_sheets/README.md",
)  # fmt: skip
EXAMPLE = ROOT / "inventory" / "example"
MAINS = {
    "nwcs-lab": lab_cli.main, "nwcs-drift": cli_drift.main, "nwcs-doctor": cli_doctor.main,
    "nwcs-secrets": cli_secrets.main, "nwcs-record-device": cli_record_device.main,
}  # fmt: skip
# Commands of others, and the name of our package.
FOREIGN = {"python3", "mkdir", "cp", "cd", "export", ".", "ansible-vault", "ansible-inventory", "useradd", "install",
           "systemctl", "journalctl", "apt-get", "pip", "nwcs-hardening"}  # fmt: skip


# -- what stands in the documents --------------------------------------------------------------------------------------
def blocks(page: Path) -> list[str]:
    """The lines of indented code blocks."""
    found, before_empty = [], True
    for line in page.read_text(encoding="utf-8").splitlines():
        code = re.match(r"( {4}|   {4})(\S.*)", line)
        if code and before_empty:
            found.append(line.strip())
        elif line.strip():
            before_empty = False
        if not line.strip():
            before_empty = True
    return found


def spans(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))


def commands(page: Path) -> list[list[str]]:
    """Every command of a README, in blocks and in the text, as words; `a; b` and `a && b` are two."""
    lines = blocks(page)
    lines += [span for span in spans(page) if re.match(r"(make|nwcs-\w+|ansible-playbook)( |$)", span)]
    found = []
    for line in lines:
        if re.match(r"(critical|high|重大|高) ", line) or line.startswith("("):
            continue  # output; the subshell that makes a vault password
        for part in re.split(r" && |; ", line):
            words = shlex.split(part, comments=True)
            if words:
                found.append(words)
    return found


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


@lru_cache
def help_of(command: str, *sub: str) -> str:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        MAINS[command]([*sub, "--help"])
    return text.getvalue()


@lru_cache
def playbook_options() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "--help"], capture_output=True, text=True, check=True
    )
    return done.stdout


def unknown_options(words: list[str], help_text: str) -> list[str]:
    given = [word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)]
    return [option for option in given if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", help_text)]


def problems(words: list[str]) -> list[str]:
    """What is wrong with a command; [] if nothing."""
    name = words[0].rpartition("/")[2]
    if name == "make":
        return [word for word in words[1:] if not re.search("[=-]", word[:1]) and word not in make_targets()]
    if name == "nwcs-lab":
        if len(words) == 1:
            return []
        wrong = unknown_options(words[2:], help_of(name, words[1]))
        if words[1] in ("attack", "fault"):
            wrong += unknown_in_the_lab(words)
        return wrong
    if name in MAINS:
        sub = words[1:2] if name == "nwcs-secrets" else []
        return unknown_options(words[1:], help_of(name, *sub)) + unknown_variables(words)
    if name == "ansible-playbook":
        book = words[1] if len(words) > 1 else "playbooks/drift.yml"
        path = book if "/" in book else f"playbooks/{book.removeprefix('nwcs.hardening.')}.yml"
        missing = [] if (ROOT / path).is_file() else [book]
        return missing + unknown_options(words[2:], playbook_options()) + unknown_variables(words)
    return [] if name in FOREIGN or words[0].startswith("${EDITOR") else [name]


@lru_cache
def demonstration() -> dict[str, Device]:
    """The simulated devices by name."""
    devices = Site.build("demo", network="127.77.0", count=None, model=None).devices
    return {device.name: device for device in devices}


def unknown_in_the_lab(words: list[str]) -> list[str]:
    """Device and fault or intrusion of `nwcs-lab fault` and `nwcs-lab attack`."""
    names = [word for word in words[2:] if not word.startswith("-")]
    device = demonstration().get(names[0]) if names else None
    if device is None:
        return names[:1]
    plays = device.attacks if words[1] == "attack" else {**WIRE_FAULTS, **device.faults_known}
    return [name for name in names[1:] if name not in plays]


def unknown_variables(words: list[str]) -> list[str]:
    return [w for w in words if w.startswith("nwcs_") and w.partition("=")[0] not in inventory.VARIABLES]


# -- commands ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_every_command_exists(page: Path) -> None:
    found = commands(page)
    assert len(found) > 30
    wrong = {shlex.join(words): bad for words in found if (bad := problems(words))}
    assert not wrong


@pytest.mark.parametrize(
    "line",
    ["make demmo", "nwcs-lab attack cam-nowhere new-account", "nwcs-lab fault cam-poor dwon",
     "nwcs-drift --inventari x", "frobnicate",
     "ansible-playbook nwcs.hardening.hardn -i x", "ansible-playbook playbooks/drift.yml -e nwcs_fial=false",
     "nwcs-lab up --nettwork 127.80.0"],
)  # fmt: skip
def test_a_wrong_command_is_noticed(line: str) -> None:
    assert problems(shlex.split(line))


@pytest.mark.parametrize("page", [ROOT / "docs" / "lab.md"], ids=lambda page: page.name)
def test_commands_of_the_lab_page_exist(page: Path) -> None:
    found = [words for words in commands(page) if words[0] == "nwcs-lab"]
    assert len(found) >= 10
    assert not {shlex.join(words): bad for words in found if (bad := problems(words))}


def test_console_scripts_are_those_of_the_package() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert set(scripts) == set(MAINS)


def test_both_readmes_tell_the_two_commands_and_the_same_ones() -> None:
    english, japanese = (blocks(page) for page in READMES)
    assert english[:2] == ["make demo", "make test"]
    told = [[line for line in lines if not re.match(r"(critical|重大) ", line)] for lines in (english, japanese)]
    assert told[0] == told[1]


def test_both_readmes_have_the_same_sections() -> None:
    levels = [re.findall(r"^(#+) ", page.read_text(encoding="utf-8"), re.M) for page in READMES]
    assert levels[0] == levels[1]
    tables = [len(re.findall(r"^\|---", page.read_text(encoding="utf-8"), re.M)) for page in READMES]
    assert tables[0] == tables[1]
    rows = [re.findall(r"^\| `(\w+)`", page.read_text(encoding="utf-8"), re.M) for page in READMES]
    assert rows[0] == rows[1]


def test_every_playbook_and_command_is_told() -> None:
    """In both READMEs; what changes devices also on the page of safe changes."""
    playbooks = {path.name for path in (ROOT / "playbooks").glob("*.yml")}
    assert len(playbooks) > 5
    for page in READMES:
        text = page.read_text(encoding="utf-8")
        assert not {name for name in (*playbooks, *MAINS) if f"`{name}`" not in text}, page.name
    text = (ROOT / "docs" / "safe-change.md").read_text(encoding="utf-8")
    assert not {name for name in ("harden", "rotate_passwords", "undo", "hold") if f"nwcs.hardening.{name}" not in text}


@pytest.mark.parametrize("name", ["safe-change.md", "secrets.md"])
def test_commands_of_pages_exist(name: str) -> None:
    found = commands(ROOT / "docs" / name)
    known = [words for words in found if words[0] in MAINS or words[0] == "ansible-playbook"]
    assert len(known) >= 5
    assert not {shlex.join(words): bad for words in known if (bad := problems(words))}


def test_guards_that_the_code_names_are_on_the_page() -> None:
    named = set()
    for path in (ROOT / "plugins").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"\[guard: ([a-z-]+)\]", text))
        named |= set(re.findall(r"guard=\"([a-z-]+)\"", text))
    page = (ROOT / "docs" / "safe-change.md").read_text(encoding="utf-8")
    assert len(named) > 5
    assert named <= set(re.findall(r"`([a-z-]+)`", page.split("## A new password")[0]))


# -- links and names ---------------------------------------------------------------------------------------------------
def anchors(page: Path) -> set[str]:
    """Headings as GitHub names them: lower case, spaces as hyphens, no punctuation."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    local = [target.partition("#")[::2] for target in targets if "://" not in target]
    assert not [path for path, _anchor in local if not (page.parent / path).exists()]
    missing = [anchor for path, anchor in local if anchor and anchor not in anchors(page.parent / (path or page.name))]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_variable_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"\bnwcs_[a-z_]*[a-z]\b", page.read_text(encoding="utf-8")))
    assert named <= set(inventory.VARIABLES)


def test_the_inventory_page_has_every_variable_with_all_columns() -> None:
    rows: dict[str, list[str]] = {}
    for line in (ROOT / "docs" / "inventory.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `nwcs_"):
            cells = [cell.strip() for cell in line.strip("|").split(" |")]
            assert cells[0] not in rows
            rows[cells[0].strip("`")] = cells[1:]
    assert set(rows) == set(inventory.VARIABLES)
    for name, cells in rows.items():
        assert len(cells) == 4, name
        assert all(cells), name


def words_of_column(page: str, heading: str) -> set[str]:
    """The first column of the table under a heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8").split(f"## {heading}")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `?(\w+)`? \|", text, re.M)) - {"State", "Outcome", "Status", "Code"}


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("States of a reading", set(contract.STATES)),
        ("Outcomes of a wanted setting", set(result.OUTCOMES)),
        ("Status of a device", set(result.STATUSES)),
        ("Exit codes", {"0", "1", "2", "3", "4"}),
    ],
)
def test_the_outcomes_page_is_complete(heading: str, known: set[str]) -> None:
    assert words_of_column("outcomes.md", heading) == known


def test_the_lab_page_has_every_device_of_the_demonstration() -> None:
    text = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \|", text, re.M)) == set(demonstration())


@pytest.mark.parametrize(("page", "language"), [(READMES[0], "en"), (READMES[1], "ja")], ids=["en", "ja"])
def test_the_sentences_shown_are_those_of_the_tool(page: Path, language: str) -> None:
    role = messages.word("role", "administrator", language)
    sentence = messages.text("finding.account_appeared", language, role=role, item=messages.name("support", language))
    assert sentence in page.read_text(encoding="utf-8")


# -- the example site --------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """`ansible-inventory --list` of a copy, with the passwords that the example asks for."""
    folder = tmp_path_factory.mktemp("site") / "inventory"
    for source in EXAMPLE.rglob("*"):
        if source.is_file():
            target = folder / source.relative_to(EXAMPLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    all_vars = folder / "group_vars" / "all"
    (all_vars / "vault.yml.example").rename(all_vars / "vault.yml")
    done = subprocess.run(  # pylint: disable=subprocess-run-check
        [sys.executable, "-m", "ansible", "inventory", "-i", str(folder), "--list"],
        capture_output=True, text=True, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return {**json.loads(done.stdout), "folder": folder}


def test_the_example_has_the_groups_that_harden_takes(site: dict[str, Any]) -> None:
    play = (ROOT / "playbooks" / "harden.yml").read_text(encoding="utf-8")
    for group in ("recorders", "routers"):
        assert site[group]["hosts"]
        assert f":&{group}" in play
    assert len(site["_meta"]["hostvars"]) >= 5


def describe(site: dict[str, Any], host: str) -> inventory.Device:
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar, trust_as_template

    hostvars = site["_meta"]["hostvars"]
    groups = {name: entry["hosts"] for name, entry in site.items() if isinstance(entry, dict) and "hosts" in entry}
    known = {**hostvars[host], "inventory_hostname": host, "inventory_dir": str(site["folder"]), "groups": groups}

    def trust(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: trust(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [trust(inner) for inner in value]
        return trust_as_template(value) if isinstance(value, str) else value

    templar = Templar(DataLoader(), trust(known))

    def get(name: str, default: Any) -> Any:
        return templar.template(trust(known[name])) if name in known else default

    return inventory.describe(host, get, list(known), hostvars, str(site["folder"]))


def test_every_host_of_the_example_is_understood(site: dict[str, Any]) -> None:
    for host in site["_meta"]["hostvars"]:
        device = describe(site, host)
        assert device.username
        assert device.password is not None
        assert device.site == "school"
        wanted = inventory.wanted(device)
        assert wanted[("time", "zone")].value
        for place in device.folders.values():  # Ansible would read sheets inside the inventory folder as inventory
            assert not Path(place).is_relative_to(site["folder"])


def test_the_commented_parts_of_the_example_are_right_too(site: dict[str, Any]) -> None:
    """Who takes the comment signs away gets something that works."""
    for group in ("cameras", "routers"):
        lines = (EXAMPLE / "group_vars" / f"{group}.yml").read_text(encoding="utf-8").splitlines()
        sign = r"^( *)# (?=nwcs_|access:|nat:| +forwards:| +- \{)"
        opened = [re.sub(sign, r"\1", line) for line in lines]
        assert opened != lines
        data = yaml.safe_load("\n".join(opened))
        host = site[group]["hosts"][0]
        changed = {**site["_meta"]["hostvars"], host: {**site["_meta"]["hostvars"][host], **data}}
        device = describe({**site, "_meta": {"hostvars": changed}}, host)
        wanted = inventory.wanted(device)
        if group == "routers":
            assert wanted[("nat", "forwards")].value
        else:
            assert wanted[("access", "mode")].value == "allow"
            assert device.spec["oddities"]
            assert device.spec["seen_as"]


def test_the_commented_pins_and_second_copy_are_right_too(site: dict[str, Any]) -> None:
    hostvars = site["_meta"]["hostvars"]["cam-gate"]
    for file, option in (("hosts.yml", "pins"), ("group_vars/all/main.yml", "store_options")):
        commented = re.findall(r"^ *# (nwcs_\w+: .+)$", (EXAMPLE / file).read_text(encoding="utf-8"), re.M)
        assert len(commented) == 1
        changed = {**site["_meta"]["hostvars"], "cam-gate": {**hostvars, **yaml.safe_load(commented[0])}}
        found = describe({**site, "_meta": {"hostvars": changed}}, "cam-gate").options[option]
        assert found["copy"] if option == "store_options" else len(found) == 1


def test_no_two_cameras_of_the_example_share_a_password(site: dict[str, Any]) -> None:
    """The same given password on two devices is refused."""
    given = [describe(site, host).passwords["nvr"] for host in site["cameras"]["hosts"]]
    assert len(set(given)) == len(given) > 3


def test_a_misspelt_variable_is_noticed(site: dict[str, Any]) -> None:
    hostvars = {**site["_meta"]["hostvars"]}
    hostvars["cam-gate"] = {**hostvars["cam-gate"], "nwcs_famliy": "onvif"}
    with pytest.raises(InputError, match="nwcs_famliy"):
        describe({**site, "_meta": {"hostvars": hostvars}}, "cam-gate")
