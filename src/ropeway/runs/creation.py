"""Writing a new run down: pipeline, site and recipe as they are now."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from ulid import ULID

import ropeway
from ropeway import places
from ropeway.bundled import bundled
from ropeway.config import Pipeline, Site, load_pipeline
from ropeway.config.pipeline import Deploy, Promote, Register, Sync, Verify
from ropeway.errors import ConfigError, NotFound
from ropeway.journal import Journal, NewRun
from ropeway.names import host_path, is_name
from ropeway.runs.bundle import commit, find_recipe, pack
from ropeway.runs.pinned import Pinned


def create(journal: Journal, pipeline: Path | str | Pipeline, site: Site, once: str | None) -> str:
    """The id of the new run, or of the one that has this `once` key already."""
    read, file = read_pipeline(pipeline)
    run = _new_id()
    pinned = Pinned(pipeline=read, site=site, release=ropeway.__version__)
    if read.train is not None:
        recipe = find_recipe(read.train.recipe, file)
        digest = pack(recipe, places.run_folder(run) / "bundle.tar")
        pinned = dataclasses.replace(pinned, bundle=digest, commit=commit(recipe))
    elif read.stages:
        raise ConfigError(f"running {read.name}: the pipeline has no stage train", "ropeway adopt --dir PATH")
    return _write(journal, run, pinned, once)


def create_adoption(
    journal: Journal, directory: Path, model: str | None, pipeline: Path | str | Pipeline | None, site: Site
) -> str:
    if not directory.is_dir():
        raise ConfigError(f"adopting {directory}: there is no such folder")
    read = read_pipeline(pipeline)[0] if pipeline is not None else _serving_pipeline(model or directory.name)
    adopted = host_path(str(directory.absolute().resolve()))
    return _write(journal, _new_id(), Pinned(read, site, ropeway.__version__, adopt=adopted), None)


def create_rollback(journal: Journal, endpoint: str, site: Site) -> str:
    if not is_name(endpoint):
        raise ConfigError(f"rolling back: {endpoint[:80]!r} cannot be an endpoint's name", "ropeway status")
    pipeline = Pipeline(name=endpoint)
    return _write(journal, _new_id(), Pinned(pipeline, site, ropeway.__version__, rollback=endpoint), None)


def read_pipeline(pipeline: Path | str | Pipeline) -> tuple[Pipeline, Path | None]:
    """The pipeline with its file; a file that is not there is looked for among those that Ropeway brings."""
    if isinstance(pipeline, Pipeline):
        return pipeline, None
    file = Path(pipeline)
    if not file.exists() and not file.is_absolute():
        try:
            file = bundled(str(file))
        except NotFound:
            file = Path(pipeline)
    return load_pipeline(file), file


def _serving_pipeline(model: str) -> Pipeline:
    name = model.lower().replace("_", "-").replace(".", "-")
    if not is_name(name):
        raise ConfigError(f"adopting a model: {model!r} cannot be its name", "ropeway adopt --dir PATH --model NAME")
    return Pipeline(
        name=name,
        register=Register(model=name),
        sync=Sync(),
        deploy=Deploy(endpoint=name),
        verify=Verify(),
        promote=Promote(),
    )


def _new_id() -> str:
    return str(ULID()).lower()


def _write(journal: Journal, run: str, pinned: Pinned, once: str | None) -> str:
    new = NewRun(run, pinned.pipeline.name, pinned.site.name, pinned.as_json(), once)
    written = journal.create(new).id
    if written != run:
        shutil.rmtree(places.run_folder(run), ignore_errors=True)
    return written
