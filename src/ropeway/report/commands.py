"""The commands that reproduce a run, check what it left, and take it back."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ropeway.errors import UnexpectedReply
from ropeway.report import reading
from ropeway.report.source import Source
from ropeway.report.text import clean

_SHORT = 400
"""Characters of a request that is written out; a longer one is taken from the run's examples."""


@dataclass(frozen=True, slots=True)
class Command:
    """`lines` for a shell. `prints`: what it must print, where known. `file`: what `file_name` must hold for it."""

    title: str
    why: str
    lines: str
    prints: str | None = None
    file_name: str | None = None
    file: str | None = None


def commands(source: Source) -> tuple[Command, ...]:
    return tuple(
        command
        for commands_ in (_again(source), _bytes(source), _answer(source), _back(source), _look(source))
        for command in commands_
    )


def pipeline_yaml(pinned: Mapping[str, Any]) -> str:
    """The pinned pipeline as a file that `ropeway run` takes."""
    import yaml

    return yaml.safe_dump(
        reading.tree(pinned.get("pipeline")), sort_keys=False, allow_unicode=True, default_flow_style=None, width=96
    )


def _again(source: Source) -> Iterator[Command]:
    site = shlex.quote(clean(source.run.site))
    if source.run.pinned.get("rollback") or source.section("train") is None:
        return
    yield Command(
        title="Run it again",
        why="The pipeline as it was pinned when the run began, with every default written out.",
        lines=f"ropeway run pipeline.yaml --site {site}",
        file_name="pipeline.yaml",
        file=pipeline_yaml(source.run.pinned),
    )


def _bytes(source: Source) -> Iterator[Command]:
    digest = reading.text(source.record("train").get("digest"))
    if digest is None:
        return
    yield Command(
        title="Check the bytes",
        why="The model digest is the SHA-256 of the manifest, which names the SHA-256 of every file. "
        "In the model's folder, or beside a downloaded copy of it:",
        lines="sha256sum manifest.json",
        prints=f"{digest.removeprefix('sha256-')}  manifest.json",
    )


def _answer(source: Source) -> Iterator[Command]:
    revision = source.record("deploy")
    url, model = reading.text(revision.get("url")), reading.text(revision.get("model"))
    if url is None or model is None:
        return
    place = shlex.quote(f"{url}/v2/models/{model}/infer")
    curl = f"curl -sS {place} -H 'content-type: application/json' -d"
    request = _first_request(source)
    yield Command(
        title="Ask the endpoint",
        why="Who it is, and which digest it serves"
        + ("; then one prediction, in the run's folder (Open Inference Protocol)." if request else "."),
        lines=f"curl -sS {shlex.quote(f'{url}/v2/models/{model}')}" + (f"\n{_with(curl, request)}" if request else ""),
    )


def _with(curl: str, request: str) -> str:
    if len(request) <= _SHORT:
        return f"{curl} {shlex.quote(request)}"
    program = (
        'import json; example = json.load(open("results/evaluate/examples.json"))["examples"][0]; '
        'print(json.dumps({"inputs": example["inputs"]}))'
    )
    return f"python3 -c {shlex.quote(program)} |\n  {curl} @-"


def _first_request(source: Source) -> str:
    """The body of the first recorded example, as JSON; empty when there is none."""
    try:
        content = source.result("evaluate", "examples.json")
    except UnexpectedReply:
        return ""
    listed = reading.items(reading.mapping(content).get("examples"))
    inputs = reading.mapping(listed[0]).get("inputs") if listed else None
    return json.dumps({"inputs": inputs}) if isinstance(inputs, list) else ""


def _back(source: Source) -> Iterator[Command]:
    promoted = source.record("promote") or source.record("rollback")
    endpoint = reading.text(promoted.get("endpoint"))
    if endpoint is not None:
        yield Command(
            title="Roll back",
            why="Gives all traffic back to the revision before, and the alias with it.",
            lines=f"ropeway rollback {shlex.quote(endpoint)}",
        )


def _look(source: Source) -> Iterator[Command]:
    run = shlex.quote(source.run.id)
    succeeded = source.run.state.value == "succeeded"
    goes_on = "" if succeeded or source.run.state.value == "cancelled" else f"ropeway resume {run}\n"
    yield Command(
        title="Look closer" if succeeded else "Look closer, and go on",
        why="State, logs and this report, from the journal.",
        lines=f"{goes_on}ropeway status {run}\nropeway logs {run}\nropeway report {run}",
    )
