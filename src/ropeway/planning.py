"""Every effect that a run would have, before anything is spent. Reads the pipeline and the site; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ropeway.config import Pipeline
from ropeway.config.pipeline import JobSection
from ropeway.config.units import in_words
from ropeway.interfaces.scheduler import JobSpec, Resources
from ropeway.names import Digest, HostPath, key
from ropeway.runs.bundle import find_recipe
from ropeway.stages.context import Connections
from ropeway.stages.endpoints import heaviest, present
from ropeway.stages.promote import PREVIOUS
from ropeway.stages.sync import CANDIDATE

_UNKNOWN = Digest("sha256-" + "0" * 64)
"""Stands for the digest that only training will tell."""
_RUN = "run"


@dataclass(frozen=True, slots=True)
class PlannedEffect:
    """`target`: what would be changed, `detail`: how. Values that only the run can tell stand in angle brackets."""

    stage: str
    name: str
    target: str
    detail: Mapping[str, object] = field(default_factory=dict)


def planned(pipeline: Pipeline, file: Path | None, site: Connections) -> tuple[PlannedEffect, ...]:
    """Raises Unavailable when a part of the site that must be asked does not answer."""
    parts = {
        "train": _train,
        "evaluate": _evaluate,
        "register": _register,
        "sync": _sync,
        "deploy": _deploy,
        "verify": _verify,
        "promote": _promote,
    }
    if pipeline.train is not None:
        find_recipe(pipeline.train.recipe, file)
    return tuple(effect for stage in pipeline.stages for effect in parts[stage](pipeline, site))


def _train(pipeline: Pipeline, site: Connections) -> Iterator[PlannedEffect]:
    if pipeline.register_ is not None:
        experiment = pipeline.register_.experiment or pipeline.register_.model
        yield PlannedEffect("train", "open-tracking-run", f"experiment {experiment} at {site.registry.address}")
    if pipeline.train is not None:
        yield _job(site, "train", pipeline.train, seal=True)


def _evaluate(pipeline: Pipeline, site: Connections) -> Iterator[PlannedEffect]:
    if pipeline.evaluate is not None:
        yield _job(site, "evaluate", pipeline.evaluate, seal=False)


def _job(site: Connections, stage: str, section: JobSection, *, seal: bool) -> PlannedEffect:
    name = key(_RUN, stage, 1)
    asked = section.resources
    spec = JobSpec(
        command=section.command,
        bundle=Path("bundle.tar"),
        bundle_digest=_UNKNOWN,
        resources=Resources(asked.cpus, asked.memory, asked.gpus, asked.time),
        environment=section.variables,
        path=(HostPath(f"/<environment {section.environment}>/bin"),),
        model=None if seal else site.scheduler.folder(key(_RUN, "train", 1)).output,
        seal=seal,
    )
    return PlannedEffect(stage, "submit-job", f"job <run>-{stage}-1", {"script": site.scheduler.script(name, spec)})


def _register(pipeline: Pipeline, site: Connections) -> Iterator[PlannedEffect]:
    section = pipeline.register_
    if section is not None:
        latest = max((v.version for v in site.registry.find(section.model)), default=0)
        detail = {"source": _prefix(site, section.model), "tags": section.tags}
        yield PlannedEffect("register", "create-version", f"{section.model} version {latest + 1}", detail)


def _sync(pipeline: Pipeline, site: Connections) -> Iterator[PlannedEffect]:
    section = pipeline.register_
    if section is not None:
        yield PlannedEffect("sync", "publish", _prefix(site, section.model))
        yield PlannedEffect("sync", "alias", f"{section.model}@{CANDIDATE} to the new version")


def _deploy(pipeline: Pipeline, site: Connections) -> Iterator[PlannedEffect]:
    section = pipeline.deploy
    if section is not None:
        stable = heaviest(present(site.serving.state(section.endpoint)))
        replicas = f"{section.replicas.min} to {section.replicas.max}"
        detail = {"replicas": replicas, "weight": 0, "beside": stable.id if stable else None}
        yield PlannedEffect("deploy", "add-revision", f"endpoint {section.endpoint}", detail)


def _verify(pipeline: Pipeline, _: Connections) -> Iterator[PlannedEffect]:
    section = pipeline.verify
    if section is not None:
        bound = in_words(section.latency_p95) if section.latency_p95 else None
        detail = {"examples": section.examples, "latency_p95": bound, "requests": section.requests}
        yield PlannedEffect("verify", "ask", "every replica, by recorded examples", detail)


def _promote(pipeline: Pipeline, site: Connections) -> Iterator[PlannedEffect]:
    section = pipeline.promote
    if section is None or pipeline.register_ is None or pipeline.deploy is None:
        return
    model = pipeline.register_.model
    stable = heaviest(present(site.serving.state(pipeline.deploy.endpoint)))
    for weight in section.rollout.steps if stable else (100,):
        yield PlannedEffect("promote", f"weight-{weight}", f"endpoint {pipeline.deploy.endpoint}", {"percent": weight})
    before = site.registry.aliases(model).get(section.alias)
    yield PlannedEffect("promote", "alias", f"{model}@{section.alias} to the new version", {"before": before})
    if before is not None:
        yield PlannedEffect("promote", "alias", f"{model}@{PREVIOUS} to version {before}")


def _prefix(site: Connections, model: str) -> str:
    return site.store.uri(model, _UNKNOWN).replace(_UNKNOWN, "sha256-<digest of what is trained>")
