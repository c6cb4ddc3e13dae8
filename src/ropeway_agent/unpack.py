"""A recipe's tar file becomes a folder, and nothing outside that folder."""

import hashlib
import io
import os
import tarfile

from ropeway_agent.disk import as_text, local
from ropeway_agent.errors import Failure


def unpack(archive: str, digest: str, folder: str) -> None:
    """Make `folder` from the archive with this digest. Raises Failure for what leads out of it, and for devices."""
    os.mkdir(folder, 0o700)
    try:
        with open(archive, "rb") as file:
            data = file.read()
        if "sha256-" + hashlib.sha256(data).hexdigest() != digest:
            raise Failure("UnexpectedReply", f"unpacking {as_text(archive)}: it was changed", f"rm {as_text(archive)}")
        with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape") as tar:
            tar.extraction_filter = lambda member, _path: member  # ours is stricter, and Pythons differ
            for member in tar:
                member.name, member.linkname = local(member.name), local(member.linkname)
                if not _safe(member, folder):
                    raise _unsafe(member, archive)
                member.mode = 0o700 if member.isdir() or member.mode & 0o100 else 0o600
                member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
                tar.extract(member, folder, set_attrs=not member.issym())
    except tarfile.TarError as error:
        raise Failure("UnexpectedReply", f"unpacking {as_text(archive)}: {error}") from error


def _safe(member: tarfile.TarInfo, folder: str) -> bool:
    inside = _inside(member.name)
    if member.issym():
        inside = inside and _inside(os.path.join(os.path.dirname(member.name), member.linkname))
    root = os.path.realpath(folder)
    parent = os.path.realpath(os.path.join(folder, os.path.dirname(member.name)))  # through links that came before
    return inside and (parent + "/").startswith(root + "/") and (member.isreg() or member.isdir() or member.issym())


def _unsafe(member: tarfile.TarInfo, archive: str) -> Failure:
    return Failure(
        "ConfigError",
        f"unpacking {as_text(archive)}: {member.name!r} is no file, folder or link inside it",
        "keep the recipe's folder to plain files",
    )


def _inside(name: str) -> bool:
    normal = os.path.normpath(name)
    return not os.path.isabs(name) and normal != ".." and not normal.startswith("../")
