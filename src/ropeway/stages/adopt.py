"""Adopt: take a folder that was trained elsewhere, seal it where it lies, and go on as if we had trained it."""

from __future__ import annotations

from datetime import timedelta

from ropeway.errors import StageFailed
from ropeway.names import HostPath, digest
from ropeway.records import TrainedModel
from ropeway.stages.context import Context
from ropeway.stages.train import sealed_manifest

LIMIT = timedelta(hours=1)
"""Sealing reads every byte: some 100 GB within this time on one core."""


def adopt(context: Context, directory: HostPath) -> TrainedModel:
    """Seals the folder if it is not sealed; sealing it twice gives the same. Raises StageFailed when it cannot be."""
    context.say(f"sealing {directory}")
    sealed = context.site.scheduler.host.call("seal_model", {"path": directory}, LIMIT)
    manifest = sealed_manifest(context, directory)
    if sealed.get("digest") != manifest.digest:
        raise StageFailed(f"sealing {directory}: the folder changed meanwhile", f"ropeway resume {context.run}")
    return TrainedModel(
        digest=digest(manifest.digest),
        output=directory,
        size=manifest.size,
        files=len(manifest.files),
        sealed_at=context.clock.now().timestamp(),
        job=None,
    )
