"""The recorded examples of evaluate, and whether an endpoint's answer is the recorded one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropeway.errors import StageFailed
from ropeway.interfaces.serving import InferenceRequest


@dataclass(frozen=True, slots=True)
class Example:
    """A request in the Open Inference Protocol with the answer that the evaluated model gave."""

    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]

    def request(self, model: str) -> InferenceRequest:
        body = json.dumps({"inputs": list(self.inputs)}).encode()
        return InferenceRequest(f"/v2/models/{model}/infer", body, {"content-type": "application/json"})


@dataclass(frozen=True, slots=True)
class Examples:
    examples: tuple[Example, ...]
    tolerance: float
    """Largest absolute difference allowed between a recorded number and an answered one."""


def metadata_request(model: str) -> InferenceRequest:
    """What can be asked of any model when nobody recorded examples: who it is."""
    return InferenceRequest(f"/v2/models/{model}", b"", {}, method="GET")


def read_examples(path: Path) -> Examples | None:
    """None when the file is not there. Raises StageFailed when it is not what docs/recipes.md says."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        examples = tuple(Example(tuple(e["inputs"]), tuple(e["outputs"])) for e in content["examples"])
        tolerance = float(content.get("tolerance", 0.0))
    except (ValueError, KeyError, TypeError) as error:
        raise StageFailed(
            f"reading the examples {path.name}: {error!r}", "see docs/recipes.md, examples.json"
        ) from error
    if not examples:
        raise StageFailed(f"reading the examples {path.name}: it holds none", "see docs/recipes.md, examples.json")
    return Examples(examples, tolerance)


def difference(example: Example, body: bytes) -> float | None:
    """The largest absolute difference between the recorded and the answered numbers; None when the shapes differ."""
    try:
        answered = {output["name"]: output for output in json.loads(body)["outputs"]}
        pairs = [_pair(recorded, answered[recorded["name"]]) for recorded in example.outputs]
    except (ValueError, KeyError, TypeError):
        return None
    if any(pair is None for pair in pairs):
        return None
    return max((abs(a - b) for pair in pairs if pair for a, b in zip(*pair, strict=True)), default=0.0)


def _pair(recorded: dict[str, Any], answered: dict[str, Any]) -> tuple[Sequence[float], Sequence[float]] | None:
    left, right = list(_flat(recorded["data"])), list(_flat(answered["data"]))
    same = len(left) == len(right) and list(recorded["shape"]) == list(answered["shape"])
    return (left, right) if same else None


def _flat(data: object) -> Iterator[float]:
    if isinstance(data, list):
        for item in data:
            yield from _flat(item)
    elif isinstance(data, int | float):
        yield float(data)
    else:
        raise TypeError(f"{data!r} is no number")
