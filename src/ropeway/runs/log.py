"""Each stage's log in the run's folder, one line an event: `2026-11-22T10:00:00.123Z text`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ropeway.runs.events import Event, Listener


def logging_to(folder: Path, listener: Listener) -> Listener:
    """A listener that writes each event down before it passes it on."""
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)

    def listen(event: Event) -> None:
        stamp = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = event.text if event.kind == "progress" else f"{event.kind}: {event.text}"
        with (logs / f"{event.stage or 'run'}.log").open("a", encoding="utf-8") as file:
            file.write(f"{stamp} {text}\n")
        listener(event)

    return listen
