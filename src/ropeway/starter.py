"""The files that `ropeway init` writes: a commented site, pipeline and recipe that work as they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ropeway.bundled import bundled
from ropeway.errors import AccessError, Conflict

FILES = {"site.yaml": "sites/one-machine.yaml", "pipeline.yaml": "pipelines/mnist.yaml"}
RECIPE = "recipes/mnist"


def write_starter(directory: Path) -> Sequence[Path]:
    """The paths written. Raises Conflict, and writes nothing, when one of them is there already."""
    taken = [name for name in (*FILES, RECIPE) if (directory / name).exists()]
    if taken:
        raise Conflict(
            f"writing a start into {directory}: {', '.join(taken)} is there already", "ropeway init NEW-FOLDER"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, source in FILES.items():
            shutil.copyfile(bundled(source), directory / name)
        shutil.copytree(bundled(RECIPE), directory / RECIPE, ignore=shutil.ignore_patterns("__pycache__"))
    except OSError as error:
        raise AccessError(f"writing a start into {directory}: {error.strerror}", f"ls -ld {directory}") from error
    return [directory / name for name in (*FILES, RECIPE)]
