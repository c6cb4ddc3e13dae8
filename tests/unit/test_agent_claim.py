"""The claim: one holder at a time, taken over from the dead at once and from the unreachable late, never by two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ropeway_agent import claim
from ropeway_agent.claim import HARD_LIMIT, claimed
from ropeway_agent.errors import Failure

HOLD = """
import sys
from ropeway_agent.claim import claimed
with claimed(sys.argv[1]):
    print("held", flush=True)
    {then}
"""


def hold(folder: Path, then: str) -> subprocess.Popen[str]:
    """A process that holds the claim, once this returns."""
    code = HOLD.format(then=then)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("")


def holder(folder: Path) -> Any:
    return json.loads((folder / "claim" / "holder.json").read_text())


def change(folder: Path, **fields: object) -> None:
    (folder / "claim" / "holder.json").write_text(json.dumps({**holder(folder), **fields}))


def age(folder: Path, seconds: float) -> None:
    path = folder / "claim" / "holder.json"
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_it_tells_who_holds_it_and_leaves_nothing(tmp_path: Path) -> None:
    with claimed(str(tmp_path)) as held:
        assert holder(tmp_path)["pid"] == os.getpid()
        held.confirm()
    assert list(tmp_path.iterdir()) == []


def test_it_is_given_back_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), claimed(str(tmp_path)):
        _ = 1 / 0
    with claimed(str(tmp_path), patience=0):
        pass


def test_a_second_holder_waits_and_is_told_who(tmp_path: Path) -> None:
    process = hold(tmp_path, "sys.stdin.read()")
    with pytest.raises(Failure, match=f"process {process.pid} on ") as caught, claimed(str(tmp_path), patience=0.05):
        pass
    assert caught.value.kind == "Unavailable"
    end(process)
    with claimed(str(tmp_path)):
        pass


def test_a_dead_holder_is_followed_at_once(tmp_path: Path) -> None:
    process = hold(tmp_path, "__import__('os').kill(__import__('os').getpid(), 9)")
    end(process)
    with claimed(str(tmp_path), patience=0.5):
        assert holder(tmp_path)["pid"] == os.getpid()


def test_a_dead_holder_is_not_followed_while_what_it_started_lives(tmp_path: Path) -> None:
    """Such as an sbatch that is still on its way to the controller: it inherits the lock."""
    keep = "import subprocess, os, glob, ropeway_agent.identity as i"
    spawn = "subprocess.Popen(['sleep', '100'], pass_fds=[int(f) for f in os.listdir('/proc/self/fd') if lock(f)])"
    lock = "lock = lambda f: 'holder.json' in os.path.realpath('/proc/self/fd/' + f)"
    process = hold(tmp_path, f"{keep}; {lock}; child = {spawn}; print(child.pid, flush=True); os.kill(os.getpid(), 9)")
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.wait()
    with pytest.raises(Failure, match="holds it"), claimed(str(tmp_path), patience=0.05):
        pass
    os.kill(child, 9)
    with claimed(str(tmp_path), patience=2):
        pass
    end(process)


@pytest.mark.parametrize("where", [{"host": "elsewhere"}, {"boot": "earlier"}, {"locked": False}])
def test_a_holder_whom_nobody_can_ask_is_followed_only_after_its_time(tmp_path: Path, where: dict[str, object]) -> None:
    process = hold(tmp_path, "__import__('os').kill(__import__('os').getpid(), 9)")
    end(process)
    change(tmp_path, **where)
    age(tmp_path, 2 * HARD_LIMIT - 5)
    with pytest.raises(Failure, match="holds it"), claimed(str(tmp_path), patience=0.05):
        pass
    age(tmp_path, 10)
    with claimed(str(tmp_path), patience=0.5):
        assert holder(tmp_path)["pid"] == os.getpid()


def test_of_two_who_follow_a_dead_holder_only_one_succeeds(tmp_path: Path) -> None:
    """The second acts on what it saw before the first took over: it must not move the first's claim away."""
    end(hold(tmp_path, "__import__('os').kill(__import__('os').getpid(), 9)"))
    seen = holder(tmp_path)["token"]
    with claimed(str(tmp_path), patience=0.5) as first:
        claim._take_away(str(tmp_path / "claim"), seen)
        first.confirm()


def test_who_lost_the_claim_is_told_before_it_acts(tmp_path: Path) -> None:
    with claimed(str(tmp_path)) as held:
        claim._take_away(str(tmp_path / "claim"), held.token)
        with claimed(str(tmp_path), patience=0), pytest.raises(Failure, match="no longer ours"):
            held.confirm()
    with claimed(str(tmp_path), patience=0):
        pass


def test_who_held_it_too_long_is_told_before_it_acts(tmp_path: Path) -> None:
    with claimed(str(tmp_path)) as held, pytest.raises(Failure, match="took too long"):
        held._replace(since=held.since - HARD_LIMIT - 1).confirm()
