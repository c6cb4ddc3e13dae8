"""Takes the port before anything else is done, so that a taken port is said at once."""

from __future__ import annotations

import errno
import socket

from ropeway_runtime.errors import ListenError

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; connections wait in its backlog until the server runs. Raises ListenError.

    It listens at once: two sockets that are only bound may share a port on Linux.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ListenError(f"host {host}: {error.strerror}", "--host 127.0.0.1") from error
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _refused(host, port, error) from error
    return sock


def url(sock: socket.socket) -> str:
    """Where a client finds the socket."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _refused(host: str, port: int, error: OSError) -> ListenError:
    if error.errno == errno.EADDRINUSE:
        return ListenError(
            f"port {port} on {host} is taken by another process",
            f"ss -ltnp 'sport = :{port}' shows which; --port 0 takes any free one",
        )
    return ListenError(f"listening on {host} port {port}: {error.strerror}", "--port 0")
