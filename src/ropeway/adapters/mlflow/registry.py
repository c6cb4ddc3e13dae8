"""The registry on MLflow: `ropeway.interfaces.registry` says what each call promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from ropeway import names
from ropeway.adapters.mlflow import runs, versions
from ropeway.adapters.mlflow.errors import lacks_call, refusal
from ropeway.adapters.mlflow.rest import Credentials, Options, Rest
from ropeway.adapters.mlflow.stand_in import stand_in
from ropeway.errors import Conflict, NotFound
from ropeway.interfaces.registry import RegisteredVersion, RunValues, Stage, TrackingRunId, VersionSpec
from ropeway.names import Digest, Key

_DEFAULT = Options()


class MlflowRegistry:
    """`address`: the server's URL. Nothing is asked before the first call."""

    def __init__(self, address: str, credentials: Credentials | None = None, options: Options = _DEFAULT) -> None:
        self._rest = Rest(address, credentials, options)

    @property
    def address(self) -> str:
        return self._rest.address

    def open_run(self, key: Key, experiment: str, tags: Mapping[str, str]) -> TrackingRunId:
        return runs.open_run(self._rest, names.key(key), experiment, tags)

    def log(self, run: TrackingRunId, values: RunValues) -> None:
        runs.log(self._rest, run, values)

    def stand_in(self, spec: VersionSpec) -> Mapping[str, bytes]:
        return stand_in(spec)

    def register(self, key: Key, spec: VersionSpec) -> int:
        return versions.register(self._rest, names.key(key), spec)

    def find(self, model: str, digest: Digest | None = None) -> Sequence[RegisteredVersion]:
        tags = {versions.DIGEST_TAG: names.digest(digest)} if digest is not None else {}
        return versions.find(self._rest, f"looking for versions of {model}", model, tags)

    def aliases(self, model: str) -> Mapping[str, int]:
        doing = f"reading the aliases of {versions.model_name(model)}"
        try:
            found = self._rest.call(doing, "GET", "registered-models/get", {"name": model})["registered_model"]
        except NotFound:
            return {}
        return {item["alias"]: int(item["version"]) for item in found.get("aliases", ())}

    def set_alias(self, model: str, alias: str, version: int | None, expected: int | None) -> None:
        doing = f"moving the alias {alias[:80]!r} of {model}"
        now = self.aliases(model).get(alias)
        if now == version:
            return
        if now != expected:
            raise Conflict(f"{doing}: it names {_words(now)}, not {_words(expected)}", "ropeway status")
        body: dict[str, object] = {"name": model, "alias": alias}
        if version is None:
            self._rest.call(doing, "DELETE", "registered-models/alias", body)
        else:
            self._rest.call(doing, "POST", "registered-models/alias", {**body, "version": str(version)})

    def remove(self, model: str, version: int) -> None:
        holding = sorted(alias for alias, number in self.aliases(model).items() if number == version)
        if holding:
            raise Conflict(
                f"removing version {version} of {model}: the alias {holding[0]!r} names it", "ropeway status"
            )
        versions.remove(self._rest, model, version)

    def mirror_stage(self, model: str, version: int, stage: Stage) -> None:
        doing = f"setting the stage of version {version} of {versions.model_name(model)}"
        path = "model-versions/transition-stage"
        body = {"name": model, "version": str(version), "stage": stage, "archive_existing_versions": False}
        reply = self._rest.ask(doing, "POST", path, body)
        if reply.status != HTTPStatus.OK and not lacks_call(reply.status, reply.body):
            raise refusal(doing, self.address, reply.status, reply.body)


def _words(version: int | None) -> str:
    return "nothing" if version is None else f"version {version}"
