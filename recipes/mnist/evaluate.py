"""Score the sealed model, as it will be served, on MNIST's 10,000 test images: once, and only here."""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf

import data
import examples
import threads

BATCH = 500
TOLERANCE = 0.001  # between two ONNX Runtimes on different processors, not between two models
Array = NDArray[np.float32]


class ModelError(Exception):
    """The folder holds no model that this evaluation can score."""


def main() -> None:
    """Evaluate as the command line and the job's variables say; exit with one line on failure."""
    parser = argparse.ArgumentParser(description="Score a digit classifier on MNIST's test set.")
    parser.add_argument("--model", type=Path, default=os.environ.get("MODEL", "model"), help="its folder [$MODEL]")
    parser.add_argument("--data-dir", type=Path, help="the four MNIST files [$DATA/mnist]")
    arguments = parser.parse_args()
    try:
        evaluate(arguments.model, arguments.data_dir)
    except (data.DataError, ModelError, OSError) as error:
        sys.exit(f"evaluate.py: {error}")


def evaluate(model: Path, data_dir: Path | None) -> None:
    """Write metrics.json, confusion.json and examples.json to $RESULTS."""
    session = load(model / "model.onnx")
    count, pixels, digits = data.load("t10k", data_dir)
    gray = np.frombuffer(pixels, dtype=np.uint8).reshape(count, 1, 28, 28)
    images, labels = gray.astype(np.float32) / np.float32(255), np.frombuffer(digits, np.uint8)
    batches = [answer(session, images[i : i + BATCH]) for i in range(0, count, BATCH)]
    logits = np.concatenate(batches)
    if not np.isfinite(logits).all():
        raise ModelError("scoring the model: some logits are not finite numbers")
    results = Path(os.environ.get("RESULTS", "results"))
    results.mkdir(parents=True, exist_ok=True)
    metrics = score(logits, labels)
    write(results / "confusion.json", confusion(logits, labels))
    write(results / "examples.json", recorded(session, images, pixels, digits))
    write(results / "metrics.json", metrics)
    print(f"accuracy {metrics['accuracy']:.4f} loss {metrics['loss']:.5f} on {count} test images")


def load(path: Path) -> onnxruntime.InferenceSession:
    """The model in ONNX Runtime, which is what serves it."""
    if not path.is_file():
        raise ModelError(f"loading the model: {path} is not there")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads.allowed()
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except (InvalidProtobuf, InvalidGraph, Fail) as error:
        raise ModelError(f"loading the model {path}: {str(error).splitlines()[0]}") from error
    takes = [(tensor.name, tensor.shape[1:]) for tensor in session.get_inputs()]
    gives = [(tensor.name, tensor.shape[1:]) for tensor in session.get_outputs()]
    if (takes, gives) != ([("image", [1, 28, 28])], [("logits", [10])]):
        raise ModelError(f"loading the model {path}: takes {takes}, gives {gives}; wanted an image, ten logits")
    return session


def answer(session: onnxruntime.InferenceSession, images: Array) -> Array:
    """Logits [n, 10] of images [n, 1, 28, 28] as pixel / 255."""
    logits: Array = session.run(["logits"], {"image": images})[0]
    return logits


def score(logits: Array, labels: NDArray[np.uint8]) -> dict[str, float]:
    """Share of right answers, and mean cross-entropy in nats."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    likelihood = shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(axis=1))
    right = logits.argmax(axis=1) == labels
    return {"accuracy": float(right.mean()), "loss": float(-likelihood.mean())}


def confusion(logits: Array, labels: NDArray[np.uint8]) -> dict[str, object]:
    """Counts by truth (row) and answer (column)."""
    matrix = np.zeros((10, 10), dtype=int)
    np.add.at(matrix, (labels, logits.argmax(axis=1)), 1)
    return {"labels": [str(digit) for digit in range(10)], "matrix": matrix.tolist()}


def recorded(session: onnxruntime.InferenceSession, images: Array, pixels: bytes, labels: bytes) -> dict[str, object]:
    """The examples: each asked alone, as verify will ask the served model."""
    listed = []
    for place, number in enumerate(examples.choose(labels)):
        logits = answer(session, images[number : number + 1])
        listed.append(examples.example(short(images[number]), short(logits), labels[number]))
        if place < examples.WITH_PICTURE:
            gray = pixels[number * 784 : (number + 1) * 784]
            listed[-1]["picture"] = examples.picture(gray)
    return {"protocol": "v2", "tolerance": TOLERANCE, "examples": listed}


def short(values: Array) -> list[float]:
    """Each number with as few digits as still give the same 32-bit float."""
    return [float(str(value)) for value in values.ravel()]


def write(path: Path, content: object) -> None:
    """Write JSON, whole or not at all."""
    data.write_atomically(path, json.dumps(content).encode() + b"\n")


if __name__ == "__main__":
    main()
