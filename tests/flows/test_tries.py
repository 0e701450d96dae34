"""Promises of what becomes of a request without capacity: one next try, in order, and none beside another's nodes."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from flows import tries as story
from flows.endings import broken
from mig.errors import Failed, LeftBehind, NoCapacity, Refused
from mig.ledger import Phase, Released
from mig.notice import Notice
from mig.offer import Tried
from mig.plan import draw
from mig.report import RunReport, Story, compose
from mig.spec import read
from mig.tries import LADDER_MINUTES, Try
from tasks.connect import Site

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SCALE = 60
SITE = Site(
    target="rehearsal", address="", region="us-east-1", bucket="b", cluster="mig", time_scale=SCALE, simulated=()
)
SPEC = read({
    "name": "r",
    "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}],
    "capacity": {"markets": ["spot"], "zones": ["us-east-1a"], "attempts": 3, "retry_minutes": 15},
    "notify": ["ops"],
})  # fmt: skip
THIS, NEXT, BEFORE = (UUID(int=n << 96) for n in (0xA, 0xB, 0xC))
SHORT = NoCapacity((Tried(rung="spot p4d.24xlarge us-east-1a", outcome="refused", code="C", reason="none", seconds=1),))
GONE = Released(verified=True, left=())
LEFT = Released(verified=False, left=("p4d i-1",))
LAST = NOON + 2 * (timedelta(seconds=15) + timedelta(minutes=LADDER_MINUTES))
SECOND = ("try:2/3", "tries:r-0000000a", f"after:{THIS}", f"until:{LAST.isoformat(timespec='seconds')}")


class Server:
    """Prefect's server, as the flow run within it sees it: what it is asked for and told."""

    def __init__(self) -> None:
        self.asked: list[tuple[UUID, str, datetime, Collection[str]]] = []
        self.tagged: list[tuple[UUID, Collection[str]]] = []
        self.pages: list[str] = []
        self.told: list[Notice] = []
        self.trouble: Failed | None = None

    def ask_again(self, flow_run: UUID, name: str, *, due: datetime, tags: Collection[str]) -> Any:
        """A flow run for later."""
        if self.trouble:
            raise self.trouble
        self.asked.append((flow_run, name, due, tags))
        return SimpleNamespace(id=NEXT)

    def announce(self, notice: Notice, *, to: Sequence[str]) -> None:
        """Tell everybody, and whom the request names."""
        assert SPEC.notify == to
        self.told.append(notice)

    def tag(self, flow_run: UUID, tags: Collection[str]) -> None:
        """Change its tags."""
        self.tagged.append((flow_run, tags))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server with a flow run of a deployment."""
    made = Server()
    monkeypatch.setattr(story, "flow_run", SimpleNamespace(id=str(THIS), tags=["mig", *Try(of=3).tags]))
    monkeypatch.setattr(story, "deployment", SimpleNamespace(id="d"))
    monkeypatch.setattr(story, "ask_again", made.ask_again)
    monkeypatch.setattr(story, "tag", made.tag)
    monkeypatch.setattr(story, "page", lambda run: f"http://pages/{run}")
    monkeypatch.setattr(story, "publish_tries", made.pages.append)
    monkeypatch.setattr(story, "announce", made.announce)
    return made


def ended(error: Exception, released: Released = GONE) -> State[RunReport]:
    """The end of a run by an error, with its report."""
    plan = draw(SPEC, "r-0000000a")
    told = Story(
        spec=SPEC, run_id="r-0000000a", told=(plan, released), phases=(Phase(name="plan", started="", seconds=0),)
    )
    return broken(error, compose(told, error=error, simulated=(), scale=SCALE))


def test_the_next_try_is_a_flow_run_of_its_own(server: Server) -> None:
    """It is due after the pause on the clock of cloud and nodes, and knows which it is and whose."""
    state = story.further(Try(of=3), SPEC, ended(SHORT), now=NOON)

    due = NOON + timedelta(seconds=15)
    assert [(THIS, "r-rehearsal try 2 of 3", due, ("mig", *SECOND))] == server.asked
    assert ("CapacityUnavailable", True) == (state.name, state.is_failed())
    assert f"{SHORT}; again at 2026-01-01T12:00:15+00:00: try 2 of 3" == state.message


def test_each_leads_to_the_other(server: Server) -> None:
    """By one tag that all tries of a request have, and by a link on the page of each."""
    story.further(Try(of=3), SPEC, ended(SHORT), now=NOON)

    assert [(THIS, ("mig", "try:1/3", "tries:r-0000000a"))] == server.tagged
    assert [f"http://pages/{NEXT}" in page for page in server.pages] == [True]


def test_everybody_is_told_when_it_is_tried_again(server: Server) -> None:
    """The event says which offers were refused, and what comes when."""
    story.further(Try(of=3), SPEC, ended(SHORT), now=NOON)

    assert [("mig.capacity.exhausted", "2026-01-01T12:00:15+00:00: try 2 of 3")] == [
        (each.event, each.payload["next_try"]) for each in server.told
    ]


@pytest.mark.parametrize(
    ("this", "released"),
    [
        pytest.param(Try(number=3, of=3, first="r-1", after=str(BEFORE)), GONE, id="the last of three"),
        pytest.param(Try(of=3), LEFT, id="something of this one is left"),
    ],
)
def test_it_is_not_tried_again(server: Server, this: Try, released: Released) -> None:
    """The end stays what it was, and everybody is told that this was all."""
    state = story.further(this, SPEC, ended(SHORT, released), now=NOON)

    assert ([], str(SHORT)) == (server.asked, state.message)
    assert ["none"] == [each.payload["next_try"] for each in server.told]


def test_a_deployment_that_is_gone_ends_it(server: Server) -> None:
    """The run still ends as what it is, and everybody is told that this was all."""
    server.trouble = Failed("capacity", "gone")

    state = story.further(Try(of=3), SPEC, ended(SHORT), now=NOON)

    assert ("CapacityUnavailable", str(SHORT), []) == (state.name, state.message, server.tagged)
    assert ["none"] == [each.payload["next_try"] for each in server.told]


def test_a_shell_that_waits_asks_no_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tries again itself; everybody is told when."""
    monkeypatch.setattr(story, "deployment", SimpleNamespace(id=None))

    state = story.further(Try(of=3), SPEC, ended(SHORT), now=NOON)

    assert [] == server.asked
    assert "again at 2026-01-01T12:00:15+00:00" in str(state.message)


