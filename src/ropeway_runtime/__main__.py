"""Starts the model server: `python -m ropeway_runtime --model-dir DIR --model-name NAME --model-digest sha256-HEX`."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from ropeway_runtime.errors import Refusal
from ropeway_runtime.listening import listen
from ropeway_runtime.options import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Serve until SIGTERM; the exit code (`errors` lists them), after one message on stderr where it is not 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_at_once)  # until the server, which drains, takes over
    try:
        options = parse(arguments, environ)
        sock = listen(options.host, options.port)
        # The runtime reads numpy's BLAS threads at import, and multiplies nothing with BLAS itself.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from ropeway_runtime.server import serve

        serve(options, sock)
    except Refusal as refusal:
        sys.stderr.write(refusal.report())
        return refusal.exit_code
    return 0


def _end_at_once(_: int, __: FrameType | None) -> NoReturn:
    os._exit(0)


if __name__ == "__main__":
    code = main(sys.argv[1:], os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread may be inside native code (a load that SIGTERM cut short): a normal exit waits for it, or crashes in it.
    os._exit(code)
