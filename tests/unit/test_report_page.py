"""The page itself: whole, closed to the network, closed to foreign markup and secrets, readable by everybody."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

import ropeway.report
from ropeway.journal import Journal, RunRow
from tests import report_sample as sample
from tests.page_reader import reported, section
from tests.report_story import begun

INLINE = "data:image/png;base64,"
TEMPLATES = Path(ropeway.report.__file__).parent / "templates"
TEXT = (
    ("ink", "paper"), ("ink", "surface"), ("ink", "sunken"), ("ink", "bad-soft"), ("ink", "wait-soft"),
    ("muted", "paper"), ("muted", "surface"), ("muted", "sunken"), ("muted", "bad-soft"), ("muted", "wait-soft"),
    ("accent", "paper"), ("accent", "surface"), ("accent", "accent-soft"), ("on-accent", "accent"),
    ("bad", "paper"), ("bad", "surface"), ("bad", "bad-soft"), ("wait", "wait-soft"),
)  # fmt: skip
"""Every colour of text with every ground that it stands on."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROPEWAY_HOME", str(tmp_path))
    monkeypatch.delenv("ROPEWAY_JOURNAL", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", sorted(sample.STORIES))
def test_a_page_of_every_story_is_whole_loads_nothing_and_can_be_read_aloud(name: str) -> None:
    _, page, _ = reported(sample.STORIES[name])
    nodes = page.walk()
    for node in nodes:
        assert not {"style", "srcset", "onclick", "onerror", "onload"} & set(node.attributes), node
        assert node.attributes.get("src", INLINE).startswith(INLINE)
        assert node.name not in {"link", "iframe", "object", "embed", "base", "form"}
        assert node.name == "a" or "href" not in node.attributes
    assert len(page.all("script")) == len(page.all("h1")) == len(page.all("main")) == 1
    assert all(image.attributes["alt"] for image in page.all("img"))
    assert all(table.all("caption")[0].text.strip() for table in page.all("table"))
    assert all(svg.all("title")[0].text for svg in page.all("svg") if svg.attributes.get("role") == "img")
    ids = [node.attributes["id"] for node in nodes if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    levels = [int(node.name[1]) for node in nodes if node.name in {"h1", "h2", "h3", "h4"}]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_page_forbids_itself_everything_but_its_own_style_and_script() -> None:
    _, page, _ = reported(sample.rolled_back)
    policy = next(m.attributes["content"] for m in page.all("meta") if m.attributes.get("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "*" not in policy


def test_what_a_recipe_writes_never_becomes_markup() -> None:
    written, page, facts = reported(sample.hostile)
    text = written.html.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "<img src=http" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert not set("\x1b\u202e") & set(text)
    assert "<script>alert(1)</script>" in section(page, "failure").text
    assert "<script>alert(1)</script>" in facts["failure"]["message"]


def leaky() -> tuple[Journal, RunRow]:
    story = begun()
    story.begin("train")
    values = {"db_password": "hunter2-hunter2", "url": "https://me:secret@host/", "hf_token": "abcdefghij0123456789"}
    story.result("train", "parameters.json", values | {"pad_token": "<pad>", "max_tokens": 512})
    lines = ("Authorization: Bearer abc.def", "http://h/x?X-Amz-Signature=0badcafe&b=1", "password=hunter2-hunter2")
    story.log("train.err", "\n".join(lines))
    story.fail("connecting to https://me:secret@host/: refused", "export AWS_SECRET_ACCESS_KEY=hunter2-hunter2")
    return story.told()


def test_no_secret_comes_into_either_file() -> None:
    written, _, facts = reported(leaky)
    for file in (written.html, written.json):
        text = file.read_text(encoding="utf-8")
        for secret in ("hunter2", "me:secret", "abcdefghij", "abc.def", "0badcafe"):
            assert secret not in text
    assert facts["quality"]["parameters"]["pad_token"] == "<pad>"
    assert facts["quality"]["parameters"]["max_tokens"] == 512


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme: str) -> None:
    colours = palette(scheme)
    for text, ground in TEXT:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_in_the_confusion_matrix_can_be_read_on_every_shade(scheme: str) -> None:
    colours = palette(scheme)
    shades = re.findall(r"\.([de])(\d) \{ background: color-mix\(in srgb, var\(--(\w+)\) (\d+)%", style())
    assert len(shades) == 18
    for kind, level, colour, share in shades:
        ground = mixed(colours[colour], colours["paper"], int(share) / 100)
        text = colours["on-accent" if kind == "d" and int(level) >= 6 else "ink"]
        assert contrast(text, ground) >= 4.5, (kind, level)


def style() -> str:
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


def palette(scheme: str) -> dict[str, tuple[int, ...]]:
    light, dark = re.findall(r":root \{(.*?)\}", style(), re.DOTALL)[:2]
    declared = re.findall(r"--([\w-]+): #([0-9a-f]{6})", light if scheme == "light" else dark)
    return {name: tuple(bytes.fromhex(value)) for name, value in declared}


def mixed(colour: tuple[int, ...], ground: tuple[int, ...], share: float) -> tuple[int, ...]:
    return tuple(round(share * a + (1 - share) * b) for a, b in zip(colour, ground, strict=True))


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """The ratio of WCAG 2.2, section 1.4.3."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: tuple[int, ...]) -> float:
    channels = [value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in colour]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
