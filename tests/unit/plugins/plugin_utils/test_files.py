# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from nwcs_snapshots import HOSTILE

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files

RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}


@given(st.text(max_size=300) | st.sampled_from(HOSTILE))
def test_a_safe_name_is_one_visible_component(name):
    safe = files.safe_name(name)
    assert os.path.basename(safe) == safe and "\\" not in safe
    assert safe not in ("", ".", "..") and not safe.startswith((".", "-")) and not safe.endswith((".", " "))
    assert safe.isprintable() and len(safe.encode()) <= 200
    assert safe.split(".")[0].lower() not in RESERVED


@given(st.text(max_size=20), st.text(max_size=20))
def test_different_names_have_different_files(one, two):
    assert (files.safe_name(one) == files.safe_name(two)) == (one == two)


def test_ordinary_names_stay():
    for name in ("cam-07", "router.example.jp", "192.0.2.7", "NVR_1"):
        assert files.safe_name(name) == name


def test_written_private_and_whole(tmp_path):
    folder = tmp_path / "a" / "b"
    files.private_folder(str(folder))
    path = folder / "x"
    files.write_private(str(path), "one")
    files.write_private(str(path), "two")
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert os.listdir(folder) == ["x"]


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_text("old")

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(StateError, match="No space left"):
        files.write_private(str(path), "new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["x"]


def test_a_link_in_the_way_is_replaced_not_followed(tmp_path):
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / "x").symlink_to(target)
    files.write_private(str(tmp_path / "x"), "new")
    assert target.read_text() == "mine" and (tmp_path / "x").read_text() == "new"


def test_a_pipe_a_folder_and_a_huge_file_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "big").write_bytes(b"x" * 101)
    for name, words in (("pipe", "ordinary"), (".", "ordinary"), ("big", "larger")):
        with pytest.raises(InputError, match=words):
            files.read_text(str(tmp_path / name), limit=100)
    assert files.read_text(str(tmp_path / "missing")) is None


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from([text for text in HOSTILE if text != "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), PLAIN, min_size=1, max_size=5))
def test_yaml_comes_back_as_it_was(data):
    text = files.to_yaml(data)
    for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        assert yaml.load(text, Loader=loader) == data


@pytest.mark.parametrize("name", [text for text in HOSTILE if text != "\ud800"])
def test_hostile_text_is_visible_and_comes_back(name):
    text = files.to_yaml({"key": name, name or "empty": "x"})
    assert all(c.isprintable() or c == "\n" for c in text)
    assert yaml.safe_load(text)["key"] == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [" + "[" * 100, "deeper"),
        ("\n".join(" " * n + "a:" for n in range(100)), "deeper"),
        ("- " * 100 + "a", "deeper"),
        ("a: &x [1]\nb: *x", "line 2: anchors"),
        ("a: !!python/object/apply:os.system ['id']", "line 1"),
        ("a: [1", "line"),
        ("a: 2026-99-99", "plain data"),
    ],
)
def test_yaml_that_is_not_plain_data_names_file_and_reason(tmp_path, text, words):
    path = tmp_path / "sheet.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as error:
        files.read_yaml(str(path))
    assert str(path) in str(error.value)


def test_broken_json_and_encoding_are_named(tmp_path):
    path = tmp_path / "x.json"
    for data in (b'{"a": 1', b"\xff", b"[" * 200_000):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"x\.json"):
            files.read_json(str(path))


def test_the_pointer_moves_in_one_step(tmp_path):
    link = tmp_path / "latest"
    for run in ("run-1", "run-2"):
        (tmp_path / run).mkdir()
        files.point(str(link), run)
        assert os.readlink(link) == run
    assert sorted(os.listdir(tmp_path)) == ["latest", "run-1", "run-2"]


def test_the_pointer_is_a_file_where_links_are_not_possible(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "symlink", lambda *_a: (_unused for _unused in ()).throw(OSError(1, "not permitted")))
    files.point(str(tmp_path / "latest"), "run-1")
    assert (tmp_path / "latest").read_text() == "run-1\n"
