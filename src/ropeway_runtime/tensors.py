"""Between JSON values and arrays of a tensor's datatype and shape; what does not fit is a RequestError."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ropeway_runtime import datatypes
from ropeway_runtime.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ropeway_runtime.model import Array, TensorSpec

# What overflows is refused below: numpy's own warning would only fill the log. Once, as it costs 2 us a time.
np.seterr(over="ignore")

DTYPES = {datatype: np.dtype(name) for datatype, name in datatypes.NUMPY.items()}
DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items()}
FOUND = {"b": "booleans", "i": "integers", "u": "integers", "f": "fractions", "U": "text"}


def zeros(spec: TensorSpec) -> Array:
    """The smallest input that a model takes: 1 wherever any size will do."""
    shape = [1 if size < 0 else size for size in spec.shape]
    if spec.datatype == "BYTES":
        return np.full(shape, "", dtype=object)
    return np.zeros(shape, dtype=DTYPES[spec.datatype])


def from_json(spec: TensorSpec, data: object, *, booleans: bool) -> Array:
    """JSON numbers, booleans or text, nested or flat, as an array of the spec's datatype.

    `booleans`: the request holds `true` or `false` somewhere, which numpy would take for 1 and 0
    among numbers, so every value is looked at.
    """
    if spec.datatype == "BYTES":
        return _text(spec, data)
    try:
        found = np.asarray(data)
    except ValueError as error:
        raise _ragged(spec) from error
    _check_kind(spec, found)
    if booleans and found.dtype.kind != "b" and _holds_boolean(data):
        raise _wrong(spec, "booleans among numbers")
    return _cast(spec, found)


def check_shape(spec: TensorSpec, shape: Sequence[int]) -> None:
    """Raise RequestError(400) unless `shape` is one that the spec allows; a size of 0 never is."""
    fits = len(shape) == len(spec.shape) and all(
        size > 0 and wanted in (size, -1) for size, wanted in zip(shape, spec.shape, strict=True)
    )
    if not fits:
        raise RequestError(
            400,
            f"input {spec.name!r}: expected shape {list(spec.shape)}"
            f"{' (-1: any size from 1)' if -1 in spec.shape else ''}, got {list(shape)}",
        )


def size(shape: Sequence[int]) -> int:
    """Elements of a tensor of that shape."""
    return math.prod(shape)


def datatype(array: Array) -> str:
    """The protocol's name for what the array holds."""
    return DATATYPES[array.dtype]


def to_json(name: str, array: Array) -> Array | list[object]:
    """An output as orjson takes it. Raises RequestError(500) for NaN and infinity, which JSON lacks."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise RequestError(500, f"output {name!r} holds NaN or infinity, which JSON cannot carry")
    if array.dtype.kind == "O":
        rows: list[object] = array.tolist()
        return rows
    # orjson reads contiguous memory only, and no array without dimensions: a scalar becomes a list of one.
    return np.ascontiguousarray(array)


def _check_kind(spec: TensorSpec, found: Array) -> None:
    allowed = "b" if spec.datatype == "BOOL" else "iu"
    if datatypes.is_float(spec.datatype):
        allowed = "iuf"
    if found.dtype.kind not in allowed and found.size:
        raise _wrong(spec, FOUND.get(found.dtype.kind, "null, objects or mixed values"))


def _cast(spec: TensorSpec, found: Array) -> Array:
    wanted = DTYPES[spec.datatype]
    if wanted.kind in "iu" and found.size:
        limits = np.iinfo(wanted)
        if int(found.min()) < limits.min or int(found.max()) > limits.max:
            raise _wrong(spec, "an integer outside its range")
    cast = found.astype(wanted, copy=False)
    if wanted.kind == "f" and not np.isfinite(cast).all():
        raise _wrong(spec, "a number outside its range")
    return cast


def _text(spec: TensorSpec, data: object) -> Array:
    try:
        found = np.array(data, dtype=object)
    except ValueError as error:
        raise _ragged(spec) from error
    if not all(isinstance(value, str) for value in found.flat):
        raise _wrong(spec, "values that are no text")
    return found


def _holds_boolean(data: object) -> bool:
    if isinstance(data, list):
        return any(_holds_boolean(value) for value in data)
    return isinstance(data, bool)


def _wrong(spec: TensorSpec, found: str) -> RequestError:
    return RequestError(400, f"input {spec.name!r}: expected {spec.datatype} values, got {found}")


def _ragged(spec: TensorSpec) -> RequestError:
    return RequestError(400, f"input {spec.name!r}: expected a full tensor, got rows of unequal length")
