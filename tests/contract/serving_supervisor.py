"""The real supervisor as a process, for the contract tests: `python -m tests.contract.serving_supervisor SETTINGS`."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from ropeway.adapters.s3 import Credentials, S3Store
from ropeway.supervisor.autoscale import ScalePolicy
from ropeway.supervisor.runtime_command import RuntimeCommand
from ropeway.supervisor.supervisor import SupervisorSettings, run


def main(settings: Path) -> None:
    given = json.loads(settings.read_text())
    keys = [Path(path).read_text() for path in given["secrets"]]
    store = S3Store({"controller": given["store"]}, given["bucket"], "us-east-1", Credentials(*keys))
    runtime = RuntimeCommand(
        (given["python"], "-m", "ropeway_runtime"),
        ("--threads", "1", "--drain-delay", "0.5"),
        {"PYTHONPATH": given["source"]},
    )
    folders = (Path(given["folder"]), Path(given["routes"]))
    supervisor = SupervisorSettings(
        *folders, given["gateway"], Path(given["targets"]), runtime, ScalePolicy(quiet=given["quiet"])
    )
    run(supervisor, store)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    main(Path(sys.argv[1]))
