"""
Fashion-MNIST on this machine: found, or fetched once, and always checked by content.

The four IDX files lie unpacked in the user's cache. Where they come from does not matter, since their digests do: the
project's own address (the one that torchvision uses), or Debian's package `dataset-fashion-mnist`.
"""

import gzip
import hashlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

from mig.errors import Refused

SUMS = {
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
}
"""SHA-256 of each file, unpacked."""

CACHE = Path("~/.cache/mig-pipeline/fashion-mnist")
INSTALLED = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package puts them."""

MIRROR = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
PACKAGE = "dataset-fashion-mnist"
ANSWER_SECONDS = 10
"""A mirror that has not answered by then is taken for unreachable."""

Say = Callable[[str], None]


def digest() -> str:
    """The name of this content, short enough for a path."""
    return hashlib.sha256("".join(sorted(SUMS.values())).encode()).hexdigest()[:16]


def find(say: Say, cache: Path = CACHE) -> Path:
    """
    The folder that holds the four files, fetched if need be.

    Raises Refused, naming every way that was tried, when no way led to them.
    """
    folder = cache.expanduser()
    if _whole(folder):
        return folder
    tried = []
    for name, source in (("installed package", _installed), ("download", _downloaded), ("Debian package", _packaged)):
        say(f"Fashion-MNIST: trying the {name} (30 MB, usually under a minute)")
        try:
            with tempfile.TemporaryDirectory() as packed:
                source(Path(packed))
                _unpack(Path(packed), folder)
        except (OSError, HTTPException, EOFError, zlib.error, subprocess.SubprocessError) as error:
            tried.append(f"{name}: {error}")
            continue
        if _whole(folder):
            return folder
        tried.append(f"{name}: the content is not Fashion-MNIST's")
    raise Refused("data", "Fashion-MNIST is not to be had: " + "; ".join(tried), accepted=f"its four files in {folder}")


def _installed(packed: Path) -> None:
    for name in SUMS:
        shutil.copy(INSTALLED / f"{name}.gz", packed)


def _downloaded(packed: Path) -> None:
    for name in SUMS:
        with urllib.request.urlopen(f"{MIRROR}{name}.gz", timeout=ANSWER_SECONDS) as answer:  # noqa: S310 (http, ours)
            (packed / f"{name}.gz").write_bytes(answer.read())


def _packaged(packed: Path) -> None:
    if not any(Path("/var/lib/apt/lists").glob("*Packages*")):
        subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
    subprocess.run(["apt-get", "download", "-qq", PACKAGE], cwd=packed, check=True, capture_output=True)
    for package in packed.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(packed)], check=True, capture_output=True)
    for found in packed.glob(f"{INSTALLED.relative_to('/')}/*.gz"):
        found.rename(packed / found.name)


def _unpack(packed: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in SUMS:
        half = folder / f"{name}.part"
        with gzip.open(packed / f"{name}.gz") as source, half.open("wb") as target:
            shutil.copyfileobj(source, target)
        half.rename(folder / name)


def _whole(folder: Path) -> bool:
    return dict(_sums(folder)) == SUMS


def _sums(folder: Path) -> Iterator[tuple[str, str]]:
    for name in SUMS:
        if (folder / name).is_file():
            yield name, hashlib.sha256((folder / name).read_bytes()).hexdigest()


if __name__ == "__main__":
    print(find(lambda said: print(said, file=sys.stderr)))  # noqa: T201 (this is its answer)
