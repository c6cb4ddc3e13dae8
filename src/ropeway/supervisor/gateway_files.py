"""The gateway's dynamic file: written whole, recognised when in effect, read again by the next supervisor."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ropeway.adapters.local.endpoint_files import write_atomically
from ropeway.adapters.local.strict_json import from_json, to_json
from ropeway.errors import UnexpectedReply
from ropeway.supervisor.gateway_config import configuration, validate
from ropeway.supervisor.routes import Routes

_COMMENT = "# ropeway: "


def marker(routes: Routes) -> str:
    """What the gateway says while these routes are in effect, and for no others."""
    return f"{routes.number}-{hashlib.sha256(_compact(routes).encode()).hexdigest()[:16]}"


def render(routes: Routes) -> str:
    """The file's text. JSON is YAML, which Traefik reads; the first line holds the routes themselves, for `parse`.

    Raises ConfigError for a file that Traefik would not take.
    """
    config = configuration(routes, marker(routes))
    validate(config)
    return f"{_COMMENT}{_compact(routes)}\n{json.dumps(config, indent=1, sort_keys=True)}\n"


def parse(text: str) -> Routes:
    """The routes that the text was rendered from. Raises UnexpectedReply for a text that was not."""
    first = text.partition("\n")[0]
    if not first.startswith(_COMMENT):
        raise UnexpectedReply("reading the gateway's file: its first line does not hold the routes")
    try:
        content = json.loads(first.removeprefix(_COMMENT))
    except ValueError as error:
        raise UnexpectedReply(f"reading the gateway's file: {error}") from error
    return from_json(Routes, content, "the gateway's file")


def write(path: Path, routes: Routes) -> None:
    """Replace the file by rename: Traefik never sees half of it."""
    write_atomically(path, render(routes))


def load(path: Path) -> Routes:
    """The routes of the last write; none when there is no file yet."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Routes()


def _compact(routes: Routes) -> str:
    return json.dumps(to_json(routes), sort_keys=True, separators=(",", ":"))
