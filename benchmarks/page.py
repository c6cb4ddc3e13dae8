"""Write docs/performance.md from the latest results: `python -m benchmarks.page`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """# Performance

Made by `python -m benchmarks.page` from `benchmarks/results/`; each table by `make bench-NAME`. Medians; a figure is
what was seen on the machine that is named, no more.
"""


def main() -> None:
    parts = [HEAD, *(table(json.loads(path.read_text())) for path in sorted(RESULTS.glob("*.json")))]
    PAGE.write_text("\n".join(parts))


def table(result: dict[str, Any]) -> str:
    machine = result["machine"]
    where = f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}"
    lines = [
        f"## {result['name']}\n",
        f"{result['at'][:10]}, commit {result['commit']}, {where}, load {machine['load']} at the end.\n",
        "| figure | measured | goal | met | rounds | smallest to largest |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        goal = "" if row["goal"] is None else f"<= {row['goal']:g} {row['unit']}"
        met = {True: "yes", False: "**no**", None: ""}[row["met"]]
        low, high = row["spread"]
        measured = f"{row['measured']:g} {row['unit']}"
        lines.append(f"| {row['figure']} | {measured} | {goal} | {met} | {row['rounds']} | {low:g} to {high:g} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
