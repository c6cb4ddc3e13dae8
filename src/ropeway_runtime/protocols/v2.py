"""The Open Inference Protocol (V2), REST with JSON tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ropeway_runtime import tensors
from ropeway_runtime.errors import RequestError, brief
from ropeway_runtime.protocols import InferenceRequest, documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ropeway_runtime.model import Array, Arrays, Model, TensorSpec
    from ropeway_runtime.service import Identity

SERVER = "ropeway"
BINARY = "binary_data_size"


def decode(body: bytes, model: Model) -> InferenceRequest:
    """The request's tensors, checked against the model's inputs. Raises RequestError."""
    document = documents.parse(body)
    given = _by_name(document.get("inputs"), "inputs")
    _expect_names("inputs", model.inputs, given)
    booleans = documents.holds_booleans(body)
    inputs = {spec.name: _tensor(spec, given[spec.name], booleans) for spec in model.inputs}
    identifier = document.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise RequestError(400, f"expected 'id': text, got {documents.kind(identifier)}")
    return InferenceRequest(inputs, _outputs(document.get("outputs"), model.outputs), identifier)


def encode(identity: Identity, request: InferenceRequest, results: Arrays) -> bytes:
    answer: dict[str, object] = {"model_name": identity.name}
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = [_output(name, results[name]) for name in request.outputs]
    return documents.write(answer)


def server_metadata(version: str) -> bytes:
    return documents.write({"name": SERVER, "version": version, "extensions": []})


def model_metadata(identity: Identity, model: Model) -> bytes:
    """What the model takes and gives, and under `parameters` which one it is."""
    return documents.write(
        {
            "name": identity.name,
            "versions": [identity.revision] if identity.revision else [],
            "platform": model.platform,
            "inputs": [_described(spec) for spec in model.inputs],
            "outputs": [_described(spec) for spec in model.outputs],
            "parameters": {"digest": identity.digest, "revision": identity.revision},
        }
    )


def _by_name(listed: object, field: str) -> dict[str, dict[str, Any]]:
    if not isinstance(listed, list) or not listed:
        raise RequestError(400, f"expected {field!r}: a list of at least one tensor")
    named: dict[str, dict[str, Any]] = {}
    for tensor in listed:
        name = tensor.get("name") if isinstance(tensor, dict) else None
        if not isinstance(name, str) or name in named:
            raise RequestError(400, f"expected {field!r}: objects, each with a 'name' of its own")
        named[name] = tensor
    return named


def _expect_names(field: str, specs: Sequence[TensorSpec], given: dict[str, dict[str, Any]]) -> None:
    wanted = [spec.name for spec in specs]
    if given.keys() != set(wanted):
        raise RequestError(400, f"expected {field} {wanted}, got {brief(list(given))}")


def _tensor(spec: TensorSpec, given: dict[str, Any], booleans: bool) -> Array:
    if given.get("datatype") != spec.datatype:
        found = str(given.get("datatype"))[:32]
        raise RequestError(400, f"input {spec.name!r}: expected datatype {spec.datatype}, got {found}")
    shape = _shape(spec, given.get("shape"))
    tensors.check_shape(spec, shape)
    if "data" not in given:
        parameters = given.get("parameters")
        binary = isinstance(parameters, dict) and BINARY in parameters
        hint = "this server takes JSON tensors only" if binary else "a list of values"
        raise RequestError(400, f"input {spec.name!r}: expected 'data': {hint}")
    array = tensors.from_json(spec, given["data"], booleans=booleans)
    if array.shape != tuple(shape) and (array.ndim != 1 or array.size != tensors.size(shape)):
        raise RequestError(
            400,
            f"input {spec.name!r}: expected {tensors.size(shape)} values for shape {shape},"
            f" got data of shape {list(array.shape)}",
        )
    return array.reshape(shape)


def _shape(spec: TensorSpec, shape: object) -> list[int]:
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        raise RequestError(400, f"input {spec.name!r}: expected 'shape': a list of integers")
    return shape


def _outputs(listed: object, specs: Sequence[TensorSpec]) -> list[str]:
    known = [spec.name for spec in specs]
    if listed is None or listed == []:
        return known
    wanted = list(_by_name(listed, "outputs"))
    if not set(wanted) <= set(known):
        raise RequestError(400, f"expected outputs among {known}, got {brief(wanted)}")
    return wanted


def _output(name: str, array: Array) -> dict[str, object]:
    datatype = tensors.datatype(array)
    data = tensors.to_json(name, array.ravel())
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": data}


def _described(spec: TensorSpec) -> dict[str, object]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}
