"""Reads a page as a strict browser would not: every element must be closed, in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest

from ropeway.journal import Journal, RunRow
from ropeway.report import WrittenReport, write_report

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Node:
    name: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)
    own_text: str = ""

    def all(self, name: str) -> list[Node]:
        """Every element of this name inside, in the order of the page."""
        found = []
        for child in self.children:
            found += [child] * (child.name == name)
            found += child.all(name)
        return found

    @property
    def text(self) -> str:
        return self.own_text + "".join(child.text for child in self.children)

    def walk(self) -> list[Node]:
        return [self, *(node for child in self.children for node in child.walk())]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Node("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].name == tag, f"</{tag}> closes <{self.open[-1].name}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].own_text += data


def read_page(html: str) -> Node:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].name}> is not closed"
    return reader.open[0]


def reported(story: Callable[[], tuple[Journal, RunRow]]) -> tuple[WrittenReport, Node, dict[str, Any]]:
    """The report of a story: where it lies, its page, its facts. NaN and infinity are no JSON."""
    written = write_report(*story())
    facts = json.loads(written.json.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    return written, read_page(written.html.read_text(encoding="utf-8")), facts


def section(page: Node, name: str) -> Node:
    return next(node for node in page.all("section") if node.attributes.get("id") == name)
