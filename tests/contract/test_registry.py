"""What every registry adapter holds, against a real server."""

from __future__ import annotations

import math
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ropeway.adapters.mlflow import MlflowRegistry
from ropeway.errors import ConfigError, Conflict, NotFound
from ropeway.interfaces.registry import Point, RegisteredVersion, Registry, RunValues, Stage, TrackingRunId
from ropeway.names import Key
from tests.contract.registry_tools import DIGEST, HOSTILE, OTHER, RegistryService, history, spec, stored

pytest_plugins = ["tests.contract.registry_fixtures", "tests.contract.store_fixtures"]


# Tracking runs


def test_the_same_key_is_the_same_tracking_run(registry: MlflowRegistry, model: str) -> None:
    first = registry.open_run(Key(model), model, {"team": HOSTILE})
    assert MlflowRegistry(registry.address).open_run(Key(model), model, {"team": HOSTILE}) == first
    assert registry.open_run(Key(model + "-2"), model, {}) != first
    tags = {tag["key"]: tag["value"] for tag in stored(registry, first)["data"]["tags"]}
    assert tags["team"] == HOSTILE
    assert tags["ropeway.key"] == model


@pytest.mark.parametrize("experiment", ["it's", 'say "hi"', "two\nlines", "日本", "$HOME", "a/b"])
def test_hostile_experiment_names_arrive_intact(registry: MlflowRegistry, model: str, experiment: str) -> None:
    name = experiment + model
    first = registry.open_run(Key(model), name, {})
    place = stored(registry, first)["info"]["experiment_id"]
    told = registry._rest.call("reading", "GET", "experiments/get", {"experiment_id": place})["experiment"]
    assert told["name"] == name
    assert registry.open_run(Key(model), name, {}) == first


def test_a_deleted_experiment_is_said_with_the_way_back(registry: MlflowRegistry, model: str) -> None:
    place = stored(registry, registry.open_run(Key(model), model, {}))["info"]["experiment_id"]
    registry._rest.call("deleting", "POST", "experiments/delete", {"experiment_id": place})
    with pytest.raises(NotFound, match="deleted") as caught:
        registry.open_run(Key(model), model, {})
    assert caught.value.hint == f"mlflow experiments restore --experiment-id {place}"


def test_values_sent_twice_are_there_once(registry: MlflowRegistry, run: TrackingRunId) -> None:
    points = [Point("loss", 1 / (step + 1), step, 1_700_000_000.25 + step) for step in range(2500)]
    points += [Point("odd", value, 0, 1_700_000_000) for value in (math.nan, math.inf, -math.inf, 0.1)]
    values = RunValues(
        parameters={f"p{number}": HOSTILE for number in range(130)},
        points=points,
        tags={f"t{number}": HOSTILE for number in range(130)},
        finished=True,
    )
    registry.log(run, values)
    ended = stored(registry, run)["info"]["end_time"]
    registry.log(run, values)
    found = stored(registry, run)
    assert found["info"]["status"] == "FINISHED"
    assert found["info"]["end_time"] == ended
    assert {item["key"]: item["value"] for item in found["data"]["params"]} == values.parameters
    assert {item["key"]: item["value"] for item in found["data"]["tags"]}.items() >= values.tags.items()
    assert sorted(history(registry, run, "loss"), key=lambda point: point[1]) == [
        (point.value, point.step, round(point.time * 1000)) for point in points[:2500]
    ]
    assert len(history(registry, run, "odd")) == 4


def test_more_values_of_the_same_names_are_added(registry: MlflowRegistry, run: TrackingRunId) -> None:
    early = [Point("loss", 0.5, step, 1_700_000_000) for step in range(3)]
    late = [Point("loss", 0.5, step, 1_700_000_000) for step in range(5)]
    registry.log(run, RunValues(points=early))
    registry.log(run, RunValues(points=late))
    assert len(history(registry, run, "loss")) == 5
    assert stored(registry, run)["info"]["status"] == "RUNNING"


