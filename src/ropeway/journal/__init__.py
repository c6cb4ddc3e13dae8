"""What happened: runs, attempts, effects and who holds them, so that a killed run goes on where it was."""

from ropeway.journal.database import open_database
from ropeway.journal.journal import Journal
from ropeway.journal.lease import Lease
from ropeway.journal.rows import (
    AttemptRow,
    AttemptState,
    Effect,
    EffectRow,
    NewRun,
    RunRow,
    RunState,
)

__all__ = [
    "AttemptRow",
    "AttemptState",
    "Effect",
    "EffectRow",
    "Journal",
    "Lease",
    "NewRun",
    "RunRow",
    "RunState",
    "open_database",
]
