"""Promises of what people are told while they wait."""

from uuid import UUID, uuid4

import pytest

from tasks import progress
from tasks.progress import Bar


class Pages:
    """Prefect's artifacts, as they are made and changed."""

    def __init__(self) -> None:
        self.made: list[UUID] = []
        self.shown: list[float] = []
        self.said: list[str] = []

    def create(self, progress: float, description: str, **_: str) -> UUID:
        """A new bar."""
        self.made.append(uuid4())
        self.shown.append(progress)
        self.said.append(description)
        return self.made[-1]

    def update(self, artifact_id: UUID, progress: float, description: str) -> None:
        """A bar that moves."""
        assert artifact_id in self.made
        self.shown.append(progress)
        self.said.append(description)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    """Where bars are shown."""
    made = Pages()
    monkeypatch.setattr(progress, "create_progress_artifact", made.create)
    monkeypatch.setattr(progress, "update_progress_artifact", made.update)
    return made


def test_a_bar_is_made_when_it_has_something_to_show(pages: Pages) -> None:
    """Many workloads that begin together ask for nothing yet; then each has one bar, and keeps it."""
    bar = Bar("workload-large", "train large")
    before = list(pages.made)
    bar.show(25)
    bar.show(75)

    assert ([], 1, [25, 75]) == (before, len(pages.made), pages.shown)


def test_a_bar_moves_where_that_can_be_seen(pages: Pages) -> None:
    """Less than one per cent is not worth a request."""
    bar = Bar("workload-large", "train large")
    for percent in (10, 10.5, 11, 11.9, 12):
        bar.show(percent)

    assert [10, 11, 12] == pages.shown


def test_a_bar_says_what_it_is_at(pages: Pages) -> None:
    """What is waited for is news, also where nothing moves; said again it is none."""
    bar = Bar("nodes", "nodes")
    for at in ("1 of 2 have joined", "1 of 2 have joined", "2 of 2 have joined", ""):
        bar.show(50, at)

    assert ["nodes: 1 of 2 have joined", "nodes: 2 of 2 have joined"] == pages.said


def test_a_bar_that_is_not_shown_is_not_made_for_words(pages: Pages) -> None:
    """What it is at comes with its first move, and from then on by itself."""
    bar = Bar("workload-large", "train large")
    bar.at("1/1 pods pending")
    before = list(pages.said)
    bar.show(10)
    bar.at("1/1 pods running")

    assert ([], ["train large: 1/1 pods pending", "train large: 1/1 pods running"]) == (before, pages.said)


def test_a_bar_never_goes_back(pages: Pages) -> None:
    """A training that begins again where its last checkpoint was says so in words."""
    bar = Bar("workload-large", "train large")
    bar.show(50, "epoch 2")
    bar.show(25, "epoch 1")

    assert [50, 50] == pages.shown
