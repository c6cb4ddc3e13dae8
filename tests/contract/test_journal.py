"""What the journal promises, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ropeway.errors import ConfigError, Conflict, NotFound
from ropeway.journal import AttemptState, Effect, Journal, NewRun, RunState, open_database
from ropeway.journal.schema import VERSION
from ropeway_agent.identity import ProcessIdentity, mine

GONE = mine()._replace(pid=1, start=1)
RECORDED = Path(__file__).parents[1] / "recorded"
"""Journals of released versions, each with a run in flight; a new release adds one and keeps the others."""
ELSEWHERE = mine()._replace(host="another-host")


@dataclass(frozen=True)
class Plan:
    value: int


@dataclass(frozen=True)
class Loss:
    value: float


@dataclass(frozen=True)
class Record:
    value: int


@pytest.fixture
def journal(journal_place: str) -> Journal:
    return Journal(open_database(journal_place))


def new_run(journal: Journal, run: str, once: str | None = None) -> str:
    return journal.create(NewRun(run, "mnist", "lab", {"stages": ["train"]}, once)).id


def counted(world: list[int], plan: Callable[[], Plan] = lambda: Plan(1)) -> Effect[Plan, Record]:
    """An effect on a list: it is there when the list is not empty."""

    def do(wanted: Plan) -> Record:
        world.append(wanted.value)
        return Record(wanted.value)

    return Effect("count", plan, lambda _: Record(world[0]) if world else None, do, Plan, Record)


def test_a_run_is_found_by_id_beginning_and_latest(journal: Journal) -> None:
    new_run(journal, "aaa1")
    new_run(journal, "aab2")
    assert journal.run("aaa1").id == journal.run("aaa").id == "aaa1"
    assert journal.run("latest").id == "aab2"
    assert [run.id for run in journal.runs()] == ["aab2", "aaa1"]
    for name in ("zzz", "aa", ""):
        with pytest.raises(NotFound):
            journal.run(name)


def test_the_same_once_key_gives_the_same_run(journal: Journal) -> None:
    assert new_run(journal, "r1", "night-7") == "r1"
    assert new_run(journal, "r2", "night-7") == "r1"
    assert len(journal.runs()) == 1


def test_an_effect_is_done_once_and_its_record_returned_for_ever(journal: Journal) -> None:
    world: list[int] = []
    lease = journal.acquire(new_run(journal, "r"))
    lease.begin("train", 1)
    assert lease.effect("train", 1, counted(world)) == lease.effect("train", 1, counted(world)) == Record(1)
    assert world == [1]


def test_an_intended_effect_keeps_its_plan_and_is_looked_for_before_it_is_done(journal: Journal) -> None:
    world: list[int] = []
    lease = journal.acquire(new_run(journal, "r"))
    lease.begin("train", 1)

    def cut_short(_: Plan) -> Record:
        world.append(7)
        raise KeyboardInterrupt

    broken = Effect("count", lambda: Plan(7), lambda _: None, cut_short, Plan, Record)
    with pytest.raises(KeyboardInterrupt):
        lease.effect("train", 1, broken)
    assert journal.effects("r")[0].record is None

    def replan() -> Plan:
        raise AssertionError("a plan is made once")

    assert lease.effect("train", 1, counted(world, replan)) == Record(7)
    assert world == [7]


def test_a_held_run_is_refused_with_the_name_of_the_holder(journal: Journal) -> None:
    run = new_run(journal, "r")
    lease = journal.acquire(run)
    with pytest.raises(Conflict, match=f"process {mine().pid} on {mine().host}"):
        journal.acquire(run)
    lease.release()
    journal.acquire(run)


def test_a_run_whose_owner_is_gone_is_taken_over_at_once(journal: Journal) -> None:
    run = new_run(journal, "r")
    stale = journal.acquire(run, GONE)
    fresh = journal.acquire(run)
    fresh.begin("train", 1)
    with pytest.raises(Conflict, match="taken over"):
        stale.begin("train", 2)
    with pytest.raises(Conflict, match="taken over"):
        stale.heartbeat()
    stale.release()
    assert not fresh.heartbeat()


def test_an_owner_on_another_host_is_believed_until_its_lease_lapses(
    journal: Journal, journal_lapses: Callable[[str], None]
) -> None:
    run = new_run(journal, "r")
    other = journal.acquire(run, ELSEWHERE)
    with pytest.raises(Conflict, match="another-host"):
        journal.acquire(run)
    journal_lapses(run)
    journal.acquire(run)
    with pytest.raises(Conflict):
        other.state(RunState.SUCCEEDED)


def test_a_request_to_cancel_is_heard_with_the_next_heartbeat(journal: Journal) -> None:
    run = new_run(journal, "r")
    lease = journal.acquire(run)
    assert not lease.heartbeat()
    journal.request_cancel(run)
    assert lease.heartbeat()


def test_attempts_end_as_they_were_told(journal: Journal) -> None:
    run = new_run(journal, "r")
    lease = journal.acquire(run)
    lease.begin("train", 1)
    lease.fail("train", 1, {"message": "no"})
    lease.begin("train", 2)
    lease.finish("train", 2, json.dumps({"digest": "x"}))
    first, second = journal.attempts(run)
    assert (first.state, first.error) == (AttemptState.FAILED, {"message": "no"})
    assert (second.state, second.record) == (AttemptState.SUCCEEDED, {"digest": "x"})
    lease.begin("evaluate", 1)
    lease.supersede(["train", "evaluate"])
    states = [row.state for row in journal.attempts(run)]
    assert states == [AttemptState.FAILED, AttemptState.SUPERSEDED, AttemptState.SUPERSEDED]
    lease.reopen("train", 1)
    assert journal.attempts(run)[0].state is AttemptState.RUNNING


def test_numbers_that_are_none_survive_being_recorded(journal: Journal) -> None:
    lease = journal.acquire(new_run(journal, "r"))
    lease.begin("train", 1)
    for _ in range(2):
        effect = Effect("odd", lambda: Loss(float("nan")), lambda _: None, lambda plan: plan, Loss, Loss)
        assert str(lease.effect("train", 1, effect).value) == "nan"


def test_a_journal_of_a_newer_release_is_refused(journal_place: str) -> None:
    database = open_database(journal_place)
    with database.writing() as transaction:
        transaction.execute("UPDATE journal_version SET version = ?", (VERSION + 1,))
    with pytest.raises(ConfigError, match=f"journal version {VERSION + 1}"):
        open_database(journal_place)


def _take(place: str, owner: ProcessIdentity, answers: multiprocessing.SimpleQueue[str]) -> None:
    try:
        Journal(open_database(place)).acquire("r", owner)
        answers.put("held")
    except Conflict:
        answers.put("refused")


def test_of_many_hosts_that_contend_for_one_run_one_gets_it(journal_place: str, journal: Journal) -> None:
    new_run(journal, "r")
    answers: multiprocessing.SimpleQueue[str] = multiprocessing.get_context("spawn").SimpleQueue()
    owners = [mine()._replace(host=f"host-{number}") for number in range(6)]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_take, args=(journal_place, owner, answers)) for owner in owners]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted(answers.get() for _ in owners) == ["held"] + ["refused"] * 5


def test_a_journal_that_is_no_journal_is_told(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_text("this is no database, but long enough to be read as one" * 20)
    with pytest.raises(ConfigError, match="not a database"):
        open_database(str(tmp_path / "journal.sqlite"))


@pytest.mark.parametrize("recorded", sorted(RECORDED.glob("journal-*.sql")), ids=lambda path: path.stem)
def test_a_run_in_flight_of_an_older_release_goes_on(recorded: Path, tmp_path: Path) -> None:
    place = tmp_path / "journal.sqlite"
    with sqlite3.connect(place) as connection:
        connection.executescript(recorded.read_text())
    journal = Journal(open_database(str(place)))
    world: list[int] = []
    run = journal.run("latest")
    assert run.state is RunState.RUNNING
    lease = journal.acquire(run.id)
    assert lease.effect("train", 1, counted(world, lambda: Plan(0))) == Record(7)
    assert world == [7]
