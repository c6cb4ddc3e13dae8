"""Environments are built once, whole, and of nothing but what the lock file names."""

from __future__ import annotations

import hashlib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ropeway import environments, places
from ropeway.errors import ConfigError, NotFound, Unavailable

WHEEL = "tiny-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROPEWAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock file with one package, which lies beside it."""
    wheel = tmp_path / WHEEL
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "ANSWER = 42\n")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    return pin(tmp_path, hashlib.sha256(wheel.read_bytes()).hexdigest())


def pin(folder: Path, digest: str) -> Path:
    path = folder / "requirements.txt"
    path.write_text(f"tiny @ {(folder / WHEEL).as_uri()} --hash=sha256:{digest}\n")
    return path


def build(lock: Path, said: list[str] | None = None, imports: tuple[str, ...] = ("tiny",)) -> Path:
    return environments.ensure("tiny", lock=lock, progress=(said if said is not None else []).append, imports=imports)


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ROPEWAY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert places.cache() == tmp_path / "ropeway"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert places.cache() == Path.home() / ".cache" / "ropeway"


def test_an_environment_holds_what_the_lock_names(lock: Path, cache: Path) -> None:
    said: list[str] = []
    python = build(lock, said)
    assert python.is_relative_to(cache / "environments")
    assert list(python.parents[1].glob("lib/*/site-packages/tiny.py"))
    assert str(python.parents[1]) in said[0]
    assert "ready" in said[-1]


def test_the_second_time_nothing_is_done(lock: Path) -> None:
    build(lock)
    said: list[str] = []
    build(lock, said)
    assert said == []


def test_two_at_once_build_once(lock: Path) -> None:
    said: list[str] = []
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: build(lock, said), range(2))
    assert first == second
    assert sum("installing" in line for line in said) == 1


def test_another_lock_is_another_environment(lock: Path) -> None:
    first = environments.folder_of("tiny", lock)
    lock.write_text(lock.read_text() + "# changed\n")
    assert environments.folder_of("tiny", lock) != first


def test_one_that_was_cut_short_is_built_again(lock: Path) -> None:
    folder = environments.folder_of("tiny", lock)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("half of it")
    assert build(lock).is_symlink()


def test_one_whose_python_was_removed_is_built_again(lock: Path) -> None:
    python = build(lock)
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert build(lock).exists()


def test_other_bytes_than_the_lock_names_are_refused(lock: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="installing the environment tiny") as caught:
        build(pin(tmp_path, "0" * 64))
    assert caught.value.hint is not None
    assert "other bytes" in caught.value.hint


def test_an_environment_that_cannot_be_imported_is_not_used(lock: Path) -> None:
    with pytest.raises(Unavailable, match="No module named 'absent'"):
        build(lock, imports=("absent",))
    assert not (environments.folder_of("tiny", lock) / environments.COMPLETE).exists()


def test_a_missing_lock_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.txt"):
        build(tmp_path / "none.txt")


def test_locks_of_ropeway_are_found_by_name() -> None:
    assert environments.lock_of("mlflow-server").name == "requirements.txt"
    with pytest.raises(NotFound, match="envs/absent"):
        environments.lock_of("absent")


def test_a_full_disk_has_its_own_hint() -> None:
    assert "ROPEWAY_CACHE" in environments.hint("failed to write: No space left on device (os error 28)")
