"""Reads the endpoints' wishes, each only when its file has changed; a damaged one leaves the last good one standing."""

from __future__ import annotations

import logging

from ropeway.adapters.local.endpoint_files import ServingFolder, Wish, read_wish
from ropeway.adapters.local.endpoint_rules import check
from ropeway.errors import RopewayError

_log = logging.getLogger("ropeway.supervisor")

_Version = tuple[int, int]


class Wishes:
    def __init__(self, folder: ServingFolder) -> None:
        self._folder = folder
        self._versions: dict[str, _Version] = {}
        self._known: dict[str, Wish] = {}
        self.unreadable: dict[str, str] = {}
        """Endpoints whose wish cannot be read, and why: nothing of theirs may be touched."""

    def look(self) -> dict[str, Wish]:
        """All wishes, tombstones included."""
        names = self._folder.wished()
        for name in names:
            version = self._version(name)
            if version is not None and version != self._versions.get(name):
                self._versions[name] = version
                self._read(name)
        for name in set(self._versions) - set(names):
            del self._versions[name]
            self._known.pop(name, None)
            self.unreadable.pop(name, None)
        return dict(self._known)

    def _read(self, name: str) -> None:
        try:
            wish = read_wish(self._folder, name)
            if wish is None:
                return
            check(wish.spec)
        except RopewayError as error:
            _log.error("endpoint %s stays as it is: %s", name, error.message)
            self.unreadable[name] = error.message
            return
        self._known[name] = wish
        self.unreadable.pop(name, None)

    def _version(self, name: str) -> _Version | None:
        try:
            found = self._folder.wish_file(name).stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino
