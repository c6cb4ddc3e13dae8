"""docs/json.md lists the fields that the commands print."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from ropeway.cli.logs import LogLine
from ropeway.doctor import Finding
from ropeway.embedded.site import ServiceState
from ropeway.pipeline import STAGES
from ropeway.planning import PlannedEffect
from ropeway.runs.events import Event
from ropeway.runs.status import RunStatus, StageStatus

DOCUMENT = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
OBJECTS = {
    "Event": Event,
    "Run": RunStatus,
    "Stage (in Run)": StageStatus,
    "Effect": PlannedEffect,
    "LogLine": LogLine,
    "Service": ServiceState,
    "Check": Finding,
    **{name: stage.record for name, stage in STAGES.items()},
}


@pytest.mark.parametrize("name", OBJECTS)
def test_every_field_is_documented_and_none_beside(name: str) -> None:
    (row,) = re.findall(rf"^\| {re.escape(name)} \| ([^|;]*)", DOCUMENT, re.MULTILINE)
    listed = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", row))
    assert listed == [field.name for field in dataclasses.fields(OBJECTS[name])]
