"""What is written down about a service says again what was meant, and is private to its user."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ropeway import places
from ropeway.embedded import processes, records
from ropeway.embedded.folder import SiteFolder, write
from ropeway.embedded.processes import Process
from ropeway.embedded.records import Record
from ropeway.errors import ConfigError, UnexpectedReply

WHERE = Path("store.json")
RECORD = Record(
    name="store",
    process=Process(4194304, 12345, "a boot"),
    mark="store-abc",
    command=("/a folder/weed", "mini", "-dir=/x y"),
    version="4.48",
    url="http://127.0.0.1:8333",
    health="http://127.0.0.1:8333/healthz",
    grace_s=60.0,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    monkeypatch.setenv("ROPEWAY_HOME", str(tmp_path / "home"))
    made = SiteFolder.named("one-machine")
    made.create()
    return made


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("record", [RECORD, replace(RECORD, process=None, url=None, health=None)])
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert records.parse(json.loads(records.dump(record)), WHERE) == record


@pytest.mark.parametrize("entry", [{}, {"name": "store"}, {"name": "store", "process": {"pid": 1}}])
def test_a_record_of_another_shape_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(UnexpectedReply, match=r"reading the record of a service, store\.json") as caught:
        records.parse(entry, WHERE)
    assert caught.value.hint == "rm store.json"


def test_what_a_newer_release_added_is_passed_over() -> None:
    assert records.parse({**json.loads(records.dump(RECORD)), "more": 1}, WHERE) == RECORD


def test_records_come_oldest_first(folder: SiteFolder) -> None:
    records.save(folder, RECORD)
    records.save(folder, replace(RECORD, name="registry", process=Process(1, 7, "a boot")))
    assert [record.name for record in records.all_of(folder)] == ["registry", "store"]


def test_a_service_that_was_never_started_has_no_record(folder: SiteFolder) -> None:
    assert records.load(folder, "store") is None
    assert records.all_of(folder) == []


def test_a_process_that_no_longer_runs_is_not_alive() -> None:
    assert not RECORD.alive
    assert not replace(RECORD, process=None).alive


def test_a_start_that_was_cut_short_is_completed_by_the_mark(folder: SiteFolder, tmp_path: Path) -> None:
    mark = f"store-{os.getpid()}"
    log, command = tmp_path / "log", (sys.executable, "-c", "import signal; print('here', flush=True); signal.pause()")
    daemon = processes.start(command, folder=tmp_path, log=log, environment={processes.MARK: mark})
    while not log.read_text() and processes.alive(daemon):
        os.sched_yield()
    try:
        records.save(folder, replace(RECORD, process=None, mark=mark))
        found = records.load(folder, "store")
    finally:
        replace(RECORD, process=daemon).stop()
    assert found is not None
    assert found.process == daemon


def test_nobody_else_can_read_a_site(folder: SiteFolder) -> None:
    secret = folder.secret("store-secret-key")
    assert (mode(folder.path), mode(secret.parent), mode(secret)) == (0o700, 0o700, 0o600)


def test_a_secret_stays_what_it_is(folder: SiteFolder) -> None:
    first = folder.secret("store-secret-key").read_text()
    assert len(first) == 40
    assert folder.secret("store-secret-key").read_text() == first != folder.secret("store-access-key").read_text()


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a" * 51, "a\nb", "ä"])
def test_a_site_name_never_leaves_its_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a name"):
        SiteFolder.named(name)


def test_sites_lie_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ROPEWAY_HOME", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert places.home() == tmp_path / "ropeway"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert places.home() == Path.home() / ".local" / "state" / "ropeway"


def test_ports_of_another_format_are_refused(folder: SiteFolder) -> None:
    write(folder.path / "services.json", json.dumps({"format": 99, "ports": {}}))
    with pytest.raises(UnexpectedReply, match="another release"):
        folder.ports()


def test_broken_notes_name_their_file(folder: SiteFolder) -> None:
    write(folder.path / "services.json", "{")
    with pytest.raises(UnexpectedReply, match=r"services\.json"):
        folder.ports()
