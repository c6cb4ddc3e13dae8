"""Our model server's code in a folder of its own, so that its environment sees nothing else of ours."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import ropeway_agent
import ropeway_runtime
from ropeway import places

PACKAGES = {"ropeway_runtime": ropeway_runtime, "ropeway_agent": ropeway_agent}


def runtime_code() -> Path:
    """A folder for PYTHONPATH, named by its content; made when absent, whole or not at all."""
    files = {f"{name}/{path.relative_to(root)}": path for name, root in _roots().items() for path in root.rglob("*.py")}
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0".encode() + hashlib.sha256(files[name].read_bytes()).digest())
    folder = places.cache() / "code" / f"runtime-{digest.hexdigest()[:12]}"
    if not folder.is_dir():
        _copy(files, folder)
    return folder


def _roots() -> dict[str, Path]:
    return {name: Path(str(package.__file__)).parent for name, package in PACKAGES.items()}


def _copy(files: dict[str, Path], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, source in files.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, partial / name)
        partial.rename(folder)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        if not folder.is_dir():  # else another process was faster
            raise
