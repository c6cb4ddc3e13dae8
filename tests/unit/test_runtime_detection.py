"""Which kind of model a folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from ropeway_runtime.errors import LoadError
from ropeway_runtime.kinds.detection import Artifact, detect

ONNX_FLAVOR = (
    "flavors:\n  onnx: {data: model.onnx, onnx_version: 1.23.2}\n  python_function: {loader_module: mlflow.onnx}\n"
)
PYFUNC_ONLY = "flavors:\n  python_function: {loader_module: mlflow.sklearn}\n  sklearn: {pickled_model: model.pkl}\n"


def folder(root: Path, **files: str) -> Path:
    for name, text in files.items():
        file = root / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def test_one_onnx_file_at_the_root_is_the_model(tmp_path: Path) -> None:
    folder(tmp_path, model_dot_onnx="", examples_dot_json="", deeper__other_dot_onnx="")
    assert detect(tmp_path) == Artifact("onnx", tmp_path / "model.onnx")


def test_an_mlmodel_says_which_file_it_is(tmp_path: Path) -> None:
    folder(tmp_path, MLmodel=ONNX_FLAVOR, model_dot_onnx="", second_dot_onnx="")
    assert detect(tmp_path) == Artifact("onnx", tmp_path / "model.onnx")


def test_an_onnx_model_beside_a_pickle_is_still_onnx(tmp_path: Path) -> None:
    folder(tmp_path, MLmodel=ONNX_FLAVOR, model_dot_onnx="", optimizer_dot_pt="")
    assert detect(tmp_path).kind == "onnx"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, "nothing"),
        ({"config_dot_json": "", "model_dot_safetensors": ""}, "config.json, model.safetensors"),
        ({"a_dot_onnx": "", "b_dot_onnx": ""}, "2 ONNX files and no MLmodel to choose: a.onnx, b.onnx"),
        ({"data__model_dot_pkl": ""}, "data/model.pkl, a pickle, which is code"),
        ({"pytorch_model_dot_bin": ""}, "pytorch_model.bin, a pickle, which is code"),
        ({"MLmodel": PYFUNC_ONLY}, "an MLmodel with the flavors python_function, sklearn"),
        ({"MLmodel": PYFUNC_ONLY, "model_dot_pkl": ""}, "sklearn and model.pkl, a pickle, which is code"),
        ({"MLmodel": PYFUNC_ONLY, "model_dot_onnx": ""}, "an MLmodel with the flavors python_function, sklearn"),
        ({"MLmodel": "[]"}, "an MLmodel with the flavors none"),
        ({"MLmodel": ONNX_FLAVOR}, "whose onnx data 'model.onnx' is no file"),
        ({"MLmodel": "flavors: {onnx: 1}"}, "whose onnx data None is no file"),
    ],
)
def test_all_else_is_refused_with_what_was_found(tmp_path: Path, files: dict[str, str], found: str) -> None:
    with pytest.raises(LoadError) as refusal:
        detect(folder(tmp_path, **files))
    assert "expected a model of kind onnx, found " in refusal.value.message
    assert found in refusal.value.message
    assert "export the model to ONNX" in refusal.value.hint
    assert refusal.value.exit_code == 5


def test_an_mlmodel_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="expected MLflow's YAML"):
        detect(folder(tmp_path, MLmodel="flavors: [unclosed"))


def test_yaml_that_would_run_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="expected MLflow's YAML"):
        detect(folder(tmp_path, MLmodel="flavors: !!python/object/apply:os.getcwd []"))


def test_data_outside_the_folder_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, secret_dot_onnx="")
    model = folder(tmp_path / "model", MLmodel="flavors: {onnx: {data: ../secret.onnx}}")
    with pytest.raises(LoadError, match="is outside the folder"):
        detect(model)
