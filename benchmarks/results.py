"""The one form of every result: figures with their goals, on this machine, at this commit."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import ropeway

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One figure. `goal`: an upper bound in the same unit, if any. `spread`: smallest and largest."""

    figure: str
    unit: str
    measured: float
    goal: float | None
    met: bool | None
    rounds: int
    spread: tuple[float, float]


def row(figure: str, unit: str, values: Sequence[float], goal: float | None = None) -> Row:
    """The median of these values."""
    median = statistics.median(values)
    met = None if goal is None else median <= goal
    return Row(figure, unit, round(median, 3), goal, met, len(values), (round(min(values), 3), round(max(values), 3)))


def publish(name: str, rows: Sequence[Row], versions: Mapping[str, str] | None = None) -> None:
    """Print the table, and write it down."""
    width = max(len(r.figure) for r in rows)
    print(f"{name}\n{'figure':<{width}}  {'median':>9}  unit    goal       met  rounds  spread")
    for r in rows:
        goal = f"<= {r.goal:g}" if r.goal is not None else ""
        met = {True: "yes", False: "NO", None: ""}[r.met]
        spread = f"{r.spread[0]:g}..{r.spread[1]:g}"
        print(f"{r.figure:<{width}}  {r.measured:>9g}  {r.unit:<6}  {goal:<9}  {met:<3}  {r.rounds:>6}  {spread}")
    RESULTS.mkdir(exist_ok=True)
    content = {
        "name": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {"ropeway": ropeway.__version__, "python": platform.python_version(), **(versions or {})},
        "commit": _commit(),
        "rows": [asdict(r) for r in rows],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def machine() -> dict[str, object]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "system": system,
        "load": round(os.getloadavg()[0], 1),
    }


def _commit() -> str:
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return head.stdout.strip() or "unknown"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "ropeway", *words]
