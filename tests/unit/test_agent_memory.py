"""Where a job's memory cgroup is made, on hosts of both kinds; the folders stand in for the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ropeway_agent import identity
from ropeway_agent.memory import MemoryGroup, make_group, remove_group

V1 = "9:name=systemd:/\n4:memory:/user/me\n0::/\n"
V2 = "0::/user.slice/user@1.service/app.slice/shell.scope\n"


def host(root: Path, text: str, group: str) -> Path:
    """A host whose /proc/self/cgroup is this text; the one group in which we may make others."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(text)
    place = root / "sys" / "fs" / "cgroup" / group
    place.mkdir(parents=True)
    return place


def test_version_1_below_our_own_group(tmp_path: Path) -> None:
    place = host(tmp_path, V1, "memory/user/me")
    group = make_group("job", None, str(tmp_path))
    assert group == MemoryGroup(str(place / "ropeway-job"), 1)
    remove_group(group)
    assert list(place.iterdir()) == []


def test_version_2_in_the_nearest_group_that_lets_us(tmp_path: Path) -> None:
    place = host(tmp_path, V2, "user.slice/user@1.service")
    assert make_group("job", None, str(tmp_path)) == MemoryGroup(str(place / "ropeway-job"), 2)


def test_a_group_that_takes_no_limit_is_none(tmp_path: Path) -> None:
    place = host(tmp_path, V2, "user.slice/user@1.service")
    assert make_group("job", 1 << 20, str(tmp_path)) is None
    assert list(place.iterdir()) == []


def test_a_host_that_lets_us_make_none(tmp_path: Path) -> None:
    host(tmp_path, V1, "memory")
    assert make_group("job", 1 << 20, str(tmp_path)) is None


def test_a_name_that_is_taken_is_not_shared(tmp_path: Path) -> None:
    place = host(tmp_path, V1, "memory/user/me")
    (place / "ropeway-job").mkdir()
    assert make_group("job", None, str(tmp_path)) is None


def test_what_killed_shepherds_have_left_is_swept(tmp_path: Path) -> None:
    place = host(tmp_path, V1, "memory/user/me")
    me = identity.mine()
    names = [f"ropeway-local-{me.pid}-{me.start}", f"ropeway-local-{me.pid}-1", "ropeway-local-x-1", "other"]
    for name in names:
        (place / name).mkdir()
    make_group("job", None, str(tmp_path))
    assert {path.name for path in place.iterdir()} == {*names, "ropeway-job"} - {names[1]}


@pytest.mark.parametrize(("version", "name"), [(1, "memory.oom_control"), (2, "memory.events")])
def test_the_kernel_s_count_is_read(tmp_path: Path, version: int, name: str) -> None:
    group = MemoryGroup(str(tmp_path), version)
    assert group.oom_kills() == 0
    (tmp_path / name).write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    assert group.oom_kills() == 3
