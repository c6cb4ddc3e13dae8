"""How a model comes from the real store to the machine that serves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from ropeway import pull as pulling
from ropeway.adapters.s3 import S3Store
from ropeway.errors import NotFound, StageFailed, UnexpectedReply
from ropeway.interfaces.store import Store
from ropeway.names import Digest
from ropeway.pull import pull
from ropeway_agent.manifest import PART_SIZE, Manifest, check, load
from tests.contract.serving_site import Site, publish

pytest_plugins = ["tests.contract.serving_fixtures"]

FILES = {"empty": 0, "one": 1, "part": PART_SIZE, "deep/er/more": 2 * PART_SIZE + 5}


@dataclass
class Counting:
    """The real store, counting what is fetched from it."""

    store: S3Store
    fetched: list[tuple[str, int]] = field(default_factory=list)

    def manifest(self, model: str, digest: Digest) -> Manifest | None:
        return self.store.manifest(model, digest)

    def fetch(self, model: str, digest: Digest, path: str, start: int, size: int) -> Iterator[bytes]:
        self.fetched.append((path, start))
        return self.store.fetch(model, digest, path, start, size)


@pytest.fixture(scope="module")
def big(serving_site: Site) -> Digest:
    folder = serving_site.folder.path / "big"
    for name, size in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(range(251)) * (size // 251) + bytes(size % 251))
    return publish(serving_site.store(), "big", folder)


@pytest.fixture
def store(serving_site: Site) -> Counting:
    return Counting(serving_site.store())


def pulled(store: Counting, digest: Digest, folder: Path, progress: pulling.Progress = lambda _a, _b: None) -> Path:
    return pull(cast("Store", store), "big", digest, folder, progress)


def test_the_folder_holds_the_sealed_files_and_nothing_else(store: Counting, big: Digest, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = pulled(store, big, tmp_path, lambda done, total: told.append((done, total)))
    assert load(str(folder)).digest == big
    assert check(str(folder), load(str(folder))) == []
    assert told[-1] == (sum(FILES.values()), sum(FILES.values()))


def test_a_second_pull_fetches_nothing(store: Counting, big: Digest, tmp_path: Path) -> None:
    first = pulled(store, big, tmp_path)
    store.fetched.clear()
    assert pulled(store, big, tmp_path) == first
    assert store.fetched == []


def test_a_pull_that_was_cut_short_goes_on_where_it_was(store: Counting, big: Digest, tmp_path: Path) -> None:
    def cut(done: int, _total: int) -> None:
        if done > PART_SIZE:
            raise InterruptedError

    with pytest.raises(StageFailed):
        pulled(store, big, tmp_path, cut)
    assert not pulling.place(tmp_path, "big", big).exists()
    before = set(store.fetched)
    store.fetched.clear()
    folder = pulled(store, big, tmp_path)
    assert check(str(folder), load(str(folder))) == []
    assert not before & set(store.fetched)


def test_other_bytes_of_the_same_size_are_refused(serving_site: Site, store: Counting, tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir()
    (folder / "weights").write_text("as they were sealed")
    digest = publish(serving_site.store(), "big", folder)
    serving_site.alter("big", digest, "weights", b"as they were changed"[:19])
    with pytest.raises(UnexpectedReply, match="weights at byte 0 in the store is not what was sealed"):
        pulled(store, digest, tmp_path / "models")
    assert not pulling.place(tmp_path / "models", "big", digest).exists()


def test_another_manifest_is_refused(serving_site: Site, store: Counting, tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir()
    (folder / "weights").write_text("with another manifest")
    digest = publish(serving_site.store(), "big", folder)
    serving_site.alter("big", digest, "manifest.json", b"{}")
    with pytest.raises(UnexpectedReply, match="manifest"):
        pulled(store, digest, tmp_path / "models")


def test_a_model_that_is_not_there_is_not_found(store: Counting, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no complete model"):
        pulled(store, Digest("sha256-" + "0" * 64), tmp_path)


def test_without_room_nothing_is_fetched(
    store: Counting, big: Digest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "SPARE", 1 << 60)
    with pytest.raises(StageFailed, match="the disk has") as caught:
        pulled(store, big, tmp_path)
    assert caught.value.hint == f"df -h {tmp_path / 'big'}"
    assert store.fetched == []
