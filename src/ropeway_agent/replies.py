"""What a store's reply to an upload means. Only its code is kept of the text: the rest may hold signatures."""

import re
from typing import Dict, NamedTuple, Optional

from ropeway_agent.errors import Failure

_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,60})</Code>")
_AGAIN = (408, 429, 500, 502, 503, 504)
_BUSY = (429, 503)
_REFUSED_BYTES = ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch")


class Reply(NamedTuple):
    """One answer; `wait` in seconds, where the store asked for it."""

    status: int
    code: str
    etag: Optional[str]
    wait: Optional[float]

    @property
    def arrived(self) -> bool:
        return 200 <= self.status < 300

    @property
    def again(self) -> bool:
        return self.status in _AGAIN or self.code == "RequestTimeout"

    @property
    def busy(self) -> bool:
        return self.status in _BUSY

    @property
    def expired(self) -> bool:
        """Stores say it in many ways; a signature that is wrong rather than old is refused again when it is new."""
        return self.status == 403

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip()


def read_reply(status: int, headers: Dict[str, str], body: bytes) -> Reply:
    """`headers` with names in lower case."""
    code = _CODE.search(body)
    wait = headers.get("retry-after", "")
    return Reply(
        status=status,
        code=code.group(1).decode("ascii") if code else "",
        etag=headers.get("etag"),
        wait=float(wait) if wait.isdigit() else None,
    )


def refusal(path: str, reply: Reply) -> Failure:
    """The failure that a final answer stands for."""
    doing = f"sending {path}"
    if reply.code in _REFUSED_BYTES:
        return Failure("UnexpectedReply", f"{doing}: the store refused the bytes: {reply}", "ropeway resume")
    if reply.status == 403:
        return Failure("AccessError", f"{doing}: the store refused a fresh signature: {reply}", "ropeway doctor")
    if reply.status == 404:
        return Failure("Conflict", f"{doing}: the upload or the bucket is gone: {reply}", "ropeway resume")
    return Failure("UnexpectedReply", f"{doing}: the store said {reply}")
