"""Frozen dataclasses to JSON and back: an unknown, a missing or a mistyped field is refused with its place."""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from ropeway.errors import UnexpectedReply

T = TypeVar("T")

_SCALARS: Mapping[object, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}


def to_json(value: object) -> Any:
    """The value as dicts, lists and scalars."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): to_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def from_json(kind: type[T], content: object, where: str) -> T:
    """The dataclass that the content describes. Raises UnexpectedReply that names the place, such as `spec.weight`."""
    return cast("T", _read(kind, content, where))


def _read(kind: Any, content: object, where: str) -> object:
    kind = getattr(kind, "__supertype__", kind)
    if dataclasses.is_dataclass(kind):
        return _read_fields(cast("type", kind), content, where)
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return None if content is None else _read(_present(kind), content, where)
    if origin is tuple:
        item = typing.get_args(kind)[0]
        items = _checked(content, (list,), "a list", where)
        return tuple(_read(item, each, f"{where}[{at}]") for at, each in enumerate(items))
    if origin is Mapping:
        item = typing.get_args(kind)[1]
        pairs = _checked(content, (dict,), "an object", where)
        return {name: _read(item, each, f"{where}.{name}") for name, each in pairs.items()}
    return _read_scalar(kind, content, where)


def _read_scalar(kind: Any, content: object, where: str) -> object:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        if content not in [member.value for member in kind]:
            raise _refusal(where, f"one of {', '.join(str(member.value) for member in kind)}", content)
        return kind(content)
    _checked(content, _SCALARS[kind], kind.__name__, where)
    return float(cast("float", content)) if kind is float else content


def _read_fields(kind: type, content: object, where: str) -> object:
    pairs = _checked(content, (dict,), "an object", where)
    hints = _hints(kind)
    if unknown := sorted(set(pairs) - set(hints)):
        raise UnexpectedReply(f"reading {where}: unknown field {unknown[0]!r}")
    if missing := sorted(set(_required(kind)) - set(pairs)):
        raise UnexpectedReply(f"reading {where}: field {missing[0]!r} is missing")
    return kind(**{name: _read(hints[name], each, f"{where}.{name}") for name, each in pairs.items()})


@functools.cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _required(kind: type) -> list[str]:
    missing = dataclasses.MISSING
    fields = dataclasses.fields(kind)
    return [field.name for field in fields if field.default is missing and field.default_factory is missing]


def _present(kind: Any) -> Any:
    return next(each for each in typing.get_args(kind) if each is not types.NoneType)


def _checked(content: object, kinds: tuple[type, ...], wanted: str, where: str) -> Any:
    if not isinstance(content, kinds) or (isinstance(content, bool) and bool not in kinds):
        raise _refusal(where, wanted, content)
    return content


def _refusal(where: str, wanted: str, content: object) -> UnexpectedReply:
    return UnexpectedReply(f"reading {where}: expected {wanted}, found {str(content)[:80]!r}")
