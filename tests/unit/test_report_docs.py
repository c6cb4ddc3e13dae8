"""docs/report.md names every field of report.json, and no other."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ropeway.report.facts import Report
from tests import report_sample as sample
from tests.page_reader import reported

PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## report.json")[2].partition("An example")[0]


def kinds(kind: Any) -> Iterator[type]:
    """The dataclass and every dataclass in its fields."""
    if dataclasses.is_dataclass(kind):
        yield typing.cast("type", kind)
        for inner in typing.get_type_hints(kind).values():
            yield from kinds(inner)
    for inner in typing.get_args(kind):
        yield from kinds(inner)


def test_every_field_is_named() -> None:
    named = set(re.findall(r"`([a-z0-9_]+)`", TABLE))
    for kind in kinds(Report):
        for field in dataclasses.fields(kind):
            assert field.name in named, f"{kind.__name__}.{field.name}"


def test_every_row_is_a_field() -> None:
    rows = [re.findall(r"`([\w.\[\]]+)`", line.split("|")[1]) for line in TABLE.splitlines() if line.startswith("| `")]
    tops = {name.split(".")[0].removesuffix("[]") for row in rows for name in row}
    assert tops == {field.name for field in dataclasses.fields(Report)}


def test_the_example_is_what_a_finished_run_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPEWAY_HOME", str(tmp_path))
    monkeypatch.delenv("ROPEWAY_JOURNAL", raising=False)
    _, _, facts = reported(sample.finished)
    shown = json.loads(PAGE.partition("```json")[2].partition("```")[0])
    assert rounded(shown) == rounded({name: facts[name] for name in shown} | {"checks": facts["checks"][:1]})


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 2) if isinstance(value, float) else value
