"""How many CPUs the model server takes for its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ropeway_runtime import cpus


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("max 100000", None),
        ("150000 100000", 1.5),
        ("50000 100000", 0.5),
        ("-1 100000", None),
        ("", None),
        (" ", None),
        ("100000 0", None),
    ],
)
def test_a_quota_is_read_in_cpus(text: str, limit: float | None) -> None:
    assert cpus.quota(text) == limit


def test_our_group_is_the_line_of_version_2() -> None:
    assert cpus.group("12:cpu:/v1\n0::/system.slice/ropeway.service\n") == "system.slice/ropeway.service"
    assert cpus.group("12:cpu:/v1\n") == ""


def test_without_a_quota_affinity_decides(tmp_path: Path) -> None:
    assert cpus.allowed(tmp_path) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["20000 100000", "100000 100000"])
def test_a_quota_below_the_affinity_decides(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.max").write_text(text, encoding="ascii")
    assert cpus.allowed(tmp_path) == 1


def test_a_version_1_quota_counts(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("100000\n", encoding="ascii")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n", encoding="ascii")
    assert cpus.allowed(tmp_path) == 1
