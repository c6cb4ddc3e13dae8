"""All commands of `ropeway`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

import ropeway
from ropeway.cli import looking, running, site

app = typer.Typer(
    help=ropeway.__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ropeway {ropeway.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Ropeway takes a model from an HPC cluster to a verified endpoint with one command, and proves every step."""


COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Runs": (running.run, running.resume, running.cancel, running.plan, running.adopt, running.rollback),
    "Looking": (looking.status, looking.runs, looking.logs, looking.report),
    "Single stages": (running.train,),
    "Site": (site.up, site.down, site.doctor, site.init),
}
for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
for stage in running.STAGE_COMMANDS:
    app.command(stage, rich_help_panel="Single stages")(running.stage_command(stage))
app.add_typer(site.config, name="config", rich_help_panel="Site")


def main() -> None:
    app()
