"""The agent as one file that travels, and the first words that make a bare Python at the other end run it."""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
from dataclasses import dataclass
from importlib import resources

_MAIN = b"import sys\nfrom ropeway_agent.entry import main\nsys.exit(main(sys.argv[1:]))\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)

# Runs on Python 3.6 and later, before anything of ours is there. It looks at owner, mode and bytes of what it runs: a
# file that someone else could have put there is never run. It becomes the agent: a second start of Python costs 20 ms.
_LOADER = """
import hashlib, os, stat, sys
home, name, digest, size, fence = {arguments!r}
home = os.fsdecode(home.encode("utf-8"))
path = os.path.join(home, name)
def say(text):
    os.write(1, ("\\n" + fence + " " + text + "\\n").encode("utf-8", "backslashreplace"))
def whole():
    if not os.path.lexists(path):
        return False
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError(1, "it is not a file of this user", path)
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest() == digest
def install():
    say("send")
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            os._exit(1)
        data += more
    own = path + "." + fence
    with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.rename(own, path)
    if not whole():
        raise OSError(5, "it did not arrive as it was sent", path)
try:
    os.makedirs(home, 0o700, exist_ok=True)
    status = os.lstat(home)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError(1, "it is not a folder of this user", home)
    os.chmod(home, 0o700)
    if not whole():
        install()
except OSError as error:
    say("refused " + str(error))
    os._exit(1)
sys.argv = [path, "serve", fence]
sys.path.insert(0, path)
try:
    from ropeway_agent.entry import main
    os._exit(main(sys.argv[1:]))
except BaseException:
    import traceback
    traceback.print_exc()
    os._exit(1)
"""


@dataclass(frozen=True, slots=True)
class Archive:
    """agent.pyz: the same bytes for the same release, and their SHA-256 in hex."""

    data: bytes
    sha256: str

    @property
    def name(self) -> str:
        return f"agent-{self.sha256}.pyz"


@functools.cache
def agent_archive() -> Archive:
    """The installed `ropeway_agent` as a zip file that Python runs."""
    modules = {"__main__.py": _MAIN}
    for file in resources.files("ropeway_agent").iterdir():
        if file.name.endswith(".py"):
            modules[f"ropeway_agent/{file.name}"] = file.read_bytes()
    data = _zipped(modules)
    return Archive(data, hashlib.sha256(data).hexdigest())


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # zlib's output differs between releases
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), files[name])
    return buffer.getvalue()


def loader_line(home: str, fence: str) -> bytes:
    """One line for an interactive Python: check the archive below `home`, or ask for it, then become its `serve`.

    It answers a line `FENCE send` when it needs the bytes, `FENCE refused REASON` when it will not start.
    """
    archive = agent_archive()
    arguments = (home, archive.name, archive.sha256, len(archive.data), fence)
    return f"exec({_LOADER.format(arguments=arguments)!a})\n".encode("ascii")
