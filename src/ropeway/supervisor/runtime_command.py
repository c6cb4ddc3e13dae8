"""How a replica of the model server is started: which program, with which arguments, in which environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ropeway.interfaces.serving import RevisionSpec

_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "OMP_NUM_THREADS")
"""Variables that a replica gets from us. No other: ours may hold the store's keys."""


@dataclass(frozen=True, slots=True)
class RuntimeCommand:
    """`program`: such as (PYTHON, "-m", "ropeway_runtime"). `options`: further arguments for every replica."""

    program: tuple[str, ...]
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def arguments(self, spec: RevisionSpec, model_dir: Path, port: int) -> tuple[str, ...]:
        """The command line for one replica, which listens on loopback only."""
        return (
            *self.program,
            *("--model-dir", str(model_dir), "--model-name", spec.model, "--model-digest", spec.digest),
            *("--revision", spec.id, "--host", "127.0.0.1", "--port", str(port)),
            *self.options,
        )

    def environment(self, replica: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {**kept, **self.variables, "ROPEWAY_REPLICA": replica}
