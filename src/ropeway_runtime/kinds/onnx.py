"""Kind `onnx`: ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as engine

from ropeway_runtime import datatypes
from ropeway_runtime.errors import LoadError, RequestError, brief
from ropeway_runtime.model import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ropeway_runtime.model import Arrays

FAILURES = (
    engine.EPFail,
    engine.EngineError,
    engine.Fail,
    engine.InvalidArgument,
    engine.InvalidGraph,
    engine.InvalidProtobuf,
    engine.ModelRequiresCompilation,
    engine.NoModel,
    engine.NoSuchFile,
    engine.NotFound,
    engine.NotImplemented,
    engine.RuntimeException,
    RuntimeError,
    ValueError,
)
"""What ONNX Runtime raises; its own types share no base class."""

FATAL_ONLY = 4


class OnnxModel:
    """One session; ONNX Runtime allows `run` from several threads at once."""

    platform = "onnxruntime_onnx"

    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs = [_spec(node, "input") for node in session.get_inputs()]
        self.outputs = [_spec(node, "output") for node in session.get_outputs()]
        self._shared = _shared_sizes(session.get_inputs())

    def infer(self, inputs: Arrays, outputs: Sequence[str]) -> Arrays:
        for symbol, places in self._shared.items():
            sizes = {f"{name}[{axis}]": inputs[name].shape[axis] for name, axis in places}
            if len(set(sizes.values())) > 1:
                raise RequestError(400, f"expected one size for {symbol!r}, got {brief(sizes)}")
        try:
            results = self._session.run(outputs, inputs)
        except engine.InvalidArgument as error:
            raise RequestError(400, f"the engine refuses these inputs: {brief(error)}") from error
        except FAILURES as error:
            raise RequestError(500, f"the computation failed: {brief(error)}") from error
        return dict(zip(outputs, results, strict=True))


def open_model(path: Path, threads: int) -> OnnxModel:
    """The model in the file `path`. Raises LoadError."""
    try:
        session = onnxruntime.InferenceSession(path, _session_options(threads), providers=["CPUExecutionProvider"])
    except FAILURES as error:
        raise LoadError(
            f"{path.name}: ONNX Runtime {onnxruntime.__version__} cannot load it: {brief(error)}",
            "check the file with onnx.checker; export with an opset that this release knows",
        ) from error
    return OnnxModel(session)


def _session_options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    # Idle workers that spin take the CPU from the other replicas on the machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _shared_sizes(nodes: Sequence[Any]) -> dict[str, list[tuple[str, int]]]:
    """Named free sizes that stand in several places, with (input, axis) of each: they must be equal."""
    places: dict[str, list[tuple[str, int]]] = {}
    for node in nodes:
        for axis, size in enumerate(node.shape):
            if isinstance(size, str):
                places.setdefault(size, []).append((node.name, axis))
    return {symbol: found for symbol, found in places.items() if len(found) > 1}


def _spec(node: Any, role: str) -> TensorSpec:
    datatype = datatypes.ONNX.get(node.type)
    if datatype is None:
        raise LoadError(
            f"{role} {node.name}: expected a tensor, found {node.type}",
            "export tensors only (skl2onnx: options={'zipmap': False})",
        )
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return TensorSpec(node.name, datatype, shape)
