"""Where things lie in the bucket. Names are checked here, before any request."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ropeway.errors import ConfigError
from ropeway.names import Digest, Key, digest, is_name, key

OWN = ".ropeway/"
"""What is ours but no model: leases, marks of pushes and removals. No model can have this name."""

_NAMED = re.compile(r"[a-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_NAMED_LIMIT = 200


def name(model: str) -> str:
    """The model's name; ConfigError when it cannot be one."""
    if not is_name(model):
        raise ConfigError(f"naming a model: {model[:80]!r} is not a DNS label of at most 50 characters")
    return model


def prefix(model: str, of: Digest) -> str:
    """`MODEL/sha256-…/`: all that lies under it is the model, and its manifest."""
    return f"{name(model)}/{digest(of)}/"


def refuse_paths(paths: Iterable[str]) -> None:
    """ConfigError for a path that some store would keep under another name."""
    for path in paths:
        if "\\" in path:
            raise ConfigError(f"storing {path!r}: SeaweedFS takes a backslash for a slash", "rename the file")


def provenance(model: str, of: Digest) -> str:
    """Beside the prefix, not in it: who downloads the model gets what the manifest lists and no more."""
    return f"{name(model)}/provenance/{digest(of)}/"


def pushes(model: str, of: Digest) -> str:
    return f"{OWN}pushes/{prefix(model, of)}"


def tombstone(model: str, of: Digest) -> str:
    return f"{OWN}tombstones/{prefix(model, of)}removing"


def named(text: str) -> str:
    """The place of a small named object; ConfigError for a name that is not plain words between slashes."""
    if not _NAMED.fullmatch(text) or len(text) > _NAMED_LIMIT:
        raise ConfigError(f"naming an object: {text[:80]!r} is not plain words between slashes")
    return f"{OWN}named/{text}"


def is_digest(text: str) -> bool:
    try:
        digest(text)
    except ConfigError:
        return False
    return True


def checked_key(text: Key) -> Key:
    return key(text)