def test_only_a_shortage_is_tried_again(server: Server) -> None:
    """What failed for another reason would fail again."""
    end = ended(Failed("ready", "stale"))

    assert end is story.further(Try(of=3), SPEC, end, now=NOON)
    assert ([], []) == (server.asked, server.told)


@pytest.mark.parametrize(
    ("deployed", "tags", "expected"),
    [
        pytest.param("d", [], Try(of=3), id="a deployment is tried as often as the request says"),
        pytest.param(None, [], Try(), id="a shell tries once"),
        pytest.param(None, ["try:1/3"], Try(of=3), id="unless it waits"),
        pytest.param(
            "d", SECOND, Try(number=2, of=3, first="r-0000000a", after=str(THIS), until=LAST), id="the second"
        ),
    ],
)
@pytest.mark.usefixtures("server")
def test_a_flow_run_knows_which_try_it_is(
    deployed: str | None, tags: list[str], expected: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its tags, and by what it was started from."""
    monkeypatch.setattr(story, "deployment", SimpleNamespace(id=deployed))
    monkeypatch.setattr(story, "flow_run", SimpleNamespace(id=str(NEXT), tags=tags))

    assert expected == story.begun(SPEC)


def test_a_try_that_comes_too_late_is_refused(server: Server) -> None:
    """A server that was away starts nothing that nobody waits for; the sentence says until when it would have."""
    late = Try(number=2, of=3, after=str(BEFORE), until=NOON)

    with pytest.raises(Refused, match=r"capacity\.attempts: try 2 of 3 was to begin until 2026-01-01T12:00:00"):
        story.in_time(late)

    assert [] == server.pages


def test_a_try_leads_back_from_its_beginning(server: Server) -> None:
    """While it runs, too, one finds the one before it."""
    story.in_time(Try(number=2, of=3, after=str(BEFORE)))

    assert [f"http://pages/{BEFORE}" in page for page in server.pages] == [True]


@pytest.mark.parametrize(
    ("after", "there", "released"),
    [
        pytest.param("", ("p4d i-1",), [], id="a first try has none before it"),
        pytest.param(str(BEFORE), (), [], id="nothing is left"),
        pytest.param(str(BEFORE), ("p4d i-1",), ["r-0000000c"], id="something is left: it goes first"),
    ],
)
def test_no_try_begins_beside_anothers_nodes(
    after: str, there: tuple[str, ...], released: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the one before has left is taken down before anything new is asked for."""
    done: list[str] = []
    monkeypatch.setattr(story, "remaining", lambda *_: there)
    monkeypatch.setattr(story, "release", lambda _, run, **__: done.append(run) or GONE)

    story.cleared(Try(after=after), SITE, SPEC)

    assert released == done


def test_what_cannot_be_taken_down_ends_the_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tries' nodes are never paid for at once: it is named, and nothing is asked for."""
    monkeypatch.setattr(story, "remaining", lambda *_: ("p4d i-1",))
    monkeypatch.setattr(story, "release", lambda *_, **__: LEFT)

    with pytest.raises(LeftBehind, match="p4d i-1"):
        story.cleared(Try(after=str(BEFORE)), SITE, SPEC)
