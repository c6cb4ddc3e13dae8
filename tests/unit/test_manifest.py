"""The manifest as a value: one canonical form, strict reading, names that travel."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropeway_agent.manifest import PART_SIZE, FileEntry, Manifest, ManifestError, parse

NOTHING = hashlib.sha256(b"").hexdigest()
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=20)
PATHS = st.lists(NAMES.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4).map("/".join)


def entry(path: str, size: int = 4, sha256: str = "ab" * 32) -> FileEntry:
    count = max(1, -(-size // PART_SIZE))
    return FileEntry(path, size, sha256, (sha256,) * count)


def document(**changes: object) -> bytes:
    file: dict[str, object] = {"parts": ["ab" * 32], "path": "a", "sha256": "ab" * 32, "size": 4}
    whole: dict[str, object] = {"files": [file], "part_size": PART_SIZE, "schema": "ropeway.manifest/1"}
    for name, value in changes.items():
        (file if name in file else whole)[name] = value
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def test_the_form_is_the_documented_one() -> None:
    manifest = Manifest([entry("data/model.onnx")])
    sha = "ab" * 32
    assert manifest.encode().decode() == (
        f'{{"files":[{{"parts":["{sha}"],"path":"data/model.onnx","sha256":"{sha}","size":4}}],'
        '"part_size":16777216,"schema":"ropeway.manifest/1"}\n'
    )
    assert manifest.digest == "sha256-" + hashlib.sha256(manifest.encode()).hexdigest()


def test_entries_are_found_by_path_and_counted() -> None:
    manifest = Manifest([entry("b", 3), entry("a", 4)])
    assert [file.path for file in manifest.files] == ["a", "b"]
    assert manifest.size == 7
    assert manifest.entry("b") == entry("b", 3)
    assert manifest.entry("c") is None


def test_order_is_that_of_the_utf8_bytes() -> None:
    names = ["z", "ü", "\U0001f600", "\uffee", "a/b", "a.b"]
    ordered = [file.path for file in Manifest(map(entry, names)).files]
    assert ordered == sorted(names, key=str.encode)


@pytest.mark.parametrize(
    ("size", "ranges"),
    [
        (0, [(0, 0)]),
        (1, [(0, 1)]),
        (PART_SIZE, [(0, PART_SIZE)]),
        (PART_SIZE + 1, [(0, PART_SIZE), (PART_SIZE, 1)]),
    ],
)
def test_ranges_cover_the_file(size: int, ranges: list[tuple[int, int]]) -> None:
    assert entry("a", size).ranges() == ranges


@given(st.dictionaries(PATHS, st.tuples(st.integers(0, 3 * PART_SIZE), HEX), min_size=1, max_size=8))
def test_what_is_written_is_read_back(files: dict[str, tuple[int, str]]) -> None:
    try:
        manifest = Manifest(entry(path, size, sha) for path, (size, sha) in files.items())
    except ManifestError:
        return  # names that clash
    assert parse(manifest.encode()) == manifest


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_canonical(data: bytes) -> None:
    with pytest.raises(ManifestError):
        parse(data)


@given(st.integers(0, len(document()) - 1), st.integers(0, 255))
def test_no_other_bytes_give_the_same_manifest(place: int, byte: int) -> None:
    data = document()
    changed = data[:place] + bytes([byte]) + data[place + 1 :]
    try:
        assert (parse(changed) == parse(data)) == (changed == data)
    except ManifestError:
        assert changed != data


@pytest.mark.parametrize(
    "data",
    [
        document(schema="ropeway.manifest/2"),
        document(part_size=1),
        document(files={}),
        document(files=[]),
        document(files=[1]),
        document(note="x"),
        document(size=True),
        document(size=4.0),
        document(size=-1),
        document(size=1 << 63),
        document(path=7),
        document(sha256="AB" * 32),
        document(sha256="ab" * 32 + "\n"),
        document(parts=[]),
        document(parts=["cd" * 32]),
        document(parts=["ab" * 32, "ab" * 32]),
        document(parts=[1]),
        document()[:-1],
        document() + b"\n",
        document().replace(b":", b": "),
        document().replace(b'"size":4', b'"size":4,"size":4'),
        document().replace(b'"a"', b'"\\u0061"'),
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_everything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError, match=r"manifest"):
        parse(data)


@pytest.mark.parametrize(
    "path",
    ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\nb", "a\0b", "a\x7fb", "a\x85b", "\ud800", "x" * 801],
)
def test_names_that_do_not_travel_are_refused(path: str) -> None:
    with pytest.raises(ManifestError, match="does not travel"):
        Manifest([entry(path)])


@pytest.mark.parametrize("path", ["ü", "a b", "a'; touch x", "$HOME", "...", ".hidden", "a\\b", "sub/manifest.json"])
def test_odd_names_that_travel_are_kept(path: str) -> None:
    assert parse(Manifest([entry(path)]).encode()).files[0].path == path


@pytest.mark.parametrize(
    "paths", [("a", "a"), ("a", "A"), ("x/Ü", "x/ü"), ("manifest.json",), ("Manifest.JSON",), ("a", "a/b")]
)
def test_names_that_clash_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(ManifestError, match=r"clash|a file and a folder"):
        Manifest(map(entry, paths))


def test_an_error_carries_its_hint() -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest([entry("a\n")])
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("rename it")
