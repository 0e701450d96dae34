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

    def create(self, progress: float, **_: str) -> UUID:
        """A new bar."""
        self.made.append(uuid4())
        self.shown.append(progress)
        return self.made[-1]

    def update(self, artifact_id: UUID, progress: float) -> None:
        """A bar that moves."""
        assert artifact_id in self.made
        self.shown.append(progress)


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
