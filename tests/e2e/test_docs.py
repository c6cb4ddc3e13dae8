"""What the documents show is executed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ropeway.config import parse_pipeline
from ropeway_agent.manifest import seal
from tests.testsite import TestSite

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str, language: str = "") -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for said, block in found if said == language]


def commands() -> list[str]:
    """The subcommands that the README names in its code blocks."""
    lines = [line for block in blocks(README) for line in block.splitlines()]
    return sorted(
        {word for line in lines for word in re.findall(r"(?:^|\| )(?:ropeway )?([a-z]+)", line) if "ropeway" in line}
    )


@pytest.mark.parametrize("command", [c for c in commands() if c not in ("make", "train", "ropeway")])
def test_every_command_of_the_readme_exists(command: str) -> None:
    done = subprocess.run([sys.executable, "-m", "ropeway", command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_readme_names_the_commands_that_matter() -> None:
    assert {"run", "status", "resume", "cancel", "rollback", "report", "adopt", "up", "doctor"} <= set(commands())


def test_the_make_targets_of_the_readme_exist() -> None:
    listed = subprocess.run(["make", "-C", str(ROOT), "--silent", "help"], capture_output=True, text=True, check=True)
    for target in set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)):
        assert f"make {target} " in listed.stdout


def test_the_pipeline_of_the_readme_is_the_one_that_we_bring() -> None:
    (shown,) = blocks(README, "yaml")
    brought = parse_pipeline((ROOT / "pipelines" / "mnist.yaml").read_text(), "pipelines/mnist.yaml")
    read = parse_pipeline(shown, "README.md")
    assert (read.name, read.stages, read.train, read.promote) == (
        brought.name,
        brought.stages,
        brought.train,
        brought.promote,
    )


def test_the_python_of_the_readme_runs(site: TestSite, pipeline: Callable[..., Path]) -> None:
    (code,) = blocks(README, "python")
    code = code.replace('"pipelines/mnist.yaml"', repr(str(pipeline("readme"))))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=site.environment)
    assert re.fullmatch(r"succeeded http://127\.0\.0\.1:\d+/readme sha256-[0-9a-f]{64}\n", done.stdout), done.stderr


def test_a_manifest_is_read_with_the_commands_that_are_shown(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "recipes" / "tiny", tmp_path / "model")
    digest = seal(str(tmp_path / "model")).digest
    text = (ROOT / "docs" / "manifest.md").read_text()
    summed, checked = [block for block in blocks(text) if "sha256sum" in block]
    answer = subprocess.run(summed, shell=True, cwd=tmp_path / "model", capture_output=True, text=True, check=True)
    assert answer.stdout.split()[0] == digest.removeprefix("sha256-")
    subprocess.run(checked, shell=True, cwd=tmp_path / "model", check=True, capture_output=True)
    (tmp_path / "model" / "tiny.py").write_text("other bytes")
    changed = subprocess.run(checked, shell=True, cwd=tmp_path / "model", capture_output=True)
    assert changed.returncode != 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / link).exists(), link
