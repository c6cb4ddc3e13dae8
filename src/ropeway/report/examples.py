"""A few evaluated examples that a person can look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ropeway.errors import UnexpectedReply
from ropeway.report import picture, reading

SHOWN = 8
_MOST_PIXELS = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Example:
    """`label` is the truth; `right` is None when truth or answer is not known. `picture` is a data URI."""

    label: str | None
    answer: str | None
    right: bool | None
    width: int
    height: int
    picture: str


def read_examples(content: object) -> tuple[Example, ...]:
    """The first SHOWN that have a picture. Raises UnexpectedReply when the file is not what docs/recipes.md says."""
    if content is None:
        return ()
    listed = reading.mapping(content).get("examples")
    if not isinstance(listed, list):
        raise UnexpectedReply("reading evaluate's examples: there is no list of them")
    return tuple(islice(_with_picture(listed), SHOWN))


def _with_picture(listed: list[object]) -> Iterator[Example]:
    for entry in map(reading.mapping, listed):
        drawn = _picture(entry.get("picture"))
        if drawn is not None:
            label, answer = reading.text(entry.get("label")), reading.text(entry.get("answer"))
            right = label == answer if label is not None and answer is not None else None
            yield Example(label, answer, right, *drawn)


def _picture(content: object) -> tuple[int, int, str] | None:
    """None when it is absent, or not as many gray values as its size says."""
    described = reading.mapping(content)
    width, height = reading.whole(described.get("width")), reading.whole(described.get("height"))
    gray = [reading.number(value) for value in reading.items(described.get("gray"))[: _MOST_PIXELS + 1]]
    if not width or not height or width < 1 or height < 1 or len(gray) != width * height:
        return None
    bytes_ = [min(255, max(0, round(value or 0))) for value in gray]
    across, down, kept = picture.reduced(width, height, bytes_)
    return across, down, picture.data_uri(across, down, kept)
