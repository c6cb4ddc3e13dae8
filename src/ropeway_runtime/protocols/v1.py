"""KServe's V1 protocol: `{"instances": [...]}` in, `{"predictions": [...]}` out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ropeway_runtime import tensors
from ropeway_runtime.errors import RequestError, brief
from ropeway_runtime.protocols import InferenceRequest, documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ropeway_runtime.model import Array, Arrays, Model, TensorSpec
    from ropeway_runtime.service import Identity


def decode(body: bytes, model: Model) -> InferenceRequest:
    """Instances, each one row of the batch: a value, or an object by input name. Raises RequestError."""
    instances = documents.parse(body).get("instances")
    if not isinstance(instances, list) or not instances:
        found = "an empty list" if instances == [] else documents.kind(instances)
        raise RequestError(400, f"expected 'instances': a list of at least one, got {found}")
    columns = _columns(instances, model.inputs)
    booleans = documents.holds_booleans(body)
    inputs = {spec.name: _rows(spec, columns[spec.name], booleans) for spec in model.inputs}
    return InferenceRequest(inputs, [spec.name for spec in model.outputs])


def encode(_: Identity, request: InferenceRequest, results: Arrays) -> bytes:
    """One prediction an instance: the output's row, or an object of rows where a model has several."""
    return documents.write({"predictions": _predictions(request, results)})


def model_list(identity: Identity) -> bytes:
    return documents.write({"models": [identity.name]})


def model_status(identity: Identity, *, ready: bool) -> bytes:
    return documents.write({"name": identity.name, "ready": ready})


def _columns(instances: list[Any], specs: Sequence[TensorSpec]) -> dict[str, list[Any]]:
    names = {spec.name for spec in specs}
    if len(specs) == 1 and not isinstance(instances[0], dict):
        return {specs[0].name: instances}
    for number, instance in enumerate(instances):
        if not isinstance(instance, dict) or instance.keys() != names:
            found = sorted(instance) if isinstance(instance, dict) else documents.kind(instance)
            raise RequestError(400, f"instance {number}: expected an object with {sorted(names)}, got {brief(found)}")
    return {name: [instance[name] for instance in instances] for name in names}


def _rows(spec: TensorSpec, rows: list[Any], booleans: bool) -> Array:
    array = tensors.from_json(spec, rows, booleans=booleans)
    tensors.check_shape(spec, array.shape)
    return array


def _predictions(request: InferenceRequest, results: Arrays) -> object:
    columns = {name: tensors.to_json(name, array) for name, array in results.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    count = len(next(iter(request.inputs.values())))
    for name, array in results.items():
        if array.shape[:1] != (count,):
            raise RequestError(500, f"output {name!r} has no row for each instance: ask by the V2 protocol")
    return [{name: column[row] for name, column in columns.items()} for row in range(count)]
