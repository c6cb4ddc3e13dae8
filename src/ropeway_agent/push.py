"""Send parts of a sealed model to URLs that the other side has signed: nothing here holds a credential.

They say {"parts": [{path, start, size, sha256, url, headers}, …]}, as often as they like, and {"done": true} last.
We say {"sent": [{path, start, etag}, …], "bytes": all so far} as parts arrive, and {"renew": [{path, start}, …]} for
parts whose URL the store does not take any more: they are to come again, signed afresh. `path` is relative to the
body's `directory`; `budget` is how many seconds nothing may arrive before we give up.
"""

from typing import Any, Dict, List, Tuple

from ropeway_agent.canonical import refuse_path
from ropeway_agent.crew import RENEWALS, Crew, Outcome
from ropeway_agent.disk import local
from ropeway_agent.replies import refusal
from ropeway_agent.sending import Part
from ropeway_agent.wire import Wire

BUDGET = 120.0


def push(body: Dict[str, Any], wire: Wire) -> None:
    """Send all parts that come, until they are done and the last has arrived. Raises the first failure."""
    crew = Crew(local(body["directory"]), float(body.get("budget", BUDGET)))
    tally = _Tally(wire)
    done = False
    try:
        while not (done and crew.idle):
            if not wire.wait(1.0, crew.bell):
                return  # nobody is left to say more
            while wire.pending:
                line = wire.receive() or {}
                done = done or bool(line.get("done"))
                for document in line.get("parts", ()):
                    crew.send(_part(document))
            tally.report(crew.outcomes())
    finally:
        crew.stop()


def _part(document: Dict[str, Any]) -> Part:
    refuse_path(document["path"])
    return Part(*(document[name] for name in Part._fields))


class _Tally:
    """Counts what has arrived, and tells the other side."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._bytes = 0
        self._renewed: Dict[Tuple[str, int], int] = {}

    def report(self, outcomes: List[Outcome]) -> None:
        for outcome in outcomes:
            self._refuse(outcome)
        sent = [outcome for outcome in outcomes if outcome.expired is None]
        renew = [outcome.part for outcome in outcomes if outcome.expired is not None]
        self._bytes += sum(outcome.part.size for outcome in sent)
        if sent:
            arrived = [{"path": out.part.path, "start": out.part.start, "etag": out.etag} for out in sent]
            self._wire.send({"sent": arrived, "bytes": self._bytes})
        if renew:
            self._wire.send({"renew": [{"path": part.path, "start": part.start} for part in renew]})

    def _refuse(self, outcome: Outcome) -> None:
        if outcome.failure is not None:
            raise outcome.failure
        if outcome.expired is None:
            return
        place = (outcome.part.path, outcome.part.start)
        self._renewed[place] = self._renewed.get(place, 0) + 1
        if self._renewed[place] > RENEWALS:
            raise refusal(outcome.part.path, outcome.expired.reply)
