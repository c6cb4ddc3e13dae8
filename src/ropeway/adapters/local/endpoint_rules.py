"""What an endpoint may be wished to be, and by whom: pure rules, applied before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ropeway.adapters.local.endpoint_files import Wish
from ropeway.errors import ConfigError, Conflict
from ropeway.interfaces.serving import EndpointSpec, RevisionSpec
from ropeway.names import digest, is_name

_REVISION = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[^\x00-\x1f\x7f]{0,256}")


def accept(wish: Wish | None, spec: EndpointSpec, token: int) -> Wish | None:
    """The wish to write; None when it stands already.

    Raises ConfigError for a spec that cannot be, Conflict for another's endpoint or a token that is too old.
    """
    check(spec)
    if wish is None:
        return Wish(spec, token, 1)
    check_token(wish, token)
    if not wish.deleted and wish.spec.owner != spec.owner:
        raise Conflict(
            f"applying endpoint {spec.name}: it belongs to pipeline {wish.spec.owner!r}, not to {spec.owner!r}",
            "give the endpoint another name in the pipeline's deploy section",
        )
    if (wish.spec, wish.token, wish.deleted) == (spec, token, False):
        return None
    return Wish(spec, token, wish.generation + 1)


def check_token(wish: Wish, token: int) -> None:
    """Raises Conflict when somebody with a newer lease has written since."""
    if token < wish.token:
        raise Conflict(
            f"changing endpoint {wish.spec.name}: lease {token} is older than {wish.token}, which has changed it since",
            "ropeway runs",
        )


def retired(spec: RevisionSpec, now: float) -> bool:
    """Whether its time is over: `now` in seconds since 1970."""
    return spec.weight == 0 and spec.retire_at is not None and spec.retire_at <= now


def check(spec: EndpointSpec) -> None:
    """Raises ConfigError that names what is wrong with the spec."""
    what = f"applying endpoint {spec.name[:80]!r}"
    _require(what, is_name(spec.name), "its name is not [a-z0-9-]{1,50}")
    _require(what, _LABEL.fullmatch(spec.owner) is not None and spec.owner != "", "its owner has no usable name")
    ids = [revision.id for revision in spec.revisions]
    _require(what, len(set(ids)) == len(ids), "it names a revision twice")
    total = sum(revision.weight for revision in spec.revisions)
    _require(what, total in (0, 100), f"its weights add up to {total}, not to 100 or 0")
    for revision in spec.revisions:
        _check_revision(f"{what}, revision {revision.id[:80]!r}", revision)


def _check_revision(what: str, revision: RevisionSpec) -> None:
    _require(what, _REVISION.fullmatch(revision.id) is not None, "its id is not [a-z0-9-]{1,63}")
    _require(what, is_name(revision.model), f"model {revision.model[:80]!r} is not [a-z0-9-]{{1,50}}")
    digest(revision.digest)
    _require(what, 0 <= revision.weight <= 100, f"weight {revision.weight} is not between 0 and 100")
    scale = f"replicas {revision.minimum} to {revision.maximum}"
    _require(what, 1 <= revision.minimum <= revision.maximum, f"{scale} is not 1 <= minimum <= maximum")
    _require(what, _printable(revision.labels.items()), "a label is longer than 256 characters or not printable")


def _printable(labels: Iterable[tuple[str, str]]) -> bool:
    return all(_LABEL.fullmatch(text) for label in labels for text in label)


def _require(what: str, holds: bool, problem: str) -> None:
    if not holds:
        raise ConfigError(f"{what}: {problem}", "ropeway config schema")
