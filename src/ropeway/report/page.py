"""The page: facts and drawings in one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from ropeway.report import bars, headline, words
from ropeway.report.axis import time_axis
from ropeway.report.confusion import Confusion
from ropeway.report.facts import Report
from ropeway.report.latency import bound_in_sight
from ropeway.report.latency_plot import latency_plot
from ropeway.report.loss_plot import is_logarithmic, loss_plot
from ropeway.report.timeline import busy

if TYPE_CHECKING:
    from jinja2 import Environment

ROWS = 60
"""Parameters and metrics that a table shows; report.json has them all."""
SHADES = 10


@dataclass(frozen=True, slots=True)
class Inline:
    """A file of ours that goes into the page as it is: its markup is its text."""

    text: str

    def __html__(self) -> str:
        return self.text

    @property
    def source(self) -> str:
        """What a Content-Security-Policy calls this text."""
        return "'sha256-" + base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode() + "'"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; its template is `NAME.html.j2`."""

    name: str
    title: str


def page(report: Report) -> str:
    """The whole file. Every value from outside is escaped; the policy in its head lets nothing else run or load."""
    style, script = (Inline(_file(name)) for name in ("style.css", "copy.js"))
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            sections=sections(report),
            style=style,
            script=script,
            headline=headline,
            drawings=_drawings(report),
            rows=ROWS,
        )
    )


def sections(report: Report) -> tuple[Section, ...]:
    """Those that the stages which this run has reached can fill, in the order of the page."""
    stages = {stage.name for stage in report.stages if stage.attempts}
    listed = (
        ("hand_over", "Hand-over", "verify" in stages),
        ("timeline", "Timeline", bool(report.stages)),
        ("training", "Training", bool({"train", "evaluate"} & stages) and not report.provenance.adopted_from),
        ("confusion", "Confusion", report.confusion is not None),
        ("latency", "Latency", "verify" in stages),
        ("examples", "Examples", bool(report.examples)),
        ("rollout", "Rollout", bool({"promote", "rollback"} & stages)),
        ("effects", "Effects", True),
        ("provenance", "Provenance", True),
        ("commands", "Commands", True),
    )
    return tuple(Section(name, title) for name, title, shown in listed if shown)


def shade(share: float) -> int:
    """0 for nothing, else 1 to SHADES - 1; small shares are spread, so that one error in a thousand is seen."""
    return 0 if share <= 0 else min(SHADES - 1, max(1, round(share**0.5 * (SHADES - 1))))


def _drawings(report: Report) -> Mapping[str, object]:
    axis = time_axis(
        busy(report.stages, report.written_at), report.run.created_at, report.run.ended_at or report.written_at
    )
    return {
        "hand_over": bars.hand_over_bar(report.hand_over) if report.hand_over else None,
        "mostly_idle": report.hand_over is not None and bars.mostly_idle(report.hand_over),
        "rows": {stage.name: bars.stage_row(stage, axis, report.written_at) for stage in report.stages},
        "axis": bars.axis_row(axis),
        "squeezed": bool(axis.gaps),
        "loss": loss_plot(report.curve) if report.curve else None,
        "logarithmic": report.curve is not None and is_logarithmic(report.curve),
        "latency": latency_plot(report.latency) if report.latency else None,
        "bound_drawn": report.latency is not None and bound_in_sight(report.latency),
        "largest_error": _largest_error(report.confusion),
    }


def _largest_error(confusion: Confusion | None) -> int:
    return confusion.worst[0].count if confusion and confusion.worst else 0


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ropeway.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(_FUNCTIONS)
    return environment


def _file(name: str) -> str:
    return resources.files("ropeway.report").joinpath("templates", name).read_text(encoding="utf-8")


_FILTERS: Mapping[str, Callable[..., object]] = {
    "begun": words.begun,
    "bound": headline.bound,
    "clock": words.time_of_day,
    "count": words.count,
    "counted": words.counted,
    "figure": words.figure,
    "iso": words.iso,
    "milliseconds": words.milliseconds,
    "moment": words.moment,
    "part": bars.part_name,
    "percent": words.percent,
    "short_digests": words.short_digests,
    "shortened": words.shortened,
    "short": words.short_digest,
    "size": words.size,
    "span": words.span,
}
_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "part_class": bars.part_class,
    "shade": shade,
    "share_bar": bars.share_bar,
    "swatch": bars.swatch,
}
