"""One part over HTTP: read, hashed and sent in one pass, tried again until it arrives or the budget is spent."""

import base64
import contextlib
import hashlib
import http.client
import os
import ssl
import urllib.parse
import urllib.request
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Tuple

from ropeway_agent.disk import local
from ropeway_agent.errors import Failure, of_system
from ropeway_agent.pace import Pace, pause
from ropeway_agent.replies import Reply, read_reply, refusal

_BLOCK = 1 << 20
_SILENCE = 60.0
"""Seconds without a byte after which a connection counts as dead."""
_REPLY_LIMIT = 1 << 16


class Part(NamedTuple):
    """`start` and `size` in bytes of the file `path`, `sha256` in hex. The URL is a secret: never in a message."""

    path: str
    start: int
    size: int
    sha256: str
    url: str
    headers: Dict[str, str]

    def __repr__(self) -> str:
        return f"Part({self.path!r}, {self.start}, {self.size})"


class Expired(Exception):  # noqa: N818 - a request to the other side
    """The store does not take this URL, or no longer; `reply` is what it said."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


class Sender:
    """Sends parts of the files below a folder, over one connection of its own. One a thread."""

    def __init__(self, directory: str, pace: Pace) -> None:
        self._directory = directory
        self._pace = pace
        self._connection: Optional[http.client.HTTPConnection] = None
        self._place: Tuple[str, str] = ("", "")

    def send(self, part: Part, stopped: Callable[[float], bool]) -> Optional[str]:
        """The part's etag, once it has arrived. Raises Failure, and Expired for a URL that has to be signed again.

        `stopped` waits so many seconds and tells whether to give up.
        """
        attempt = 0
        while True:
            reply, trouble = self._try(part)
            if reply is not None and reply.arrived:
                self._pace.well()
                return reply.etag
            if reply is not None and reply.expired:
                raise Expired(reply)
            if reply is not None and not reply.again:
                raise refusal(part.path, reply)
            if self._pace.spent or stopped(pause(attempt, reply.wait if reply else None)):
                reason = f"nothing arrives since {self._pace.budget:g} s: {reply or trouble}"
                raise Failure("Unavailable", f"sending {part.path}: {reason}", "ropeway resume")
            attempt += 1

    def _try(self, part: Part) -> Tuple[Optional[Reply], str]:
        """(the store's reply, or why there is none)."""
        self._pace.begin()
        try:
            reply = self._put(part)
            if reply.busy:
                self._pace.slower()
            return reply, ""
        except Failure:
            self.close()
            raise
        except ssl.SSLError as error:
            self.close()
            if "CERTIFICATE" in str(error):
                raise Failure("AccessError", f"sending {part.path}: {error.reason}", "set SSL_CERT_FILE") from error
            return None, str(error.reason)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return None, getattr(error, "strerror", None) or type(error).__name__
        finally:
            self._pace.end()

    def _put(self, part: Part) -> Reply:
        address = urllib.parse.urlsplit(part.url)
        connection = self._connected(address)
        connection.putrequest("PUT", urllib.parse.urlunsplit(("", "", address.path, address.query, "")))
        for name, value in part.headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(part.size))
        connection.endheaders()
        # A store that refuses may answer and close before it has read everything: its answer counts, not the pipe.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for block in _blocks(os.path.join(self._directory, local(part.path)), part):
                connection.send(block)
        response = connection.getresponse()
        body = response.read(_REPLY_LIMIT)
        if response.will_close or not response.isclosed():
            self.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return read_reply(response.status, headers, body)

    def _connected(self, address: urllib.parse.SplitResult) -> http.client.HTTPConnection:
        if self._connection is None or self._place != address[:2]:
            self.close()
            self._connection, self._place = _connection(address), (address.scheme, address.netloc)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connection(address: urllib.parse.SplitResult) -> http.client.HTTPConnection:
    host, port = address.hostname or "", address.port
    if address.scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=_SILENCE)
    proxy = urllib.request.getproxies_environment().get("https")
    if not proxy or urllib.request.proxy_bypass(address.netloc):
        return http.client.HTTPSConnection(host, port, timeout=_SILENCE)
    via = urllib.parse.urlsplit(proxy if "//" in proxy else "//" + proxy)
    connection = http.client.HTTPSConnection(via.hostname or "", via.port, timeout=_SILENCE)
    connection.set_tunnel(host, port or 443, _authorization(via))
    return connection


def _authorization(via: urllib.parse.SplitResult) -> Dict[str, str]:
    if via.username is None:
        return {}
    pair = f"{urllib.parse.unquote(via.username)}:{urllib.parse.unquote(via.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")}


def _blocks(place: str, part: Part) -> Iterator[memoryview]:
    """The part's bytes. The last block only comes once all of them are known to be the sealed ones."""
    digest = hashlib.sha256()
    left = part.size
    try:
        with open(place, "rb", buffering=0) as file:
            file.seek(part.start)
            buffer = memoryview(bytearray(min(left, _BLOCK)))
            while left > 0:
                filled = file.readinto(buffer[: min(left, _BLOCK)])
                if not filled:
                    break
                digest.update(buffer[:filled])
                left -= filled
                if left:
                    yield buffer[:filled]
    except OSError as error:
        raise of_system(f"sending {part.path}", error) from error
    if left or digest.hexdigest() != part.sha256:
        message = f"sending {part.path}: its bytes from {part.start} on are no longer those that were sealed"
        raise Failure("StageFailed", message, "ropeway run --from train")
    if part.size:
        yield buffer[:filled]
