"""The latencies of single requests as a drawing."""

from __future__ import annotations

from ropeway.report import words
from ropeway.report.latency import Bin, Latency, bound_in_sight
from ropeway.report.plot import HEIGHT, Across, below, levels, upright
from ropeway.report.scale import ticks
from ropeway.report.svg import Element, across, element, picture

_HEADROOM = 0.76
"""Share of the plot's height that the highest bar takes: the labels of the percentiles stand above."""


def latency_plot(latency: Latency) -> Element:
    """Requests by latency, with the percentiles, and the bound where it lies near."""
    shown_bound = latency.bound if bound_in_sight(latency) else None
    end = max(latency.bins[-1].end, (shown_bound or 0.0) * 1.04)
    across_ = Across(latency.bins[0].start, end)
    tallest = max(b.count for b in latency.bins) or 1
    marks = [mark for mark in ticks(0, tallest, 4) if mark == int(mark)]
    percentiles = (("P50", latency.p50), ("P95", latency.p95), ("P99", latency.p99))
    shown = [(f"{name} {words.milliseconds(value)}", value) for name, value in percentiles if value <= end]
    told = ", ".join(f"{name} {words.milliseconds(value)}" for name, value in percentiles)
    return picture(
        f"Latencies of {words.count(latency.count)} requests: {told}",
        HEIGHT,
        *levels([(mark / tallest * _HEADROOM, words.count(mark)) for mark in marks]),
        *below([(across_.place(x), f"{x * 1000:.6g}") for x in ticks(across_.left, across_.right, 7)]),
        *(_bar(b, across_, b.count / tallest * _HEADROOM) for b in latency.bins if b.count),
        *(upright(label, across_.place(value), row) for row, (label, value) in enumerate(shown)),
        upright(f"bound {words.milliseconds(shown_bound)}", across_.place(shown_bound), 0, "limit")
        if shown_bound
        else None,
    )


def _bar(bin_: Bin, across_: Across, height: float) -> Element:
    left, right = across_.place(bin_.start), across_.place(bin_.end)
    span = f"{bin_.start * 1000:.6g} to {bin_.end * 1000:.6g} ms: {words.count(bin_.count)}"
    title = element("title", span)
    y = (1 - height) * HEIGHT
    return element("rect", title, x=across(left), y=y, width=across(right - left), height=height * HEIGHT, class_="bin")