def test_a_parameter_that_has_another_value_is_a_conflict(registry: Registry, run: TrackingRunId) -> None:
    registry.log(run, RunValues(parameters={"rate": "0.1"}))
    with pytest.raises(Conflict, match="rate"):
        registry.log(run, RunValues(parameters={"rate": "0.2"}))


def test_an_unknown_tracking_run_is_not_found(registry: Registry) -> None:
    with pytest.raises(NotFound):
        registry.log(TrackingRunId("0" * 32), RunValues(parameters={"rate": "0.1"}))


@pytest.mark.parametrize(
    "values",
    [
        RunValues(parameters={"long": "x" * 6001}),
        RunValues(tags={"long": "x" * 5001}),
        RunValues(tags={"nul": "\0"}),
        RunValues(tags={"surrogate": "\udcff"}),
    ],
)
def test_values_that_would_not_arrive_whole_are_refused_before_any_call(values: RunValues) -> None:
    with pytest.raises(ConfigError):
        MlflowRegistry("http://127.0.0.1:1").log(TrackingRunId("1"), values)


# Versions


def test_a_version_is_found_with_all_that_was_registered(registry: Registry, run: TrackingRunId, model: str) -> None:
    number = registry.register(Key("run-1"), spec(model, run=run, tags={"team": HOSTILE}))
    tags = {"team": HOSTILE, "ropeway.key": "run-1", "ropeway.digest": DIGEST}
    expected = RegisteredVersion(model, number, DIGEST, f"s3://models/{model}/{DIGEST}/", run, tags)
    assert registry.find(model) == [expected]
    assert registry.find(model, DIGEST) == [expected]
    assert registry.find(model, OTHER) == []


def test_the_same_key_is_the_same_version(registry: MlflowRegistry, model: str) -> None:
    first = registry.register(Key("run-1"), spec(model))
    assert MlflowRegistry(registry.address).register(Key("run-1"), spec(model)) == first
    assert registry.register(Key("run-2"), spec(model)) == first + 1
    assert [version.version for version in registry.find(model, DIGEST)] == [first + 1, first]


def test_a_key_never_stands_for_another_model(registry: Registry, model: str) -> None:
    registry.register(Key("run-1"), spec(model))
    with pytest.raises(Conflict, match="run-1"):
        registry.register(Key("run-1"), spec(model, digest=OTHER))


def test_four_who_register_the_same_key_end_with_one_version(registry: MlflowRegistry, model: str) -> None:
    start = threading.Barrier(4)

    def registrar(_: int) -> int:
        start.wait()
        return registry.register(Key("run-1"), spec(model))

    with ThreadPoolExecutor(4) as pool:
        numbers = set(pool.map(registrar, range(4)))
    assert {version.version for version in registry.find(model)} == numbers
    assert len(numbers) == 1


def test_numbers_only_grow(registry: Registry, model: str) -> None:
    first = registry.register(Key("run-1"), spec(model))
    registry.remove(model, first)
    assert registry.register(Key("run-1"), spec(model)) > first


