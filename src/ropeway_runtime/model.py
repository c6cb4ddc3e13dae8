"""What every kind of model offers to the protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Arrays: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output: the protocol's datatype, and the shape with -1 where any size will do."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class Model(Protocol):
    """A loaded model: arrays in, arrays out. Calls from several threads at once are allowed."""

    @property
    def platform(self) -> str:
        """The engine and format, as the V2 metadata names it, e.g. `onnxruntime_onnx`."""

    @property
    def inputs(self) -> Sequence[TensorSpec]: ...

    @property
    def outputs(self) -> Sequence[TensorSpec]: ...

    def infer(self, inputs: Arrays, outputs: Sequence[str]) -> Arrays:
        """The named outputs, in that order.

        `inputs` has an array of the right datatype and shape for each input. Raises RequestError:
        400 when the engine refuses the combination of inputs, 500 when the computation fails.
        """
