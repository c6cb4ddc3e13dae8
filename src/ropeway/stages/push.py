"""Send a sealed model from the scheduler's host to the store: we sign each part, the agent there sends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from ropeway.config.pipeline import Sync
from ropeway.errors import Conflict
from ropeway.interfaces.host import Channel
from ropeway.interfaces.store import Part, SignedPart
from ropeway.names import Digest, HostPath
from ropeway.stages.context import Context
from ropeway_agent.manifest import Manifest

LIFETIME = timedelta(minutes=10)
"""How long a signed request is good. Short: it is a secret while it lives. It is signed again when it has expired."""
WINDOW = 128
"""Parts signed ahead: at 16 MiB a part, 2 GiB, which a line of 40 Mbit/s takes within LIFETIME."""


def push(context: Context, model: str, manifest: Manifest, source: HostPath) -> int:
    """Bytes sent; parts that the store already has are not sent again. Nothing is visible until it is published.

    Raises Unavailable when the store or the host does not answer, UnexpectedReply when the store refuses the bytes.
    """
    patience = (context.pipeline.sync or Sync()).patience.total_seconds()
    for last in (False, False, True):
        missing = context.site.store.missing(context.key, model, manifest, check=True)
        if not missing:
            break
        try:
            with context.site.scheduler.host.open("push", {"directory": source, "budget": patience}) as channel:
                _Sending(context, model, Digest(manifest.digest), channel, missing).run()
        except Conflict:  # another publisher of the same model has ended an upload that we shared: look again
            if last:
                raise
        else:
            return sum(part.size for part in missing)
    return 0


class _Sending:
    """Keeps the agent supplied with signed parts until it has told that all have arrived."""

    def __init__(self, context: Context, model: str, digest: Digest, channel: Channel, parts: Sequence[Part]) -> None:
        self._context = context
        self._model = model
        self._digest = digest
        self._channel = channel
        self._waiting = list(reversed(parts))
        self._under_way: dict[tuple[str, int], Part] = {}
        self._total = sum(part.size for part in parts)

    def run(self) -> None:
        self._supply()
        for line in self._channel:
            told: Any = line
            for arrived in told.get("sent", ()):
                self._under_way.pop((arrived["path"], arrived["start"]), None)
            self._send([self._under_way[part["path"], part["start"]] for part in told.get("renew", ())])
            if "bytes" in told:
                self._context.say(f"sent {told['bytes'] / 1e6:.1f} of {self._total / 1e6:.1f} MB")
            self._supply()

    def _supply(self) -> None:
        room = WINDOW - len(self._under_way)
        following = [self._waiting.pop() for _ in range(min(room, len(self._waiting)))]
        self._under_way.update({(part.path, part.start): part for part in following})
        self._send(following)
        if not self._under_way:
            self._channel.send({"done": True})

    def _send(self, parts: Sequence[Part]) -> None:
        if parts:
            signed = self._context.site.store.sign(self._model, self._digest, parts, LIFETIME)
            self._channel.send({"parts": _documents(signed)})


def _documents(signed: Iterable[SignedPart]) -> list[dict[str, object]]:
    return [
        {
            "path": each.part.path,
            "start": each.part.start,
            "size": each.part.size,
            "sha256": each.part.sha256,
            "url": each.url,
            "headers": dict(each.headers),
        }
        for each in signed
    ]
