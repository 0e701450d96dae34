"""The real binaries from their official releases, each checked against the sum that its makers publish."""

import hashlib
import http.client
import platform
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from rehearsal.errors import Unavailable
from rehearsal.servers.releases import Release, releases

_PATIENCE_SECONDS = 3.0
"""For a connection, and for each piece of what comes: where the internet is not, that is known fast."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PIECE = 1 << 20

Fetch = Callable[[str], BinaryIO]
"""Opens an address for reading."""


def download(into: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> None:  # noqa: ARG001 - a Way
    """Download all of them into the folder; Unavailable where the internet is not, or a sum differs."""
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None:
        raise Unavailable(f"as a download: there is no release for {platform.machine()}")
    for release in releases(architecture):
        say(f"downloading {release.name} from {release.url}: usually 10 s")
        fetch(release, into, _open)


def fetch(release: Release, into: Path, opened: Fetch) -> Path:
    """One binary of a release, checked and executable."""
    try:
        with opened(release.checksums) as text:
            expected = published_sum(text.read().decode(), release.url.rpartition("/")[2])
        archive = into / f"{release.name}.download"
        with opened(release.url) as source, archive.open("wb") as target:
            found = _copy(source, target)
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"as a download: {release.url}: {error}") from error
    if found != expected:
        raise Unavailable(f"as a download: {release.url} has SHA-256 {found}, its makers publish {expected}")
    return _unpacked(archive, release, into / release.name)


def published_sum(text: str, file: str) -> str:
    """The SHA-256 of one file, from a text that holds it alone or lines of `sum  file`."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    for words in lines:
        if words[1:] in ([file], [f"*{file}"], []):
            return words[0]
    raise Unavailable(f"as a download: its makers publish no SHA-256 of {file}")


def _copy(source: BinaryIO, target: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := source.read(_PIECE):
        digest.update(piece)
        target.write(piece)
    return digest.hexdigest()


def _unpacked(archive: Path, release: Release, binary: Path) -> Path:
    if not release.member:
        archive.rename(binary)
    else:
        with tarfile.open(archive) as tar:
            member = tar.getmember(release.member)
            member.name = binary.name
            tar.extract(member, binary.parent, filter="data")
        archive.unlink()
    binary.chmod(0o755)
    return binary


def _open(url: str) -> BinaryIO:
    return urllib.request.urlopen(url, timeout=_PATIENCE_SECONDS)  # type: ignore[no-any-return]  # noqa: S310 - https
