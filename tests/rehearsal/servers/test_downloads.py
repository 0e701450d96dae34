"""Official releases: checked, unpacked, or refused with the reason."""

import hashlib
import io
import tarfile
from pathlib import Path
from typing import BinaryIO

import pytest

from rehearsal.errors import Unavailable
from rehearsal.servers.downloads import fetch, published_sum
from rehearsal.servers.releases import Release

CONTENT = b"a binary"
SUM = hashlib.sha256(CONTENT).hexdigest()
PLAIN = Release(name="etcd", url="https://releases/etcd-v1", checksums="https://releases/sums")


def packed(member: str) -> bytes:
    """An archive with one file."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(CONTENT)
        tar.addfile(info, io.BytesIO(CONTENT))
    return archive.getvalue()


class Internet:
    """What is to be had at which address."""

    def __init__(self, pages: dict[str, bytes]) -> None:
        self._pages = pages

    def __call__(self, url: str) -> BinaryIO:
        """Open an address."""
        if url not in self._pages:
            raise ConnectionRefusedError(f"no {url}")
        return io.BytesIO(self._pages[url])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{SUM}\n", id="alone, as Kubernetes publishes it"),
        pytest.param(f"0000  etcd-v0\n{SUM}  etcd-v1\n", id="in a list, as etcd and Pulumi publish it"),
        pytest.param(f"{SUM} *etcd-v1\n", id="in a list of binary files"),
    ],
)
def test_published_sum(text: str) -> None:
    """A file's sum is found in either form."""
    assert SUM == published_sum(text, "etcd-v1")


def test_no_published_sum() -> None:
    """A file without a published sum is not taken."""
    with pytest.raises(Unavailable, match="publish no SHA-256 of etcd-v1"):
        published_sum(f"{SUM}  etcd-v2\n", "etcd-v1")


def test_fetch(tmp_path: Path) -> None:
    """A binary that is as published can be run."""
    binary = fetch(PLAIN, tmp_path, Internet({PLAIN.url: CONTENT, PLAIN.checksums: SUM.encode()}))

    assert CONTENT == binary.read_bytes()
    assert 0o755 == binary.stat().st_mode & 0o777
    assert [binary] == list(tmp_path.iterdir())


def test_fetch_from_an_archive(tmp_path: Path) -> None:
    """One file of an archive is the binary; the rest of it is not kept."""
    release = Release(name="pulumi", url="https://r/p.tar.gz", checksums="https://r/sums", member="pulumi/pulumi")
    archive = packed("pulumi/pulumi")
    sums = f"{hashlib.sha256(archive).hexdigest()}  p.tar.gz\n".encode()

    binary = fetch(release, tmp_path, Internet({release.url: archive, release.checksums: sums}))

    assert CONTENT == binary.read_bytes()
    assert [binary] == list(tmp_path.iterdir())


def test_another_content(tmp_path: Path) -> None:
    """What is not as its makers published it is not taken."""
    internet = Internet({PLAIN.url: b"something else", PLAIN.checksums: SUM.encode()})

    with pytest.raises(Unavailable, match=f"its makers publish {SUM}"):
        fetch(PLAIN, tmp_path, internet)
    assert not (tmp_path / "etcd").exists()


def test_unreachable(tmp_path: Path) -> None:
    """No internet is a reason for the next way, said with the address."""
    with pytest.raises(Unavailable, match="https://releases/etcd-v1: no https://releases/sums"):
        fetch(PLAIN, tmp_path, Internet({}))
