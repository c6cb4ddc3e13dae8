"""What was chosen for the training, what was measured of the model, and the gates that it had to pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ropeway.report import reading
from ropeway.report.reading import Plain
from ropeway.report.source import Source
from ropeway.report.text import clean


@dataclass(frozen=True, slots=True)
class Gate:
    """`measured` is None when evaluate did not say."""

    metric: str
    required: str
    measured: float | None
    passed: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """`train` and `evaluate`: metrics by name. `wall_seconds` and `memory` (bytes, peak) are the training job's."""

    parameters: Mapping[str, Plain]
    train: Mapping[str, Plain]
    evaluate: Mapping[str, Plain]
    gates: tuple[Gate, ...]
    wall_seconds: float | None
    memory: int | None


NO_QUALITY = Quality({}, {}, {}, (), None, None)


def read_quality(source: Source) -> Quality:
    """From the stages' records; from the result files where a stage failed after it had written them."""
    trained, evaluated = source.record("train"), source.record("evaluate")
    measured = reading.mapping(evaluated.get("metrics") or source.result("evaluate", "metrics.json"))
    return Quality(
        parameters=reading.flat(trained.get("parameters") or source.result("train", "parameters.json")),
        train=reading.flat(trained.get("metrics") or source.result("train", "metrics.json")),
        evaluate=reading.flat(measured),
        gates=_gates(source, measured),
        wall_seconds=reading.number(trained.get("wall_seconds")),
        memory=reading.whole(trained.get("memory")),
    )


def _gates(source: Source, measured: Mapping[str, object]) -> tuple[Gate, ...]:
    required = reading.mapping((source.section("evaluate") or {}).get("require"))
    if not measured:
        return ()
    return tuple(_gate(str(name), bound, reading.number(measured.get(str(name)))) for name, bound in required.items())


def _gate(metric: str, bound: object, measured: float | None) -> Gate:
    from ropeway.config.units import Requirement

    try:
        passed = measured is not None and Requirement.parse(bound).met_by(measured)
    except ValueError:
        passed = False
    return Gate(clean(metric, 200), clean(bound, 200), measured, passed)
