"""Who listens where on this machine, read from /proc/net/tcp."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTEN = "0A"


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket; the inode ties it to the process that holds it."""

    address: str
    port: int
    inode: int

    @property
    def loopback(self) -> bool:
        address = ipaddress.ip_address(self.address)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback


@dataclass(frozen=True)
class Holder:
    """A process, as far as we may look."""

    pid: int
    name: str


def parse(table: str) -> list[Listener]:
    """The listeners in the text of /proc/net/tcp or /proc/net/tcp6."""
    rows = (line.split() for line in table.splitlines()[1:])
    return [_listener(row[1], int(row[9])) for row in rows if len(row) > 9 and row[3] == LISTEN]


def _listener(local: str, inode: int) -> Listener:
    address, port = local.rsplit(":", 1)
    words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
    return Listener(str(ipaddress.ip_address(b"".join(words))), int(port, 16), inode)


def listeners() -> list[Listener]:
    """Every listening TCP socket of this machine, whoever holds it."""
    return [found for name in ("tcp", "tcp6") for found in parse(_text(Path("/proc/net") / name))]


def listeners_of(pid: int) -> list[Listener]:
    """The listening TCP sockets that this process holds; empty when it is gone or not ours to look into."""
    held = set(_inodes(pid))
    return [listener for listener in listeners() if listener.inode in held]


def holder(port: int) -> Holder | None:
    """The process that listens on the port; None when nobody does or it belongs to another user."""
    wanted = {listener.inode for listener in listeners() if listener.port == port}
    for entry in Path("/proc").iterdir() if wanted else ():
        if entry.name.isdigit() and wanted.intersection(_inodes(int(entry.name))):
            return Holder(int(entry.name), _text(entry / "comm").strip())
    return None


def taken(port: int) -> bool:
    """Whether a server could not bind this port on the loopback address."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _inodes(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    yield int(target[8:-1])


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
