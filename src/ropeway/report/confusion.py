"""Which classes the model takes for which: the whole matrix of a few classes, the worst pairs of many."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from ropeway.errors import UnexpectedReply
from ropeway.report import reading
from ropeway.report.text import clean

MATRIX_LIMIT = 24
"""Classes: a larger matrix cannot be read on a page."""
WORST = 20
_MOST_CLASSES = 20_000


@dataclass(frozen=True, slots=True)
class Recall:
    """The share of a class's `count` cases that were answered with it; None when it has no case."""

    label: str
    recall: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Confused:
    """`count` cases of the class `truth` were answered with `answer`; `share` of all cases of that class."""

    truth: str
    answer: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """`matrix[truth][answer]` in counts; None when there are more than MATRIX_LIMIT classes."""

    classes: int
    total: int
    right: int
    matrix: tuple[tuple[int, ...], ...] | None
    recalls: tuple[Recall, ...]
    """By class in the matrix's order; of many classes the worst WORST."""
    worst: tuple[Confused, ...]
    """The pairs that were confused most often, at most WORST."""


def read_confusion(content: object) -> Confusion | None:
    """None when there is nothing to read. Raises UnexpectedReply when it is no square matrix of counts."""
    if content is None:
        return None
    labels = [clean(label, 80) for label in reading.items(reading.mapping(content).get("labels"))]
    rows = [_counts(row) for row in reading.items(reading.mapping(content).get("matrix"))]
    size = len(rows)
    if not rows or size > _MOST_CLASSES or any(len(row) != size for row in rows):
        raise UnexpectedReply("reading evaluate/confusion.json: its matrix is not square")
    names = labels if len(labels) == size else [str(place) for place in range(size)]
    recalls = [_recall(names[place], row, place) for place, row in enumerate(rows)]
    return Confusion(
        classes=size,
        total=sum(map(sum, rows)),
        right=sum(row[place] for place, row in enumerate(rows)),
        matrix=tuple(map(tuple, rows)) if size <= MATRIX_LIMIT else None,
        recalls=tuple(recalls if size <= MATRIX_LIMIT else _worst_recalls(recalls)),
        worst=_worst(names, rows),
    )


def _counts(row: object) -> list[int]:
    counts = [reading.whole(cell) for cell in reading.items(row)]
    if any(count is None or count < 0 for count in counts):
        raise UnexpectedReply("reading evaluate/confusion.json: its matrix holds something else than counts")
    return [count for count in counts if count is not None]


def _recall(label: str, row: Sequence[int], place: int) -> Recall:
    total = sum(row)
    return Recall(label, row[place] / total if total else None, total)


def _worst_recalls(recalls: Sequence[Recall]) -> list[Recall]:
    return heapq.nsmallest(WORST, (r for r in recalls if r.recall is not None), key=lambda r: r.recall or 0.0)


def _worst(names: Sequence[str], rows: Sequence[Sequence[int]]) -> tuple[Confused, ...]:
    wrong = (
        (count, truth, answer)
        for truth, row in enumerate(rows)
        for answer, count in enumerate(row)
        if count and truth != answer
    )
    largest = heapq.nlargest(WORST, wrong, key=lambda pair: (pair[0], -pair[1], -pair[2]))
    return tuple(Confused(names[t], names[a], count, count / sum(rows[t])) for count, t, a in largest)
