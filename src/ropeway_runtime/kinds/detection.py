"""Says which kind of model a folder holds, from its own files and never by guessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from ropeway_runtime.errors import LoadError, brief

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("onnx",)
MLMODEL = "MLmodel"
PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".cloudpickle", ".pt", ".pth", ".bin"})
EXPORT = "export the model to ONNX in the job that trains it, and seal that folder"


@dataclass(frozen=True, slots=True)
class Artifact:
    """The file or folder to open, and the kind that opens it."""

    kind: str
    path: Path


def detect(directory: Path) -> Artifact:
    """An MLmodel with the flavor `onnx`, or one *.onnx at the root. Raises LoadError for all else."""
    if (directory / MLMODEL).is_file():
        return _from_mlmodel(directory)
    candidates = sorted(directory.glob("*.onnx"))
    if len(candidates) == 1:
        return Artifact("onnx", candidates[0])
    if candidates:
        names = ", ".join(file.name for file in candidates)
        raise _refused(directory, f"{len(candidates)} ONNX files and no {MLMODEL} to choose: {names}")
    pickles = _pickles(directory)
    if pickles:
        raise _refused(directory, f"{pickles[0]}, a pickle, which is code")
    names = ", ".join(sorted(entry.name for entry in directory.iterdir())[:5])
    raise _refused(directory, f"no {MLMODEL} and no .onnx file, but {names or 'nothing'}")


def _from_mlmodel(directory: Path) -> Artifact:
    flavors = _flavors(directory / MLMODEL)
    onnx = flavors.get("onnx")
    if onnx is None:
        found = f"an {MLMODEL} with the flavors {', '.join(map(str, flavors)) or 'none'}"
        pickles = _pickles(directory)
        raise _refused(directory, found + (f" and {pickles[0]}, a pickle, which is code" if pickles else ""))
    data = onnx.get("data") if isinstance(onnx, dict) else None
    path = directory / str(data)
    if not isinstance(data, str) or not path.is_file():
        raise _refused(directory, f"an {MLMODEL} whose onnx data {data!r} is no file")
    if not path.resolve().is_relative_to(directory.resolve()):
        raise _refused(directory, f"an {MLMODEL} whose onnx data {data!r} is outside the folder")
    return Artifact("onnx", path)


def _flavors(file: Path) -> dict[object, object]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LoadError(f"{file}: expected MLflow's YAML, found {brief(error)}", EXPORT) from error
    flavors = document.get("flavors") if isinstance(document, dict) else None
    return flavors if isinstance(flavors, dict) else {}


def _pickles(directory: Path) -> list[str]:
    files = (file for file in directory.rglob("*") if file.suffix.lower() in PICKLES)
    return sorted(file.relative_to(directory).as_posix() for file in files)


def _refused(directory: Path, found: str) -> LoadError:
    kinds = ", ".join(KINDS)
    return LoadError(f"{directory}: expected a model of kind {kinds}, found {found}", EXPORT)
