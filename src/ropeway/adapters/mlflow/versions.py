"""Versions of registered models: one for each key, found again by their tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropeway.adapters.mlflow.batches import pairs
from ropeway.adapters.mlflow.rest import Rest
from ropeway.adapters.mlflow.runs import KEY_TAG
from ropeway.errors import ConfigError, Conflict, NotFound
from ropeway.interfaces.registry import RegisteredVersion, TrackingRunId, VersionSpec
from ropeway.names import Digest, Key, digest, is_name

DIGEST_TAG = "ropeway.digest"


def register(rest: Rest, key: Key, spec: VersionSpec) -> int:
    """See `Registry.register`. When two made one at the same time, the lower number is kept."""
    doing = f"registering {model_name(spec.model)}"
    body = _creation(key, spec)
    found = _by_key(rest, doing, spec, key)
    if found:
        return found[0]
    _make_model(rest, doing, spec.model)
    made = rest.call(doing, "POST", "model-versions/create", body)["model_version"]
    number = int(made["version"])
    kept = (_by_key(rest, doing, spec, key) or [number])[0]
    if kept != number:
        remove(rest, spec.model, number)
    return kept


def find(rest: Rest, doing: str, model: str, tags: Mapping[str, str]) -> list[RegisteredVersion]:
    """Versions of the model that have all these tags, newest first."""
    terms = [f"name='{model_name(model)}'", *(f"tags.`{name}`='{value}'" for name, value in tags.items())]
    pages = rest.pages(doing, "model-versions/search", {"filter": " and ".join(terms)})
    found = (_read(item) for page in pages for item in page.get("model_versions", ()))
    return sorted(found, key=lambda version: version.version, reverse=True)


def remove(rest: Rest, model: str, version: int) -> None:
    doing = f"removing version {version} of {model_name(model)}"
    try:
        rest.call(doing, "DELETE", "model-versions/delete", {"name": model, "version": str(version)})
    except NotFound:
        return


def model_name(model: str) -> str:
    """The name itself; ConfigError when it cannot be one. Checked before any call: it goes into filters."""
    if not is_name(model):
        raise ConfigError(f"naming a model: {model[:80]!r} is not a DNS label of at most 50 characters")
    return model


def _by_key(rest: Rest, doing: str, spec: VersionSpec, key: Key) -> list[int]:
    """Lowest first. Raises Conflict when the key stands for another model's bytes."""
    # One without our digest is just being removed: MLflow takes its tags away before itself.
    found = [version for version in find(rest, doing, spec.model, {KEY_TAG: key}) if version.digest]
    for version in found:
        if version.digest != spec.digest:
            raise Conflict(f"{doing}: {key} is version {version.version} already, which is {version.digest}")
    return sorted(version.version for version in found)


def _creation(key: Key, spec: VersionSpec) -> dict[str, object]:
    tags = {**spec.tags, KEY_TAG: key, DIGEST_TAG: digest(spec.digest)}
    body: dict[str, object] = {
        "name": spec.model,
        # MLflow before 3 reads nothing at a source that ends in "/": it puts its own behind it.
        "source": spec.source.rstrip("/"),
        "tags": pairs("tag", tags),
    }
    return {**body, "run_id": spec.run} if spec.run else body


def _make_model(rest: Rest, doing: str, model: str) -> None:
    try:
        rest.call(doing, "POST", "registered-models/create", {"name": model})
    except Conflict:
        return  # it is there already


def _read(item: Mapping[str, Any]) -> RegisteredVersion:
    tags = {tag["key"]: tag.get("value", "") for tag in item.get("tags", ())}
    return RegisteredVersion(
        model=item["name"],
        version=int(item["version"]),
        digest=_digest(tags.get(DIGEST_TAG)),
        source=_as_folder(item.get("source", "")),
        run=TrackingRunId(item["run_id"]) if item.get("run_id") else None,
        tags=tags,
    )


def _digest(text: str | None) -> Digest | None:
    try:
        return digest(text) if text else None
    except ConfigError:
        return None


def _as_folder(source: str) -> str:
    return source if source.endswith("/") else source + "/"
