"""How traffic moved to the new revision, and which names moved with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ropeway.journal import EffectRow
from ropeway.report import reading
from ropeway.report.source import Source

_WEIGHT = "weight-"
_JUDGEMENT = "judge-"
_ALIAS = "alias-"


@dataclass(frozen=True, slots=True)
class Step:
    """One weight of the new revision, in percent, and what was seen while it had it. Latencies in seconds.

    `judged`: False where too few requests came; None where the step was not passed. The figures are None then.
    """

    weight: int
    at: float | None
    judged: bool | None
    requests: int | None
    errors: int | None
    latency_p95: float | None
    stable_requests: int | None
    stable_errors: int | None
    stable_latency_p95: float | None


@dataclass(frozen=True, slots=True)
class AliasMove:
    """From version to version; None where the alias did not exist before, or does not after."""

    model: str
    alias: str
    before: int | None
    after: int | None
    at: float | None


@dataclass(frozen=True, slots=True)
class Rollout:
    """`replaced`: the version that had the traffic before. `kept_until`: when its revision is taken away."""

    steps: tuple[Step, ...]
    aliases: tuple[AliasMove, ...]
    replaced: int | None
    kept_until: float | None


def read_rollout(source: Source) -> Rollout:
    promotion = source.record("promote")
    done = {weight: reading.mapping(effect.record) for effect, weight in _numbered(source, _JUDGEMENT)}
    done |= {
        weight: step for step in _mappings(promotion.get("steps")) if (weight := reading.whole(step.get("weight")))
    }
    began = {weight: effect.recorded_at for effect, weight in _numbered(source, _WEIGHT)}
    weights = sorted({*began, *done})
    return Rollout(
        steps=tuple(_step(weight, began.get(weight), done.get(weight)) for weight in weights),
        aliases=tuple(_moves(source)),
        replaced=reading.whole((promotion or source.record("rollback")).get("replaced")),
        kept_until=_kept_until(source),
    )


def _step(weight: int, at: float | None, result: Mapping[str, Any] | None) -> Step:
    seen = result or {}
    judged = seen.get("judged")
    return Step(
        weight=weight,
        at=at,
        judged=judged if isinstance(judged, bool) else None,
        requests=reading.whole(seen.get("requests")),
        errors=reading.whole(seen.get("errors")),
        latency_p95=reading.number(seen.get("latency_p95")),
        stable_requests=reading.whole(seen.get("stable_requests")),
        stable_errors=reading.whole(seen.get("stable_errors")),
        stable_latency_p95=reading.number(seen.get("stable_latency_p95")),
    )


def _numbered(source: Source, prefix: str) -> Iterator[tuple[EffectRow, int]]:
    """The effects `PREFIX<percent>` of the last attempt to promote, each with its percent."""
    promoting = [effect for effect in source.effects if effect.stage == "promote"]
    last = max((effect.attempt for effect in promoting), default=0)
    for effect in promoting:
        percent = effect.name.removeprefix(prefix)
        if effect.attempt == last and effect.name.startswith(prefix) and percent.isdecimal() and len(percent) <= 3:
            yield effect, int(percent)


def _moves(source: Source) -> Iterator[AliasMove]:
    for effect in source.effects:
        move = reading.mapping(effect.record)
        before, after = reading.whole(move.get("before")), reading.whole(move.get("after"))
        if effect.name.startswith(_ALIAS) and before != after:
            alias = reading.text(move.get("alias")) or effect.name.removeprefix(_ALIAS)
            yield AliasMove(reading.text(move.get("model")) or "", alias, before, after, effect.recorded_at)


def _kept_until(source: Source) -> float | None:
    kept = [effect.record for effect in source.effects if effect.name == "keep-old" and effect.record]
    revisions = _mappings(reading.mapping(kept[-1].get("after")).get("revisions")) if kept else []
    ends = (reading.number(revision.get("retire_at")) for revision in revisions)
    return max((end for end in ends if end is not None), default=None)


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in reading.items(value) if isinstance(item, Mapping)]
