"""Programs that come as wheels (tools.toml): installed into the cache, run by absolute path, never on PATH."""

from __future__ import annotations

import functools
import platform
import shutil
import sys
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ropeway import environments, places
from ropeway.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Wheel:
    sha256: str
    megabytes: int


@dataclass(frozen=True)
class Tool:
    """A program, the package that carries it, and the one wheel allowed on each platform."""

    name: str
    package: str
    version: str
    program: str
    wheels: Mapping[str, Wheel]


def read(text: str) -> dict[str, Tool]:
    """The tools of a tools.toml."""
    return {name: _tool(name, entry) for name, entry in tomllib.loads(text).items()}


def _tool(name: str, entry: dict[str, Any]) -> Tool:
    wheels = {platform: Wheel(**wheel) for platform, wheel in entry["wheels"].items()}
    return Tool(name, entry["package"], entry["version"], entry["program"], wheels)


@functools.cache
def known() -> dict[str, Tool]:
    return read(resources.files(__package__).joinpath("tools.toml").read_text())


def this_platform() -> str:
    return f"{platform.system()}-{platform.machine()}".lower()


def wheel_for(tool: Tool, machine: str) -> Wheel:
    """The wheel for a platform such as linux-x86_64; ConfigError names those that exist."""
    if wheel := tool.wheels.get(machine):
        return wheel
    raise ConfigError(
        f"installing {tool.name} {tool.version}: no wheel for {machine}, only for {', '.join(tool.wheels)}",
        "name your own store and gateway in the site file instead",
    )


def ensure(name: str, progress: Callable[[str], None] = lambda _: None) -> Path:
    """The absolute path of the program, installed if it is not there yet.

    Raises NotFound for an unknown name, ConfigError for a platform without a wheel, Unavailable
    when the package cannot be had or is not the one that tools.toml names.
    """
    if name not in known():
        raise NotFound(f"installing {name!r}: unknown tool, known: {', '.join(known())}")
    tool = known()[name]
    folder = places.cache() / "tools" / f"{tool.name}-{tool.version}"
    if not (folder / tool.program).is_file():
        with environments.once(folder, progress):
            if not (folder / tool.program).is_file():
                _install(tool, folder, progress)
    return folder / tool.program


def _install(tool: Tool, folder: Path, progress: Callable[[str], None]) -> None:
    wheel = wheel_for(tool, this_platform())
    progress(f"{tool.name} {tool.version}: downloading {tool.package}, {wheel.megabytes} MB")
    building = folder.with_name(folder.name + ".new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    lock = building / "requirements.txt"
    lock.write_text(f"{tool.package}=={tool.version} --hash=sha256:{wheel.sha256}\n")
    where = ["--python", sys.executable, "--target", str(building)]
    install = ["pip", "install", "--no-deps", "--only-binary", ":all:", "--require-hashes", *where]
    environments.run_uv([*install, "-r", str(lock)], f"installing {tool.name} {tool.version}")
    shutil.rmtree(folder, ignore_errors=True)
    building.rename(folder)
    progress(f"{tool.name} {tool.version}: installed into {folder}")
