"""The kinds of model that this server loads; which one a folder holds is read from its own files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from ropeway_runtime.kinds.detection import Artifact, detect

if TYPE_CHECKING:
    from pathlib import Path

    from ropeway_runtime.model import Model

__all__ = ["Artifact", "Opener", "detect", "opener"]


class Opener(Protocol):
    def __call__(self, path: Path, threads: int) -> Model:
        """The model at `path`, each inference on `threads` threads. Raises LoadError."""


def opener(kind: str) -> Opener:
    """Imports the kind's engine, which no other kind needs."""
    return cast("Opener", import_module(f"ropeway_runtime.kinds.{kind}").open_model)
