"""Check what a site needs, one finding each, with the command that mends it. Asks; changes nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ropeway import places, services, sites
from ropeway.config import Site
from ropeway.errors import RopewayError
from ropeway.journal import open_database
from ropeway.stages.context import Connections

NEEDED = 10 * 10**9
WISHED = 20 * 10**9
"""Bytes free: an environment for training takes some 6 GB, models and their copies the rest."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `exit_code` is what `ropeway doctor` ends with when this is the worst finding."""

    name: str
    passed: bool
    seen: str
    hint: str | None = None
    exit_code: int = 1


def examine(site: Site | Path | str | None = None) -> Sequence[Finding]:
    """Every finding about this machine and the site, in the order in which to mend them."""
    found = sites.find_site(site)
    return [*_machine(), *_services(found), *_connections(found)]


def _machine() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= (3, 11), version, "uv python install 3.11", 2)
    yield _disk()
    yield _asked("journal", _journal_place, "df -h")
    missing = [name for name in ("git", "npm") if shutil.which(name) is None]
    yield Finding("programs", not missing, f"missing: {', '.join(missing)}" if missing else "git, npm", _install())


def _install() -> str:
    return "sudo apt-get install git npm"


def _disk() -> Finding:
    place = places.home()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    words = f"{free / 1e9:.0f} GB free" + (" (20 would be better)" if NEEDED <= free < WISHED else "")
    return Finding("disk", free >= NEEDED, words, f"df -h {place}")


def _journal_place() -> str:
    open_database(places.journal())
    return places.journal().partition("?")[0].rpartition("@")[2]


def _services(site: Site) -> Iterator[Finding]:
    for state in services.states(site) if site.embedded else ():
        seen = f"{state.url or 'running'}, {state.version}" if state.healthy else "does not run"
        yield Finding(f"service {state.name}", state.healthy, seen, "ropeway up", 6)


def _connections(site: Site) -> Iterator[Finding]:
    try:
        parts = sites.connect(site)
    except RopewayError as error:
        yield Finding("site", False, error.message, error.hint, error.exit_code)
        return
    yield from _parts(parts)


def _parts(parts: Connections) -> Iterator[Finding]:
    def agent() -> str:
        hello = parts.scheduler.host.call("hello", {})
        return f"Python {hello.get('python')} on {hello.get('host')}"

    def registry() -> str:
        parts.registry.aliases("ropeway-doctor")
        return parts.registry.address

    def store() -> str:
        parts.store.look("ropeway-doctor")
        return parts.store.address

    def serving() -> str:
        parts.serving.state("ropeway-doctor")
        return "answers"

    yield _asked("agent", agent, "ropeway doctor --debug")
    yield _asked("registry", registry, "ropeway up")
    yield _asked("store", store, "ropeway up")
    yield _asked("serving", serving, "ropeway up")


def _asked(name: str, look: Callable[[], str], hint: str) -> Finding:
    try:
        return Finding(name, True, look())
    except RopewayError as error:
        return Finding(name, False, error.message, error.hint or hint, error.exit_code)
