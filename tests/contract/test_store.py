"""What every store adapter holds, against a real store."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ropeway.adapters.s3 import S3Store, fence
from ropeway.errors import Conflict, NotFound, UnexpectedReply
from ropeway.interfaces.store import Damage, ETag, Store, StoredModel
from ropeway.names import Digest, Key
from ropeway_agent.manifest import NAME, PART_SIZE
from tests.contract.store_tools import (
    KEY,
    LIFETIME,
    StoreService,
    connect,
    noise,
    push,
    put,
    read,
    requests_of,
    sealed,
    send,
)

pytest_plugins = ["tests.contract.store_fixtures"]


# What is pushed is what is there


def test_files_of_every_size_arrive_whole(store: Store, model: str, tmp_path: Path) -> None:
    files = {"empty": b"", "one": b"1", "part": noise(PART_SIZE), "more": noise(PART_SIZE + 1)}
    manifest = sealed(tmp_path, files)
    stored = push(store, model, tmp_path)
    digest = Digest(manifest.digest)
    assert stored == StoredModel(model, digest, store.uri(model, digest), manifest.size, 4)
    assert {path: read(store, model, manifest, path) for path in files} == files
    assert store.damage(model, digest, deep=True) == []
    assert store.manifest(model, digest) == manifest


def test_the_uri_ends_in_a_slash_so_that_no_digest_is_a_prefix_of_another(store: Store) -> None:
    assert store.uri("mnist", Digest("sha256-" + "0" * 64)).endswith("/mnist/sha256-" + "0" * 64 + "/")


@pytest.mark.parametrize(
    "path",
    ["sp ace/ü+%25&#?.bin", 'it\'s "quoted".txt', "$HOME", "日本.txt", "x..y/~", "a=b;c,d@e!", "*.safe"],
)
def test_hostile_paths_arrive_intact(store: Store, model: str, tmp_path: Path, path: str) -> None:
    manifest = sealed(tmp_path, {path: b"content", "large/" + path: noise(PART_SIZE + 1)})
    push(store, model, tmp_path)
    assert read(store, model, manifest, path) == b"content"
    assert store.damage(model, Digest(manifest.digest), deep=True) == []


def test_a_model_of_more_files_than_one_listing_tells_is_complete(
    store: S3Store, model: str, tmp_path: Path, raw: Any
) -> None:
    manifest = sealed(tmp_path, {f"{number:04}": str(number).encode() for number in range(1030)})
    assert push(store, model, tmp_path).files == 1030
    assert [found.files for found in store.models(model)] == [1030]
    store.remove(model, Digest(manifest.digest))
    left = raw.list_objects_v2(Bucket=store._connection.bucket, Prefix=f"{model}/")
    assert left["KeyCount"] == 0


def test_a_part_of_a_file_can_be_read(store: Store, model: str, tmp_path: Path) -> None:
    manifest = sealed(tmp_path, {"file": b"0123456789"})
    push(store, model, tmp_path)
    digest = Digest(manifest.digest)
    assert b"".join(store.fetch(model, digest, "file", 3, 4)) == b"3456"
    assert b"".join(store.fetch(model, digest, "file", 3, 0)) == b""
    with pytest.raises(UnexpectedReply):
        list(store.fetch(model, digest, "file", 8, 4))
    with pytest.raises(NotFound):
        list(store.fetch(model, digest, "absent", 0, 1))


def test_provenance_lies_beside_the_model_not_in_it(store: S3Store, model: str, tmp_path: Path, raw: Any) -> None:
    manifest = sealed(tmp_path, {"file": b"1"})
    digest = Digest(manifest.digest)
    store.note(model, digest, KEY, b'{"job": 1}')
    push(store, model, tmp_path)
    store.note(model, digest, KEY, b'{"job": 1}')
    place = f"{model}/provenance/{digest}/run-1.json"
    assert raw.get_object(Bucket=store._connection.bucket, Key=place)["Body"].read() == b'{"job": 1}'
    assert store.damage(model, digest) == []
    assert [found.digest for found in store.models(model)] == [digest]


# Nothing by halves


def test_a_half_upload_is_invisible_and_cannot_be_published(store: Store, model: str, tmp_path: Path) -> None:
    manifest = sealed(tmp_path, {"small": b"1", "large": noise(PART_SIZE + 1)})
    digest = Digest(manifest.digest)
    parts = store.missing(KEY, model, manifest)
    assert [(part.path, part.number, part.start, part.size) for part in parts] == [
        ("small", 1, 0, 1),
        ("large", 1, 0, PART_SIZE),
        ("large", 2, PART_SIZE, 1),
    ]
    assert send(tmp_path, store.sign(model, digest, parts[:2], LIFETIME)) == {200}
    with pytest.raises(Conflict, match="large"):
        store.publish(KEY, model, manifest)
    assert store.manifest(model, digest) is None
    assert list(store.models(model)) == []
    with pytest.raises(NotFound):
        store.damage(model, digest)


def test_a_fresh_adapter_takes_up_where_the_last_one_was_killed(
    store: Store, store_service: StoreService, model: str, tmp_path: Path
) -> None:
    manifest = sealed(tmp_path, {"small": b"1", "other": b"22", "large": noise(PART_SIZE + 1)})
    digest = Digest(manifest.digest)
    parts = {(part.path, part.number): part for part in store.missing(KEY, model, manifest)}
    sent = [parts["small", 1], parts["large", 1]]
    assert send(tmp_path, store.sign(model, digest, sent, LIFETIME)) == {200}
    left = connect(store_service).missing(Key("run-2"), model, manifest)
    assert {(part.path, part.number) for part in left} == {("other", 1), ("large", 2)}
    assert {part.upload for part in left if part.path == "large"} == {parts["large", 1].upload}


def test_the_same_model_again_costs_a_fixed_number_of_requests(store: S3Store, model: str, tmp_path: Path) -> None:
    manifest = sealed(tmp_path, {str(number): b"1" for number in range(20)})
    first = push(store, model, tmp_path)
    asked = requests_of(store)
    assert store.missing(Key("run-2"), model, manifest) == []
    assert store.publish(Key("run-2"), model, manifest) == first
    assert len(asked) <= 4


def test_eight_publishers_of_one_model_end_with_one(
    store_service: StoreService, model: str, tmp_path: Path, raw: Any
) -> None:
    manifest = sealed(tmp_path, {"small": b"1", "large": noise(PART_SIZE + 1)})
    stores = [connect(store_service) for _ in range(8)]

    def publisher(number: int) -> StoredModel:
        return push(stores[number], model, tmp_path, Key(f"run-{number}"))

    with ThreadPoolExecutor(8) as pool:
        stored = set(pool.map(publisher, range(8)))
    assert len(stored) == 1
    assert list(stores[0].models(model)) == [*stored]
    assert stores[0].damage(model, Digest(manifest.digest), deep=True) == []
    bucket = store_service.bucket
    assert "Uploads" not in raw.list_multipart_uploads(Bucket=bucket, Prefix=f"{model}/")
    assert raw.list_objects_v2(Bucket=bucket, Prefix=f".ropeway/pushes/{model}/")["KeyCount"] == 0


def test_another_manifest_in_its_place_is_refused(store: S3Store, model: str, tmp_path: Path, raw: Any) -> None:
    manifest = sealed(tmp_path, {"file": b"1"})
    push(store, model, tmp_path)
    digest = Digest(manifest.digest)
    raw.put_object(Bucket=store._connection.bucket, Key=f"{model}/{digest}/{NAME}", Body=b"{}")
    with pytest.raises(UnexpectedReply):
        store.manifest(model, digest)
    with pytest.raises(UnexpectedReply):
        store.publish(KEY, model, manifest, check=True)
    assert list(store.models(model)) == []


# The store refuses other bytes


def test_altered_bytes_are_refused_by_the_store(store: Store, model: str, tmp_path: Path) -> None:
    manifest = sealed(tmp_path, {"small": b"right", "large": noise(PART_SIZE + 1)})
    digest = Digest(manifest.digest)
    parts = [part for part in store.missing(KEY, model, manifest) if part.size < 100]
    for signed in store.sign(model, digest, parts, LIFETIME):
        assert put(signed, noise(signed.part.size)) == 400
        assert put(signed, noise(signed.part.size), headers={}) in (400, 403)
    assert {(part.path, part.number) for part in store.missing(KEY, model, manifest)} >= {("small", 1), ("large", 2)}


def test_a_signed_request_carries_the_address_that_the_cluster_knows(store: Store, model: str, tmp_path: Path) -> None:
    manifest = sealed(tmp_path, {"file": b"1"})
    signed = store.sign(model, Digest(manifest.digest), store.missing(KEY, model, manifest), LIFETIME)
    assert urlsplit(signed[0].url).hostname == "localhost"
    assert signed[0].url not in repr(signed)


def test_a_signed_request_is_refused_when_its_time_is_over(store: Store, model: str, tmp_path: Path) -> None:
    manifest = sealed(tmp_path, {"file": b"1"})
    parts = store.missing(KEY, model, manifest)
    signed = store.sign(model, Digest(manifest.digest), parts, timedelta(seconds=1))
    time.sleep(2.1)
    assert put(signed[0], b"1") == 403


# Damage is found, and repaired


@pytest.mark.parametrize(
    ("body", "problem"),
    [(b"wrong", "changed"), (b"righ", "changed"), (b"", "changed"), (None, "missing")],
    ids=["same size", "truncated", "emptied", "deleted"],
)
def test_damage_is_found_and_repaired(
    store: S3Store, model: str, tmp_path: Path, raw: Any, body: bytes | None, problem: str
) -> None:
    manifest = sealed(tmp_path, {"file": b"right", "other": b"other"})
    push(store, model, tmp_path)
    digest = Digest(manifest.digest)
    place = {"Bucket": store._connection.bucket, "Key": f"{model}/{digest}/file"}
    raw.delete_object(**place) if body is None else raw.put_object(**place, Body=body)
    assert store.damage(model, digest) == [Damage("file", problem)]
    push(store, model, tmp_path, check=True)
    assert store.damage(model, digest, deep=True) == []
    assert read(store, model, manifest, "file") == b"right"


@pytest.mark.parametrize("size", [0, 1, PART_SIZE, PART_SIZE + 1])
def test_what_replaces_a_damaged_file_may_have_any_size(
    store: S3Store, model: str, tmp_path: Path, raw: Any, size: int
) -> None:
    manifest = sealed(tmp_path, {"file": noise(size)})
    place = {"Bucket": store._connection.bucket, "Key": f"{model}/{manifest.digest}/file"}
    raw.put_object(**place, Body=b"something else")
    push(store, model, tmp_path)
    assert store.damage(model, Digest(manifest.digest), deep=True) == []


def test_a_file_that_no_manifest_lists_is_named_and_left_alone(
    store: S3Store, model: str, tmp_path: Path, raw: Any
) -> None:
    manifest = sealed(tmp_path, {"file": b"1"})
    place = {"Bucket": store._connection.bucket, "Key": f"{model}/{manifest.digest}/foreign"}
    raw.put_object(**place, Body=b"1")
    push(store, model, tmp_path)
    assert store.damage(model, Digest(manifest.digest)) == [Damage("foreign", "extra")]
    assert raw.head_object(**place)["ContentLength"] == 1


# A stand-in until it is published


def test_a_stand_in_stays_until_the_model_is_published(store: S3Store, model: str, tmp_path: Path, raw: Any) -> None:
    manifest = sealed(tmp_path, {"MLmodel": b"flavors: {}", "data": b"1"})
    digest = Digest(manifest.digest)
    for _ in range(2):
        store.reserve(model, digest, {"MLmodel": b"not complete"})
    parts = store.missing(KEY, model, manifest)
    assert send(tmp_path, store.sign(model, digest, parts, LIFETIME)) == {200}
    place = {"Bucket": store._connection.bucket, "Key": f"{model}/{digest}/MLmodel"}
    assert raw.get_object(**place)["Body"].read() == b"not complete"
    store.publish(KEY, model, manifest)
    store.reserve(model, digest, {"MLmodel": b"not complete"})
    assert raw.get_object(**place)["Body"].read() == b"flavors: {}"
    assert store.damage(model, digest, deep=True) == []


def test_a_stand_in_for_a_file_that_the_model_lacks_goes(store: Store, model: str, tmp_path: Path) -> None:
    manifest = sealed(tmp_path, {"model.onnx": b"1"})
    store.reserve(model, Digest(manifest.digest), {"MLmodel": b"not complete"})
    push(store, model, tmp_path)
    assert store.damage(model, Digest(manifest.digest)) == []


# Removing


def test_removing_is_quiet_twice_and_the_model_can_come_back(store: Store, model: str, tmp_path: Path) -> None:
    manifest = sealed(tmp_path, {"file": b"1", "large": noise(PART_SIZE + 1)})
    digest = Digest(manifest.digest)
    store.remove(model, digest)
    push(store, model, tmp_path)
    store.remove(model, digest)
    store.remove(model, digest)
    assert store.manifest(model, digest) is None
    assert list(store.models(model)) == []
    push(store, model, tmp_path)
    assert store.damage(model, digest) == []


def test_a_model_that_is_being_pushed_is_not_removed(store: Store, model: str, tmp_path: Path) -> None:
    manifest = sealed(tmp_path, {"file": b"1"})
    store.missing(KEY, model, manifest)
    with pytest.raises(Conflict, match=KEY):
        store.remove(model, Digest(manifest.digest))
    push(store, model, tmp_path)
    store.remove(model, Digest(manifest.digest))


def test_a_model_that_is_being_removed_is_not_pushed(store: S3Store, model: str, tmp_path: Path) -> None:
    manifest = sealed(tmp_path, {"file": b"1"})
    digest = Digest(manifest.digest)
    fence.begin_removal(store._connection, "removing", model, digest)
    with pytest.raises(Conflict, match="being removed"):
        store.missing(KEY, model, manifest)
    store.remove(model, digest)
    push(store, model, tmp_path)


def test_only_whole_models_are_listed_of_one_name_or_of_all(store: Store, model: str, tmp_path: Path) -> None:
    sealed(tmp_path / "a", {"file": b"1"})
    sealed(tmp_path / "b", {"file": b"2"})
    stored = {push(store, model, tmp_path / "a"), push(store, model, tmp_path / "b")}
    assert set(store.models(model)) == stored
    assert stored <= set(store.models())
    assert list(store.models(model + "-2")) == []


# Small named objects


def test_a_named_object_is_replaced_only_by_who_knows_what_it_is(store: Store, model: str) -> None:
    name = f"leases/{model}.json"
    assert store.look(name) is None
    first = store.swap(name, None, b"first")
    assert store.look(name) == (first, b"first")
    with pytest.raises(Conflict):
        store.swap(name, None, b"second")
    second = store.swap(name, first, b"second")
    for stale in (first, ETag('"never"')):
        with pytest.raises(Conflict):
            store.swap(name, stale, b"third")
    assert store.look(name) == (second, b"second")


def test_a_named_object_that_is_removed_can_be_made_again(store: Store, model: str) -> None:
    first = store.swap(model, None, b"first")
    assert store.swap(model, first, None) is None
    assert store.look(model) is None
    with pytest.raises(Conflict):
        store.swap(model, first, None)
    again = store.swap(model, None, b"again")
    assert store.look(model) == (again, b"again")


def test_of_eight_who_contend_one_wins(store_service: StoreService, model: str) -> None:
    stores = [connect(store_service) for _ in range(8)]
    stores[0].swap(model, stores[0].swap(model, None, b"before"), None)
    start = threading.Barrier(8)

    def contend(number: int) -> bool:
        start.wait()
        try:
            stores[number].swap(model, None, str(number).encode())
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(contend, range(8)))
    found = stores[0].look(model)
    assert won.count(True) == 1
    assert found is not None
    assert found[1] == str(won.index(True)).encode()
