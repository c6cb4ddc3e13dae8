"""What MLflow finds at the source of a version whose model is not complete in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ropeway.interfaces.registry import VersionSpec


def stand_in(spec: VersionSpec) -> Mapping[str, bytes]:
    """An `MLmodel` whose loader cannot be imported: `mlflow.pyfunc.load_model` then shows the name, which says why.

    No status does it: MLflow's REST API makes every version READY and its client loads whatever lies at the source.
    """
    # No dots: Python would look for a package named by what stands before the first.
    text = (
        f"the model {spec.model} {spec.digest[:19]} is not complete in the store: its sync has not finished, "
        "see `ropeway status`"
    )
    return {"MLmodel": f"# {text}\nflavors:\n  python_function:\n    loader_module: {json.dumps(text)}\n".encode()}
