"""Digits drawn with a soft pen: pictures for sample reports, without any data set."""

from __future__ import annotations

import math
from itertools import pairwise

SIDE = 28
_PEN = 1.2
"""Half the width of a stroke, in pixels."""

_STROKES = {
    "0": "50,14 38,18 30,32 29,55 34,74 44,86 56,86 66,74 71,55 70,32 62,18 50,14",
    "1": "40,24 54,14 52,50 50,86",
    "2": "30,32 36,19 50,14 64,19 68,33 60,48 44,66 29,85 72,85",
    "4": "58,14 42,40 27,62 76,60|62,38 58,62 56,87",
    "5": "70,15 38,16 35,46 52,43 67,51 69,67 58,82 42,86 28,79",
    "7": "27,18 72,16 60,42 48,66 43,87",
    "9": "69,32 60,17 46,16 34,27 35,42 47,49 60,44 69,32 68,55 64,87",
}
"""Corners of the pen's way, in hundredths of the side."""


def digit(name: str, lean: float = 0.12) -> list[int]:
    """784 gray values, 0 black to 255 white, of one of the digits above; `lean` shifts its top to the right."""
    points = [point for stroke in _STROKES[name].split("|") for point in _along(stroke, lean)]
    return [_gray(x, y, points) for y in range(SIDE) for x in range(SIDE)]


def _along(stroke: str, lean: float) -> list[tuple[float, float]]:
    corners = [tuple(float(number) / 100 for number in corner.split(",")) for corner in stroke.split()]
    steps = [i / 12 for i in range(13)]
    places = [((1 - t) * a[0] + t * b[0], (1 - t) * a[1] + t * b[1]) for a, b in pairwise(corners) for t in steps]
    return [((x + lean * (0.5 - y)) * SIDE, y * SIDE) for x, y in places]


def _gray(x: int, y: int, points: list[tuple[float, float]]) -> int:
    distance = min(math.hypot(x + 0.5 - px, y + 0.5 - py) for px, py in points)
    return round(255 * min(1.0, max(0.0, _PEN + 0.5 - distance)))
