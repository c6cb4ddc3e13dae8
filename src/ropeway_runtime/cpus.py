"""How many CPUs this process may use: affinity and the cgroup's quota, whichever is less."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def allowed(cgroups: Path = CGROUPS) -> int:
    """At least 1. A quota of 1.5 CPUs counts as 2."""
    limits = [len(os.sched_getaffinity(0)), *_quotas(cgroups)]
    return max(1, min(math.ceil(limit) for limit in limits))


def quota(text: str) -> float | None:
    """CPUs of a `cpu.max` file (`<microseconds or max> <period>`, cgroup v2); None: no limit."""
    match text.split():
        case [used, period] if used.isdecimal() and period.isdecimal() and int(period) > 0:
            return int(used) / int(period)
    return None


def group(text: str) -> str:
    """This process's path in the v2 hierarchy, from the text of /proc/self/cgroup."""
    paths = (line.removeprefix("0::") for line in text.splitlines() if line.startswith("0::"))
    return next(paths, "/").lstrip("/")


def _quotas(cgroups: Path) -> list[float]:
    """Quotas of our group and all above it; in a container the root file is the container's own."""
    folder = cgroups / group(_read(Path("/proc/self/cgroup")))
    above = [folder, *folder.parents] if folder.is_relative_to(cgroups) else [cgroups]
    files = [place / "cpu.max" for place in above if place.is_relative_to(cgroups)]
    texts = [_read(file) for file in files]
    v1 = f"{_read(cgroups / 'cpu/cpu.cfs_quota_us')} {_read(cgroups / 'cpu/cpu.cfs_period_us')}"
    return [limit for text in [*texts, v1] if (limit := quota(text))]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