def test_more_versions_than_one_page_are_all_found(
    registry: MlflowRegistry, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ropeway.adapters.mlflow.rest._PAGE", 2)
    numbers = [registry.register(Key(f"run-{number}"), spec(model)) for number in range(5)]
    assert [version.version for version in registry.find(model)] == numbers[::-1]


def test_a_version_that_somebody_else_made_is_found_without_a_digest(registry: MlflowRegistry, model: str) -> None:
    registry._rest.call("making", "POST", "registered-models/create", {"name": model})
    made = {"name": model, "source": "s3://elsewhere/model"}
    registry._rest.call("making", "POST", "model-versions/create", made)
    assert registry.find(model) == [RegisteredVersion(model, 1, None, "s3://elsewhere/model/", None, {})]


def test_an_unknown_model_has_no_versions_and_no_aliases(registry: Registry, model: str) -> None:
    assert registry.find(model) == []
    assert registry.aliases(model) == {}


@pytest.mark.parametrize("name", ["", "Mnist", "a' or name='b", "a/b", "mnist\n", "m" * 51])
def test_bad_model_names_are_refused_before_any_call(name: str) -> None:
    registry = MlflowRegistry("http://127.0.0.1:1")
    for call in (
        lambda: registry.find(name),
        lambda: registry.aliases(name),
        lambda: registry.register(Key("run-1"), spec(name)),
        lambda: registry.remove(name, 1),
        lambda: registry.set_alias(name, "candidate", 1, None),
        lambda: registry.mirror_stage(name, 1, "Production"),
    ):
        with pytest.raises(ConfigError):
            call()


# Aliases


def test_an_alias_moves_from_what_it_was(registry: Registry, model: str) -> None:
    first, second = (registry.register(Key(f"run-{number}"), spec(model)) for number in (1, 2))
    registry.set_alias(model, "production", first, None)
    registry.set_alias(model, "production", first, None)
    assert registry.aliases(model) == {"production": first}
    registry.set_alias(model, "production", second, first)
    registry.set_alias(model, "previous", first, None)
    assert registry.aliases(model) == {"production": second, "previous": first}
    registry.set_alias(model, "previous", None, first)
    registry.set_alias(model, "previous", None, first)
    assert registry.aliases(model) == {"production": second}


def test_an_alias_that_is_not_what_was_expected_is_a_conflict(registry: Registry, model: str) -> None:
    first, second, third = (registry.register(Key(f"run-{number}"), spec(model)) for number in (1, 2, 3))
    registry.set_alias(model, "production", first, None)
    for version, expected in ((second, None), (second, third), (None, second)):
        with pytest.raises(Conflict, match=f"version {first}"):
            registry.set_alias(model, "production", version, expected)
    assert registry.aliases(model) == {"production": first}


def test_an_alias_cannot_name_what_is_not_there(registry: Registry, model: str) -> None:
    registry.register(Key("run-1"), spec(model))
    with pytest.raises(NotFound):
        registry.set_alias(model, "production", 7, None)


@pytest.mark.parametrize("alias", ["", "latest", "v1", "a b", "a'b"])
def test_an_alias_that_the_server_refuses_is_the_users_to_change(registry: Registry, model: str, alias: str) -> None:
    first = registry.register(Key("run-1"), spec(model))
    with pytest.raises(ConfigError):
        registry.set_alias(model, alias, first, None)


def test_a_version_that_an_alias_names_is_not_removed(registry: Registry, model: str) -> None:
    first = registry.register(Key("run-1"), spec(model))
    registry.set_alias(model, "production", first, None)
    with pytest.raises(Conflict, match="production"):
        registry.remove(model, first)
    registry.set_alias(model, "production", None, first)
    registry.remove(model, first)
    registry.remove(model, first)
    registry.remove(model + "-2", 1)
    assert registry.find(model) == []


def test_stages_are_mirrored_where_the_server_has_them(registry: MlflowRegistry, model: str) -> None:
    first = registry.register(Key("run-1"), spec(model))
    stages: tuple[Stage, ...] = ("Production", "Production", "Archived")
    for stage in stages:
        registry.mirror_stage(model, first, stage)
        asked = {"name": model, "version": first}
        told = registry._rest.call("reading", "GET", "model-versions/get", asked)["model_version"]
        assert told["current_stage"] == stage
    with pytest.raises(NotFound):
        registry.mirror_stage(model, 7, "Production")


def test_loading_a_version_that_is_not_complete_says_so(
    registry: Registry, registry_service: RegistryService, tmp_path: Path
) -> None:
    for path, content in registry.stand_in(spec("mnist")).items():
        (tmp_path / path).write_bytes(content)
    load = [str(registry_service.python), "-c", f"import mlflow; mlflow.pyfunc.load_model({str(tmp_path)!r})"]
    done = subprocess.run(load, capture_output=True, text=True, timeout=120, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 1
    assert "the model mnist sha256-aaaaaaaaaaaa is not complete in the store" in done.stderr.splitlines()[-1]
