"""A recipe becomes a folder and nothing outside it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ropeway_agent.errors import Failure
from ropeway_agent.unpack import unpack

Member = tuple[str, bytes, str]
"""(name, tarfile's type, what a link leads to)"""
FILE, FOLDER, LINK, HARD, PIPE = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[..., Path]:
    """Makes an archive of these members and unpacks it; the folder."""

    def make(*members: Member) -> Path:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, kind, target in members:
                info = tarfile.TarInfo(name)
                info.type, info.linkname, info.mode, info.size = kind, target, 0o4755, 1 if kind == FILE else 0
                info.uid, info.uname = 12345, "nobody"
                tar.addfile(info, io.BytesIO(b"x"))
        archive = tmp_path / "recipe.tar"
        archive.write_bytes(buffer.getvalue())
        folder = tmp_path / "in" / "recipe"
        folder.parent.mkdir()
        unpack(str(archive), "sha256-" + hashlib.sha256(buffer.getvalue()).hexdigest(), str(folder))
        return folder

    return make


def test_files_folders_and_links_inside(unpacked: Callable[..., Path]) -> None:
    folder = unpacked(("sub", FOLDER, ""), ("sub/ü b", FILE, ""), ("sub/link", LINK, "../sub/ü b"), ("./top", FILE, ""))
    assert (folder / "sub" / "link").read_bytes() == b"x"
    status = (folder / "sub" / "ü b").stat()
    assert status.st_mode & 0o7777 == 0o700
    assert status.st_uid == folder.stat().st_uid


@pytest.mark.parametrize(
    "members",
    [
        [("../out", FILE, "")],
        [("/etc/out", FILE, "")],
        [("a/../../out", FILE, "")],
        [("link", LINK, "/etc")],
        [("link", LINK, "../..")],
        [("here", LINK, "."), ("there", LINK, "here/here/../.."), ("there/out", FILE, "")],
        [("hard", HARD, "/etc/passwd")],
        [("pipe", PIPE, "")],
    ],
)
def test_what_leads_out_or_is_no_file_is_refused(
    unpacked: Callable[..., Path], members: list[Member], tmp_path: Path
) -> None:
    with pytest.raises(Failure, match="no file, folder or link inside it"):
        unpacked(*members)
    assert not list(tmp_path.rglob("out"))


def test_an_archive_that_was_changed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.tar").write_bytes(b"other")
    with pytest.raises(Failure, match="it was changed"):
        unpack(str(tmp_path / "recipe.tar"), "sha256-" + "0" * 64, str(tmp_path / "recipe"))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.tar").write_bytes(b"other")
    digest = "sha256-" + hashlib.sha256(b"other").hexdigest()
    with pytest.raises(Failure, match="unpacking"):
        unpack(str(tmp_path / "recipe.tar"), digest, str(tmp_path / "recipe"))
