"""The protocols that clients speak; each one decodes a request, encodes an answer, describes the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ropeway_runtime.model import Arrays


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """Arrays that fit the model's inputs, and the outputs that the client wants."""

    inputs: Arrays
    outputs: Sequence[str]
    id: str | None = None
