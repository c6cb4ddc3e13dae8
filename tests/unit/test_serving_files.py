"""The two files of an endpoint: whole, strict, and told apart from those of another release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ropeway.adapters.local.endpoint_files import (
    ReplicaStatus,
    RevisionStatus,
    ServingFolder,
    Status,
    Wish,
    changing,
    read_status,
    read_wish,
    write_status,
    write_wish,
)
from ropeway.errors import ConfigError, UnexpectedReply
from ropeway.interfaces.serving import EndpointSpec, Failure, RevisionId, RevisionSpec
from ropeway.names import Digest

DIGEST = Digest("sha256-" + "a" * 64)
HOSTILE = {"note": 'a\'; echo $HOME "b" … é'}
SPEC = RevisionSpec(RevisionId("v1-aaaaaaaa"), "mnist", 1, DIGEST, "s3://m/", weight=100, labels=HOSTILE)
WISH = Wish(EndpointSpec("mnist", "vision", (SPEC,)), token=3, generation=1)
REPLICA = ReplicaStatus("v1-aaaaaaaa-1", 20001, 77, "ready", 1.5, 2.0)
STATUS = Status("mnist", 1, 3, (RevisionStatus(SPEC, 100, 1, (REPLICA,), True, Failure(False, "slow")),))


@pytest.fixture
def folder(tmp_path: Path) -> ServingFolder:
    return ServingFolder(tmp_path)


def damaged(folder: ServingFolder, change: dict[str, object]) -> None:
    write_wish(folder, WISH)
    path = folder.wish_file("mnist")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))


def test_a_wish_comes_back_as_it_was(folder: ServingFolder) -> None:
    write_wish(folder, WISH)
    assert read_wish(folder, "mnist") == WISH
    assert folder.wished() == ["mnist"]


def test_a_status_comes_back_as_it_was(folder: ServingFolder) -> None:
    write_status(folder, STATUS)
    assert read_status(folder, "mnist") == STATUS
    assert folder.reported() == ["mnist"]


def test_what_was_never_wished_is_none(folder: ServingFolder) -> None:
    assert read_wish(folder, "mnist") is None
    assert read_status(folder, "mnist") is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": 2}, "not format 1"),
        ({"tokens": 3}, "unknown field 'tokens'"),
        ({"token": "3"}, "token: expected int, found '3'"),
        ({"token": True}, "token: expected int"),
        ({"spec": []}, "spec: expected an object"),
        ({"spec": {"name": "mnist", "owner": "vision"}}, "'revisions' is missing"),
    ],
)
def test_a_damaged_wish_is_refused_with_the_place(
    folder: ServingFolder, change: dict[str, object], problem: str
) -> None:
    damaged(folder, change)
    with pytest.raises(UnexpectedReply, match=problem):
        read_wish(folder, "mnist")


def test_half_a_file_is_refused(folder: ServingFolder) -> None:
    write_wish(folder, WISH)
    folder.wish_file("mnist").write_text("{")
    with pytest.raises(UnexpectedReply, match="not JSON"):
        read_wish(folder, "mnist")


def test_a_name_that_leads_elsewhere_is_refused(folder: ServingFolder) -> None:
    with pytest.raises(ConfigError):
        read_wish(folder, "../../etc/passwd")


def test_changing_shows_the_wish_and_leaves_no_file_but_its_lock(folder: ServingFolder) -> None:
    write_wish(folder, WISH)
    with changing(folder, "mnist") as wish:
        assert wish == WISH
    assert sorted(path.name for path in (folder.path / "endpoints").iterdir()) == ["mnist.json", "mnist.lock"]
