"""Show how far a job is, from what it writes into `progress.jsonl` while it runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ropeway.errors import RopewayError
from ropeway.names import HostPath
from ropeway.stages.context import Context

SECONDS = 2.0
"""Between two looks: a person's patience, and next to no load."""
_BLOCK = 1 << 20


@contextmanager
def shown(context: Context) -> Iterator[None]:
    """While this lasts, the newest line of the job's progress is told whenever there is a new one."""
    over = threading.Event()
    path = HostPath(f"{context.site.scheduler.folder(context.key).results}/progress.jsonl")
    thread = threading.Thread(target=_tell, args=(context, path, over), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _tell(context: Context, path: HostPath, over: threading.Event) -> None:
    offset = 0
    while not over.wait(SECONDS):
        try:
            new = b"".join(context.site.scheduler.host.read(path, offset, _BLOCK))
        except RopewayError:
            continue
        complete = new[: new.rfind(b"\n") + 1]
        offset += len(complete)
        if complete:
            context.say(in_words(complete.splitlines()[-1]))


def in_words(line: bytes) -> str:
    """`epoch 1, step 120 of 469, loss 0.3124, 5200 samples/s`; whatever else the line holds follows as it is."""
    try:
        entry = json.loads(line)
        rest = dict(entry)
    except (ValueError, TypeError):
        return line.decode(errors="replace")[:200]
    words = [f"epoch {rest.pop('epoch')}"] if "epoch" in rest else []
    if "step" in rest:
        total = f" of {rest.pop('steps')}" if "steps" in rest else ""
        words.append(f"step {rest.pop('step')}{total}")
    if "samples_per_second" in rest:
        rest["samples/s"] = rest.pop("samples_per_second")
    return ", ".join(words + [f"{name} {_short(value)}" for name, value in rest.items() if name != "time"])


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:80]
