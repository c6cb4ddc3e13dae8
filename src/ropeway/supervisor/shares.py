"""Which share of the traffic each revision gets now, while the wished ones are still on their way up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ropeway.interfaces.serving import RevisionId

Shares = Mapping[RevisionId, int]
"""Percent of the endpoint's traffic; they add up to 100, or the mapping is empty and nobody answers."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A revision that could carry traffic. `weight` is what is wished, 0 for one that is to go away.

    `ready`: replicas that say so now; `alive`: those that have said so, which the gateway's health check watches.
    """

    revision: RevisionId
    weight: int
    minimum: int
    ready: int
    alive: int


def shares(carriers: Sequence[Carrier], now: Shares) -> Shares:
    """The shares to give, from the wished weights, the ready replicas and the shares as they are.

    A revision gets traffic once it has all the replicas that it must have, and keeps it while one is left. As long
    as no wished revision can take over, those that carry the traffic now go on: nothing is lost by a replacement.
    """
    wished = [each for each in carriers if each.weight > 0]
    if not wished:
        return {}
    able = [each for each in wished if each.ready >= each.minimum or (each.alive and now.get(each.revision))]
    if able:
        return _percent((each.revision, each.weight) for each in able)
    alive = {each.revision for each in carriers if each.alive}
    going_on = [(revision, share) for revision, share in now.items() if revision in alive]
    return _percent(going_on or ((each.revision, each.weight) for each in wished if each.ready))


def _percent(weights: Iterable[tuple[RevisionId, int]]) -> Shares:
    """Scaled to 100; what rounding leaves over goes to the largest."""
    given = dict(weights)
    if not given:
        return {}
    total = sum(given.values())
    scaled = {revision: weight * 100 // total for revision, weight in given.items()}
    largest = max(scaled, key=lambda revision: scaled[revision])
    scaled[largest] += 100 - sum(scaled.values())
    return scaled
