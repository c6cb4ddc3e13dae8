"""Commands that work on a run: run, resume, cancel, adopt, rollback, plan, and each stage alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ropeway.cli.options import Debug, Json, OptionalRun, Run, Site
from ropeway.cli.output import ending, print_json
from ropeway.cli.render import renderer, show_run
from ropeway.runs.events import Listener
from ropeway.runs.status import RunStatus

PipelineFile = Annotated[Path, typer.Argument(help="Pipeline file, such as pipelines/mnist.yaml.")]
Until = Annotated[str | None, typer.Option(help="Stop after this stage.")]
STAGE_COMMANDS = ("evaluate", "register", "sync", "deploy", "verify", "promote")


def run(
    pipeline: PipelineFile,
    site: Site = None,
    once: Annotated[str | None, typer.Option(help="A key: a second call with it goes on with the same run.")] = None,
    until: Until = None,
    detach: Annotated[bool, typer.Option("--detach", help="Go on in the background; print the run's id.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Take a model from training to a verified, promoted endpoint."""
    with ending(as_json=as_json, debug=debug):
        from ropeway import api

        run_id = api.create(pipeline, site, once=once)
    if detach:
        _detach(run_id, until, as_json=as_json)
    else:
        _work(run_id, lambda listener: api.resume(run_id, until=until, listener=listener), as_json=as_json, debug=debug)


def resume(
    run: OptionalRun = "latest",
    from_stage: Annotated[str | None, typer.Option("--from", help="Do this stage and those after it again.")] = None,
    until: Until = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Go on with a run that was stopped, killed, paused or failed."""

    def work(listener: Listener) -> RunStatus:
        from ropeway import api

        return api.resume(run, from_stage=from_stage, until=until, listener=listener)

    _work(run, work, as_json=as_json, debug=debug)


def cancel(run: Run, as_json: Json = False, debug: Debug = False) -> None:
    """End a run: its jobs are ended, what it brought and did not promote is taken away."""

    def work(listener: Listener) -> RunStatus:
        from ropeway import api

        return api.cancel(run, listener=listener)

    _work(run, work, as_json=as_json, debug=debug)


def adopt(
    directory: Annotated[Path, typer.Option("--dir", help="The folder of a model that was trained elsewhere.")],
    model: Annotated[str | None, typer.Option(help="Its name; the folder's name by default.")] = None,
    pipeline: Annotated[Path | None, typer.Option(help="A pipeline whose later stages are used.")] = None,
    site: Site = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Take a model that was trained elsewhere from seal to serving."""

    def work(listener: Listener) -> RunStatus:
        from ropeway import api

        return api.adopt(directory, model=model, pipeline=pipeline, site=site, listener=listener)

    _work("latest", work, as_json=as_json, debug=debug)


def rollback(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's name.")],
    site: Site = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Give all traffic back to the revision before, and the alias with it."""

    def work(listener: Listener) -> RunStatus:
        from ropeway import api

        return api.rollback(endpoint, site, listener=listener)

    _work("latest", work, as_json=as_json, debug=debug)


def train(pipeline: PipelineFile, site: Site = None, as_json: Json = False, debug: Debug = False) -> None:
    """Begin a run and do its stage train alone; `ropeway evaluate` goes on."""
    run(pipeline, site, until="train", as_json=as_json, debug=debug)


def stage_command(stage: str) -> Callable[..., None]:
    """A command that takes a run up to and including this stage, and no further."""

    def command(run: OptionalRun = "latest", as_json: Json = False, debug: Debug = False) -> None:
        resume(run, until=stage, as_json=as_json, debug=debug)

    command.__doc__ = f"Go on with a run up to and including its stage {stage}."
    return command


def plan(pipeline: PipelineFile, site: Site = None, as_json: Json = False, debug: Debug = False) -> None:
    """Show every change that a run would make outside; change nothing."""
    with ending(as_json=as_json, debug=debug):
        from ropeway import api

        effects = api.plan(pipeline, site)
        if as_json:
            print_json({"effects": effects})
            return
        for effect in effects:
            sys.stdout.write(f"{effect.stage:<9} {effect.name:<18} {effect.target}\n")
            for name, value in effect.detail.items():
                text = str(value).replace("\n", "\n" + " " * 12)
                sys.stdout.write(f"{'':<12}{name}: {text}\n" if "\n" not in text else f"{'':<12}{text}\n")


def _work(run: str, work: Callable[[Listener], RunStatus], *, as_json: bool, debug: bool) -> None:
    show = renderer(as_json=as_json)
    try:
        with ending(as_json=as_json, debug=debug, after_interrupt=lambda: f"Go on with: ropeway resume {run}"):
            status = work(show)
            show.close()
            if as_json:
                print_json(status)
            else:
                show_run(status)
    finally:
        show.close()


def _detach(run: str, until: str | None, *, as_json: bool) -> None:
    """A controller of its own, in its own session, with its log in the run's folder."""
    from ropeway import places

    log = places.run_folder(run) / "logs" / "controller.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ropeway", "resume", run, *(["--until", until] if until else [])]
    with log.open("ab") as output:
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=os.environ
        )
    if as_json:
        print_json({"run": run, "log": log})
    else:
        sys.stdout.write(f"{run}\n")
        sys.stderr.write(f"It goes on in the background: ropeway status {run} --watch\n")
