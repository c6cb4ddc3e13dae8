"""report.html and report.json in the run's folder, each whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropeway import places
from ropeway.errors import AccessError, Unavailable
from ropeway.journal import Journal, RunRow
from ropeway.report import reading
from ropeway.report.facts import Report
from ropeway.report.gather import gather


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """Where the report of a run lies."""

    run: str
    html: Path
    json: Path


def write_report(journal: Journal, run: RunRow) -> WrittenReport:
    """Write both files, over those that are there; a run in any state has a report.

    Raises AccessError when the run's folder may not be written to, Unavailable when the disk does not take the files.
    """
    from ropeway.report.page import page

    report = gather(journal, run)
    folder = places.run_folder(run.id)
    written = WrittenReport(run.id, folder / "report.html", folder / "report.json")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(written.json, json.dumps(as_json(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        _write(written.html, page(report))
    except PermissionError as error:
        raise AccessError(f"writing the report of {run.id}: {error.strerror}", f"ls -ld {folder}") from error
    except OSError as error:
        raise Unavailable(f"writing the report of {run.id}: {error.strerror}", f"df -h {folder}") from error
    return written


def as_json(report: Report) -> Mapping[str, Any]:
    """The report as docs/report.md describes it; what is not finite is null."""
    content: Mapping[str, Any] = _plain(dataclasses.asdict(report))
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return reading.number(value) if isinstance(value, float) else value


def _write(path: Path, content: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
