"""Tracking runs and model versions in any MLflow server from 2.9 on, by its public REST API."""

from ropeway.adapters.mlflow.registry import MlflowRegistry
from ropeway.adapters.mlflow.rest import Credentials, Options

__all__ = ["Credentials", "MlflowRegistry", "Options"]
