"""Where a model comes from: digests, commit, jobs, versions of every part, machines."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ropeway
from ropeway.errors import RopewayError, UnexpectedReply
from ropeway.report import reading
from ropeway.report.reading import Plain
from ropeway.report.source import Source

_EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the scheduler; `id` is the scheduler's."""

    stage: str
    attempt: int
    id: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """`recipe`: the digest of the packed recipe. `output`: the sealed folder on the scheduler's host.

    `versions`: what ran the pipeline. `training`: what the training said of itself. `machine`: what wrote this report.
    """

    model_digest: str | None
    recipe_digest: str | None
    recipe: str | None
    commit: str | None
    adopted_from: str | None
    output: str | None
    store_uri: str | None
    jobs: tuple[Job, ...]
    tracking_run: str | None
    tracking_link: str | None
    version_link: str | None
    versions: Mapping[str, str]
    training: Mapping[str, Plain]
    machine: Mapping[str, Plain]


def read_provenance(source: Source) -> Provenance:
    trained, registered, synced = (source.record(stage) for stage in ("train", "register", "sync"))
    pinned = source.run.pinned
    tracking, address = reading.text(registered.get("tracking_run")), reading.text(registered.get("tracking_url"))
    return Provenance(
        model_digest=reading.text(trained.get("digest") or source.record("rollback").get("digest")),
        recipe_digest=reading.text(pinned.get("bundle")),
        recipe=reading.text((source.section("train") or {}).get("recipe")),
        commit=reading.text(pinned.get("commit")),
        adopted_from=reading.text(pinned.get("adopt")),
        output=reading.text(trained.get("output")),
        store_uri=reading.text(synced.get("uri") or registered.get("source")),
        jobs=_jobs(source),
        tracking_run=tracking,
        tracking_link=_link(address, f"runs/{tracking}") if tracking else None,
        version_link=_link(address, f"models/{registered.get('model')}/versions/{registered.get('version')}"),
        versions=_versions(source),
        training=reading.flat(_environment(source)),
        machine=machine(),
    )


def machine() -> Mapping[str, Plain]:
    """This machine, without its name."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": f"{pages / 2**30:.1f} GiB",
        "python": platform.python_version(),
    }


def _environment(source: Source) -> object:
    try:
        return source.result("train", "environment.json")
    except UnexpectedReply:
        return None


def _jobs(source: Source) -> tuple[Job, ...]:
    submitted = (effect for effect in source.effects if effect.name == "submit-job")
    told = ((effect, reading.text(reading.mapping(effect.record).get("job_id"))) for effect in submitted)
    return tuple(Job(effect.stage, effect.attempt, job) for effect, job in told if job)


def _link(address: str | None, place: str) -> str | None:
    """A page of MLflow's web interface."""
    if address is None or not address.startswith(("http://", "https://")):
        return None
    return f"{address.rstrip('/')}/#/{place}"


def _versions(source: Source) -> dict[str, str]:
    """The release that ran the pipeline; the embedded parts too while this is still that release."""
    release = str(source.run.pinned.get("release") or "")
    known = {"Ropeway": release} if release else {}
    if release == ropeway.__version__:
        known |= _embedded(reading.mapping(source.run.pinned.get("site")))
    return known


def _embedded(site: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    if _is_embedded(site, "registry", "uri"):
        found["MLflow"] = _locked("mlflow-server", "mlflow")
    if reading.mapping(site.get("serving")).get("kind") == "local":
        found["ONNX Runtime (serving)"] = _locked("runtime", "onnxruntime")
    if _is_embedded(site, "store", "endpoint"):
        found["SeaweedFS"] = _tool("weed")
    if _is_embedded(site, "serving", "gateway"):
        found["Traefik"] = _tool("traefik")
    return {name: version for name, version in found.items() if version}


def _is_embedded(site: Mapping[str, Any], part: str, field: str) -> bool:
    address = reading.mapping(site.get(part)).get(field)
    return _EMBEDDED in (address, reading.mapping(address).get("controller"))


def _locked(environment: str, package: str) -> str:
    """The version that an environment's lock file pins; empty when there is none."""
    from ropeway.environments import lock_of

    try:
        lines = lock_of(environment).read_text(encoding="utf-8").splitlines()
    except (RopewayError, OSError):
        return ""
    pinned = (line.removeprefix(f"{package}==") for line in lines if line.startswith(f"{package}=="))
    return next(pinned, "").split(" ", 1)[0]


def _tool(name: str) -> str:
    from ropeway.embedded import tools

    tool = tools.known().get(name)
    return tool.version if tool else ""


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in told if line.startswith("model name"))
    return next(names, platform.machine())
