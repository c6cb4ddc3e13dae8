"""Answer requests until the input closes: one at a time, each by the function of its name."""

import contextlib
import importlib
import os
import pwd
import signal
import sys
from typing import Any, Dict, Optional

from ropeway_agent import identity
from ropeway_agent.disk import as_text
from ropeway_agent.errors import Failure, ManifestError, as_json, of_system
from ropeway_agent.wire import Wire

# Imported when first asked for: a session that only looks at jobs never loads what pushes models.
_ANSWERS = {
    "submit": "submit",
    "find": "submit",
    "query": "submit",
    "cancel": "submit",
    "usage": "submit",
    "list_files": "files",
    "seal_model": "models",
    "check_model": "models",
}
_CONVERSATIONS = {"watch": "watch", "tail": "watch", "push": "push", "read": "files", "write": "files"}


def serve(fence: str) -> None:
    """The whole life of an agent's process, after it was started."""
    os.umask(0o077)
    _call_ourselves("ropeway-agent")
    wire = Wire(fence)
    try:
        wire.greet(hello())
        request = wire.receive()
        while request is not None:
            wire.send(_answer(request, wire))
            request = wire.receive()
    except (BrokenPipeError, EOFError):
        return  # the other side is gone: there is nobody to answer


def _call_ourselves(name: str) -> None:
    """What `ps` and `top` show, instead of a Python that reads its program from a pipe."""
    with contextlib.suppress(OSError), open("/proc/self/comm", "w") as file:
        file.write(name)


def hello() -> Dict[str, Any]:
    """What the other side may want to know of this one."""
    return {
        "agent": as_text(os.path.abspath(sys.argv[0])),
        "python": as_text(sys.executable),
        "version": ".".join(map(str, sys.version_info[:3])),
        "host": identity.host_name(),
        "user": _user(),
        "home": as_text(os.path.expanduser("~")),
        "boot": identity.boot_id(),
        "pid": os.getpid(),
    }


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container
        return str(os.getuid())


def _answer(request: Dict[str, Any], wire: Wire) -> Dict[str, Any]:
    operation = str(request.get("operation"))
    try:
        with _Alarm(operation, request.get("limit")):
            return {"result": _run(operation, request["body"], wire)}
    except Failure as failure:
        return as_json(failure)
    except ManifestError as error:
        return as_json(Failure("StageFailed", error.message, error.hint))
    except (BrokenPipeError, EOFError):
        raise
    except OSError as error:
        return as_json(of_system(f"running {operation}", error))
    except Exception as error:  # noqa: BLE001 - the border of the process: the other side must hear of it
        return as_json(Failure("UnexpectedReply", f"running {operation}: {type(error).__name__}: {error}"[:256]))


def _run(operation: str, body: Dict[str, Any], wire: Wire) -> Dict[str, Any]:
    if operation == "hello":
        return hello()
    answers = operation in _ANSWERS
    module = _ANSWERS.get(operation) or _CONVERSATIONS.get(operation)
    if module is None:
        raise Failure("UnexpectedReply", f"running {operation!r}: this agent has no such operation")
    function = getattr(importlib.import_module("ropeway_agent." + module), operation)
    result: Optional[Dict[str, Any]] = function(body) if answers else function(body, wire)
    return result or {}


class _Alarm:
    """Ends an operation that takes longer than its limit in seconds, from within."""

    def __init__(self, operation: str, limit: Optional[float]) -> None:
        self._operation = operation
        self._limit = limit or 0

    def __enter__(self) -> None:
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, self._limit)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, *_: object) -> None:
        raise Failure("Unavailable", f"running {self._operation}: not done within {self._limit:g} s", "try again")
