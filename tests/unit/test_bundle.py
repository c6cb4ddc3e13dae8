"""A recipe as one file: always the same bytes, never what does not travel."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from ropeway.errors import ConfigError
from ropeway.runs.bundle import commit, find_recipe, pack


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    folder = tmp_path / "recipe"
    (folder / "sub").mkdir(parents=True)
    (folder / "train.py").write_text("print('ü')\n")
    (folder / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "sub" / "run.sh").chmod(0o755)
    return folder


def test_the_same_folder_gives_the_same_bytes_whatever_its_times(recipe: Path, tmp_path: Path) -> None:
    first = pack(recipe, tmp_path / "a.tar")
    os.utime(recipe / "train.py", (1, 1))
    assert pack(recipe, tmp_path / "b.tar") == first
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_what_is_made_by_running_is_left_out(recipe: Path, tmp_path: Path) -> None:
    (recipe / "__pycache__").mkdir()
    (recipe / "__pycache__" / "x.pyc").write_bytes(b"x")
    pack(recipe, tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert {m.name: m.mode & 0o111 for m in archive} == {"train.py": 0, "sub/run.sh": 0o111}


def test_a_link_and_an_empty_folder_are_refused(recipe: Path, tmp_path: Path) -> None:
    (recipe / "data").symlink_to("/etc/passwd")
    with pytest.raises(ConfigError, match="no plain file"):
        pack(recipe, tmp_path / "a.tar")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="empty"):
        pack(tmp_path / "empty", tmp_path / "a.tar")


def test_a_recipe_is_found_beside_the_pipeline_then_among_ours(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    assert find_recipe("recipe", tmp_path / "p.yaml") == recipe
    assert find_recipe("recipe", tmp_path / "pipelines" / "p.yaml") == recipe
    assert find_recipe("recipes/mnist", tmp_path / "p.yaml").joinpath("train.py").is_file()
    with pytest.raises(ConfigError, match="nowhere"):
        find_recipe("nowhere", tmp_path / "p.yaml")


def test_the_commit_says_when_the_folder_differs(recipe: Path) -> None:
    assert commit(recipe) is None

    def git(*words: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", "-C", str(recipe), *identity, *words], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    clean = commit(recipe)
    assert clean is not None
    assert len(clean) == 40
    (recipe / "train.py").write_text("changed")
    assert commit(recipe) == f"{clean}-dirty"
