"""Commands about a site: up, down, doctor, init, and the schemas of its files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ropeway.cli.options import Debug, Json, Site
from ropeway.cli.output import ending, print_json


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def up(
    site: Site = None,
    new_ports: Annotated[bool, typer.Option("--new-ports", help="Choose others for ports that someone took.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Start the site's embedded services; twice is once."""
    with ending(as_json=as_json, debug=debug):
        from ropeway import services, sites

        states = services.up(sites.find_site(site), _say, new_ports=new_ports)
        if as_json:
            print_json({"services": states})
            return
        for state in states:
            mark = "✔" if state.healthy else "✘"
            sys.stdout.write(f"{mark} {state.name:<10} {state.url or '-':<28} {state.version or ''}\n")


def down(site: Site = None, as_json: Json = False, debug: Debug = False) -> None:
    """Stop the site's services and replicas; their data stay."""
    with ending(as_json=as_json, debug=debug):
        from ropeway import services, sites

        found = sites.find_site(site)
        services.down(found, _say)
        if as_json:
            print_json({"site": found.name, "state": "down"})


def doctor(site: Site = None, as_json: Json = False, debug: Debug = False) -> None:
    """Check everything that the site needs, one line each, with the command that mends it."""
    with ending(as_json=as_json, debug=debug):
        from ropeway.doctor import examine

        findings = examine(site)
        if as_json:
            print_json({"checks": findings, "healthy": all(finding.passed for finding in findings)})
        else:
            for finding in findings:
                sys.stdout.write(f"{'✔' if finding.passed else '✘'} {finding.name:<22} {finding.seen}\n")
                if not finding.passed and finding.hint:
                    sys.stdout.write(f"  Try: {finding.hint}\n")
        worst = max((finding.exit_code for finding in findings if not finding.passed), default=0)
        if worst:
            raise typer.Exit(worst)


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write site.yaml, pipeline.yaml and a recipe.")] = Path(),
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a commented site and pipeline file to start from. Overwrites nothing."""
    with ending(as_json=as_json, debug=debug):
        from ropeway.starter import write_starter

        written = write_starter(directory)
        if as_json:
            print_json({"written": written})
        else:
            for path in written:
                sys.stdout.write(f"{path}\n")


config = typer.Typer(help="The shape of the files.", no_args_is_help=True)


@config.command()
def schema(
    kind: Annotated[str, typer.Argument(help="pipeline or site")] = "pipeline",
    debug: Debug = False,
) -> None:
    """The JSON schema of a pipeline or site file, for editors."""
    with ending(as_json=False, debug=debug):
        from pydantic import BaseModel

        from ropeway.config import Pipeline
        from ropeway.config import Site as SiteModel
        from ropeway.errors import ConfigError

        models: dict[str, type[BaseModel]] = {"pipeline": Pipeline, "site": SiteModel}
        if kind not in models:
            raise ConfigError(
                f"looking for the schema of {kind!r}: there are pipeline and site", "ropeway config schema"
            )
        sys.stdout.write(json.dumps(models[kind].model_json_schema(by_alias=True), indent=2) + "\n")
