"""Ropeway takes a model from an HPC cluster to a verified endpoint with one command, and proves every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ropeway.api import adopt, cancel, plan, resume, rollback, run, runs, status

__all__ = ["adopt", "cancel", "plan", "resume", "rollback", "run", "runs", "status"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The API is imported when it is first used: `import ropeway` alone costs nothing."""
    if name in __all__:
        from ropeway import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
