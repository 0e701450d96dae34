"""The data set as files: what is exactly right is taken, everything else is refused by name."""

import errno
import gzip
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.contract import WorkloadError
from training.data import STEMS, SUMS, DamagedError, Idx, fetch, parse, read
from training.store import Folder

PLAIN = struct.pack(">HBB3I", 0, 8, 3, 2, 1, 3) + b"abcdef"
ZIPPED = gzip.compress(PLAIN, mtime=0)


@pytest.mark.parametrize(("name", "content"), [("x-idx3-ubyte", PLAIN), ("x-idx3-ubyte.gz", ZIPPED)])
def test_an_idx_file_is_its_shape_and_its_bytes(name: str, content: bytes) -> None:
    """Plain or gzipped, as its name says."""
    assert Idx(shape=(2, 1, 3), values=b"abcdef") == parse(content, name)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        pytest.param("x", b"", "x: ends within its magic number", id="an empty file"),
        pytest.param("x", PLAIN[:9], "x: ends within its header", id="half a header"),
        pytest.param("x", PLAIN[:-1], "x: has 21 bytes, its header promises 22", id="an image short"),
        pytest.param("x", PLAIN + b"!", "x: has 23 bytes, its header promises 22", id="a byte too many"),
        pytest.param("x", b"<html>404", "does not start as an IDX file of bytes does, but with 3c68746d", id="a page"),
        pytest.param("x", b"\0\0\x0d\1" + PLAIN[4:], "but with 00000d01", id="floats instead of bytes"),
        pytest.param("x.gz", ZIPPED[:-9], "x.gz: the gzip file is truncated", id="a truncated download"),
        pytest.param("x.gz", PLAIN, "x.gz: Not a gzipped file", id="a plain file under a gzip's name"),
        pytest.param("x.gz", ZIPPED[:12] + b"\xff" * 9, "x.gz: ", id="a damaged gzip"),
    ],
)
def test_a_damaged_file_says_so(name: str, content: bytes, sentence: str) -> None:
    """The sentence names the file and what is wrong with it."""
    with pytest.raises(DamagedError) as refused:
        parse(content, name)

    assert sentence in str(refused.value)


@given(st.binary(max_size=64), st.sampled_from(["x", "x.gz"]))
def test_nothing_else_comes_of_any_bytes(content: bytes, name: str) -> None:
    """Whatever a file holds, it is an IDX file or it is damaged."""
    try:
        idx = parse(content, name)
    except DamagedError:
        return

    assert isinstance(idx, Idx)


def test_the_staged_files_arrive(staged: str, toy: dict[str, bytes], tmp_path: Path) -> None:
    """All four, byte by byte, and their number of bytes is told."""
    assert sum(map(len, toy.values())) == fetch(Folder(staged), tmp_path / "data")
    assert toy == {stem: (tmp_path / "data" / stem).read_bytes() for stem in STEMS}


def test_a_full_disk_is_told(staged: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the file, and how much room it needs."""

    def full(_path: Path, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)

    with pytest.raises(WorkloadError, match=f"{STEMS[0]}: No space left on device; 20496 bytes were to be written"):
        fetch(Folder(staged), tmp_path)


def test_another_checksum_is_refused(staged: str, tmp_path: Path) -> None:
    """A file that is not the one that was staged never reaches the training."""
    Folder(staged).write(STEMS[0], b"another")

    with pytest.raises(DamagedError, match=f"{STEMS[0]}: its sha256 is .*, SHA256SUMS says"):
        fetch(Folder(staged), tmp_path)
    assert not (tmp_path / STEMS[0]).exists()


@pytest.mark.parametrize(
    "sums",
    [
        pytest.param("", id="an empty list"),
        pytest.param(f"00  {STEMS[0]}\n", id="three missing"),
        pytest.param("<html>404</html>\n", id="something else"),
        pytest.param("".join(f"00  {stem}\n" for stem in (*STEMS, "../escape")), id="one too many"),
    ],
)
def test_a_list_of_other_files_is_refused(staged: str, sums: str, tmp_path: Path) -> None:
    """The checksums name the four files of the data set, and no others."""
    Folder(staged).write(SUMS, sums.encode())

    with pytest.raises(DamagedError, match="not the four files of the data set"):
        fetch(Folder(staged), tmp_path)


def test_a_file_may_lie_there_gzipped(tmp_path: Path) -> None:
    """Both forms are read under the file's one name."""
    (tmp_path / f"{STEMS[0]}.gz").write_bytes(ZIPPED)

    assert (2, 1, 3) == read(tmp_path, STEMS[0]).shape


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With the folder it was looked for in."""
    with pytest.raises(FileNotFoundError, match=STEMS[0]):
        read(tmp_path, STEMS[0])
