"""The figures of a report: readers that take anything, drawings that are pure."""

from __future__ import annotations

import json
import math
import struct
import zlib
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropeway.errors import UnexpectedReply
from ropeway.report.axis import time_axis
from ropeway.report.confusion import MATRIX_LIMIT, WORST, read_confusion
from ropeway.report.curve import MOST_POINTS, Curve, Series, read_curve, thinned
from ropeway.report.examples import SHOWN, read_examples
from ropeway.report.latency import Bin, Latency, histogram
from ropeway.report.latency_plot import latency_plot
from ropeway.report.loss_plot import is_logarithmic, loss_plot
from ropeway.report.picture import LARGEST, data_uri, reduced
from ropeway.report.scale import nice_step, ticks
from ropeway.report.svg import element
from tests.page_reader import Node, read_page

FINITE = st.floats(min_value=-1e29, max_value=1e29, allow_nan=False)
PICTURE = {"width": 2, "height": 1, "gray": [0, 255]}


def drawn(curve: Curve) -> Node:
    plot = loss_plot(curve)
    assert plot is not None
    return read_page(plot.__html__())


def curve_of(*points: tuple[float, float | None]) -> Curve:
    return Curve((Series("loss", points, len(points), 0),), len(points), 0)


def test_losses_are_read_by_step_and_a_step_written_twice_counts_once(tmp_path: Path) -> None:
    lines = [
        {"step": 2, "loss": 5.0},
        {"step": 1, "loss": 4.0, "val_loss": 4.5},
        {"step": 2, "loss": 3.0},
        {"epoch": 1},
    ]
    path = tmp_path / "progress.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n{cut", encoding="utf-8")
    curve = read_curve(path)
    assert curve is not None
    assert [(series.name, series.points) for series in curve.series] == [
        ("loss", ((1.0, 4.0), (2.0, 3.0))),
        ("val_loss", ((1.0, 4.5),)),
    ]
    assert (curve.lines, curve.unread) == (5, 1)


def test_values_that_are_not_finite_leave_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    path.write_text('{"step":1,"loss":1}\n{"step":2,"loss":NaN}\n{"step":3,"loss":2}\n', encoding="utf-8")
    curve = read_curve(path)
    assert curve is not None
    assert curve.series[0].points == ((1.0, 1.0), (2.0, None), (3.0, 2.0))
    assert curve.series[0].not_finite == 1
    assert drawn(curve).all("path")[0].attributes["d"].count("M") == 2


def test_a_curve_without_one_finite_value_is_not_drawn() -> None:
    assert loss_plot(curve_of((1, None))) is None
    assert loss_plot(Curve((), 0, 0)) is None


def test_one_point_is_drawn() -> None:
    assert len(drawn(curve_of((7, 0.5))).all("circle")) == 1


@given(st.lists(FINITE, min_size=1, max_size=40))
def test_any_losses_can_be_drawn(values: list[float]) -> None:
    plot = drawn(curve_of(*((float(step), value) for step, value in enumerate(values))))
    assert "nan" not in plot.all("path")[0].attributes["d"]
    assert "inf" not in plot.all("path")[0].attributes["d"]


def test_losses_that_span_decades_are_drawn_on_a_logarithmic_scale() -> None:
    assert is_logarithmic(curve_of((1, 1000.0), (2, 0.001)))
    assert not is_logarithmic(curve_of((1, 2.3), (2, 0.05)))
    assert not is_logarithmic(curve_of((1, 2.3), (2, 0.0)))


def test_thinning_keeps_the_ends_and_every_spike() -> None:
    points = [(float(step), 1.0) for step in range(100_000)]
    points[54_321] = (54_321.0, 99.0)
    kept = thinned(points)
    assert len(kept) <= MOST_POINTS
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert points[54_321] in kept
    assert list(kept) == sorted(kept)


def test_a_matrix_of_few_classes_is_kept_whole() -> None:
    confusion = read_confusion({"labels": ["a", "b"], "matrix": [[8, 2], [0, 0]]})
    assert confusion is not None
    assert confusion.matrix == ((8, 2), (0, 0))
    assert [recall.recall for recall in confusion.recalls] == [0.8, None]
    assert [(pair.truth, pair.answer, pair.count, pair.share) for pair in confusion.worst] == [("a", "b", 2, 0.2)]


def test_of_many_classes_only_the_worst_are_kept() -> None:
    size = MATRIX_LIMIT + 100
    matrix = [[100 if row == column else row for column in range(size)] for row in range(size)]
    confusion = read_confusion({"matrix": matrix})
    assert confusion is not None
    assert confusion.matrix is None
    assert len(confusion.worst) == len(confusion.recalls) == WORST
    assert confusion.worst[0].count == size - 1
    assert confusion.recalls[0].label == str(size - 1)


