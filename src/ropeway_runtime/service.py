"""What this process serves and whether it is ready: loading, ready, draining."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ropeway_runtime.errors import RequestError

if TYPE_CHECKING:
    from ropeway_runtime.inference import Inference

UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Identity:
    """The served model: its name, `sha256-<hex>` or `unverified`, and the revision, empty if none."""

    name: str
    digest: str
    revision: str


class Service:
    """The state that all protocols share; used from the event loop's thread alone."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.draining = False
        self._inference: Inference | None = None

    @property
    def ready(self) -> bool:
        """New traffic is welcome. What comes while draining is answered all the same."""
        return self._inference is not None and not self.draining

    @property
    def inference(self) -> Inference:
        """Raises RequestError(503) while the model is loading."""
        if self._inference is None:
            raise RequestError(503, f"model {self.identity.name!r} is still loading")
        return self._inference

    def loaded(self, inference: Inference) -> None:
        self._inference = inference

    def drain(self) -> None:
        self.draining = True
