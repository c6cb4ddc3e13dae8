"""A site that serves: real store, gateway and supervisor, with models in the store and ways to hurt the parts."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import IO, TypeVar

import httpx
import pytest

from ropeway import environments, waiting
from ropeway.adapters.local.endpoint_files import ServingFolder, Status, read_status
from ropeway.adapters.local.serving import LocalServing
from ropeway.adapters.s3 import Credentials, S3Store
from ropeway.embedded import ports, processes, prometheus, seaweedfs, traefik
from ropeway.embedded.folder import SiteFolder
from ropeway.embedded.records import Record
from ropeway.embedded.service import Service
from ropeway.embedded.starting import Start, bring_up
from ropeway.errors import Unavailable
from ropeway.interfaces.serving import (
    EndpointSpec,
    EndpointState,
    InferenceAnswer,
    InferenceRequest,
    RevisionId,
    RevisionSpec,
    RevisionState,
)
from ropeway.names import Digest, Key
from ropeway_agent.manifest import scan

ROOT = Path(__file__).parents[2]
MODELS = Path(__file__).parent / "models"
TOKEN = 7
QUIET = 2.0
"""Seconds until the supervisor lets a replica go that is not needed."""

DIGITS = json.dumps(
    {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 4, 4], "data": [0.5] * 16}]}
).encode()

T = TypeVar("T")


@dataclass
class Site:
    """Starts what it is asked for once, and stops all of it."""

    folder: SiteFolder
    records: dict[str, Record] = field(default_factory=dict)
    supervisor: subprocess.Popen[bytes] | None = None

    def service(self, name: str) -> Record:
        made = {"store": seaweedfs.service, "gateway": traefik.service, "metrics": prometheus.service}
        if name not in self.records:
            self.records[name] = self._start(made[name](self.folder))
        return self.records[name]

    def _start(self, service: Service) -> Record:
        """Another site's tests, beside ours, may take the port between our choice of it and the start."""
        try:
            return self._bring_up(service)
        except Unavailable:
            return self._bring_up(service)

    def _bring_up(self, service: Service) -> Record:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ROPEWAY_HOME", str(self.folder.path.parents[1]))
            chosen = ports.allot(self.folder, [service], new_ports=True)
        return bring_up(Start(self.folder, chosen, lambda _: None), service)

    @property
    def serving_folder(self) -> Path:
        return self.folder.path / "serving"

    @property
    def gateway(self) -> str:
        return str(self.service("gateway").url)

    def serving(self) -> LocalServing:
        return LocalServing(self.serving_folder, self.gateway)

    def store(self) -> S3Store:
        keys = [self.folder.secret(name).read_text() for name in (seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY)]
        url = str(self.service("store").url)
        return S3Store({"controller": url, "cluster": url}, seaweedfs.BUCKET, "us-east-1", Credentials(*keys))

    def start_supervisor(self) -> None:
        for needed in ("store", "gateway"):
            self.service(needed)
        with self.folder.log("supervisor").open("ab") as log:
            self.supervisor = self._popen(log)
        until(lambda: self._supervised() or None, "the supervisor to look")

    def second_supervisor(self) -> str:
        """What another supervisor says before it ends."""
        process = self._popen(subprocess.PIPE)
        _, said = process.communicate(timeout=30)
        return said.decode()

    def _popen(self, stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
        settings = self.folder.path / "supervisor.json"
        settings.write_text(json.dumps(self._settings()))
        command = [sys.executable, "-m", "tests.contract.serving_supervisor", str(settings)]
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        return subprocess.Popen(command, cwd=ROOT, stderr=stderr, env={**os.environ, "PYTHONPATH": path})

    def _supervised(self) -> bool:
        try:
            self.serving().state("nobody")
        except Unavailable:
            return False
        return True

    def signal_supervisor(self, number: signal.Signals) -> None:
        """Returns when it has ended."""
        assert self.supervisor is not None
        self.supervisor.send_signal(number)
        self.supervisor.wait(60)

    def _settings(self) -> dict[str, object]:
        python = environments.ensure("runtime", lock=environments.lock_of("runtime"), progress=lambda _: None)
        return {
            "folder": str(self.serving_folder),
            "routes": str(traefik.routes(self.folder) / "ropeway.yml"),
            "gateway": self.gateway,
            "targets": str(prometheus.targets(self.folder) / "replicas.json"),
            "python": str(python),
            "source": str(ROOT / "src"),
            "store": self.service("store").url,
            "bucket": seaweedfs.BUCKET,
            "secrets": [str(self.folder.secret(n)) for n in (seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY)],
            "quiet": QUIET,
        }

    def stop(self) -> None:
        if self.supervisor is not None and self.supervisor.poll() is None:
            self.signal_supervisor(signal.SIGTERM)
        for record in reversed(self.records.values()):
            at_once(record)

    def stop_service(self, name: str) -> None:
        at_once(self.records.pop(name))

    def publish(self, model: str, name: str = "digits", words: str = "") -> Digest:
        """A sealed model in the store; other `words` beside it make another digest of the same model."""
        return publish(self.store(), model, self._model_folder(name, words))

    def sealed_digest(self, name: str = "digits", words: str = "") -> Digest:
        """The digest that `publish` would give."""
        return Digest(scan(self._model_folder(name, words)).digest)

    def alter(self, model: str, digest: Digest, path: str, data: bytes) -> None:
        """Put other bytes in the place of a file in the store."""
        key = f"{model}/{digest}/{path}"
        self.store()._connection.call("altering a model", "put_object", Key=key, Body=data)

    def _model_folder(self, name: str, words: str) -> Path:
        folder = self.folder.path / "sealed" / hashlib.sha256(f"{name} {words}".encode()).hexdigest()
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(MODELS / f"{name}.onnx", folder / "model.onnx")
        (folder / "words.txt").write_text(words)
        return folder

    def status(self, endpoint: str) -> Status | None:
        return read_status(ServingFolder(self.serving_folder), endpoint)

    def pids(self, endpoint: str) -> dict[str, int]:
        status = self.status(endpoint)
        revisions = status.revisions if status else ()
        return {each.id: each.pid for revision in revisions for each in revision.replicas}


def at_once(record: Record) -> None:
    """End it without the store's farewell of many seconds: nothing of a test's site is needed again."""
    replace(record, grace_s=1.0).stop()


def publish(store: S3Store, model: str, folder: Path) -> Digest:
    """Send every part as the agent would, by signed requests."""
    manifest = scan(folder)
    of, key = Digest(manifest.digest), Key(f"push-{manifest.digest[7:27]}")
    for signed in store.sign(model, of, store.missing(key, model, manifest), timedelta(minutes=5)):
        data = (folder / signed.part.path).read_bytes()[signed.part.start :][: signed.part.size]
        httpx.put(signed.url, content=data, headers=dict(signed.headers), trust_env=False).raise_for_status()
    store.publish(key, model, manifest)
    return of


def revision(model: str, digest: Digest, version: int = 1, weight: int = 100, replicas: int = 1) -> RevisionSpec:
    id_ = RevisionId(f"v{version}-{digest[7:15]}")
    uri = f"s3://models/{model}/{digest}/"
    return RevisionSpec(id_, model, version, digest, uri, minimum=replicas, maximum=replicas, weight=weight)


def endpoint(name: str, *revisions: RevisionSpec, owner: str = "tests") -> EndpointSpec:
    return EndpointSpec(name, owner, revisions)


def infer(model: str, body: bytes = DIGITS) -> InferenceRequest:
    return InferenceRequest(f"/v2/models/{model}/infer", body)


def until(look: Callable[[], T | None], what: str, seconds: float = 20) -> T:
    return waiting.poll(look, deadline=timedelta(seconds=seconds), what=what, longest=timedelta(seconds=0.05))


def state_of(serving: LocalServing, spec: EndpointSpec) -> EndpointState:
    state = serving.state(spec.name)
    assert state is not None
    return state


def reached(serving: LocalServing, spec: EndpointSpec) -> EndpointState:
    """The state once every revision is ready and the gateway gives each the weight that is wished."""

    def look() -> EndpointState | None:
        state = state_of(serving, spec)
        revisions = [state.revisions[each.id] for each in spec.revisions]
        whole = all(each.ready and each.weight == each.spec.weight for each in revisions)
        return state if whole and len(state.revisions) == len(revisions) else None

    return until(look, f"endpoint {spec.name}: {serving.state(spec.name)}")


def failed(serving: LocalServing, spec: EndpointSpec, seconds: float = 15) -> RevisionState:
    """The first revision, once it has failed for good."""

    def look() -> RevisionState | None:
        found = state_of(serving, spec).revisions[spec.revisions[0].id]
        return found if found.failure is not None and found.failure.final else None

    return until(look, "the failure to be final", seconds)


def applied(serving: LocalServing, spec: EndpointSpec) -> EndpointSpec:
    serving.apply(spec, TOKEN)
    reached(serving, spec)
    return spec


def weighted(spec: EndpointSpec, *weights: int) -> EndpointSpec:
    pairs = zip(spec.revisions, weights, strict=True)
    return replace(spec, revisions=tuple(replace(each, weight=weight) for each, weight in pairs))


def rows(count: int) -> InferenceRequest:
    """The slow model needs 0.1 s a row."""
    inputs = [{"name": "rows", "datatype": "FP32", "shape": [count], "data": [0.0] * count}]
    return infer("slow", json.dumps({"inputs": inputs}).encode())


def runs(pid: int) -> bool:
    found = processes.stat(pid)
    return found is not None and found.state not in "ZX"


def answers(serving: LocalServing, name: str, model: str, count: int) -> list[InferenceAnswer]:
    return [serving.request(name, infer(model)) for _ in range(count)]
