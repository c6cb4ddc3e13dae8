"""Sync: the sealed model becomes complete in the store, or stays invisible; then it is the candidate."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ropeway.journal import Effect
from ropeway.names import Digest, HostPath, Key
from ropeway.records import ModelVersion, SyncedModel, TrainedModel
from ropeway.stages.aliases import move_alias
from ropeway.stages.context import Context
from ropeway.stages.push import push
from ropeway.stages.train import sealed_manifest

CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class PublishPlan:
    key: Key
    model: str
    digest: Digest
    source: HostPath
    provenance: str
    """JSON: where the model comes from; kept beside it."""


@dataclass(frozen=True, slots=True)
class Published:
    uri: str
    size: int
    sent: int


def sync(context: Context, trained: TrainedModel, version: ModelVersion) -> SyncedModel:
    published = context.perform(_publish(context, trained, version))
    move_alias(context, version.model, CANDIDATE, version.version)
    return SyncedModel(version.model, version.version, version.digest, published.uri, published.size, published.sent)


def _publish(context: Context, trained: TrainedModel, version: ModelVersion) -> Effect[PublishPlan, Published]:
    store = context.site.store

    def find(plan: PublishPlan) -> Published | None:
        manifest = store.manifest(plan.model, plan.digest)
        if manifest is None or store.damage(plan.model, plan.digest):
            return None
        context.say(f"{plan.model} {plan.digest[:14]} is complete in the store: nothing to send")
        return Published(store.uri(plan.model, plan.digest), manifest.size, 0)

    def do(plan: PublishPlan) -> Published:
        manifest = sealed_manifest(context, plan.source)
        sent = push(context, plan.model, manifest, plan.source)
        store.note(plan.model, plan.digest, plan.key, plan.provenance.encode())
        stored = store.publish(plan.key, plan.model, manifest, check=True)
        return Published(stored.uri, stored.size, sent)

    return Effect(
        name="publish",
        plan=lambda: PublishPlan(
            context.key, version.model, version.digest, trained.output, _provenance(context, trained, version)
        ),
        find=find,
        do=do,
        plan_kind=PublishPlan,
        record_kind=Published,
    )


def _provenance(context: Context, trained: TrainedModel, version: ModelVersion) -> str:
    origin = {
        "run": context.run,
        "pipeline": context.pipeline.name,
        "job": trained.job,
        "commit": context.commit,
        "recipe": context.bundle_digest,
        "sealed_at": trained.sealed_at,
        "version": version.version,
        "tracking_run": version.tracking_run,
        "parameters": dict(trained.parameters),
    }
    return json.dumps(origin, sort_keys=True)
