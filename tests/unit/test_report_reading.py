"""Whatever lies in a run's folder or in its records, there is a report of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ropeway.journal import AttemptRow, AttemptState, EffectRow
from ropeway.report import reading, stage_log, words
from ropeway.report.gather import report_of
from ropeway.report.page import page
from ropeway.report.source import Source, source
from ropeway.report.text import clean, is_secret
from ropeway.report.write import as_json
from tests.page_reader import reported
from tests.report_story import BEGAN, Story, begun

NAMES = [
    "digest",
    "metrics",
    "parameters",
    "checks",
    "latencies",
    "first_answer_at",
    "sealed_at",
    "steps",
    "url",
    "model",
    "version",
    "alias",
    "endpoint",
    "size",
    "files",
    "weight",
    "gates",
    "replaced",
    "jobs",
    "tracking_url",
    "after",
    "require",
    "accuracy",
    "train",
    "verify",
    "evaluate",
    "registry",
    "serving",
    "uri",
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner),
    max_leaves=12,
)
RECORD = st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=8)
FILES = (
    "train/progress.jsonl", "train/parameters.json", "train/metrics.json", "train/environment.json",
    "evaluate/metrics.json", "evaluate/confusion.json", "evaluate/examples.json", "verify/verdict.json",
)  # fmt: skip
STAGES = ("train", "evaluate", "register", "sync", "deploy", "verify", "promote", "rollback")
EFFECTS = ("submit-job", "publish", "alias-production", "weight-10", "keep-old", "create-version", "settle", "other")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROPEWAY_HOME", str(tmp_path))
    monkeypatch.delenv("ROPEWAY_JOURNAL", raising=False)
    return tmp_path


@pytest.fixture
def story() -> Story:
    return begun()


def given_rows(story: Story, record: dict[str, object]) -> Source:
    """The run with this record in the place of every stage's and every effect's."""
    found = source(story.journal, story.journal.run(story.run))
    attempts = [
        AttemptRow(s, 1, AttemptState.SUCCEEDED, BEGAN + i, BEGAN + i + 1, record, None) for i, s in enumerate(STAGES)
    ]
    effects = [EffectRow("promote", 1, name, {}, record, BEGAN, BEGAN + 1) for name in EFFECTS]
    run = replace(found.run, pinned={"pipeline": record, "site": record, "stages": list(STAGES), "commit": record})
    return Source(run, tuple(attempts), tuple(effects), found.folder, found.now)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(RECORD)
def test_any_record_has_a_page_and_strict_json(story: Story, record: dict[str, object]) -> None:
    report = report_of(given_rows(story, record))
    page(report).encode()
    json.dumps(as_json(report), allow_nan=False, ensure_ascii=False).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.sampled_from(FILES), ANYTHING | RECORD)
def test_any_result_file_has_a_page_and_strict_json(story: Story, name: str, content: object) -> None:
    stage, _, file = name.partition("/")
    story.result(stage, file, json.dumps(content))
    found = source(story.journal, story.journal.run(story.run))
    attempts = tuple(AttemptRow(s, 1, AttemptState.RUNNING, BEGAN, None, None, None) for s in STAGES)
    report = report_of(Source(found.run, attempts, (), found.folder, found.now))
    page(report).encode()
    json.dumps(as_json(report), allow_nan=False, ensure_ascii=False).encode()


def test_bytes_that_are_no_text_do_not_stop_a_report(story: Story, home: Path) -> None:
    story.begin("train")
    for name in FILES:
        path = home / "runs" / story.run / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xfe\x00{\x80")
    (home / "runs" / story.run / "logs" / "train.err").write_bytes(b"\x00\xff\x1b[0m\r\n")
    story.fail("no", "try")
    _, _, facts = reported(story.told)
    assert len(facts["notes"]) >= 4


def test_numbers_are_finite_or_nothing() -> None:
    assert [reading.number(v) for v in (1, 2.5, True, math.nan, math.inf, 10**400, 1e300, "7", None)] == [
        1.0, 2.5, *[None] * 7,
    ]  # fmt: skip
    assert [reading.whole(v) for v in (3, 3.0, 3.5)] == [3, 3, None]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://…@host/db"),
        ("a\x1b[31mred\x1b[0m\x00", "ared"),
        ("half \ud800 turned \u202e", "half  turned "),
        ("secret_key: env:AWS_SECRET", "secret_key: env:AWS_SECRET"),
        ('"secret_key": "abcdefgh"', '"secret_key": "…"'),
        ("AKIAABCDEFGHIJKLMNOP", "…"),
        ("next token: 2048", "next token: 2048"),
    ],
)
def test_foreign_text_is_made_fit_to_show(written: str, shown: str) -> None:
    assert clean(written) == shown


def test_long_text_is_cut() -> None:
    assert len(clean("x" * 10**6)) == 2000


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("password", "hunter2", True),
        ("AWS_SECRET_ACCESS_KEY", "abc", True),
        ("hf_token", "abcdefghij0123456789", True),
        ("pad_token", "<pad>", False),
        ("max_tokens", "abcdefghij0123456789", False),
        ("secret_key", "env:NAME", False),
        ("password", 7, False),
        ("keyboard", "qwerty", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, value: object, secret: bool) -> None:
    assert is_secret(name, value) is secret


def test_waits_are_read_from_a_stages_log() -> None:
    said = [
        stage_log.Line(1.0, "started: begun"),
        stage_log.Line(2.0, "job 7 pending (Priority)"),
        stage_log.Line(3.0, "job 7 pending (Resources)"),
        stage_log.Line(9.0, "job 7 running"),
        stage_log.Line(10.0, "failed: the registry does not answer"),
        stage_log.Line(20.0, "resumed: attempt 1 goes on: it was cut short"),
        stage_log.Line(21.0, "job 7 running"),
        stage_log.Line(40.0, "resumed: attempt 1 goes on: it was cut short"),
    ]
    assert stage_log.waits(said, until=50.0) == (
        stage_log.Wait("queue", 2.0, 9.0),
        stage_log.Wait("paused", 10.0, 20.0),
        stage_log.Wait("interrupted", 21.0, 40.0),
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 ms"), (0.34, "340 ms"), (0.9999, "1.00 s"), (9.996, "10.0 s"), (59.96, "1 min 00 s"),
        (125, "2 min 05 s"), (3780, "1 h 03 min"), (187200, "2 d 4 h"), (None, "–"),
    ],
)  # fmt: skip
def test_spans_are_said_in_the_unit_that_fits(seconds: float | None, said: str) -> None:
    assert words.span(seconds).replace("\u202f", " ") == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.982, "0.982"), (0.94999, "0.94999"), (108618, "108,618"), (3133.167, "3,133.2"), (1e-5, "1 × 10⁻⁵"), (0, "0"),
     (2.5e10, "25,000,000,000"), (1.5e-7, "1.5 × 10⁻⁷"), ("adam", "adam"), (None, "–"), (-0.5, "-0.5")],
)  # fmt: skip
def test_figures_are_said_without_needless_digits(value: object, said: str) -> None:
    assert words.figure(value) == said
