"""Promises of finding Fashion-MNIST: from wherever it comes, it is what its digests say or it is refused."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from mig.errors import Refused
from tasks import dataset

CONTENT = {name: f"the content of {name}".encode() for name in dataset.SUMS}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a package would put a set of our own; no other way leads anywhere."""
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.setattr(dataset, "SUMS", {name: hashlib.sha256(text).hexdigest() for name, text in CONTENT.items()})
    monkeypatch.setattr(dataset, "INSTALLED", folder)
    monkeypatch.setattr(dataset, "_downloaded", _unreachable("the mirror does not answer"))
    monkeypatch.setattr(dataset, "_packaged", _unreachable("there is no apt-get"))
    return folder


@pytest.fixture
def nowhere(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No way leads anywhere."""
    monkeypatch.setattr(dataset, "_installed", _unreachable(f"{installed} is empty"))


def _unreachable(why: str) -> Callable[[Path], None]:
    def way(_packed: Path) -> None:
        raise OSError(why)

    return way


def pack(folder: Path, **differs: bytes) -> None:
    """Put the four files there as the package does."""
    for name, text in {**CONTENT, **differs}.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(text))


def unpacked(folder: Path, **differs: bytes) -> Path:
    """A cache with the four files."""
    folder.mkdir()
    for name, text in {**CONTENT, **differs}.items():
        (folder / name).write_bytes(text)
    return folder


@pytest.mark.usefixtures("installed")
def test_a_whole_cache_is_used_at_once(tmp_path: Path) -> None:
    """What was fetched once is neither fetched nor spoken of again."""
    cache, said = unpacked(tmp_path / "cache"), list[str]()

    assert cache == dataset.find(said.append, cache)
    assert [] == said


def test_what_is_installed_is_unpacked_into_the_cache(installed: Path, tmp_path: Path) -> None:
    """The files of an installed package are found, checked and kept unpacked, and nothing else is left beside them."""
    pack(installed)

    folder = dataset.find(lambda _: None, tmp_path / "new" / "cache")

    assert CONTENT == {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda file: file.write_bytes(b"other"), id="changed"),
        pytest.param(lambda file: file.write_bytes(b""), id="empty"),
        pytest.param(lambda file: file.unlink(), id="missing"),
    ],
)
def test_a_damaged_cache_is_fetched_anew(installed: Path, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """A cache is used only when every file in it has the content it should have."""
    pack(installed)
    cache = unpacked(tmp_path / "cache")
    damage(cache / "t10k-labels-idx1-ubyte")

    dataset.find(lambda _: None, cache)

    assert CONTENT == {path.name: path.read_bytes() for path in cache.iterdir()}


def test_other_content_is_refused(installed: Path, tmp_path: Path) -> None:
    """Files of the right names that hold something else are not taken for the data set."""
    pack(installed, **{"train-images-idx3-ubyte": b"something else"})

    with pytest.raises(Refused, match="installed package: the content is not Fashion-MNIST's"):
        dataset.find(lambda _: None, tmp_path / "cache")


DAMAGES = [
    pytest.param(b"no gzip at all", id="no archive"),
    pytest.param(gzip.compress(b"cut short")[:-6], id="cut short"),
    pytest.param(gzip.compress(b"x" * 100)[:10] + b"\xff" * 30, id="garbage within"),
]


@pytest.mark.parametrize("damaged", DAMAGES)
def test_a_damaged_archive_is_one_way_that_failed(installed: Path, tmp_path: Path, damaged: bytes) -> None:
    """An archive that cannot be unpacked is refused like one that is not there."""
    pack(installed)
    (installed / "train-labels-idx1-ubyte.gz").write_bytes(damaged)

    with pytest.raises(Refused, match="installed package: "):
        dataset.find(lambda _: None, tmp_path / "cache")


@pytest.mark.usefixtures("nowhere")
def test_a_set_that_is_nowhere_names_every_way(tmp_path: Path) -> None:
    """Who has to get it by hand reads what was tried, why each way failed, and where the files belong."""
    cache = tmp_path / "cache"

    with pytest.raises(Refused) as refused:
        dataset.find(lambda _: None, cache)

    said = str(refused.value)
    ways = [
        "installed package: ",
        "is empty",
        "download: the mirror does not answer",
        "Debian package: there is no apt-get",
    ]
    assert all(way in said for way in ways), said
    assert said.endswith(f"accepted: its four files in {cache}")


@pytest.mark.usefixtures("nowhere")
def test_people_are_told_what_is_tried(tmp_path: Path) -> None:
    """Each way that may take a while is announced before it is gone."""
    said: list[str] = []

    with pytest.raises(Refused):
        dataset.find(said.append, tmp_path / "cache")

    assert ["installed package", "download", "Debian package"] == [
        line.removeprefix("Fashion-MNIST: trying the ").partition(" (")[0] for line in said
    ]


def test_the_name_of_the_content_follows_from_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another content lies under another address in S3."""
    before = dataset.digest()
    monkeypatch.setattr(dataset, "SUMS", {**dataset.SUMS, "train-images-idx3-ubyte": "0" * 64})

    assert before != dataset.digest()
    assert 16 == len(before)
