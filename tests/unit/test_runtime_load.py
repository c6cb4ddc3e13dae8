"""The check of a folder against the expected digest, before anything in it is interpreted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ropeway_agent.manifest import NAME, scan
from ropeway_runtime.errors import VerificationError
from ropeway_runtime.load import verify

OTHER = "sha256-" + "0" * 64


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name in ("model.onnx", "examples.json", "data/labels.txt", "data/empty"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if name == "data/empty" else name, encoding="utf-8")
    (tmp_path / NAME).write_bytes(scan(str(tmp_path)).encode())
    return tmp_path


@pytest.fixture
def digest(model: Path) -> str:
    return scan(str(model)).digest


def refusal(model: Path, digest: str) -> VerificationError:
    with pytest.raises(VerificationError) as refused:
        verify(model, digest)
    assert refused.value.exit_code == 4
    assert refused.value.hint
    return refused.value


def test_an_intact_folder_passes(model: Path, digest: str) -> None:
    assert verify(model, digest).digest == digest


def test_another_digest_is_refused_with_both(model: Path, digest: str) -> None:
    message = refusal(model, OTHER).message
    assert f"expected model digest {OTHER}, found {digest}" in message


def test_a_folder_without_manifest_is_refused(model: Path, digest: str) -> None:
    (model / NAME).unlink()
    assert "expected a manifest, found No such file" in refusal(model, digest).message


def test_a_manifest_that_was_made_to_fit_an_altered_file_is_refused(model: Path, digest: str) -> None:
    (model / "model.onnx").write_text("MODEL.onnx", encoding="utf-8")
    (model / NAME).write_bytes(scan(str(model)).encode())
    assert f"expected model digest {digest}, found sha256-" in refusal(model, digest).message


def test_a_changed_byte_is_found(model: Path, digest: str) -> None:
    (model / "data/labels.txt").write_text("data/Labels.txt", encoding="utf-8")
    assert "data/labels.txt is changed" in refusal(model, digest).message


def test_a_missing_file_is_found(model: Path, digest: str) -> None:
    (model / "data/empty").unlink()
    assert "data/empty is missing" in refusal(model, digest).message


@pytest.mark.parametrize("name", ["evil.onnx", "data/x", ".hidden", ".manifest.json.x.onnx", ".manifest.json.d"])
def test_an_extra_file_is_found(model: Path, digest: str, name: str) -> None:
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).touch()
    assert f"{name} is extra" in refusal(model, digest).message


def test_a_link_out_of_the_folder_is_refused(
    model: Path, digest: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "model.onnx"
    outside.write_text("model.onnx", encoding="utf-8")
    (model / "model.onnx").unlink()
    (model / "model.onnx").symlink_to(outside)
    assert "model.onnx is a link" in refusal(model, digest).message


def test_many_damaged_files_are_counted(model: Path, digest: str) -> None:
    for number in range(10):
        (model / f"extra{number}").touch()
    message = refusal(model, digest).message
    assert "extra0 is extra, extra1 is extra, extra2 is extra, and 7 more" in message
