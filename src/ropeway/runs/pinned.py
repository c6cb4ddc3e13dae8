"""What a run is held to from its first moment: pipeline, site, recipe. Later edits of the files do not change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ropeway.config import Pipeline, Site, parse_pipeline, parse_site
from ropeway.names import Digest, HostPath


@dataclass(frozen=True, slots=True)
class Pinned:
    """`adopt`: a folder that takes the place of training. `rollback`: an endpoint; the run does nothing else."""

    pipeline: Pipeline
    site: Site
    release: str
    bundle: Digest | None = None
    commit: str | None = None
    adopt: HostPath | None = None
    rollback: str | None = None

    def as_json(self) -> Mapping[str, object]:
        return {
            "pipeline": self.pipeline.model_dump(mode="json", by_alias=True, exclude_none=True),
            "site": self.site.model_dump(mode="json", by_alias=True, exclude_none=True),
            "release": self.release,
            "bundle": self.bundle,
            "commit": self.commit,
            "adopt": self.adopt,
            "rollback": self.rollback,
            "stages": self.stages,
        }

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of this run, in order."""
        if self.rollback:
            return ("rollback",)
        if self.adopt:
            return ("train", *(stage for stage in self.pipeline.stages if stage not in ("train", "evaluate")))
        return self.pipeline.stages


def read_pinned(content: Mapping[str, Any], run: str) -> Pinned:
    """Raises ConfigError when the run was pinned by a release that we cannot read."""
    origin = f"the run {run}"
    return Pinned(
        pipeline=parse_pipeline(json.dumps(content["pipeline"]), origin),
        site=parse_site(json.dumps(content["site"]), origin),
        release=str(content["release"]),
        bundle=content.get("bundle"),
        commit=content.get("commit"),
        adopt=content.get("adopt"),
        rollback=content.get("rollback"),
    )
