"""The stand-in for a model that is not complete: what imports its loader fails with a sentence that says why."""

from __future__ import annotations

import importlib

import pytest
import yaml

from ropeway.adapters.mlflow.stand_in import stand_in
from ropeway.interfaces.registry import VersionSpec
from ropeway.names import Digest


def test_importing_the_loader_says_why_it_cannot() -> None:
    spec = VersionSpec("mnist", Digest("sha256-" + "a" * 64), "s3://models/mnist/", None, {})
    files = stand_in(spec)
    assert files.keys() == {"MLmodel"}
    loader = yaml.safe_load(files["MLmodel"])["flavors"]["python_function"]["loader_module"]
    with pytest.raises(ModuleNotFoundError, match="the model mnist sha256-aaaaaaaaaaaa is not complete in the store"):
        importlib.import_module(loader)
