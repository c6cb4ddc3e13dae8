"""What comes with Ropeway besides code: recipes, environments, example pipelines and sites."""

from __future__ import annotations

from pathlib import Path

from ropeway.errors import NotFound

_PACKAGE = Path(__file__).parent
_IN_WHEEL = _PACKAGE / "bundled"
_ROOT = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent.parent


def bundled(name: str) -> Path:
    """The file or folder of that name, such as `recipes/mnist`. Raises NotFound."""
    path = _ROOT / name
    if not path.exists():
        raise NotFound(f"looking for {name!r} among what Ropeway brings: there is none")
    return path
