"""What is written down of each replica, so that the next supervisor finds it: before it starts, and once it has."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ropeway.adapters.local.endpoint_files import ServingFolder, write_atomically
from ropeway.adapters.local.strict_json import from_json, to_json
from ropeway.embedded import processes
from ropeway.embedded.processes import Process
from ropeway.errors import UnexpectedReply
from ropeway.interfaces.serving import RevisionId
from ropeway.names import Digest


@dataclass(frozen=True, slots=True)
class ReplicaRecord:
    """`process` is None from the decision to start it until it is known to run. `started`: seconds since 1970."""

    id: str
    endpoint: str
    revision: RevisionId
    model: str
    digest: Digest
    port: int
    started: float
    process: Process | None = None


def mark(folder: ServingFolder, replica: str) -> str:
    """What the replica's process carries in its environment."""
    return f"{folder.replicas}/{replica}"


def save(folder: ServingFolder, record: ReplicaRecord) -> None:
    write_atomically(_file(folder, record.id), json.dumps(to_json(record)))


def forget(folder: ServingFolder, replica: str) -> None:
    _file(folder, replica).unlink(missing_ok=True)


def load(folder: ServingFolder) -> Iterator[ReplicaRecord]:
    """Records of replicas that run, by pid, start time and boot; those of others are forgotten.

    One whose supervisor was killed between its start and the record of it is found by its mark.
    """
    marked = dict(processes.marked(f"{folder.replicas}/"))
    for path in sorted(folder.replicas.glob("*.json")):
        record = _found(folder, path, marked)
        if record is not None and record.process is not None and processes.alive(record.process):
            yield record
        else:
            path.unlink(missing_ok=True)


def _found(folder: ServingFolder, path: Path, marked: Mapping[str, Process]) -> ReplicaRecord | None:
    with contextlib.suppress(UnexpectedReply, ValueError):
        record = from_json(ReplicaRecord, json.loads(path.read_bytes()), str(path))
        if record.process is not None:
            return record
        record = replace(record, process=marked.get(mark(folder, record.id)))
        save(folder, record)
        return record
    return None


def _file(folder: ServingFolder, replica: str) -> Path:
    return folder.replicas / f"{replica}.json"
