"""The training loop, and nothing else: it knows no folders and no clocks but its own."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer


class DivergedError(Exception):
    """The loss is no longer a number."""


@dataclass(frozen=True)
class Parameters:
    """What was chosen. Same parameters, machine and threads: same model, byte for byte."""

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int


@dataclass(frozen=True)
class Progress:
    """How far the training is."""

    step: int = 0  # steps done, counted over all epochs
    seconds: float = 0.0  # spent in training, over all starts of the job
    loss: float = 0.0  # mean over the steps of the current epoch


def as_input(images: Tensor) -> Tensor:
    """Bytes 0 to 255 as what the network and the served model take: pixel / 255."""
    return images.float() / 255


def steps_per_epoch(count: int, parameters: Parameters) -> int:
    """Steps in which every one of `count` images is seen once; the last batch may be smaller."""
    return math.ceil(count / parameters.batch_size)


def fit(
    network: nn.Module,
    optimizer: Optimizer,
    examples: tuple[Tensor, Tensor],
    parameters: Parameters,
    progress: Progress,
) -> Iterator[Progress]:
    """Go on from `progress` to the end of the last epoch, yielding after every step.

    `examples` are images [n, 1, 28, 28] as bytes and labels [n]. Which images a step sees depends on
    the seed and the step's number alone, so that a resumed training ends in the same weights.
    """
    images, labels = examples
    size, per_epoch = parameters.batch_size, steps_per_epoch(len(labels), parameters)
    network.train()
    for step in range(progress.step, parameters.epochs * per_epoch):
        started = time.perf_counter()
        epoch, batch = divmod(step, per_epoch)
        if batch == 0 or step == progress.step:
            order = shuffled(len(labels), parameters.seed, epoch).to(labels.device)
        chosen = order[batch * size : (batch + 1) * size]
        loss = take_step(network, optimizer, as_input(images[chosen]), labels[chosen])
        if not math.isfinite(loss):
            raise DivergedError(f"training: the loss is {loss} at step {step + 1}; try a smaller --learning-rate")
        mean = (progress.loss * batch + loss) / (batch + 1)
        progress = Progress(step + 1, progress.seconds + time.perf_counter() - started, mean)
        yield progress


def shuffled(count: int, seed: int, epoch: int) -> Tensor:
    """The order in which an epoch sees the images."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)


def take_step(network: nn.Module, optimizer: Optimizer, batch: Tensor, labels: Tensor) -> float:
    """One step of gradient descent; the loss before it."""
    optimizer.zero_grad()
    loss = functional.cross_entropy(network(batch), labels)
    loss.backward()
    optimizer.step()
    return loss.item()
