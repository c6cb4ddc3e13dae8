"""The names that cross every border: checked when they come in, distinct types inside."""

from __future__ import annotations

import re
from typing import NewType

from ropeway.errors import ConfigError

Key = NewType("Key", str)
"""`[a-z0-9-]{1,60}`: run, effect, attempt. The same key twice has one effect. Also a job name and a folder name."""

Digest = NewType("Digest", str)
"""`sha256-<64 hex digits>`"""

HostPath = NewType("HostPath", str)
"""Absolute path on the scheduler's host, which need not be this machine."""

_KEY = re.compile(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")
_DIGEST = re.compile(r"sha256-[0-9a-f]{64}")


def key(*words: object) -> Key:
    """The key made of these words, joined by `-`; ConfigError when it cannot be one."""
    text = "-".join(str(word) for word in words)
    if not _KEY.fullmatch(text):
        raise ConfigError(f"making a key: {text!r} is not [a-z0-9-]{{1,60}}")
    return Key(text)


def digest(text: str) -> Digest:
    if not _DIGEST.fullmatch(text):
        raise ConfigError(f"reading a digest: {text[:80]!r} is not sha256-<64 hex digits>")
    return Digest(text)


def is_name(text: str) -> bool:
    """Whether the text can name a pipeline, a model, an endpoint or a site: a DNS label of at most 50 characters."""
    return _NAME.fullmatch(text) is not None


def host_path(text: str) -> HostPath:
    if not text.startswith("/") or "\0" in text or ".." in text.split("/"):
        raise ConfigError(f"reading a host path: {text!r} is not absolute and free of '..'")
    return HostPath(text)
