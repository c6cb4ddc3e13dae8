"""The command line and the environment, KServe's spellings included, as one frozen value."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ropeway_runtime.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DIGEST_VARIABLE = "ROPEWAY_MODEL_DIGEST"
DIGEST = re.compile(r"sha256-[0-9a-f]{64}")
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Options:
    """What to serve and where; `expected_digest` is None only when --unverified was given."""

    model_dir: Path
    model_name: str
    expected_digest: str | None
    revision: str | None
    host: str
    port: int
    threads: int | None
    max_body: int
    drain_delay: timedelta
    drain_timeout: timedelta


def parse(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """The options; argparse itself ends the process with code 2 on a malformed argument.

    Raises UsageError: no such folder; no expected digest, or one together with --unverified.
    """
    given = _parser().parse_args(arguments)
    if not given.model_dir.is_dir():
        raise UsageError(
            f"--model-dir {given.model_dir}: no such folder",
            "name the folder that holds manifest.json",
        )
    return Options(
        model_dir=given.model_dir,
        model_name=given.model_name,
        expected_digest=_expected_digest(given.model_digest, environ, unverified=given.unverified),
        revision=given.revision,
        host=given.host,
        port=given.port,
        threads=given.threads,
        max_body=given.max_body * MEBIBYTE,
        drain_delay=timedelta(seconds=given.drain_delay),
        drain_timeout=timedelta(seconds=given.drain_timeout),
    )


def _expected_digest(argument: str | None, environ: Mapping[str, str], *, unverified: bool) -> str | None:
    expected = argument or environ.get(DIGEST_VARIABLE) or None
    if expected is not None and DIGEST.fullmatch(expected) is None:
        raise UsageError(
            f"the expected model digest reads {expected[:80]!r}, not sha256-<64 hex digits>",
            "take it from the model version's tag in the registry",
        )
    if unverified and expected is not None:
        raise UsageError(
            "--unverified together with an expected model digest",
            f"leave out --unverified, or --model-digest and {DIGEST_VARIABLE}",
        )
    if not unverified and expected is None:
        raise UsageError(
            "no expected model digest, so nothing proves which model this folder holds",
            f"--model-digest sha256-HEX or {DIGEST_VARIABLE}=sha256-HEX (the registry's tag has it);"
            " --unverified serves without proof",
        )
    return expected


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ropeway_runtime",
        usage="python -m ropeway_runtime --model-dir DIR --model-name NAME --model-digest sha256-HEX [options]",
        description=__doc__,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--model-dir", "--model_dir", required=True, type=Path, metavar="DIR")
    add("--model-name", "--model_name", required=True, type=_label, metavar="NAME")
    add("--model-digest", "--model_digest", help=f"or {DIGEST_VARIABLE}", metavar="sha256-HEX")
    add("--unverified", action="store_true", help="serve without a digest to check against")
    add("--revision", type=_label, help="shown in metrics and x-ropeway-revision", metavar="ID")
    add("--host", default="127.0.0.1")
    add("--port", "--http-port", "--http_port", default=8080, type=_port, help="0: any free one")
    add("--threads", type=_positive, help="of one inference; default: the CPUs allowed to us")
    add("--max-body", default=64, type=_positive, help="largest request", metavar="MIB")
    add("--drain-delay", default=1.0, type=_seconds, help="SIGTERM until no new connections")
    add("--drain-timeout", default=25.0, type=_seconds, help="then for what was accepted")
    return parser


def _label(text: str) -> str:
    if LABEL.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text[:80]!r}: expected letters, digits, '.', '_', '-'")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text[:80]!r}: expected 0 to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text[:80]!r}: expected 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    if re.fullmatch(r"\d{1,3}(\.\d+)?", text) is None:
        raise argparse.ArgumentTypeError(f"{text[:80]!r}: expected seconds, as in 1.5")
    return float(text)
