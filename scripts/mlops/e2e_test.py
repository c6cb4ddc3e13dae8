#!/usr/bin/env python3
"""Five checks of a finished run (the newest, or the one named): registry, store, inference, metrics, whole workflow.

usage: e2e_test.py [RUN]      exits with 1 and names the check when one fails
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import ropeway
from ropeway import sites
from ropeway.errors import RopewayError
from ropeway.interfaces.serving import InferenceRequest
from ropeway.names import digest as as_digest
from ropeway.runs.status import RunStatus
from ropeway.stages.context import Connections
from ropeway.waiting import SYSTEM

REQUESTS = 20
SEEN_WITHIN = 15.0
"""Seconds until requests show in Prometheus: several scrapes."""

Records = Mapping[str, Mapping[str, Any]]


def registry(run: RunStatus, records: Records, site: Connections) -> str:
    version, promoted = records["register"], records["promote"]
    aliases = site.registry.aliases(version["model"])
    assert aliases.get(promoted["alias"]) == version["version"], f"{promoted['alias']} names {aliases}"
    (found,) = [v for v in site.registry.find(version["model"]) if v.version == version["version"]]
    assert found.digest == version["digest"], f"it is registered as {found.digest}"
    assert found.tags["ropeway.run"] == run.id, f"it was registered by {found.tags['ropeway.run']}"
    return f"{version['model']} version {version['version']} is {promoted['alias']}"


def store(_: RunStatus, records: Records, site: Connections) -> str:
    synced = records["sync"]
    damage = site.store.damage(synced["model"], as_digest(synced["digest"]), deep=True)
    assert not damage, f"damaged: {damage[0]}"
    return f"{synced['uri']} is whole, every byte read"


def requests(run: RunStatus, records: Records) -> list[InferenceRequest]:
    examples = json.loads((run.folder / "results" / "evaluate" / "examples.json").read_text())["examples"]
    path = f"/v2/models/{records['deploy']['model']}/infer"
    bodies = [json.dumps({"inputs": example["inputs"]}).encode() for example in examples]
    return [InferenceRequest(path, bodies[number % len(bodies)]) for number in range(REQUESTS)]


def inference(run: RunStatus, records: Records, site: Connections) -> str:
    revision = records["deploy"]
    answers = [site.serving.request(revision["endpoint"], request) for request in requests(run, records)]
    wrong = [answer for answer in answers if answer.status != 200 or answer.digest != revision["digest"]]
    assert not wrong, f"{len(wrong)} of {len(answers)} answers are wrong: {wrong[0].status} from {wrong[0].digest}"
    return f"{len(answers)} answers from {revision['digest'][:14]} at {revision['url']}"


def metrics(run: RunStatus, records: Records, site: Connections) -> str:
    query = f'sum(kserve_model_request_total{{digest="{records["deploy"]["digest"]}"}})'
    before = site.metrics.value(query, SYSTEM.now()) or 0.0
    for request in requests(run, records):
        site.serving.request(records["deploy"]["endpoint"], request)
    end = time.monotonic() + SEEN_WITHIN
    counted = 0.0
    while counted < REQUESTS and time.monotonic() < end:
        time.sleep(0.5)
        counted = (site.metrics.value(query, SYSTEM.now()) or 0.0) - before
    assert counted >= REQUESTS, f"{REQUESTS} requests were sent, kserve_model_request_total rose by {counted:g}"
    return f"kserve_model_request_total rose by {counted:g} for {REQUESTS} requests"


def whole_workflow(run: RunStatus, records: Records, _: Connections) -> str:
    assert run.state == "succeeded", f"the run is {run.state}"
    digests = {record["digest"] for record in records.values() if "digest" in record}
    assert len(digests) == 1, f"its stages speak of {digests}"
    return f"run {run.id}: {len(records)} stages, one digest"


CHECKS: dict[str, Callable[[RunStatus, Records, Connections], str]] = {
    "registry": registry,
    "store": store,
    "inference": inference,
    "metrics": metrics,
    "whole workflow": whole_workflow,
}


def main() -> int:
    failed = []
    try:
        run = ropeway.status(*sys.argv[1:2])
        records: Records = {stage.name: stage.record or {} for stage in run.stages}
        site = sites.connect(sites.find_site(run.site))
    except RopewayError as error:
        print(f"Error: {error.message}\nTry:   {error.hint}", file=sys.stderr)
        return error.exit_code
    for name, check in CHECKS.items():
        try:
            print(f"✔ {name}: {check(run, records, site)}")
        except (AssertionError, KeyError, OSError, RopewayError) as error:
            failed.append(name)
            print(f"✘ {name}: {error}")
    if failed:
        print(f"failed: {', '.join(failed)} (run {run.id}; look at it: ropeway report {run.id})", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
