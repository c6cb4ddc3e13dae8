"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line; the last line is the result.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Site = Annotated[
    str | None,
    typer.Option("--site", help="Site file, or the name of a site.", envvar="ROPEWAY_SITE", show_default="one-machine"),
]
Run = Annotated[str, typer.Argument(help="Run id, the beginning of one, or `latest`.")]
OptionalRun = Annotated[str, typer.Argument(help="Run id, the beginning of one, or `latest`.", show_default=True)]
