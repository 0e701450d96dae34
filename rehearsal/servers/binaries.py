"""
Where the real binaries come from: a folder that is named, the cache, an official download, or their sources.

What was downloaded or built once stays in the user's cache folder, under a name that changes with the versions and
sources it was made from.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rehearsal.errors import StageError, Unavailable
from rehearsal.servers.downloads import download
from rehearsal.servers.releases import SOURCES, VERSIONS
from rehearsal.servers.sources import build

NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "pulumi")
VARIABLE = "MIG_BINARIES"

Say = Callable[[str], None]
"""Where progress is told, a line at a time."""

Way = Callable[[Path, Mapping[str, str], Say], None]
"""Fills an empty folder with all binaries, or raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder whose `bin` holds every real binary of a World."""

    root: Path

    def path(self, name: str) -> Path:
        """The binary of that name."""
        return self.root / "bin" / name

    def missing(self) -> list[str]:
        """The binaries that are not there."""
        return [name for name in NAMES if not os.access(self.path(name), os.X_OK)]


def resolve(environment: Mapping[str, str], say: Say, *, ways: Sequence[Way] = (download, build)) -> Binaries:
    """
    The binaries, by the first way that has them; StageError names all ways when none has.

    Args:
        environment: may name a folder of one's own in MIG_BINARIES, and says where the user's cache is.
        say: told what takes long, and how long it usually does.
        ways: how to get them when no folder is named and the cache is empty, the quickest first.
    """
    if own := environment.get(VARIABLE):
        return _named(Binaries(Path(own)))
    cached = Binaries(cache_folder(environment) / key())
    if cached.missing():
        with _alone(cached.root.with_suffix(".lock"), say):
            if cached.missing():
                _fill(cached.root, ways, environment, say)
    return cached


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where this project keeps what can be made again."""
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mig-pipeline"


def key() -> str:
    """What the binaries are made from, in sixteen letters: versions, locked sources and the machine's kind."""
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()} {sorted(VERSIONS.items())}".encode())
    for module in SOURCES:
        digest.update((module.folder / "go.sum").read_bytes())
    return digest.hexdigest()[:16]


def _named(own: Binaries) -> Binaries:
    if missing := own.missing():
        raise StageError(
            f"{VARIABLE}={own.root}: {own.root / 'bin'} lacks {', '.join(missing)}; put them there, or unset it"
        )
    return own


def _fill(root: Path, ways: Sequence[Way], environment: Mapping[str, str], say: Say) -> None:
    """Fill a draft beside it by the first way that works, then give it its name: a half-filled cache never has it."""
    draft = root.with_name(f".{root.name}.draft")
    reasons = []
    for way in ways:
        shutil.rmtree(draft, ignore_errors=True)
        (draft / "bin").mkdir(parents=True)
        try:
            way(draft / "bin", environment, say)
        except Unavailable as why:
            reasons.append(str(why))
            continue
        shutil.rmtree(root, ignore_errors=True)
        draft.rename(root)
        return
    shutil.rmtree(draft, ignore_errors=True)
    raise StageError(
        f"the real binaries ({', '.join(NAMES)}) are not to be had: {'; '.join(reasons)}. Four ways: "
        f"name a folder that has them in its bin/ by {VARIABLE}; put them into the cache, {root}; "
        "let this machine reach dl.k8s.io and github.com; or install Go 1.26 and let it reach its module proxy"
    )


@contextlib.contextmanager
def _alone(path: Path, say: Say) -> Iterator[None]:
    """Only one at a time gets the binaries; whoever comes second waits, and finds them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process that is getting the real binaries")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """
    `python -m rehearsal.servers.binaries [--show]`: have the binaries ready, and print the folder they are in.

    With `--show` nothing is downloaded or built: it is an error when they are not there yet.
    """
    ways = () if "--show" in sys.argv[1:] else (download, build)
    try:
        found = resolve(os.environ, lambda line: print(line, file=sys.stderr, flush=True), ways=ways)  # noqa: T201 - a shell
        print(found.root)  # noqa: T201 - the same
    except StageError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
