"""Promises of tries: each knows which it is and whose, by its tags, and none goes on for ever."""

from datetime import UTC, datetime, timedelta

import pytest

from mig.tries import LADDER_MINUTES, Try, markdown, without

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
ID = "9f3c0000-0000-0000-0000-000000000001"
OTHER = "9f3c0000-0000-0000-0000-000000000002"
LAST = NOON + 2 * (QUARTER + timedelta(minutes=LADDER_MINUTES))
SECOND = Try(number=2, of=3, first="r-9f3c0000", after=ID, until=LAST)


def test_the_next_try_knows_those_before_it() -> None:
    """It is counted, names the first and the one before, and none begins after what all of them may take."""
    assert SECOND == Try(of=3).following("r-9f3c0000", ID, now=NOON, pause=QUARTER)


def test_first_and_deadline_stay_as_they_were() -> None:
    """However late the second ended, the third is one of the same request, with the same deadline."""
    third = SECOND.following("r-xxxxxxxx", OTHER, now=NOON + timedelta(hours=9), pause=QUARTER)

    assert Try(number=3, of=3, first="r-9f3c0000", after=OTHER, until=LAST) == third


@pytest.mark.parametrize("last", [Try(), Try(number=3, of=3)], ids=["the only one", "the third of three"])
def test_the_last_try_has_none_after_it(last: Try) -> None:
    """As many as were asked for, and no more."""
    assert last.following("r-1", ID, now=NOON, pause=QUARTER) is None


@pytest.mark.parametrize("this", [pytest.param(Try(of=3), id="the first"), pytest.param(SECOND, id="one that follows")])
def test_tags_say_all_of_it(this: Try) -> None:
    """What is read from the tags is what was written into them, whatever other tags stand beside them."""
    assert this == Try.read(["mig", *this.tags, "try hard"], of=7)


@pytest.mark.parametrize(
    "tag",
    ["try:x", "try:0/3", "try:2", "after:yesterday", "until:tomorrow", "until:2026-01-01", "mig", "retry:2/3"],
)
def test_a_tag_that_says_nothing_of_tries_is_somebody_elses(tag: str) -> None:
    """People tag runs as they like: such a run is a first try, and keeps its tag."""
    assert (Try(of=3), (tag,)) == (Try.read([tag], of=3), without([tag, *SECOND.tags]))


@pytest.mark.parametrize(
    ("this", "now", "late"),
    [
        pytest.param(Try(of=3), LAST, False, id="a first try may begin whenever it is asked for"),
        pytest.param(SECOND, LAST, False, id="at the deadline"),
        pytest.param(SECOND, LAST + timedelta(seconds=1), True, id="after it"),
    ],
)
def test_no_try_begins_after_the_deadline(this: Try, now: datetime, late: bool) -> None:  # noqa: FBT001
    """A server that was down for a day starts nothing that nobody waits for any more."""
    assert late == this.late(now)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param(
            markdown(Try(of=3), then="http://x/2", due=NOON),
            ["Try 1 of 3", "[cancel it there](http://x/2)"],
            id="first",
        ),
        pytest.param(markdown(SECOND, before="http://x/1"), ["Try 2 of 3", f"[{ID}](http://x/1)"], id="last"),
        pytest.param(markdown(SECOND, due=NOON), [ID, "2026-01-01T12:00:00+00:00"], id="where no pages are"),
    ],
)
def test_one_finds_the_others_from_each(page: str, expected: list[str]) -> None:
    """The page of a try leads to the one before and to the one after it."""
    assert [] == [part for part in expected if part not in page]
