"""From a folder to a loaded model: the expected digest, the manifest, every file, and only then the model."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ropeway_agent.manifest import NAME, Damage, ManifestError, check, parse
from ropeway_runtime import cpus
from ropeway_runtime.errors import LoadError, VerificationError, brief
from ropeway_runtime.kinds import detect, opener

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ropeway_agent.manifest import Manifest
    from ropeway_runtime.model import Model
    from ropeway_runtime.options import Options

FETCH = "fetch the model again into an empty folder"
NAMED = 3
"""Damaged files that a refusal names; the rest is a count."""


def load(options: Options) -> Model:
    """The verified model. Raises VerificationError before, LoadError while the model is interpreted."""
    expected = options.expected_digest
    sealed = None if expected is None else verify(options.model_dir, expected)
    artifact = detect(options.model_dir)
    name = artifact.path.relative_to(options.model_dir).as_posix()
    if sealed is not None and sealed.entry(name) is None:
        raise VerificationError(f"{options.model_dir}: {name} is not in the manifest", FETCH)
    open_model = opener(artifact.kind)
    try:
        return open_model(artifact.path, options.threads or cpus.allowed())
    except MemoryError as error:
        raise LoadError(f"loading {name}: not enough memory", "give the process more memory") from error


def verify(directory: Path, expected: str) -> Manifest:
    """The manifest. Raises VerificationError unless the folder holds exactly the files of the model `expected`."""
    data = _manifest_bytes(directory)
    found = "sha256-" + hashlib.sha256(data).hexdigest()
    if found != expected:
        raise VerificationError(
            f"{directory}/{NAME}: expected model digest {expected}, found {found}",
            "deploy the digest that is in this folder, or fetch the expected model again",
        )
    try:
        sealed = parse(data)
        damages = [*check(str(directory), sealed), *_leftovers(directory)]
    except (ManifestError, OSError) as error:
        raise VerificationError(
            f"{directory}: checking the files against the manifest: {brief(error)}", FETCH
        ) from error
    if damages:
        raise VerificationError(f"{directory}: files do not match the manifest of {expected}: {_named(damages)}", FETCH)
    return sealed


def _manifest_bytes(directory: Path) -> bytes:
    try:
        return (directory / NAME).read_bytes()
    except OSError as error:
        raise VerificationError(
            f"{directory}/{NAME}: expected a manifest, found {error.strerror}",
            "the model is not complete here, or was never sealed: fetch it again",
        ) from error


def _leftovers(directory: Path) -> list[Damage]:
    """What an interrupted seal may leave behind, which `check` allows, has no place where a model is served."""
    return [Damage(file.name, "extra") for file in sorted(directory.glob(f".{NAME}.*"))]


def _named(damages: Sequence[Damage]) -> str:
    text = ", ".join(f"{damage.path} is {damage.problem}" for damage in damages[:NAMED])
    rest = len(damages) - NAMED
    return f"{text}, and {rest} more" if rest > 0 else text
