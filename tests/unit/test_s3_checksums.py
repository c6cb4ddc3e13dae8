"""The manifest's sums in the forms that a store tells."""

from __future__ import annotations

import hashlib

from ropeway.adapters.s3 import checksums
from ropeway_agent.manifest import FileEntry

HELLO = hashlib.sha256(b"hello").hexdigest()


def test_a_sum_is_told_in_base64() -> None:
    assert checksums.encoded(HELLO) == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


def test_the_sum_of_an_upload_is_the_sum_of_its_parts_sums() -> None:
    # Told by SeaweedFS 4.48 for an upload of one part, "hello", on 2026-11-22.
    assert checksums.composite((HELLO,)) == "lZXJ35AHUUjrBoYDZd8zWEt1v/eCpRDGzUiDpBmDPVA=-1"
    assert checksums.composite((HELLO, HELLO)).endswith("=-2")


def test_a_file_is_the_same_sent_whole_or_in_parts_and_no_other() -> None:
    entry = FileEntry("file", 5, HELLO, (HELLO,))
    assert checksums.same(checksums.encoded(HELLO), entry)
    assert checksums.same(checksums.composite((HELLO,)), entry)
    assert not checksums.same(checksums.composite((HELLO, HELLO)), entry)
    assert not checksums.same(checksums.encoded(hashlib.sha256(b"hullo").hexdigest()), entry)
