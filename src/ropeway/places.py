"""Where Ropeway keeps things on this machine: its home, and the folder of each run."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """`$ROPEWAY_HOME`, else `ropeway` in the user's state folder."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(os.environ.get("ROPEWAY_HOME") or f"{state}/ropeway").expanduser().absolute()


def cache() -> Path:
    """Where downloaded things lie: `$ROPEWAY_CACHE`, else `ropeway` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("ROPEWAY_CACHE") or f"{base}/ropeway").expanduser().absolute()


def journal() -> str:
    """`$ROPEWAY_JOURNAL` (a path or postgresql://…), else a file in the home."""
    return os.environ.get("ROPEWAY_JOURNAL") or str(home() / "journal.sqlite")


def run_folder(run: str) -> Path:
    return home() / "runs" / run
