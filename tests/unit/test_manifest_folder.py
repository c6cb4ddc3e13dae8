"""Sealing a folder, and finding what differs from the seal."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from ropeway_agent.manifest import NAME, PART_SIZE, Damage, ManifestError, check, load, scan, seal
from ropeway_agent.tree import hash_files, walk


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_bytes(b"flavors")
    (folder / "data" / "ü b.bin").write_bytes(b"\0\1")
    (folder / "empty").touch()
    return folder


def test_the_seal_is_what_sha256sum_says(model: Path) -> None:
    sealed = seal(model)
    data = (model / NAME).read_bytes()
    assert sealed.digest == "sha256-" + hashlib.sha256(data).hexdigest()
    assert {file.path: file.sha256 for file in sealed.files} == {
        path: hashlib.sha256((model / path).read_bytes()).hexdigest() for path in ("MLmodel", "data/ü b.bin", "empty")
    }


def test_sealing_again_changes_nothing(model: Path) -> None:
    first = seal(model)
    before = (model / NAME).stat()
    assert seal(model) == first == load(model)
    assert (model / NAME).stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_left_by_a_killed_seal_is_not_part_of_the_model(model: Path) -> None:
    first = seal(model)
    (model / ".manifest.json.x1y2").write_bytes(b"{")
    assert seal(model) == first
    assert check(model, first) == []


@pytest.mark.parametrize("size", [PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE + 5])
def test_parts_are_the_digests_of_the_pieces(tmp_path: Path, size: int) -> None:
    data = os.urandom(1 << 20) * (size >> 20) + os.urandom(size % (1 << 20))
    (tmp_path / "weights").write_bytes(data)
    (file,) = scan(tmp_path).files
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    pieces = [data[start : start + count] for start, count in file.ranges()]
    assert list(file.parts) == [hashlib.sha256(piece).hexdigest() for piece in pieces]
    assert b"".join(pieces) == data


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_number_of_threads_does_not_matter(model: Path, workers: int) -> None:
    (model / "large").write_bytes(b"x" * (PART_SIZE + 1))
    assert scan(model, workers=workers) == scan(model)


def test_progress_ends_at_the_total(model: Path) -> None:
    seen: list[tuple[int, int]] = []
    scan(model, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (9, 9)
    assert seen == sorted(seen)


def test_missing_changed_and_extra_are_told_apart(model: Path) -> None:
    sealed = seal(model)
    assert check(model, sealed) == []
    (model / "MLmodel").write_bytes(b"flavorz")
    (model / "empty").write_bytes(b"1")
    (model / "data" / "ü b.bin").unlink()
    (model / "new").touch()
    assert check(model, sealed) == [
        Damage("MLmodel", "changed"),
        Damage("data/ü b.bin", "missing"),
        Damage("empty", "changed"),
        Damage("new", "extra"),
    ]


def test_a_link_to_a_file_of_the_model_is_that_file(model: Path) -> None:
    (model / "alias").symlink_to("MLmodel")
    alias = scan(model).entry("alias")
    assert alias is not None
    assert alias.size == 7


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "nowhere", "data", "manifest.json", "."])
def test_other_links_are_refused(model: Path, target: str) -> None:
    seal(model)
    (model.parent / "secret").write_text("x")
    (model / "link").symlink_to(target)
    with pytest.raises(ManifestError, match="link is a link to") as caught:
        scan(model)
    assert caught.value.hint == "copy what it points to: cp -rL"


def test_what_is_no_plain_file_is_refused(model: Path) -> None:
    os.mkfifo(model / "pipe")
    with pytest.raises(ManifestError, match="pipe is no plain file"):
        scan(model)
    (model / "pipe").unlink()
    os.mknod(model / "socket", stat.S_IFSOCK | 0o600)
    with pytest.raises(ManifestError, match="socket is no plain file"):
        scan(model)


def test_a_name_that_is_not_utf8_is_refused(model: Path) -> None:
    Path(os.fsdecode(os.fsencode(model) + b"/\xff")).touch()
    with pytest.raises(ManifestError, match="is not UTF-8"):
        scan(model)


@pytest.mark.parametrize("leave", [[], ["sub"]])
def test_an_empty_folder_is_refused(tmp_path: Path, leave: list[str]) -> None:
    for name in leave:
        (tmp_path / name).mkdir()
    with pytest.raises(ManifestError, match="it is empty"):
        seal(tmp_path)
    assert not (tmp_path / NAME).exists()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        seal(tmp_path / "none")
    with pytest.raises(ManifestError, match="No such file"):
        load(tmp_path)


@pytest.mark.parametrize("how", ["grown", "same size", "added", "removed"])
def test_a_model_that_changes_while_it_is_read_is_refused(model: Path, how: str) -> None:
    def change(_done: int, _total: int) -> None:
        if how == "grown":
            (model / "MLmodel").write_bytes(b"flavors+")
        elif how == "same size":
            (model / "MLmodel").write_bytes(b"flavorz")
            os.utime(model / "MLmodel", ns=(1, 1))
        elif how == "added":
            (model / "new").touch()
        else:
            (model / "empty").unlink(missing_ok=True)

    with pytest.raises(ManifestError, match=r"changed while it was read|No such file"):
        seal(model, progress=change)
    assert not (model / NAME).exists()


def test_one_unreadable_file_stops_the_others(model: Path) -> None:
    found = walk(model)
    (model / "MLmodel").unlink()
    with pytest.raises(ManifestError, match="reading MLmodel: No such file"):
        hash_files(found, 2, None, parts=True)
