"""The gateway as the supervisor drives it: what was written for it, and what it really does by now."""

from __future__ import annotations

import http.client
import logging
import time
from pathlib import Path

from ropeway.errors import UnexpectedReply
from ropeway.supervisor import gateway_files
from ropeway.supervisor.gateway_config import CONFIG_HEADER, CONFIG_PATH
from ropeway.supervisor.routes import EndpointRoute, Routes

_TIMEOUT = 0.5
_CONFIRMED_EVERY = 2.0
_PATIENCE = 3.0
_WRITE_AGAIN = 5.0
"""Seconds without a confirmation after which the file is written anew: it may have been removed."""

_log = logging.getLogger("ropeway.supervisor")


class Gateway:
    """`file`: Traefik's dynamic file for this site. `address`: HOST:PORT of its entry point."""

    def __init__(self, file: Path, address: str) -> None:
        self._file = file
        self._address = address.removeprefix("http://").rstrip("/")
        self.wished = _left_by_the_last(file)
        """What was written last."""
        self.effective = Routes()
        """What it does, by its own word."""
        self._open: list[Routes] = [self.wished]
        self._written_at = self._looked_at = 0.0
        self._refused = ""

    @property
    def settled(self) -> bool:
        """Whether the gateway does what was written last."""
        return self.effective == self.wished

    @property
    def problem(self) -> str | None:
        """Why it does not do what was written last, once that has lasted too long to be normal."""
        if self.settled or time.monotonic() < self._written_at + _PATIENCE:
            return None
        return self._refused or f"the gateway at {self._address} has not taken over its new routes"

    @property
    def reachable(self) -> frozenset[str]:
        """Replicas that some configuration which may be in effect sends requests to."""
        return frozenset().union(*(routes.replicas() for routes in (self.effective, *self._open)))

    def publish(self, endpoints: tuple[EndpointRoute, ...]) -> None:
        """Write what is not written yet. Raises ConfigError for routes that Traefik would not take."""
        changed = endpoints != self.wished.endpoints
        lost = not self.settled and time.monotonic() > self._written_at + _WRITE_AGAIN
        if self._written_at and not changed and not lost:
            return
        routes = Routes(endpoints, self.wished.number + 1) if changed else self.wished
        gateway_files.write(self._file, routes)
        self._written_at = time.monotonic()
        if changed:
            self.wished = routes
            self._open.append(routes)

    def look(self) -> None:
        """Ask which configuration is in effect, if that is not known for sure."""
        now = time.monotonic()
        if self.settled and now < self._looked_at + _CONFIRMED_EVERY:
            return
        self._looked_at = now
        try:
            said = _marker(self._address)
            self._refused = ""
        except ConnectionRefusedError:
            said, self._refused = None, f"the gateway at {self._address} does not run"
        except (OSError, http.client.HTTPException):
            return
        self._confirm(said)

    def _confirm(self, said: str | None) -> None:
        """What was written before the configuration in effect comes never again.

        A gateway without any of ours sends nothing to anybody; once it reads the file, it reads the newest.
        """
        known = [at for at, routes in enumerate(self._open) if gateway_files.marker(routes) == said]
        if known:
            self.effective, self._open = self._open[known[0]], self._open[known[0] :]
        else:
            self.effective, self._open = Routes(), [self.wished]


def _left_by_the_last(file: Path) -> Routes:
    try:
        return gateway_files.load(file)
    except UnexpectedReply as error:
        _log.warning("the gateway's file is written anew: %s", error.message)
        return Routes()


def _marker(address: str) -> str | None:
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT)
    try:
        connection.request("GET", CONFIG_PATH)
        reply = connection.getresponse()
        reply.read()
        return reply.headers.get(CONFIG_HEADER)
    finally:
        connection.close()
