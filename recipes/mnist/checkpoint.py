"""One checkpoint file: enough to go on as if nothing had happened, after any kill."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

import data

NAME = "last.pt"


class CheckpointError(Exception):
    """A checkpoint is there, but cannot be read or belongs to another training."""


def save(
    folder: Path,
    parameters: Mapping[str, object],
    progress: Mapping[str, float],
    network: nn.Module,
    optimizer: Optimizer,
) -> None:
    """Replace the checkpoint in `folder`, atomically."""
    buffer = io.BytesIO()
    states = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({"parameters": dict(parameters), "progress": dict(progress), **states}, buffer)
    folder.mkdir(parents=True, exist_ok=True)
    data.write_atomically(folder / NAME, buffer.getvalue())


def restore(
    folder: Path, parameters: Mapping[str, object], network: nn.Module, optimizer: Optimizer
) -> dict[str, float]:
    """Load the checkpoint of `folder` into network and optimizer; its progress, {} when there is none.

    Raises CheckpointError when it was written under other parameters: going on would give a model
    that no parameters describe.
    """
    path = folder / NAME
    if not path.exists():
        return {}
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise CheckpointError(f"reading checkpoint {path}: {reason}; remove it to start anew") from error
    for name, asked in parameters.items():
        found = saved["parameters"].get(name)
        if found != asked:
            raise CheckpointError(
                f"resuming from {path}: its {name} is {found}, asked for {asked}; remove it to start anew"
            )
    network.load_state_dict(saved["network"])
    optimizer.load_state_dict(saved["optimizer"])
    return dict(saved["progress"])
