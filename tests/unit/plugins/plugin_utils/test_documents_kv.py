# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# pylint: disable=contextmanager-generator-missing-cleanup
"""Documents in a KV v2 server: compare and set, clear errors, and a token that stays where it belongs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import raw_server
from ansible.parsing.vault import VaultLib, VaultSecret
from kv_stand_in import KvServer

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Conflict, Documents, open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore

TOKEN = "hvs.Recognisable-Token-4711"
LEASE = ("leases", "cam-1")
VAULT = VaultLib([("default", VaultSecret(b"k7Qz-mP2x-Lw9v-Rt4b"))])


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)


@pytest.fixture
def server() -> Iterator[KvServer]:
    with KvServer(TOKEN) as running:
        yield running


def opened(server: KvServer, site: str = "plant", **options: Any) -> Documents:
    return open_documents(server.url, site, VAULT, None, options)


class TestDocuments:
    def test_write_read_delete(self, server: KvServer) -> None:
        documents = opened(server)
        assert documents.read(LEASE) == (None, "")
        first = documents.write(LEASE, {"by": "ü"}, "")
        assert opened(server).read(LEASE) == ({"by": "ü"}, first)
        second = documents.write(LEASE, {"by": "b"}, first)
        assert second != first
        documents.delete(LEASE, second)
        assert documents.read(LEASE) == (None, "")
        assert documents.names("leases") == []
        third = documents.write(LEASE, {"by": "c"}, "")  # the server goes on counting: it is no conflict
        assert documents.read(LEASE) == ({"by": "c"}, third)

    def test_who_has_read_something_older_is_refused(self, server: KvServer) -> None:
        documents, other = opened(server), opened(server)
        version = documents.write(LEASE, {"by": "a"}, "")
        newest = other.write(LEASE, {"by": "b"}, version)
        for wrong in ("", version, "77"):
            with pytest.raises(Conflict):
                documents.write(LEASE, {"by": "mine"}, wrong)
            with pytest.raises(Conflict):
                documents.delete(LEASE, wrong)
        assert documents.read(LEASE) == ({"by": "b"}, newest)

    def test_a_write_after_a_delete_does_not_bring_it_back(self, server: KvServer) -> None:
        documents, other = opened(server), opened(server)
        version = documents.write(LEASE, {"by": "a"}, "")
        other.delete(LEASE, version)
        with pytest.raises(Conflict):
            documents.write(LEASE, {"by": "renewed"}, version)

    def test_a_deleted_lease_leaves_no_version_and_secrets_do(self, server: KvServer) -> None:
        documents = opened(server)
        for name in (LEASE, ("secrets", "cam-1"), ("undo", "cam-1", "run-1")):
            documents.delete(name, documents.write(name, {"value": "x"}, ""))
        left = {path: entry["versions"] for (_mount, path), entry in server.keys.items()}
        assert all(version["destroyed"] for version in left["nwcs/plant/leases/cam-1"].values())
        assert left["nwcs/plant/secrets/cam-1"][1]["data"]["value"] == "x"
        assert "nwcs/plant/undo/cam-1/run-1" not in left

    def test_names(self, server: KvServer) -> None:
        documents = opened(server)
        names = [("leases", "cam 1/x"), ("secrets", "cam-1"), ("undo", "cam-1", "run-1"), ("undo", "cam-2", "run-1")]
        for name in names:
            documents.write(name, {"x": 1}, "")
        opened(server, "other").write(("secrets", "cam-9"), {"x": 1}, "")
        assert documents.names() == names
        assert documents.names("undo") == names[2:]
        assert documents.names("undo", "cam-2") == names[3:]
        assert documents.names("hold") == []

    def test_another_document_at_this_place_is_refused(self, server: KvServer) -> None:
        documents = opened(server)
        documents.write(("undo", "cam-1", "a"), {"x": 1}, "")
        server.keys["secret", "nwcs/plant/undo/cam-2/a"] = server.keys["secret", "nwcs/plant/undo/cam-1/a"]
        with pytest.raises(StateError, match="somebody copied or renamed"):
            documents.read(("undo", "cam-2", "a"))

    @pytest.mark.parametrize("content", [{"x": "\ud800"}, {1: "x"}, {"x": float("nan")}, {"x": {1, 2}}])
    def test_what_does_not_come_back_is_not_written(self, server: KvServer, content: dict[Any, Any]) -> None:
        with pytest.raises(StateError, match="could not be read back"):
            opened(server).write(LEASE, content, "")
        assert server.keys == {}

    def test_a_lost_answer_is_looked_after(self, server: KvServer) -> None:
        server.lose = 1
        version = opened(server).write(LEASE, {"by": "a"}, "")
        assert opened(server).read(LEASE) == ({"by": "a"}, version)

    def test_put_back_goes_over_anything(self, server: KvServer) -> None:
        documents = opened(server)
        assert documents.put_back(LEASE, {"x": 1}) == ""
        assert "version 1 of" in documents.put_back(LEASE, {"x": 2})
        assert documents.read(LEASE)[0] == {"x": 2}

    def test_put_back_is_one_write_and_never_a_delete(self, server: KvServer) -> None:
        documents = opened(server)
        documents.write(LEASE, {"x": 1}, "")
        before = len(server.requests)
        documents.put_back(LEASE, {"x": 2})
        assert [method for method, *_rest in server.requests[before:] if method != "GET"] == ["POST"]


class TestErrors:
    def test_clear_words(self, server: KvServer) -> None:
        documents = opened(server)

        def told(match: str, work: Any = lambda: documents.read(LEASE)) -> None:
            with pytest.raises(StateError, match=match) as caught:
                work()
            assert TOKEN not in str(caught.value)
            assert caught.value.advice

        server.sealed = True
        told("sealed")
        server.sealed = False
        server.refused = ["leases"]
        told("permission denied")
        server.refused = []
        server.redirect_to = "http://192.0.2.1:8200"
        told("points to another one")
        server.redirect_to = ""
        server.token = "another"
        told("refuses the token")
        server.token = TOKEN
        server.mounts = {"other": 2}
        told("no engine mounted at secret")
        server.mounts = {"secret": 1}
        told("no KV version 2", lambda: documents.write(LEASE, {"x": 1}, ""))

    def test_nobody_there(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with pytest.raises(StateError, match="does not answer"):
            open_documents(f"http://127.0.0.1:{port}/v1/secret", "plant", VAULT).read(LEASE)

    @pytest.mark.parametrize(
        "location",
        [
            "http://192.0.2.1:8200/v1/secret", "https://vault.example/secret", "https://vault.example/v1/",
            "https://user:hunter2-x@vault.example/v1/secret", "https://vault.example/v1/secret?token=hunter2-x",
            "ftp://vault.example/v1/secret", "https://vault.example/v1/a/../b", "https://vault.example:99999/v1/a",
        ],
    )  # fmt: skip
    def test_addresses_that_are_none(self, location: str) -> None:
        with pytest.raises(InputError) as caught:
            open_documents(location, "plant", VAULT)
        assert "hunter2-x" not in str(caught.value)

    @pytest.mark.parametrize("location", ["http://localhost:1/v1/a", "http://[::1]:1/v1/a", "https://v.example/v1/a/b"])
    def test_addresses_that_are_some(self, location: str) -> None:
        assert open_documents(location, "plant", VAULT).refuses() is None


class TestToken:
    def test_only_in_the_header(self, server: KvServer) -> None:
        opened(server, namespace="school").write(LEASE, {"by": "a"}, "")
        for _method, target, headers in server.requests:
            assert TOKEN not in target
            assert headers["X-Vault-Token"] == TOKEN
            assert headers["X-Vault-Namespace"] == "school"

    def test_from_a_private_file(self, server: KvServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("VAULT_TOKEN")
        path = tmp_path / "token"
        documents = opened(server, token=str(path))
        with pytest.raises(StateError, match="no token file"):
            documents.read(LEASE)
        path.write_text(TOKEN + "\n")
        path.chmod(0o644)
        with pytest.raises(StateError, match="chmod 600"):
            documents.read(LEASE)
        path.chmod(0o600)
        assert documents.read(LEASE) == (None, "")
        path.write_text("two\nlines")
        assert "is no token" in str(documents.refuses())
        os.rename(path, tmp_path / "real")
        path.symlink_to(tmp_path / "real")
        with pytest.raises(StateError, match="symbolic link"):
            documents.read(LEASE)

    def test_none_at_all(self, server: KvServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("VAULT_TOKEN")
        assert "there is no token" in str(opened(server).refuses())
        assert server.requests == []


class TestTls:
    def test_only_a_known_ca_gets_the_token(self, tmp_path: Path) -> None:
        certificate, key = raw_server.certificate("127.0.0.1")
        (tmp_path / "ca.pem").write_text(certificate)
        with KvServer(TOKEN, context=raw_server.server_context(tmp_path, certificate, key)) as server:
            with pytest.raises(StateError, match="not trusted"):
                opened(server).read(LEASE)
            assert server.requests == []
            documents = opened(server, ca=str(tmp_path / "ca.pem"))
            version = documents.write(LEASE, {"by": "a"}, "")
            assert documents.read(LEASE) == ({"by": "a"}, version)
        with pytest.raises(StateError, match="nwcs_secret_store_ca"):
            opened(server, ca=str(tmp_path / "none")).read(LEASE)


class TestSecrets:
    def test_the_secret_store_lives_on_it(self, server: KvServer) -> None:
        store = SecretStore(opened(server), "cam-1")
        store.prepare({"accounts.admin": "First-1"}, "harden", {"accounts.admin": 77.0}, sent=False)
        assert store.candidates("accounts.admin") == []
        store.mark_sent(["accounts.admin"])
        store.promote(["accounts.admin"])
        again = SecretStore(opened(server), "cam-1")
        assert again.candidates("accounts.admin") == [("current", "First-1")]
        assert again.entries()["accounts.admin"]["current"]["bits"] == 77.0

    def test_a_copy_is_encrypted_or_refused(self, server: KvServer, tmp_path: Path) -> None:
        store = SecretStore(opened(server, copy=str(tmp_path)), "cam-1")
        store.prepare({"accounts.admin": "First-1"}, "harden")
        kept = store.documents.copy.get(("secrets", "cam-1"))
        assert kept.startswith(b"$ANSIBLE_VAULT")
        assert store.documents.unsealed(store.name, kept)["secrets"]["accounts.admin"]["pending"]["value"] == "First-1"
        bare = SecretStore(open_documents(server.url, "plant", None, None, {"copy": str(tmp_path)}), "cam-2")
        assert not bare.can_write()
        with pytest.raises(StateError, match="second copy .* is encrypted: there is no vault password"):
            bare.prepare({"accounts.admin": "First-1"}, "harden")
        assert [path for _mount, path in server.keys] == ["nwcs/plant/secrets/cam-1"]


class TestStandIn:
    """Another client finds in it what it finds in a real server."""

    def test_hvac(self, server: KvServer) -> None:
        hvac = pytest.importorskip("hvac")
        kv = hvac.Client(url=server.base, token=TOKEN).secrets.kv.v2
        assert kv.create_or_update_secret("a/b", {"x": "1"}, cas=0)["data"]["version"] == 1
        with pytest.raises(hvac.exceptions.InvalidRequest, match="did not match the current version"):
            kv.create_or_update_secret("a/b", {"x": "2"}, cas=0)
        assert kv.create_or_update_secret("a/b", {"x": "2"}, cas=1)["data"]["version"] == 2
        read = kv.read_secret_version("a/b", raise_on_deleted_version=True)["data"]
        assert (read["data"], read["metadata"]["version"]) == ({"x": "2"}, 2)
        assert kv.list_secrets("a")["data"]["keys"] == ["b"]
        assert kv.read_secret_metadata("a/b")["data"]["current_version"] == 2
        kv.delete_latest_version_of_secret("a/b")
        with pytest.raises(hvac.exceptions.InvalidPath):
            kv.read_secret_version("a/b", raise_on_deleted_version=True)
        deleted = kv.read_secret_version("a/b", raise_on_deleted_version=False)["data"]
        assert deleted["data"] is None and deleted["metadata"]["version"] == 2
        kv.undelete_secret_versions("a/b", [2])
        kv.destroy_secret_versions("a/b", [1])
        assert kv.read_secret_metadata("a/b")["data"]["versions"]["1"]["destroyed"] is True
        kv.delete_metadata_and_all_versions("a/b")
        with pytest.raises(hvac.exceptions.InvalidPath):
            kv.list_secrets("a")
        with pytest.raises(hvac.exceptions.Forbidden):
            hvac.Client(url=server.base, token="wrong").secrets.kv.v2.list_secrets("a")
        server.sealed = True
        with pytest.raises(hvac.exceptions.VaultDown):
            kv.list_secrets("a")

    def test_what_hvac_wrote_is_readable_and_the_other_way_round(self, server: KvServer) -> None:
        hvac = pytest.importorskip("hvac")
        kv = hvac.Client(url=server.base, token=TOKEN).secrets.kv.v2
        SecretStore(opened(server), "cam-1").prepare({"accounts.admin": "First-1"}, "harden")
        data = kv.read_secret_version("nwcs/plant/secrets/cam-1", raise_on_deleted_version=True)["data"]["data"]
        data["secrets"]["accounts.admin"]["pending"]["value"] = "By-Hand-2"
        kv.create_or_update_secret("nwcs/plant/secrets/cam-1", data, cas=1)
        assert SecretStore(opened(server), "cam-1").value("accounts.admin", "pending") == "By-Hand-2"
