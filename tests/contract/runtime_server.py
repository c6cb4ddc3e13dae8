"""Starts the real model server on a model of this folder, for the contract tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx

from ropeway import environments
from ropeway_agent.manifest import NAME, scan

SOURCE = Path(__file__).parents[2] / "src"
MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[str]
    client: httpx.Client
    digest: str

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def post(self, path: str, body: object) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, content=content)

    def metric(self, line: str) -> float:
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0


def sealed(folder: Path, model: str) -> str:
    """A folder with that model and its manifest; the digest."""
    folder.mkdir()
    shutil.copy(MODELS / f"{model}.onnx", folder / "model.onnx")
    manifest = scan(str(folder))
    (folder / NAME).write_bytes(manifest.encode())
    return manifest.digest


@cache
def interpreter() -> Path:
    """The Python of envs/runtime: built on the first use, kept for later sessions."""
    return environments.ensure("runtime", lock=environments.lock_of("runtime"), progress=lambda _: None)


def command(folder: Path, *arguments: str) -> list[str]:
    return [str(interpreter()), "-m", "ropeway_runtime", "--model-dir", str(folder), "--model-name", "toy", *arguments]


def environ() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}


@contextmanager
def running(folder: Path, model: str, *arguments: str) -> Iterator[Running]:
    digest = sealed(folder / model, model)
    given = ["--model-digest", digest, "--port", "0", "--threads", "1", "--drain-delay", "0.5", *arguments]
    process = subprocess.Popen(command(folder / model, *given), env=environ(), stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        ready = re.fullmatch(rf"Ready: toy {digest} at (http://\S+)\n", first)
        assert ready, first
        with httpx.Client(base_url=ready[1], timeout=30, trust_env=False) as client:
            yield Running(process, client, digest)
    finally:
        process.kill()
        process.communicate()
