"""What `submit`, `watch` and the rest need of whatever runs the jobs: one row of functions a scheduler."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ropeway_agent.claim import Claim
from ropeway_agent.errors import Failure
from ropeway_agent.folder import JobFolder


class Backend(NamedTuple):
    """`find` answers None only when every source has answered; each may raise Failure.

    `start` is called with the claim held, once nothing was found; what it starts must inherit the claim's lock
    until it can be found. `stop` is called after the tombstone is there. `states` leaves out jobs that never started.
    """

    find: Callable[[JobFolder], Optional[str]]
    start: Callable[[JobFolder, Claim], str]
    states: Callable[[List[JobFolder]], Dict[str, Dict[str, Any]]]
    stop: Callable[[JobFolder], None]
    usage: Callable[[JobFolder], Optional[Dict[str, Any]]]


def backend(kind: str) -> Backend:
    if kind == "local":
        from ropeway_agent import local

        return Backend(local.find, local.start, local.states, local.stop, local.usage)
    raise Failure("ConfigError", f"choosing a scheduler: there is no {kind!r}", "local")
