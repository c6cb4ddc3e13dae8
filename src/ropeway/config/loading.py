"""Read a site or pipeline file; every complaint names the file, the line and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ropeway.config.pipeline import Pipeline
from ropeway.config.site import Site
from ropeway.errors import ConfigError

M = TypeVar("M", bound=BaseModel)


def load_pipeline(path: Path) -> Pipeline:
    return parse_pipeline(_text(path), str(path))


def load_site(path: Path) -> Site:
    return parse_site(_text(path), str(path))


def parse_pipeline(text: str, origin: str) -> Pipeline:
    return _parse(Pipeline, text, origin)


def parse_site(text: str, origin: str) -> Site:
    return _parse(Site, text, origin)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"reading {path}: there is no such file", "ropeway init") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"reading {path}: {error}") from error


def _parse(model: type[M], text: str, origin: str) -> M:
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(f"reading {origin}{line}: broken YAML: {problem}") from error
    if not isinstance(content, dict) or not isinstance(tree, yaml.MappingNode):
        raise ConfigError(f"reading {origin}: not a mapping of keys to values", "ropeway init")
    _refuse_twins(tree, origin)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise ConfigError("\n".join(_complaint(model, tree, origin, detail) for detail in details)) from error


def _refuse_twins(node: yaml.Node, origin: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise ConfigError(
                    f"reading {origin}:{key.start_mark.line + 1}: the key {key.value!r} stands here twice"
                )
            seen.add(key.value)
            _refuse_twins(value, origin)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_twins(value, origin)


def _complaint(model: type[BaseModel], tree: yaml.MappingNode, origin: str, detail: ErrorDetails) -> str:
    place = tuple(str(step) for step in detail["loc"])
    line = _line(tree, place)
    name = ".".join(place)
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place[-1], _keys(model.model_json_schema(), place[:-1]), n=1)
        problem = f"unknown key {name!r}" + (f": did you mean {near[0]!r}?" if near else "")
    elif detail["type"] == "missing":
        problem = f"the key {name!r} is missing"
    else:
        problem = (
            f"{name}: {detail['msg'].removeprefix('Value error, ')}"
            if name
            else detail["msg"].removeprefix("Value error, ")
        )
    return f"reading {origin}:{line}: {problem}"


def _line(tree: yaml.MappingNode, place: tuple[str, ...]) -> int:
    """The line of the innermost node on the way to `place` that the file really has, counted from 1."""
    node: yaml.Node = tree
    line = tree.start_mark.line + 1
    for step in place:
        following = _child(node, step)
        if following is not None:
            node, line = following
    return line


def _child(node: yaml.Node, step: str) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        return next(
            ((value, key.start_mark.line + 1) for key, value in node.value if key.value == step),
            None,
        )
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        child = node.value[int(step)]
        return child, child.start_mark.line + 1
    return None


def _keys(schema: Mapping[str, object], place: tuple[str, ...]) -> list[str]:
    """All keys that could stand at `place`, by the model's own JSON schema."""
    found: list[str] = []
    pending = [(schema, place)]
    while pending:
        node, rest = pending.pop()
        node = _resolve(schema, node)
        pending.extend((option, rest) for option in _options(node))
        properties = node.get("properties")
        if not isinstance(properties, dict):
            continue
        if not rest:
            found.extend(properties)
        elif rest[0] in properties:
            pending.append((properties[rest[0]], rest[1:]))
        else:
            pending.append((node, rest[1:]))
    return found


def _resolve(schema: Mapping[str, object], node: Mapping[str, object]) -> Mapping[str, object]:
    reference = node.get("$ref")
    definitions = schema.get("$defs")
    if isinstance(reference, str) and isinstance(definitions, dict):
        resolved = definitions[reference.rpartition("/")[2]]
        return resolved if isinstance(resolved, dict) else {}
    return node


def _options(node: Mapping[str, object]) -> list[Mapping[str, object]]:
    options = [node.get(word) for word in ("anyOf", "oneOf", "allOf")]
    return [option for group in options if isinstance(group, list) for option in group if isinstance(option, dict)]
