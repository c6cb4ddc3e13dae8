"""What the site and pipeline files take, and how they say what is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropeway.bundled import bundled
from ropeway.config import load_pipeline, load_site, parse_pipeline, parse_site
from ropeway.config.units import Requirement, SecretRef, duration, in_words, size, size_in_words
from ropeway.errors import AccessError, ConfigError

SITE = """\
name: lab
scheduler: {kind: local}
registry: {kind: mlflow, uri: "http://127.0.0.1:5000"}
store: {kind: s3, endpoint: "http://127.0.0.1:8333", access_key: "env:KEY", secret_key: "file:/k"}
serving: {kind: local}
metrics: {kind: local}
"""


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_pipeline(text, "p.yaml")
    return caught.value.message


def test_the_example_pipeline_has_every_stage_and_survives_being_pinned() -> None:
    pipeline = load_pipeline(bundled("pipelines/mnist.yaml"))
    assert pipeline.stages == ("train", "evaluate", "register", "sync", "deploy", "verify", "promote")
    assert parse_pipeline(pipeline.model_dump_json(by_alias=True), "again") == pipeline


def test_the_example_site_is_embedded() -> None:
    assert load_site(bundled("sites/one-machine.yaml")).embedded


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "p.yaml:1: broken YAML"),
        ("- a\n", "not a mapping"),
        ("name: a\nname: b\n", "p.yaml:2: the key 'name' stands here twice"),
        ("name: A_B\n", "p.yaml:1: name: 'A_B' is no name"),
        (
            "name: a\ntrain:\n  recipe: r\n  comand: c\n",
            "p.yaml:4: unknown key 'train.comand': did you mean 'command'?",
        ),
        ("name: a\npromote: {rolout: {}}\n", "p.yaml:2: unknown key 'promote.rolout': did you mean 'rollout'?"),
        ("name: a\ntrain: {recipe: r}\n", "the key 'train.command' is missing"),
        ("name: a\ntrain: {recipe: r, command: c, resources: {time: 15}}\n", "15 has no known unit: write 15min"),
        ("name: a\ntrain: {recipe: r, command: c, resources: {memory: 4 GigaB}}\n", "write 4GiB"),
        ("name: a\nevaluate: {command: c, require: {accuracy: 0.9}}\n", 'write ">= 0.95"'),
        ("name: a\nsync: {}\n", "the stage sync needs the stage register"),
        ("name: a\nregister: {model: m}\nsync: {}\ndeploy: {endpoint: e, replicas: {min: 3, max: 1}}\n", "below min"),
    ],
)
def test_a_broken_pipeline_is_told_by_file_line_and_remedy(text: str, said: str) -> None:
    assert said in complaint(text)


@pytest.mark.parametrize("steps", ["[50, 10, 100]", "[10, 50]", "[0, 100]", "[]", "[10, 10, 100]"])
def test_rollout_steps_rise_and_end_at_all(steps: str) -> None:
    text = (
        "name: a\nregister: {model: m}\nsync: {}\ndeploy: {endpoint: e}\nverify: {}\n"
        f"promote: {{rollout: {{steps: {steps}}}}}\n"
    )
    assert "steps must rise and end at 100" in complaint(text)


def test_a_missing_file_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_pipeline(tmp_path / "none.yaml")


def test_one_address_stands_for_all_vantage_points() -> None:
    site = parse_site(SITE, "s.yaml")
    assert site.registry.uri.cluster == site.registry.uri.pods == "http://127.0.0.1:5000"
    three = SITE.replace('"http://127.0.0.1:5000"', "{controller: http://a, cluster: http://b, pods: http://c}")
    assert parse_site(three, "s.yaml").registry.uri.cluster == "http://b"


def test_a_secret_in_clear_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_site(SITE.replace("env:KEY", "hunter2"), "s.yaml")
    assert "by reference" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_a_secret_is_read_where_its_reference_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    assert SecretRef(f"file:{tmp_path}/key").resolve() == "s3cret"
    monkeypatch.setenv("ROPEWAY_TEST_KEY", "other")
    assert SecretRef("env:ROPEWAY_TEST_KEY").resolve() == "other"
    with pytest.raises(AccessError, match="not set"):
        SecretRef("env:ROPEWAY_TEST_ABSENT").resolve()


@given(st.integers(min_value=0, max_value=10**10))
def test_durations_read_as_they_are_written(milliseconds: int) -> None:
    span = timedelta(milliseconds=milliseconds)
    assert duration(in_words(span)) == span


@given(st.integers(min_value=0, max_value=2**60))
def test_sizes_read_as_they_are_written(count: int) -> None:
    assert abs(size(size_in_words(count)) - count) <= count * 2**-50


@pytest.mark.parametrize(
    ("text", "measured", "met"),
    [(">= 0.95", 0.95, True), ("> 0.95", 0.95, False), ("<= 1e-3", 0.0, True), ("< -1", 0, False)],
)
def test_requirements_compare_as_they_read(text: str, measured: float, met: bool) -> None:
    assert Requirement.parse(text).met_by(measured) is met
