"""Brings models from the store beside the supervisor's loop, and says how far each one is."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from ropeway import pull
from ropeway.errors import RopewayError, Unavailable
from ropeway.interfaces.serving import Failure
from ropeway.interfaces.store import Store
from ropeway.names import Digest
from ropeway.supervisor.plan import ModelPlace

RETRY = 2.0
"""Seconds until a store that did not answer is asked again."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where one model is. `done` and `total` in bytes; `again_at`: monotonic seconds, after a failure that may pass."""

    place: ModelPlace
    done: int = 0
    total: int = 0
    failure: Failure | None = None
    again_at: float = 0.0

    @property
    def note(self) -> str:
        if self.place is not ModelPlace.PULLING:
            return ""
        return f"pulling the model: {self.done >> 20} of {self.total >> 20} MiB" if self.total else "pulling the model"


class Stopped(Exception):
    """Ends a pull; nothing went wrong."""


@dataclass
class Pulls:
    """All transfers of the site, each in a thread of its own."""

    store: Store
    folder: Path
    _transfers: dict[tuple[str, Digest], Transfer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def connect(self) -> None:
        """Begin to know the store, so that the first model does not wait for that. It may be down: nobody waits."""
        threading.Thread(target=self._connect, name="pull-connect", daemon=True).start()

    def _connect(self) -> None:
        with contextlib.suppress(RopewayError):
            self.store.manifest("nothing", Digest(f"sha256-{'0' * 64}"))

    def look(self, model: str, digest: Digest) -> Transfer:
        """How far it is; ABSENT when it is to be begun, again or for the first time."""
        with self._lock:
            known = self._transfers.get((model, digest))
        if known is None or known.place is ModelPlace.HERE:
            here = pull.place(self.folder, model, digest).is_dir()
            return Transfer(ModelPlace.HERE if here else ModelPlace.ABSENT)
        if known.place is ModelPlace.FAILED and not _final(known) and time.monotonic() >= known.again_at:
            return replace(known, place=ModelPlace.ABSENT)
        return known

    def begin(self, model: str, digest: Digest) -> None:
        """Quiet while it is under way."""
        with self._lock:
            known = self._transfers.get((model, digest))
            if known is not None and known.place is ModelPlace.PULLING:
                return
            failure = known.failure if known else None
            self._transfers[model, digest] = Transfer(ModelPlace.PULLING, failure=failure)
        name = f"pull-{model}"
        threading.Thread(target=self._run, args=(model, digest), name=name, daemon=True).start()

    def path(self, model: str, digest: Digest) -> Path:
        return pull.place(self.folder, model, digest)

    def forget(self, model: str, digest: Digest) -> None:
        """A failure is no more: the next look begins anew."""
        with self._lock:
            known = self._transfers.get((model, digest))
            if known is not None and known.place is not ModelPlace.PULLING:
                del self._transfers[model, digest]

    def discard(self, model: str, digest: Digest) -> None:
        """The local copy is damaged: the next look finds none, and it is pulled anew."""
        self.forget(model, digest)
        shutil.rmtree(self.path(model, digest), ignore_errors=True)

    def close(self) -> None:
        """Cut transfers short; the next supervisor goes on where they are."""
        self._stop.set()

    def _run(self, model: str, digest: Digest) -> None:
        def progress(done: int, total: int) -> None:
            if self._stop.is_set():
                raise Stopped
            self._set(model, digest, Transfer(ModelPlace.PULLING, done, total))

        try:
            pull.pull(self.store, model, digest, self.folder, progress)
            outcome = Transfer(ModelPlace.HERE)
        except Stopped:
            return
        except Unavailable as error:
            failure = Failure(final=False, reason=error.message, hint=error.hint)
            outcome = Transfer(ModelPlace.FAILED, failure=failure, again_at=time.monotonic() + RETRY)
        except RopewayError as error:
            outcome = Transfer(ModelPlace.FAILED, failure=Failure(True, error.message, error.hint))
        except Exception as error:  # noqa: BLE001 - the boundary of a thread: what escapes here would be told to nobody
            reason = f"pulling {model}: {type(error).__name__}: {error}"
            outcome = Transfer(ModelPlace.FAILED, failure=Failure(True, reason))
        self._set(model, digest, outcome)

    def _set(self, model: str, digest: Digest, transfer: Transfer) -> None:
        with self._lock:
            self._transfers[model, digest] = transfer


def _final(transfer: Transfer) -> bool:
    return transfer.failure is not None and transfer.failure.final
