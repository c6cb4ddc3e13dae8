"""The gateway as the supervisor drives it: what was written for it, and what it really does by now."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

from ropeway.embedded import gateway_files
from ropeway.embedded.gateway_config import CONFIG_HEADER, CONFIG_PATH
from ropeway.embedded.routes import Routes

_TIMEOUT = 0.5
_CONFIRMED_EVERY = 2.0
_PATIENCE = 3.0
_WRITE_AGAIN = 5.0
"""Seconds without a confirmation after which the file is written anew: it may have been removed."""


class Gateway:
    """`file`: Traefik's dynamic file for this site. `address`: HOST:PORT of its entry point."""

    def __init__(self, file: Path, address: str) -> None:
        self._file = file
        self._address = address.removeprefix("http://").rstrip("/")
        self.wished = gateway_files.load(file)
        """What was written last."""
        self.effective = Routes()
        """What it does, by its own word."""
        self._open: list[Routes] = [self.wished]
        self._written_at = self._looked_at = 0.0
        self._refused = ""

    @property
    def settled(self) -> bool:
        """Whether the gateway does what was written last."""
        return self.effective == self.wished and len(self._open) == 1

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

    def publish(self, routes: Routes) -> None:
        """Write what is not written yet. Raises ConfigError for routes that Traefik would not take."""
        lost = not self.settled and time.monotonic() > self._written_at + _WRITE_AGAIN
        if routes == self.wished and self._written_at and not lost:
            return
        gateway_files.write(self._file, routes)
        self._written_at = time.monotonic()
        if routes != self.wished:
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
        except ConnectionRefusedError:
            self._refused = f"the gateway at {self._address} does not run"
            # It does not run, so it sends nothing to anybody; when it starts, it reads the newest file.
            self.effective, self._open = Routes(), [self.wished]
            return
        except (OSError, http.client.HTTPException):
            return
        self._refused = ""
        self._confirm(said)

    def _confirm(self, said: str | None) -> None:
        """What was written before the configuration in effect comes never again."""
        for at, routes in enumerate(self._open):
            if gateway_files.marker(routes) == said:
                self.effective, self._open = routes, self._open[at:]
                return


def _marker(address: str) -> str | None:
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT)
    try:
        connection.request("GET", CONFIG_PATH)
        reply = connection.getresponse()
        reply.read()
        return reply.headers.get(CONFIG_HEADER)
    finally:
        connection.close()
