"""The model server's command line and environment."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from ropeway_runtime import VERSION
from ropeway_runtime.errors import UsageError
from ropeway_runtime.options import DIGEST_VARIABLE, Options, parse

DIGEST = "sha256-" + "0123456789abcdef" * 4
OTHER = "sha256-" + "f" * 64
ROOT = Path(__file__).parents[2]


def given(folder: Path, *arguments: str, digest: str | None = DIGEST, **environ: str) -> Options:
    verified = [] if digest is None else ["--model-digest", digest]
    return parse(["--model-dir", str(folder), "--model-name", "mnist", *verified, *arguments], environ)


def test_the_defaults_keep_the_server_on_loopback(tmp_path: Path) -> None:
    options = given(tmp_path)
    assert (options.host, options.port, options.threads, options.revision) == ("127.0.0.1", 8080, None, None)
    assert options.expected_digest == DIGEST
    assert options.max_body == 64 * 1024 * 1024
    assert options.drain_delay == timedelta(seconds=1)
    assert options.drain_delay + options.drain_timeout < timedelta(seconds=30)


def test_kserves_spellings_are_understood(tmp_path: Path) -> None:
    arguments = [f"--model_dir={tmp_path}", "--model_name=mnist", "--http_port=9000", "--unverified"]
    options = parse(arguments, {"STORAGE_URI": "s3://elsewhere/"})
    assert (options.model_dir, options.model_name, options.port) == (tmp_path, "mnist", 9000)


def test_the_digest_may_come_from_the_environment(tmp_path: Path) -> None:
    assert given(tmp_path, digest=None, **{DIGEST_VARIABLE: DIGEST}).expected_digest == DIGEST


def test_the_argument_wins_over_the_environment(tmp_path: Path) -> None:
    assert given(tmp_path, **{DIGEST_VARIABLE: OTHER}).expected_digest == DIGEST


@pytest.mark.parametrize("environ", [{}, {DIGEST_VARIABLE: ""}])
def test_without_a_digest_it_refuses(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="no expected model digest") as refusal:
        given(tmp_path, digest=None, **environ)
    assert "--unverified" in refusal.value.hint
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    "digest", ["latest", DIGEST.upper(), DIGEST + "\n", DIGEST[:-1], DIGEST.removeprefix("sha256-")]
)
def test_what_is_no_digest_is_refused(tmp_path: Path, digest: str) -> None:
    with pytest.raises(UsageError, match="not sha256-<64 hex digits>"):
        given(tmp_path, digest=digest)


def test_unverified_serves_without_a_digest(tmp_path: Path) -> None:
    assert given(tmp_path, "--unverified", digest=None).expected_digest is None


def test_unverified_and_a_digest_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="together with"):
        given(tmp_path, "--unverified")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        given(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--port", "-1"],
        ["--threads", "0"],
        ["--max-body", "1.5"],
        ["--drain-delay", "soon"],
        ["--revision", "a\r\nx-injected: 1"],
        ["--model-name", "../mnist"],
        ["--model-dig", DIGEST],
    ],
)
def test_a_malformed_argument_ends_with_code_2(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        given(tmp_path, *arguments)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION
