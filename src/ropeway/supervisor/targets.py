"""Prometheus's list of replicas to scrape, in its file-based service discovery."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ropeway.adapters.local.endpoint_files import write_atomically
from ropeway.supervisor.plan import Replica


def render(replicas: Iterable[Replica]) -> str:
    """One group a replica, with the labels that its counters get; the same replicas give the same text."""
    groups = [_group(replica) for replica in sorted(replicas, key=lambda each: each.id)]
    return json.dumps(groups, indent=1) + "\n"


def write(path: Path, replicas: Iterable[Replica]) -> None:
    """Quiet when nothing has changed, so that Prometheus reads nothing anew."""
    text = render(replicas)
    try:
        if path.read_text(encoding="utf-8") == text:
            return
    except FileNotFoundError:
        pass
    write_atomically(path, text)


def _group(replica: Replica) -> dict[str, object]:
    labels = {
        "endpoint": replica.endpoint,
        "revision": replica.revision,
        "model": replica.model,
        "digest": replica.digest,
        "replica": replica.id,
    }
    return {"targets": [f"127.0.0.1:{replica.port}"], "labels": labels}
