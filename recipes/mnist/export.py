"""The trained network as what is served: an MLflow model folder around one ONNX file."""

import importlib.metadata
import platform
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

TOLERANCE = 1e-4  # largest difference between PyTorch's logits and ONNX Runtime's
OPSET = 17  # ONNX Runtime reads it since 1.12, of 2022

# What mlflow.onnx.save_model would write, less what differs between two saves of the same model (its
# random id and the time), so that the same weights give the same bytes and thus the same digest.
MLMODEL = """\
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_version: {onnx}
    providers:
    - CPUExecutionProvider
  python_function:
    data: model.onnx
    env:
      virtualenv: python_env.yaml
    loader_module: mlflow.onnx
    python_version: {python}
signature:
  inputs: '[{{"name": "image", "type": "tensor", "tensor-spec": {{"dtype": "float32", "shape": [-1, 1, 28, 28]}}}}]'
  outputs: '[{{"name": "logits", "type": "tensor", "tensor-spec": {{"dtype": "float32", "shape": [-1, 10]}}}}]'
"""
PYTHON_ENV = """\
python: {python}
dependencies:
- -r requirements.txt
"""
REQUIREMENTS = """\
mlflow
numpy=={numpy}
onnx=={onnx}
onnxruntime=={onnxruntime}
"""


class ExportError(Exception):
    """The exported model does not answer as the trained one does."""


def save(network: nn.Module, folder: Path, sample: Tensor) -> None:
    """Write the MLflow model to `folder`; `sample` [n, 1, 28, 28] is what both forms are compared on."""
    network = network.cpu().eval()
    folder.mkdir(parents=True, exist_ok=True)
    _write_onnx(network, folder / "model.onnx", sample)
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "onnx", "onnxruntime")}
    versions["python"] = platform.python_version()
    for name, text in {
        "MLmodel": MLMODEL,
        "python_env.yaml": PYTHON_ENV,
        "requirements.txt": REQUIREMENTS,
    }.items():
        (folder / name).write_text(text.format(**versions))
    _compare(network, folder / "model.onnx", sample)


def _write_onnx(network: nn.Module, path: Path, sample: Tensor) -> None:
    with warnings.catch_warnings():
        # torch's TorchScript exporter is deprecated, and right here: 0.3 s where its successor takes
        # 8 s, and nothing of this machine (source paths, stack traces) gets into the file.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (sample,),
            str(path),
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )


def _compare(network: nn.Module, path: Path, sample: Tensor) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = network(sample).numpy()
    for batch in (1, len(sample)):
        (found,) = session.run(["logits"], {"image": sample[:batch].numpy()})
        difference = float(np.abs(found - expected[:batch]).max())
        if not difference <= TOLERANCE:  # also when it is not a number
            raise ExportError(
                f"comparing PyTorch with ONNX Runtime at batch {batch}: "
                f"logits differ by {difference:.2g}, allowed {TOLERANCE:.2g}"
            )