@pytest.mark.parametrize(
    "matrix", [[], [[1, 2]], [[1], [2]], [[-1]], [["x"]], [[math.nan]], [[0.5]], "no", None, [[True]]]
)
def test_what_is_no_square_matrix_of_counts_is_refused(matrix: object) -> None:
    with pytest.raises(UnexpectedReply, match=r"confusion\.json"):
        read_confusion({"labels": ["a"], "matrix": matrix})


def test_examples_without_a_whole_picture_are_passed_over() -> None:
    broken = [{"picture": {"width": 2, "height": 2, "gray": [1]}}, {"label": "7"}, None, {"picture": {"width": 1e9}}]
    shown = read_examples({"examples": [*broken, {"label": "7", "answer": 7, "picture": PICTURE}]})
    assert [(example.label, example.answer, example.right) for example in shown] == [("7", "7", True)]


def test_at_most_eight_examples_are_shown() -> None:
    assert len(read_examples({"examples": [{"picture": PICTURE}] * 50})) == SHOWN
    assert read_examples({"examples": []}) == read_examples(None) == ()


def test_a_picture_is_a_png_with_the_given_pixels() -> None:
    png = b64decode(data_uri(3, 2, [0, 128, 255, 9, 8, 7]).partition(",")[2])
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (3, 2)
    start = png.index(b"IDAT") + 4
    length = struct.unpack(">I", png[start - 8 : start - 4])[0]
    assert zlib.decompress(png[start : start + length]) == b"\0\x00\x80\xff\0\x09\x08\x07"


def test_large_pictures_are_reduced() -> None:
    width, height, gray = reduced(1000, 10, [0] * 10_000)
    assert max(width, height) <= LARGEST
    assert len(gray) == width * height


@given(st.lists(st.floats(min_value=0, max_value=1e29), min_size=1, max_size=60))
def test_every_latency_is_counted_in_a_bin_or_beyond(values: list[float]) -> None:
    values.sort()
    bins = histogram(values, values[-1])
    assert sum(b.count for b in bins) == len(values)
    assert len(bins) < 120


def test_one_outlier_does_not_flatten_the_histogram() -> None:
    bins = histogram([*[0.002 + i * 1e-5 for i in range(199)], 30.0], tail=0.004)
    assert sum(b.count for b in bins) == 199
    assert bins[-1].end < 0.006


def test_a_bound_is_drawn_where_it_lies_near() -> None:
    bins = (Bin(0.001, 0.002, 5),)
    near, far = (
        Latency(5, 0.001, 0.0015, 0.0015, 0.002, 0.002, 0.002, bound, bins, 0) for bound in (0.0025, 0.1)
    )  # fmt: skip
    assert "bound" in read_page(latency_plot(near).__html__()).text
    assert "bound" not in read_page(latency_plot(far).__html__()).text


def test_a_long_idle_time_takes_little_of_the_axis() -> None:
    axis = time_axis([(0, 10), (1000, 1020)], 0, 1020)
    assert [gap.end - gap.start for gap in axis.gaps] == [990]
    assert axis.place(1000) - axis.place(10) < 0.1
    assert axis.place(0) == 0
    assert axis.place(1020) == pytest.approx(1)
    assert [tick.seconds for tick in axis.ticks()][:3] == [0, 5, 10]


@given(st.lists(st.tuples(st.floats(0, 1e7), st.floats(0, 1e7)), max_size=8), st.floats(0, 1e7), st.floats(0, 1e7))
def test_places_on_any_axis_rise_with_time(busy: list[tuple[float, float]], one: float, other: float) -> None:
    axis = time_axis(busy, 0, 1e7)
    before, after = sorted((one, other))
    assert 0 <= axis.place(before) <= axis.place(after) + 1e-9 <= 1 + 2e-9
    assert len(axis.ticks()) < 30


@given(st.floats(1e-12, 1e12), st.integers(1, 50))
def test_steps_are_round_and_as_many_as_asked_for(span: float, count: int) -> None:
    step = nice_step(span, count)
    assert span / step <= count * (1 + 1e-9)
    assert round(step / 10 ** math.floor(math.log10(step * (1 + 1e-9))), 6) in {1, 2, 5}


def test_ticks_include_round_ends() -> None:
    assert ticks(0, 1, 5) == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1))
    assert ticks(3, 3, 5) == (3,)


def test_elements_escape_their_text_and_attributes() -> None:
    markup = element("text", "<b> & 'x'", x='"><script>', class_="a", text_anchor="end", missing=None).__html__()
    assert markup == (
        '<text x="&quot;&gt;&lt;script&gt;" class="a" text-anchor="end">&lt;b&gt; &amp; &#x27;x&#x27;</text>'
    )
