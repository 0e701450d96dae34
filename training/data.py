"""
The data set as files: fetched from S3 into the pod, checked, and taken apart. Without torch, so that it starts at once.

`python -m training.data` is the pod's init container. The format is IDX, as the MNIST family is published: a magic
number, a size for each dimension, then the bytes; each file plain or gzipped. Anything else is refused by name.
"""

import gzip
import hashlib
import math
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from training.contract import DATA_FOLDER, Orders, WorkloadError, carry_out, say
from training.store import Folder

SUMS = "SHA256SUMS"
STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_UNSIGNED_BYTES = 0x08


class DamagedError(WorkloadError):
    """A file of the data set is not what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idx:
    """The content of one IDX file of bytes."""

    shape: tuple[int, ...]
    values: bytes


def fetch(source: Folder, into: Path) -> int:
    """Bring the four files from S3, each as `SHA256SUMS` says it is; returns how many bytes that were."""
    into.mkdir(parents=True, exist_ok=True)
    total = 0
    for name, digest in _sums(source.read(SUMS).decode(errors="replace")).items():
        content = source.read(name)
        found = hashlib.sha256(content).hexdigest()
        if found != digest:
            raise DamagedError(f"{source}/{name}: its sha256 is {found}, {SUMS} says {digest}")
        _keep(into / name, content)
        total += len(content)
    return total


def read(folder: Path, stem: str) -> Idx:
    """One of the four files, plain or gzipped, whichever lies there."""
    for name in (stem, f"{stem}.gz"):
        if (folder / name).exists():
            return parse((folder / name).read_bytes(), name)
    raise FileNotFoundError(f"{folder / stem}[.gz]")


def parse(content: bytes, name: str) -> Idx:
    """Take an IDX file of unsigned bytes apart; `name` is for the sentence when it is none."""
    raw = _unzipped(content, name) if name.endswith(".gz") else content
    if len(raw) < 4:  # noqa: PLR2004 - the magic number
        raise DamagedError(f"{name}: ends within its magic number")
    zeros, kind, dimensions = struct.unpack_from(">HBB", raw)
    if zeros != 0 or kind != _UNSIGNED_BYTES:
        raise DamagedError(f"{name}: does not start as an IDX file of bytes does, but with {raw[:4].hex()}")
    start = 4 + 4 * dimensions
    if len(raw) < start:
        raise DamagedError(f"{name}: ends within its header")
    shape = struct.unpack_from(f">{dimensions}I", raw, 4)
    expected = start + math.prod(shape)
    if len(raw) != expected:
        raise DamagedError(f"{name}: has {len(raw)} bytes, its header promises {expected}")
    return Idx(shape=shape, values=raw[start:])


def _keep(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise WorkloadError(f"{file}: {error.strerror}; {len(content)} bytes were to be written") from error


def _sums(text: str) -> dict[str, str]:
    """Digests by file name, as `sha256sum` writes them: exactly one file for each of the four stems."""
    digests = {name: digest for digest, _, name in (line.partition("  ") for line in text.splitlines())}
    if sorted(name.removesuffix(".gz") for name in digests) != sorted(STEMS):
        raise DamagedError(
            f"{SUMS}: names {', '.join(sorted(digests)) or 'nothing'}, not the four files of the data set"
        )
    return digests


def _unzipped(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except EOFError as error:
        raise DamagedError(f"{name}: the gzip file is truncated") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DamagedError(f"{name}: {error}") from error


def _main(orders: Orders) -> int:
    source = Folder(orders.data)
    say("event", event="data", source=str(source), bytes=fetch(source, Path(DATA_FOLDER)))
    return 0


if __name__ == "__main__":
    sys.exit(carry_out(_main))
