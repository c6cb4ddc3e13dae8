"""What every host promises; a host joins by a row in HOSTS."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ropeway import remote
from ropeway.errors import AccessError, ConfigError, NotFound, RopewayError, Unavailable, UnexpectedReply
from ropeway.interfaces.store import Store
from ropeway.names import Digest, HostPath, Key, digest
from ropeway.remote import AgentHost
from ropeway.remote.archive import agent_archive
from ropeway.remote.process import FRAME, Launch
from ropeway_agent.manifest import PART_SIZE, seal
from tests.agent_site import agent_host, alive, until

pytest_plugins = ["tests.contract.store_fixtures"]

LOGIN = 'echo "Welcome to   the cluster"; printf "\\nhello {}\\n"; echo warning >&2; printf half; cd /; exec "$0" "$@"'


def plain(home: Path) -> AgentHost:
    return agent_host(home)


def noisy(home: Path) -> AgentHost:
    """Behind a login shell that prints, changes folder and leaves half a line before it runs the command."""
    launch = agent_host(home)._launch
    return AgentHost(replace(launch, prefix=("sh", "-c", LOGIN)))


HOSTS = {"plain": plain, "noisy": noisy}
SHORT = timedelta(seconds=0.2)


@pytest.fixture(scope="module", params=HOSTS)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentHost]:
    made = HOSTS[request.param](tmp_path_factory.mktemp("host") / "a home's ü")
    yield made
    made.close()


def sha(data: bytes) -> Digest:
    return digest("sha256-" + hashlib.sha256(data).hexdigest())


def at(path: Path) -> HostPath:
    return HostPath(str(path))


def hello(host: AgentHost) -> Any:
    return host.call("hello", {})


# Questions


def test_it_tells_who_it_is(host: AgentHost) -> None:
    answer = hello(host)
    assert answer["agent"].endswith(f"/a home's ü/{agent_archive().name}")
    assert answer["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_one_agent_answers_all_questions(host: AgentHost) -> None:
    assert hello(host)["pid"] == hello(host)["pid"]


def test_a_dead_agent_is_replaced(host: AgentHost) -> None:
    pid = hello(host)["pid"]
    os.kill(pid, 9)
    assert hello(host)["pid"] != pid


def test_threads_may_share_a_host(host: AgentHost) -> None:
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(hello(host)["pid"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1


def test_an_operation_that_it_does_not_know_is_an_unexpected_reply(host: AgentHost) -> None:
    with pytest.raises(UnexpectedReply, match="has no such operation"):
        host.call("dance", {})


def test_a_question_without_its_answer_within_the_deadline_is_unavailable(host: AgentHost, tmp_path: Path) -> None:
    pid = hello(host)["pid"]
    os.mkfifo(tmp_path / "pipe")  # to open it is to wait for a writer
    with pytest.raises(Unavailable, match=r"not done within 0\.2 s"):
        host.call("read", {"path": str(tmp_path / "pipe"), "start": 0, "size": 1}, SHORT)
    assert hello(host)["pid"] == pid


def test_an_agent_that_says_nothing_is_unavailable(host: AgentHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote.host, "_SLACK", 0.1)
    pid = hello(host)["pid"]
    os.kill(pid, 19)
    with pytest.raises(Unavailable, match=r"no answer within 0\.2 s") as caught:
        host.call("hello", {}, SHORT)
    assert caught.value.hint is not None
    until(lambda: not alive(pid))
    assert hello(host)["pid"] != pid


def test_an_error_keeps_its_kind_and_hint(host: AgentHost) -> None:
    with pytest.raises(ConfigError, match="is not \\[a-z0-9-\\]") as caught:
        host.call("find", {"root": "/root", "key": "../x", "scheduler": "local"})
    assert isinstance(caught.value, RopewayError)


# Files


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME + 7])
def test_what_is_written_is_read(host: AgentHost, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    host.write(at(tmp_path / "new" / "file"), io.BytesIO(data), sha(data))
    assert b"".join(host.read(at(tmp_path / "new" / "file"))) == data


def test_a_written_file_is_for_us_alone(host: AgentHost, tmp_path: Path) -> None:
    host.write(at(tmp_path / "new" / "file"), io.BytesIO(b"x"), sha(b"x"))
    assert (tmp_path / "new" / "file").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_part_of_a_file_is_read(host: AgentHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 8192)
    whole = (tmp_path / "file").read_bytes()
    assert b"".join(host.read(at(tmp_path / "file"), 10, 5)) == whole[10:15]
    assert b"".join(host.read(at(tmp_path / "file"), FRAME - 1)) == whole[FRAME - 1 :]
    assert b"".join(host.read(at(tmp_path / "file"), len(whole) + 1)) == b""
    assert b"".join(host.read(at(tmp_path / "file"), 0, 0)) == b""


def test_reading_may_be_broken_off(host: AgentHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(3 * FRAME))
    next(iter(host.read(at(tmp_path / "file"))))
    assert hello(host)["pid"]


@pytest.mark.parametrize("name", ["none", "none/file", "file/below"])
def test_what_is_not_there_is_not_found(host: AgentHost, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotFound):
        list(host.read(at(tmp_path / name)))


def test_a_folder_is_no_file(host: AgentHost, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="it is a folder"):
        list(host.read(at(tmp_path)))


@pytest.mark.parametrize("name", ["a'; touch x", "two\nlines", "$HOME", "ü \U0001f600", "-rf", "*", " "])
def test_hostile_names_arrive_intact(host: AgentHost, tmp_path: Path, name: str) -> None:
    host.write(at(tmp_path / "here" / name), io.BytesIO(b"x"), sha(b"x"))
    assert os.listdir(tmp_path / "here") == [name]  # noqa: PTH208 - the names themselves
    assert b"".join(host.read(at(tmp_path / "here" / name))) == b"x"
    files: Any = host.call("list_files", {"path": str(tmp_path / "here")})["files"]
    assert [(file["path"], file["size"]) for file in files] == [(name, 1)]


def test_other_bytes_than_announced_change_nothing(host: AgentHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(UnexpectedReply, match="does not have the digest"):
        host.write(at(tmp_path / "file"), io.BytesIO(b"other"), sha(b"new"))
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert hello(host)["pid"]


def test_a_file_that_is_there_is_not_sent_again(host: AgentHost, tmp_path: Path) -> None:
    host.write(at(tmp_path / "file"), io.BytesIO(b"x"), sha(b"x"))
    before = (tmp_path / "file").stat()
    unread = io.BytesIO(b"x")
    host.write(at(tmp_path / "file"), unread, sha(b"x"))
    assert unread.tell() == 0
    assert (tmp_path / "file").stat().st_ino == before.st_ino


def test_a_write_that_cannot_be_leaves_the_channel_in_order(host: AgentHost, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    data = os.urandom(2 * FRAME)
    pid = hello(host)["pid"]
    with pytest.raises(RopewayError, match="running write"):
        host.write(at(tmp_path / "file" / "below"), io.BytesIO(data), sha(data))
    assert hello(host)["pid"] == pid


def test_a_write_survives_the_death_of_the_agent(host: AgentHost, tmp_path: Path) -> None:
    data = os.urandom(3 * FRAME)
    pid = hello(host)["pid"]

    class Murderous(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() == FRAME:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            return super().read(size)

    host.write(at(tmp_path / "file"), Murderous(data), sha(data))
    assert (tmp_path / "file").read_bytes() == data


# Conversations


def test_closing_a_conversation_ends_its_agent(host: AgentHost, tmp_path: Path) -> None:
    with host.open("push", {"directory": str(tmp_path)}) as channel:
        pid = channel._process.pid  # type: ignore[attr-defined]
        assert alive(pid)
    assert not alive(pid)


def test_a_conversation_whose_agent_dies_is_unavailable(host: AgentHost, tmp_path: Path) -> None:
    with host.open("push", {"directory": str(tmp_path)}) as channel:
        os.kill(channel._process.pid, 9)  # type: ignore[attr-defined]
        with pytest.raises(Unavailable, match="the connection was lost"):
            list(channel)


def test_a_real_store_gets_a_sealed_model(host: AgentHost, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, size in {"empty": 0, "one": 1, "more": PART_SIZE + 1}.items():
        (folder / name).write_bytes(os.urandom(size))
    manifest = seal(folder)
    model, name = Digest(manifest.digest), f"pushed-{time.time_ns()}"
    signed = store.sign(name, model, store.missing(Key("run-1"), name, manifest), timedelta(minutes=5))
    parts = [
        {"path": item.part.path, "start": item.part.start, "size": item.part.size, "sha256": item.part.sha256}
        | {"url": item.url, "headers": dict(item.headers)}
        for item in signed
    ]
    with host.open("push", {"directory": str(folder)}) as channel:
        channel.send({"parts": parts})
        channel.send({"done": True})
        lines: list[Any] = list(channel)
    assert lines[-1]["bytes"] == manifest.size
    assert store.publish(Key("run-1"), name, manifest).size == manifest.size
    assert store.damage(name, model, deep=True) == []


# The agent's own file


def test_a_damaged_archive_is_never_started(host: AgentHost) -> None:
    place = Path(hello(host)["agent"])
    host.close()
    place.write_bytes(b"import os; os.abort()")
    assert hello(host)["pid"]
    assert place.read_bytes() == agent_archive().data
    assert place.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("make", HOSTS.values(), ids=HOSTS)
def test_a_home_that_is_not_ours_is_refused(make: Callable[[Path], AgentHost], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "home").symlink_to("elsewhere")
    with pytest.raises(AccessError, match="it is not a folder of this user") as caught:
        hello(make(tmp_path / "home"))
    assert str(caught.value.hint).startswith("ls -ld ")


def test_no_credential_of_ours_reaches_an_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "c0ffee")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    with_home = remote.local_host(tmp_path / "agent")
    environment = Path(f"/proc/{hello(with_home)['pid']}/environ").read_bytes()
    with_home.close()
    assert b"PATH=" in environment
    assert b"c0ffee" not in environment


@pytest.mark.parametrize("python", ["no-such-python", "false", "echo"])
def test_a_host_without_python_is_unavailable(tmp_path: Path, python: str) -> None:
    with pytest.raises(Unavailable, match="starting the agent on far") as caught:
        AgentHost(Launch(str(tmp_path), name="far", python=python)).call("hello", {})
    assert caught.value.hint in (f"{python} -I --version", None)


def test_the_archive_is_the_same_each_time() -> None:
    first = agent_archive()
    agent_archive.cache_clear()
    assert agent_archive() == first
    assert b"-I" not in first.name.encode()
