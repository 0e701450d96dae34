"""How the real binaries are found."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rehearsal.errors import StageError, Unavailable
from rehearsal.servers import binaries
from rehearsal.servers.binaries import NAMES, Binaries, Say, resolve


def put(into: Path, names: tuple[str, ...] = NAMES) -> None:
    """Executable files of these names."""
    into.mkdir(parents=True, exist_ok=True)
    for name in names:
        (into / name).touch(mode=0o755)


class Fills:
    """A way that works, and counts how often it was gone."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, into: Path, _environment: Mapping[str, str], _say: Say) -> None:
        """Go it."""
        self.times += 1
        put(into)


def blocked(into: Path, _environment: Mapping[str, str], _say: Say) -> None:
    """A way that leaves half of its work behind and fails."""
    put(into, ("etcd",))
    raise Unavailable("by the fake: closed today")


def forbidden(_into: Path, _environment: Mapping[str, str], _say: Say) -> None:
    """A way that must not be gone."""
    raise AssertionError


def silent(_line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user with an empty cache."""
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_named_folder(tmp_path: Path, environment: dict[str, str]) -> None:
    """A folder that is named comes before everything else."""
    put(tmp_path / "own" / "bin")

    found = resolve(environment | {"MIG_BINARIES": str(tmp_path / "own")}, silent, ways=[forbidden])

    assert Binaries(tmp_path / "own") == found
    assert tmp_path / "own" / "bin" / "etcd" == found.path("etcd")


def test_named_folder_lacks_some(tmp_path: Path, environment: dict[str, str]) -> None:
    """What is missing in a named folder is said by name, and not looked for elsewhere."""
    put(tmp_path / "own" / "bin", ("etcd", "pulumi", "kube-apiserver"))

    with pytest.raises(StageError, match="lacks kube-controller-manager, kube-scheduler"):
        resolve(environment | {"MIG_BINARIES": str(tmp_path / "own")}, silent, ways=[forbidden])


def test_cached(environment: dict[str, str]) -> None:
    """What was got once is not got again."""
    fills = Fills()

    first = resolve(environment, silent, ways=[fills])
    second = resolve(environment, silent, ways=[forbidden])

    assert first == second
    assert 1 == fills.times
    assert Path(environment["XDG_CACHE_HOME"]) / "mig-pipeline" / binaries.key() == first.root


def test_next_way(environment: dict[str, str]) -> None:
    """Where one way fails the next is gone, and nothing of the first is in the cache."""
    found = resolve(environment, silent, ways=[blocked, Fills()])

    assert [] == found.missing()
    assert [found.root, found.root.with_suffix(".lock")] == sorted(found.root.parent.iterdir())


def test_no_way(environment: dict[str, str]) -> None:
    """When no way works, one sentence says why, and names all four; the cache stays empty."""
    with pytest.raises(StageError) as error:
        resolve(environment, silent, ways=[blocked])

    said = str(error.value)
    assert "by the fake: closed today" in said
    assert all(way in said for way in ("MIG_BINARIES", environment["XDG_CACHE_HOME"], "dl.k8s.io", "Go 1.26"))
    assert [".lock"] == [path.suffix for path in (Path(environment["XDG_CACHE_HOME"]) / "mig-pipeline").iterdir()]


def test_half_filled_cache(environment: dict[str, str]) -> None:
    """A cache folder that lacks a binary is filled anew."""
    put(Path(environment["XDG_CACHE_HOME"]) / "mig-pipeline" / binaries.key() / "bin", ("etcd",))

    assert [] == resolve(environment, silent, ways=[Fills()]).missing()


def test_two_at_once(environment: dict[str, str]) -> None:
    """Of two that want them at the same time one gets them, and the other waits."""
    fills = Fills()

    with ThreadPoolExecutor(2) as pool:
        found = set(pool.map(lambda _: resolve(environment, silent, ways=[fills]), range(2)))

    assert 1 == len(found) == fills.times
