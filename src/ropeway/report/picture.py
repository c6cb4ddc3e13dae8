"""Small gray pictures as PNG files inside the page."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence

LARGEST = 128
"""Pixels a side: larger pictures are shown with every n-th pixel."""
_GRAY_8_BIT = struct.pack(">BBBBB", 8, 0, 0, 0, 0)
"""Bit depth 8, colour type 0 (gray), then compression, filter and interlace method (PNG specification, 11.2.1)."""


def data_uri(width: int, height: int, gray: Sequence[int]) -> str:
    """A `data:image/png` URI of width * height values, 0 black to 255 white, row by row from the top."""
    rows = (bytes(gray[y * width : (y + 1) * width]) for y in range(height))
    pixels = b"".join(b"\0" + row for row in rows)
    content = (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">II", width, height) + _GRAY_8_BIT)
        + _chunk(b"IDAT", zlib.compress(pixels, 9))
        + _chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def reduced(width: int, height: int, gray: Sequence[int]) -> tuple[int, int, list[int]]:
    """The picture with no side longer than LARGEST pixels."""
    every = -(-max(width, height) // LARGEST)
    columns, rows = range(0, width, every), range(0, height, every)
    return len(columns), len(rows), [gray[y * width + x] for y in rows for x in columns]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
