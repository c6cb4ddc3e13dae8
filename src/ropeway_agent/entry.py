"""Where agent.pyz begins: serve a controller, be a job's shepherd, or seal a folder from a batch script."""

import sys
from typing import List

EMPTY = 65
"""Exit code of `seal` for a folder without files."""
NOT_SEALED = 66


def main(arguments: List[str]) -> int:
    """One of `serve FENCE`, `shepherd ROOT KEY READY CLAIM`, `seal FOLDER`."""
    if len(arguments) == 2 and arguments[0] == "serve":
        from ropeway_agent.serve import serve

        serve(arguments[1])
        return 0
    if len(arguments) == 5 and arguments[0] == "shepherd":
        from ropeway_agent.folder import JobFolder
        from ropeway_agent.shepherd import launch

        launch(JobFolder(arguments[1], arguments[2]), int(arguments[3]), int(arguments[4]))
    if len(arguments) == 2 and arguments[0] == "seal":
        return _seal(arguments[1])
    sys.stderr.write("usage: agent.pyz serve FENCE | shepherd ROOT KEY READY CLAIM | seal FOLDER\n")
    return 2


def _seal(folder: str) -> int:
    from ropeway_agent.manifest import EmptyModel, ManifestError, seal

    try:
        manifest = seal(folder)
    except EmptyModel:
        sys.stderr.write("ropeway: nothing was written to $OUTPUT: there is no model to seal\n")
        return EMPTY
    except ManifestError as error:
        sys.stderr.write(f"ropeway: {error.message}\n")
        return NOT_SEALED
    sys.stdout.write(f"ropeway: sealed {manifest.digest}: {len(manifest.files)} files, {manifest.size} bytes\n")
    sys.stdout.flush()
    return 0
