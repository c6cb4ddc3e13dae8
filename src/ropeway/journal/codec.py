"""Records to JSON and back: strict in what is written, tolerant of fields that another release added."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ropeway.errors import UnexpectedReply, brief

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    from pydantic import TypeAdapter

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_json(kind: type[T], value: T) -> str:
    # Not the adapter's own writer: it turns NaN and infinity, which losses are at times, into null.
    return json.dumps(_adapter(kind).dump_python(value, mode="json"))


def from_mapping(kind: type[T], content: Mapping[str, object]) -> T:
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_json(json.dumps(content))
    except ValidationError as error:
        raise UnexpectedReply(
            f"reading a {kind.__name__} from the journal: {brief(str(error))}", "ropeway --version"
        ) from error
