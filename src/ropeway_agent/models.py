"""Seal a model where it lies, and compare it with its seal."""

from typing import Any, Dict

from ropeway_agent.disk import local
from ropeway_agent.errors import Failure
from ropeway_agent.manifest import check, load, seal


def seal_model(body: Dict[str, Any]) -> Dict[str, Any]:
    """Seal the folder at `path`. Answers digest, files (their number) and size in bytes."""
    manifest = seal(local(body["path"]))
    return {"digest": manifest.digest, "files": len(manifest.files), "size": manifest.size}


def check_model(body: Dict[str, Any]) -> Dict[str, Any]:
    """What differs from the seal; Conflict when the seal itself is not `digest`, where one is given."""
    folder = local(body["path"])
    manifest = load(folder)
    if body.get("digest") not in (None, manifest.digest):
        raise Failure("Conflict", f"checking {body['path']}: it is sealed as {manifest.digest}, not {body['digest']}")
    return {"digest": manifest.digest, "damage": [damage._asdict() for damage in check(folder, manifest)]}
