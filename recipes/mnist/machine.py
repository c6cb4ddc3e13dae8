"""The machine under a training: device, seeds, and what of it is worth recording."""

import os
import platform
from pathlib import Path

import torch


def prepare(seed: int, threads: int) -> torch.device:
    """Seed torch, ask it for deterministic kernels, and name the device: CUDA when it is there."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS is not deterministic
    torch.manual_seed(seed)
    # warn_only: where CUDA has no deterministic kernel for an operation, the job goes on with a warning
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_num_threads(threads)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe(device: torch.device) -> dict[str, object]:
    """Versions and hardware, for the report."""
    described: dict[str, object] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": device.type,
        "cpu": _processor(),
        "threads": torch.get_num_threads(),
    }
    if device.type == "cuda":
        described |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    return described


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
