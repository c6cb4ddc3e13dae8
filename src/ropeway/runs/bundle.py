"""A recipe as one tar file: the same folder gives the same bytes, and a run keeps the recipe it began with."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from ropeway.bundled import bundled
from ropeway.errors import ConfigError, NotFound
from ropeway.names import Digest

LIMIT = 256 * 2**20
"""Bytes: a recipe is code. Data and base models come from their sources."""
_LEFT_OUT = {".git", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", "node_modules"}


def find_recipe(name: str, pipeline_file: Path | None) -> Path:
    """The recipe's folder: beside the pipeline file, beside that one's folder, or among what Ropeway brings."""
    near = [pipeline_file.absolute().parent, pipeline_file.absolute().parent.parent] if pipeline_file else [Path.cwd()]
    for place in near:
        if (place / name).is_dir():
            return place / name
    try:
        return bundled(name)
    except NotFound as error:
        looked = ", ".join(str(place / name) for place in near)
        raise ConfigError(f"looking for the recipe {name!r}: neither {looked} nor one that Ropeway brings") from error


def pack(folder: Path, target: Path) -> Digest:
    """Write the folder as a tar file, times and owners left out; the digest of its bytes.

    Raises ConfigError when it is larger than LIMIT, or holds what does not travel.
    """
    files = sorted(_files(folder))
    if not files:
        raise ConfigError(f"packing the recipe {folder}: it is empty")
    total = sum(path.stat().st_size for path in files)
    if total > LIMIT:
        raise ConfigError(f"packing the recipe {folder}: {total / 2**20:.0f} MiB, at most {LIMIT // 2**20} are taken")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in files:
            archive.addfile(_entry(folder, path), io.BytesIO(path.read_bytes()))
    content = buffer.getvalue()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.write_bytes(content)
    return Digest("sha256-" + hashlib.sha256(content).hexdigest())


def commit(folder: Path) -> str | None:
    """The git commit that the folder is at, with `-dirty` when it differs; None outside a checkout."""
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    return head + ("-dirty" if _git(folder, "status", "--porcelain", "--", ".") else "")


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for name in names:
            path = Path(place, name)
            if path.is_symlink() or not path.is_file():
                raise ConfigError(f"packing the recipe {folder}: {path.name} is no plain file", f"ls -l {path}")
            yield path


def _entry(folder: Path, path: Path) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
    entry.size = path.stat().st_size
    entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
    return entry


def _git(folder: Path, *words: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
