"""Bars of the page: shares of the hand-over, stages over time, shares of traffic. Colours are the style sheet's."""

from __future__ import annotations

from collections.abc import Iterator

from ropeway.report import words
from ropeway.report.axis import Axis
from ropeway.report.svg import Element, across, element, picture, text
from ropeway.report.timeline import Attempt, HandOver, StageTime

ROW = 36.0
"""Height of one stage in the timeline."""
_BAR, _THIN = 16.0, 4.0
_SHADES = 6
_WAITS = {"queue": "in the queue", "paused": "paused", "interrupted": "interrupted"}


def hand_over_bar(given: HandOver) -> Element:
    """One bar, a piece for each part in the order of the stages; standing still is left out where it would fill it."""
    pieces, left = [], 0.0
    drawn = [part for part in given.parts if part.stage or not mostly_idle(given)]
    total = sum(part.seconds for part in drawn)
    for place, part in enumerate(drawn):
        share = part.seconds / total
        title = element("title", f"{part_name(part.stage)}: {words.span(part.seconds)}")
        shade = part_class(part.stage, place)
        pieces.append(element("rect", title, x=across(left), y=0, width=across(share), height=40, class_=shade))
        left += share
    told = ", ".join(f"{part_name(part.stage)} {words.span(part.seconds)}" for part in given.parts)
    return picture(f"Hand-over of {words.span(given.seconds)}: {told}", 40, *pieces, kind="bar")


def mostly_idle(given: HandOver) -> bool:
    """Whether the run stood still for the larger part of its hand-over, but not for all of it."""
    idle = sum(part.seconds for part in given.parts if part.stage is None)
    return 0.5 * given.seconds < idle < given.seconds


def part_name(stage: str | None) -> str:
    """What the page calls a part of the hand-over; training's part of it comes after the seal."""
    return {None: "no stage at work", "train": "collect results"}.get(stage, stage or "")


def part_class(stage: str | None, place: int) -> str:
    return f"part p{place % _SHADES}" if stage else "part idle"


def swatch(shade: str) -> Element:
    """A small patch of a colour for a legend."""
    patch = element("rect", width="100%", height="100%", class_=shade)
    return element("svg", patch, class_="swatch", width=12, height=12, aria_hidden="true")


def share_bar(share: float, title: str) -> Element:
    """A thin bar of which `share` is filled."""
    groove = element("rect", x=0, y=0, width="100%", height=8, rx=4, class_="groove")
    filled = element("rect", x=0, y=0, width=across(share), height=8, rx=4, class_="filled") if share > 0 else None
    return picture(title, 8, groove, filled, kind="share")


def stage_row(stage: StageTime, axis: Axis, now: float) -> Element:
    """A stage's attempts on the time axis, waits as thin lines; empty for a stage that was not reached."""
    grid = (_upright(tick.place) for tick in axis.ticks())
    bars = (bar for attempt in stage.attempts for bar in _attempt(attempt, axis, now))
    return picture(_told(stage), ROW, *_gaps(axis), *grid, *bars, kind="row")


def axis_row(axis: Axis) -> Element:
    """The labels under the rows: time since the run was created; what a squeezed stretch leaves out."""
    labels = [
        text(
            words.clock(tick.seconds, tick.step), across(tick.place), 16, text_anchor=_anchor(tick.place), class_="tick"
        )
        for tick in axis.ticks()
    ]
    left_out = [
        text(f"⋯ {words.span(gap.end - gap.start)}", across((gap.left + gap.right) / 2), 34, class_="tick gap-label")
        for gap in axis.gaps
    ]
    return picture("Time since the run was created", 40 if left_out else 22, *labels, *left_out, kind="row")


def _attempt(attempt: Attempt, axis: Axis, now: float) -> Iterator[Element]:
    start, end = attempt.started_at, attempt.ended_at or now
    told = f"attempt {attempt.number}, {attempt.state}: {words.span(end - start)}"
    for wait in attempt.waits:
        yield _piece(axis, (start, wait.started_at), _BAR, (attempt.state, told))
        waited = f"{_WAITS[wait.kind]}: {words.span(wait.ended_at - wait.started_at)}"
        yield _piece(axis, (wait.started_at, wait.ended_at), _THIN, ("wait", waited))
        start = wait.ended_at
    yield _piece(axis, (start, end), _BAR, (attempt.state, told))


def _piece(axis: Axis, span: tuple[float, float], height: float, kind_and_title: tuple[str, str]) -> Element:
    """A bar over a stretch of time, wide enough to be seen however short that is."""
    kind, title = kind_and_title
    left, right = axis.place(span[0]), axis.place(span[1])
    wide = max(right - left, 0.0035 if height == _BAR and span[1] > span[0] else 0.0)
    return element(
        "rect",
        element("title", title),
        x=across(min(left, 1 - wide)),
        y=(ROW - height) / 2,
        width=across(wide),
        height=height,
        rx=3 if height == _BAR else 0,
        class_=f"stage {kind}",
    )


def _told(stage: StageTime) -> str:
    if not stage.attempts:
        return f"{stage.name}: not reached"
    tries = f" in {len(stage.attempts)} attempts" if len(stage.attempts) > 1 else ""
    return f"{stage.name}: {stage.state}, {words.span(stage.seconds)}{tries}"


def _gaps(axis: Axis) -> Iterator[Element]:
    for gap in axis.gaps:
        yield element("rect", x=across(gap.left), y=0, width=across(gap.right - gap.left), height=ROW, class_="gap")


def _upright(place: float) -> Element:
    return element("line", x1=across(place), x2=across(place), y1=0, y2=ROW, class_="grid")


def _anchor(place: float) -> str:
    return "start" if place < 0.02 else "end" if place > 0.98 else "middle"
