"""Runs a model for many clients: fast inferences in place, slow ones in a thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING

from ropeway_runtime import tensors
from ropeway_runtime.errors import LoadError, RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ropeway_runtime.model import Arrays, Model

INLINE_SECONDS = 0.002
"""Up to here an inference runs in the event loop: a thread adds about 0.2 ms of CPU to a request (measured on 2 cores
with inferences of 0.06 and 0.26 ms; it answers more clients only where a second core idles). Beyond it, what else the
loop has to do, health checks first, would wait too long."""

WEIGHT = 0.1
"""Of the latest run in the moving average of what an element costs."""

UNKNOWN_COST = 1.0
"""Seconds per element of a model that could not be timed: slow until its own runs tell."""

WARM_UP_RUNS = 5
WARM_UP_SECONDS = 0.25


class Inference:
    """One model. At most one slow inference at a time: its own threads already use all CPUs."""

    def __init__(self, model: Model, seconds_per_element: float) -> None:
        self.model = model
        self._cost = seconds_per_element
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")

    async def run(self, inputs: Arrays, outputs: Sequence[str]) -> Arrays:
        """The named outputs. Raises RequestError."""
        elements = sum(array.size for array in inputs.values())
        if elements * self._cost <= INLINE_SECONDS:
            return self._timed(inputs, outputs, elements)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._timed, inputs, outputs, elements)

    def _timed(self, inputs: Arrays, outputs: Sequence[str], elements: int) -> Arrays:
        start = perf_counter()
        results = self.model.infer(inputs, outputs)
        self._cost += WEIGHT * ((perf_counter() - start) / max(1, elements) - self._cost)
        return results


def warmed_up(model: Model) -> Inference:
    """Run the smallest input a few times, so that no client pays for first-run work, and time it.

    Raises LoadError when a model of one input size fails on it. Where several sizes are free, the
    smallest may be no valid input: such a model starts cold, in the thread.
    """
    inputs = {spec.name: tensors.zeros(spec) for spec in model.inputs}
    elements = sum(array.size for array in inputs.values())
    try:
        seconds = _fastest(model, inputs)
    except RequestError as error:
        if any(-1 in spec.shape[1:] for spec in model.inputs):
            return Inference(model, UNKNOWN_COST)
        raise LoadError(f"warming up: {error.message}", "run the model on zeros with its own engine") from error
    return Inference(model, seconds / max(1, elements))


def _fastest(model: Model, inputs: Arrays) -> float:
    outputs = [spec.name for spec in model.outputs]
    runs: list[float] = []
    while len(runs) < WARM_UP_RUNS and sum(runs) < WARM_UP_SECONDS:
        start = perf_counter()
        model.infer(inputs, outputs)
        runs.append(perf_counter() - start)
    return min(runs)
