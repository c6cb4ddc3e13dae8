"""SVG as values: elements that escape what they hold, and are markup only when the page is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

Value = str | float


@dataclass(frozen=True, slots=True)
class Element:
    """An element with its attributes, and the elements and texts inside it."""

    name: str
    attributes: Mapping[str, Value]
    children: tuple[Element | str, ...] = ()

    def __html__(self) -> str:
        """Its markup: every text and every attribute's value escaped. Template engines ask for it by this name."""
        attributes = "".join(f' {name}="{_attribute(value)}"' for name, value in self.attributes.items())
        inside = "".join(escape(c) if isinstance(c, str) else c.__html__() for c in self.children)
        return f"<{self.name}{attributes}>{inside}</{self.name}>"


def element(name: str, *children: Element | str | None, **attributes: Value | None) -> Element:
    """`class_` stands for `class`, `text_anchor` for `text-anchor`; None leaves an attribute or a child out."""
    kept = {_spelled(key): value for key, value in attributes.items() if value is not None}
    return Element(name, kept, tuple(child for child in children if child is not None))


def picture(title: str, height: float, *children: Element | None, kind: str = "plot") -> Element:
    """A drawing as wide as its place, `height` pixels high: lengths across are percentages, so text keeps its size."""
    return element(
        "svg",
        element("title", title),
        *children,
        class_=kind,
        width="100%",
        height=height,
        role="img",
        aria_label=title,
    )


def across(share: float) -> str:
    """A length or a place as a share of the drawing's width."""
    return f"{_short(100 * share)}%"


def text(content: str, x: Value, y: float, **attributes: Value | None) -> Element:
    return element("text", content, x=x, y=y, **attributes)


def _spelled(key: str) -> str:
    return key.rstrip("_") if "_" in key and key.endswith("_") else key.replace("_", "-")


def _attribute(value: Value) -> str:
    return escape(value) if isinstance(value, str) else _short(value)


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
