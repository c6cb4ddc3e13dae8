"""What the plots share: their height, the grid with its labels, marked places. Colours are the style sheet's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ropeway.report.svg import Element, across, element, text

HEIGHT = 260.0
_LABEL_ROW = 17.0


@dataclass(frozen=True, slots=True)
class Across:
    """Values to shares of the plot's width."""

    left: float
    right: float

    def place(self, value: float) -> float:
        return (value - self.left) / (self.right - self.left)


def levels(marks: Sequence[tuple[float, str]]) -> Iterator[Element]:
    """A line across for each (height, label), the label in the margin on the left."""
    for height, label in marks:
        y = (1 - height) * HEIGHT
        yield element("line", x1=0, x2="100%", y1=y, y2=y, class_="base" if height == 0 else "grid")
        yield text(label, -10, y + 4, text_anchor="end", class_="tick")


def below(marks: Sequence[tuple[float, str]]) -> Iterator[Element]:
    for place, label in marks:
        yield text(label, across(place), HEIGHT + 20, text_anchor="middle", class_="tick")


def upright(label: str, place: float, row: int, kind: str = "mark") -> Element:
    """An upright line with its label at the top; each in a row of its own, on the side where there is room."""
    near_end = place > 0.6
    y = 10 + row * _LABEL_ROW
    return element(
        "g",
        element("line", x1=across(place), x2=across(place), y1=y - 10, y2=HEIGHT, class_="upright"),
        text(label, across(place), y, dx=-6 if near_end else 6, text_anchor="end" if near_end else "start"),
        class_=kind,
    )
