"""Writes the tiny model; its options let it fail in the ways that jobs fail."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from tiny import as_onnx, results, weights

parser = argparse.ArgumentParser()
parser.add_argument("--exit", type=int, default=0)
parser.add_argument("--no-model", action="store_true")
parser.add_argument("--broken-model", action="store_true")
parser.add_argument("--seconds", type=float, default=0.0)
parser.add_argument("--ballast", type=int, default=0, help="bytes of a file beside the model")
options = parser.parse_args()

seed = int(os.environ.get("SEED", "0"))
print(f"training with seed {seed}", flush=True)
with results("progress.jsonl").open("a") as file:
    for step in range(5):
        time.sleep(options.seconds / 5)
        file.write(json.dumps({"epoch": 0, "step": step, "steps": 5, "loss": 1 / (step + 1)}) + "\n")
        file.flush()
if options.exit:
    print(f"the recipe gives up with {options.exit}", file=sys.stderr)
    sys.exit(options.exit)
results("parameters.json").write_text(json.dumps({"seed": seed, "steps": 5}))
results("metrics.json").write_text(json.dumps({"loss": 0.2}))
if not options.no_model:
    output = Path(os.environ["OUTPUT"])
    output.joinpath("model.onnx").write_bytes(b"no model" if options.broken_model else as_onnx(weights(seed)))
    if options.ballast:
        output.joinpath("ballast.bin").write_bytes(os.urandom(1024) * (options.ballast // 1024))
