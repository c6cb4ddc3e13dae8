"""What stages and their jobs have written, each time from where the last look ended; a job's output while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ropeway.runs.status import RunStatus, StageStatus

Stream = Literal["log", "stdout", "stderr"]
JOB_STREAMS: tuple[Literal["stdout", "stderr"], ...] = ("stdout", "stderr")
COPIES = {"stdout": "out", "stderr": "err"}


@dataclass(frozen=True, slots=True)
class LogLine:
    """`stream`: `log` is what was done about the stage, the others what its job wrote."""

    stage: str
    stream: Stream
    text: str


class LogReader:
    """Remembers how far each stream was read."""

    def __init__(self, stages: Sequence[str]) -> None:
        self._stages = stages
        self._offsets: dict[tuple[str, Stream], int] = {}
        self._copied: set[tuple[str, Stream]] = set()

    def new(self, run: RunStatus) -> Iterator[LogLine]:
        """The lines that have come since the last call."""
        for stage in run.stages:
            if stage.name in self._stages and stage.attempt:
                yield from self._lines(stage.name, "log", self._local(run, stage, "log", "log"))
                for stream in JOB_STREAMS:
                    yield from self._lines(stage.name, stream, self._job_output(run, stage, stream))

    def _lines(self, stage: str, stream: Stream, new: bytes) -> Iterator[LogLine]:
        """Whole lines; the rest of the last one comes with the next call."""
        complete = new[: new.rfind(b"\n") + 1]
        place = (stage, stream)
        self._offsets[place] = self._offsets.get(place, 0) + len(complete)
        for line in complete.decode(errors="replace").splitlines():
            yield LogLine(stage, stream, line)

    def _job_output(self, run: RunStatus, stage: StageStatus, stream: Literal["stdout", "stderr"]) -> bytes:
        """From the copy in the run's folder, unless the job was seen running: the copy may have lost its beginning."""
        place = (stage.name, stream)
        live = self._offsets.get(place, 0) > 0 and place not in self._copied
        if not live and (run.folder / "logs" / f"{stage.name}.{COPIES[stream]}").is_file():
            self._copied.add(place)
            return self._local(run, stage, stream, COPIES[stream])
        if stage.state != "running" and not live:
            return b""
        from ropeway import api

        return api.job_output(run.id, stage.name, stream, self._offsets.get(place, 0))

    def _local(self, run: RunStatus, stage: StageStatus, stream: Stream, ending: str) -> bytes:
        path = run.folder / "logs" / f"{stage.name}.{ending}"
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            file.seek(self._offsets.get((stage.name, stream), 0))
            return file.read()
