"""Which ports the site uses: chosen once, remembered, and never moved without being asked."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ropeway import places
from ropeway.embedded import sockets
from ropeway.embedded.folder import SiteFolder, exclusive
from ropeway.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ropeway.embedded.service import Service

CEILING = 32768
"""From here on Linux hands out ports for outgoing connections: a server there collides with them some day."""

LOWEST = 10000
"""Where the search starts over when nothing is free from the preferred port up to the ceiling."""


def _never(_: int) -> bool:
    return False


@dataclass(frozen=True)
class WantedPort:
    """A port that a service wants: the usual number first; `companion` is how far above it lies a second one."""

    preferred: int
    companion: int = 0
    blocked: Callable[[int], bool] = _never
    """Whether this service cannot use a port for a reason of its own, although it is free."""

    def numbers(self, port: int) -> tuple[int, ...]:
        return (port, port + self.companion) if self.companion else (port,)


def choose(wanted: Mapping[str, WantedPort], taken: Callable[[int], bool]) -> dict[str, int]:
    """A free port for each name, the preferred one where it is free. Raises Unavailable when none is left."""
    chosen: dict[str, int] = {}
    used: set[int] = set()
    for name, want in wanted.items():
        chosen[name] = _first_free(want, lambda port: port in used or taken(port))
        used.update(want.numbers(chosen[name]))
    return chosen


def _first_free(want: WantedPort, taken: Callable[[int], bool]) -> int:
    upwards, again = range(want.preferred, CEILING - want.companion), range(LOWEST, want.preferred)
    for port in itertools.chain(upwards, again):
        if not want.blocked(port) and not any(map(taken, want.numbers(port))):
            return port
    raise Unavailable("choosing a port: none is free below 32768", "stop some other servers on this machine")


def check(
    service: str,
    wanted: Mapping[str, WantedPort],
    remembered: Mapping[str, int],
    taken: Callable[[int], bool],
) -> None:
    """Raise Conflict when someone else holds a port that this service is known by."""
    for name, want in wanted.items():
        for port in want.numbers(remembered[name]):
            if taken(port):
                raise Conflict(
                    f"starting {service}: its port {port} is held by {_who(port)}",
                    "stop that process, or move the service: ropeway up --new-ports",
                )


def _who(port: int) -> str:
    holder = sockets.holder(port)
    return f"process {holder.pid} ({holder.name})" if holder else "a process of another user"


def allot(folder: SiteFolder, starting: Sequence[Service], *, new_ports: bool) -> dict[str, dict[str, int]]:
    """The ports of every service of the site, once those among `starting` have theirs; remembered from then on.

    Raises Conflict when someone else took a remembered port, unless `new_ports` allows to move that service.
    """
    root = places.home()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    # One site after the other: two that start for the first time would choose the same.
    with exclusive(root / "ports.lock"):
        ports = folder.ports()
        for service in starting:
            known = ports.get(service.name, {})
            kept = {name: want for name, want in service.ports.items() if name in known}
            try:
                check(service.name, kept, known, sockets.taken)
            except Conflict:
                if not new_ports:
                    raise
                known = {}
            ports[service.name] = known | choose(_without(service.ports, known), _unavailable(ports))
        folder.remember(ports)
    return ports


def _without(wanted: Mapping[str, WantedPort], known: Mapping[str, int]) -> dict[str, WantedPort]:
    return {name: want for name, want in wanted.items() if name not in known}


def _unavailable(ports: Mapping[str, Mapping[str, int]]) -> Callable[[int], bool]:
    promised = {*_promised(), *(port for some in ports.values() for port in some.values())}
    return lambda port: port in promised or sockets.taken(port)


def _promised() -> Iterator[int]:
    """The ports of all of the user's sites: one that is at rest will want its own again."""
    for path in (places.home() / "sites").glob("*"):
        for some in SiteFolder(path).ports().values():
            yield from some.values()
