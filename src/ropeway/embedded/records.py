"""What is written down about each started service, so that any later process finds it, judges it and can end it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ropeway.embedded import processes
from ropeway.embedded.folder import SiteFolder, read, write
from ropeway.embedded.processes import Process
from ropeway.errors import UnexpectedReply


@dataclass(frozen=True)
class Record:
    """One start of one service."""

    name: str
    process: Process | None
    """None while it is being started: written down before, completed after."""
    mark: str
    """Told to the process in its environment, different at each start: finds it when we are killed in between."""
    command: tuple[str, ...]
    version: str
    url: str | None
    health: str | None
    """URL that answers 200 while the service is well; None: well as long as it runs."""
    grace_s: float
    ready: bool = False
    """Whether it has been well since it was started: one that is still starting may answer without being of use."""

    @property
    def alive(self) -> bool:
        return self.process is not None and processes.alive(self.process)

    def stop(self) -> None:
        """End the process; quiet when it is gone."""
        if self.process:
            processes.stop(self.process, timedelta(seconds=self.grace_s))


def dump(record: Record) -> str:
    return json.dumps(dataclasses.asdict(record), indent=1)


def parse(entry: dict[str, Any], where: Path) -> Record:
    """The record in a JSON object, read from `where`. What a newer release added is passed over.

    Raises UnexpectedReply when something is missing.
    """
    try:
        process = Process(**entry["process"]) if entry["process"] else None
        known = {field.name: entry[field.name] for field in dataclasses.fields(Record) if field.name in entry}
        return Record(**{**known, "process": process, "command": tuple(entry["command"])})
    except (KeyError, TypeError) as error:
        raise UnexpectedReply(f"reading the record of a service, {where}: {error!r}", f"rm {where}") from error


def save(folder: SiteFolder, record: Record) -> None:
    write(folder.record(record.name), dump(record))


def load(folder: SiteFolder, name: str) -> Record | None:
    """The record of the last start of a service; None when it was never started."""
    entry = read(folder.record(name))
    if not entry:
        return None
    record = parse(entry, folder.record(name))
    return record if record.process else dataclasses.replace(record, process=_by_mark(record.mark))


def _by_mark(mark: str) -> Process | None:
    return next((process for _, process in processes.marked(mark)), None)


def all_of(folder: SiteFolder) -> list[Record]:
    """The records of all services that were ever started here, oldest start first."""
    names = sorted(path.stem for path in folder.record("").parent.glob("[!.]*.json"))
    found = [record for name in names if (record := load(folder, name))]
    return sorted(found, key=lambda record: record.process.started if record.process else 0)
