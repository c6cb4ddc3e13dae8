"""Train the digit classifier on MNIST's 60,000 training images and export what is served.

The 10,000 test images are never read here: evaluate.py scores them, once.
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import threads  # before torch: see there

# isort: split
import torch
from torch import Tensor, nn

import checkpoint
import data
import export
import machine
from fit import DivergedError, Parameters, Progress, as_input, fit, steps_per_epoch
from model import DigitClassifier

EXPECTED = (data.DataError, export.ExportError, checkpoint.CheckpointError, DivergedError, OSError)
REPORT_EVERY = 50  # steps
CHECKPOINT_EVERY = 200  # steps; one of 128 images takes about 20 ms on a CPU core


def main() -> None:
    """Train as the command line and the job's variables say; exit with one line on failure."""
    arguments = parse(sys.argv[1:])
    try:
        run(arguments)
    except EXPECTED as error:
        sys.exit(f"train.py: {error}")


def parse(words: list[str]) -> argparse.Namespace:
    """The command line; what it leaves out comes from the job's variables."""
    parser = argparse.ArgumentParser(description="Train a digit classifier on MNIST.")
    parser.add_argument("--output", type=Path, default=os.environ.get("OUTPUT", "model"), help="[$OUTPUT]")
    parser.add_argument("--data-dir", type=Path, help="the four MNIST files [$DATA/mnist]")
    parser.add_argument("--epochs", type=positive(int), default=1)
    parser.add_argument("--batch-size", type=positive(int), default=128)
    parser.add_argument("--learning-rate", type=positive(float), default=0.001)
    parser.add_argument("--seed", type=int, default=os.environ.get("SEED", "0"), help="[$SEED]")
    return parser.parse_args(words)


def positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    """A reader of command-line numbers above 0."""

    def number(text: str) -> float:
        if not kind(text) > 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return kind(text)

    return number


def run(arguments: argparse.Namespace) -> None:
    """Data, training, records, export."""
    fields = (field.name for field in dataclasses.fields(Parameters))
    parameters = Parameters(**{name: getattr(arguments, name) for name in fields})
    results = Path(os.environ.get("RESULTS", "results"))
    results.mkdir(parents=True, exist_ok=True)
    device = machine.prepare(parameters.seed, threads.allowed())
    examples = training_set(arguments.data_dir, device)
    network = DigitClassifier().to(device)
    weights = sum(weight.numel() for weight in network.parameters())
    chosen = dataclasses.asdict(parameters) | {"optimizer": "adam", "weights": weights}
    write(results / "parameters.json", chosen)
    write(results / "environment.json", machine.describe(device))
    progress = train(network, examples, parameters, results)
    write(results / "metrics.json", metrics(progress, parameters, len(examples[1])))
    export.save(network, arguments.output, as_input(examples[0][:64]).cpu())


def training_set(folder: Path | None, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images [60000, 1, 28, 28] as bytes (47 MB) and labels [60000], both on the device."""
    count, pixels, digits = data.load("train", folder)
    images = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(count, 1, 28, 28)
    labels = torch.frombuffer(bytearray(digits), dtype=torch.uint8)
    return images.to(device), labels.to(device, torch.int64)


def train(network: nn.Module, examples: tuple[Tensor, Tensor], parameters: Parameters, results: Path) -> Progress:
    """Fit to the end, reporting and keeping checkpoints on the way; resumes from $CHECKPOINTS."""
    folder = os.environ.get("CHECKPOINTS")
    optimizer = torch.optim.Adam(network.parameters(), lr=parameters.learning_rate)
    chosen = dataclasses.asdict(parameters)
    per_epoch = steps_per_epoch(len(examples[1]), parameters)
    saved = checkpoint.restore(Path(folder), chosen, network, optimizer) if folder else {}
    start = progress = Progress(**saved)
    for progress in fit(network, optimizer, examples, parameters, start):
        epoch_ends = progress.step % per_epoch == 0
        if epoch_ends or progress.step % REPORT_EVERY == 0:
            report(results, progress, parameters, per_epoch)
        if folder and (epoch_ends or progress.step % CHECKPOINT_EVERY == 0):
            state = dataclasses.asdict(progress)
            checkpoint.save(Path(folder), chosen, state, network, optimizer)
    return progress


def report(results: Path, progress: Progress, parameters: Parameters, per_epoch: int) -> None:
    """Append one line to progress.jsonl, and say the same in the job's log."""
    line = {
        "epoch": (progress.step - 1) // per_epoch,
        "step": progress.step,
        "steps": parameters.epochs * per_epoch,
        "loss": round(progress.loss, 5),
        "samples_per_second": round(progress.step * parameters.batch_size / progress.seconds),
    }
    with (results / "progress.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(" ".join(f"{name} {value}" for name, value in line.items()), flush=True)


def metrics(progress: Progress, parameters: Parameters, count: int) -> dict[str, float]:
    """The loss is the mean over the last epoch, as it was trained: not an estimate of quality."""
    return {
        "train_loss": progress.loss,
        "train_seconds": progress.seconds,
        "samples_per_second": parameters.epochs * count / progress.seconds,
    }


def write(path: Path, content: object) -> None:
    """Write JSON, whole or not at all."""
    data.write_atomically(path, json.dumps(content, indent=1).encode() + b"\n")


if __name__ == "__main__":
    main()
