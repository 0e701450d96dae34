"""Promises of notices: inside a run they become events and messages, always a line, and they never end a run."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import Event
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.blocks import core
from prefect.blocks.core import Block
from prefect.blocks.notifications import CustomWebhookNotificationBlock

from mig.errors import Refused
from mig.notice import Notice
from tasks import notify

TOLD = Notice(event="mig.teardown.unverified", run_id="r-1", payload={"left": "p4d i-1"})
LINE = "mig.teardown.unverified r-1: left: p4d i-1"
SECRET = "https://hooks.example/T0/B0/hush"


class Server:
    """A server with notification blocks, by name, and one block of another kind."""

    def __init__(self) -> None:
        self.channels: dict[str, Callable[[str, str], object]] = {}
        self.asked = 0

    @contextmanager
    def client(self, **_: object) -> Iterator["Server"]:
        """A client of it."""
        yield self

    def read_block_documents(self, *, include_secrets: bool) -> list[Any]:
        """Every block, by its name and what it can do."""
        assert not include_secrets
        self.asked += 1
        names = [*((name, "notify") for name in self.channels), ("storage", "get-directory")]
        return [
            SimpleNamespace(name=name, id=UUID(int=n), block_schema=SimpleNamespace(capabilities=[can]))
            for n, (name, can) in enumerate(names)
        ]

    def load(self, block: UUID) -> Any:
        """A block by its id, as it is sent by."""
        send = list(self.channels.values())[block.int]

        @contextmanager
        def raising() -> Iterator[None]:
            yield

        return SimpleNamespace(notify=send, raise_on_failure=raising)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server without channels."""
    made = Server()
    monkeypatch.setattr(notify, "get_client", made.client)
    monkeypatch.setattr(Block, "load_from_ref", made.load)
    return made


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The events that were sent."""
    made: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(notify, "emit_event", lambda event, **told: made.append((event, told)))
    return made


@pytest.fixture
def inside(sent: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The same, within a run."""
    monkeypatch.setattr(notify, "FlowRunContext", SimpleNamespace(get=object))
    return sent


def test_a_run_sends_it_as_an_event(inside: list[tuple[str, dict[str, Any]]]) -> None:
    """With its name, the run it is about and its payload, as automations wait for it."""
    notify.announce(TOLD)

    resource = {"prefect.resource.id": "mig.run.r-1", "prefect.resource.name": "r-1"}
    assert [("mig.teardown.unverified", {"resource": resource, "payload": {"left": "p4d i-1"}})] == inside


def test_outside_a_run_it_is_only_said(
    sent: list[tuple[str, dict[str, Any]]], server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no server that would hear of it; none is started for it, and none asked for channels."""
    with caplog.at_level(logging.INFO):
        notify.announce(TOLD, to=["ops"])

    assert ([], [LINE], 0) == (sent, caplog.messages, server.asked)


@pytest.mark.usefixtures("inside")
def test_whom_a_request_names_is_told(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Each by his own block, with subject and facts, and nobody else."""
    told: list[tuple[str, str, str]] = []
    for name in ("mail", "ops", "pager"):
        server.channels[name] = lambda body, subject, name=name: told.append((name, subject, body))

    with caplog.at_level(logging.INFO):
        notify.announce(TOLD, to=["ops", "mail"])

    assert [(name, TOLD.subject, TOLD.body) for name in ("mail", "ops")] == sorted(told)
    assert [LINE, "mail was told", "ops was told"] == sorted(caplog.messages, key=lambda line: (line != LINE, line))


def test_a_saved_block_is_sent_by_its_own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server has kept of a webhook becomes that webhook again, which is told subject and facts."""
    sent: list[tuple[str, str, str | None]] = []
    block = CustomWebhookNotificationBlock(name="ops", url=SECRET, json_data={"text": "{{body}}"})
    kind = block._to_block_type()
    schema = block._to_block_schema(block_type_id=kind.id).model_copy(update={"block_type": kind})
    kept = block._to_block_document("ops", schema.id, kind.id).model_copy(update={"block_schema": schema})
    monkeypatch.setattr(
        core, "get_client", lambda **_: nullcontext(SimpleNamespace(read_block_document=lambda **_: kept))
    )
    monkeypatch.setattr(core, "emit_event", lambda **_: None)
    monkeypatch.setattr(
        CustomWebhookNotificationBlock, "notify", lambda self, body, subject: sent.append((self.url, subject, body))
    )

    notify._send(UUID(int=1), TOLD)

    assert [(SECRET, TOLD.subject, TOLD.body)] == sent


@pytest.mark.usefixtures("inside")
def test_a_channel_that_refuses_ends_no_run_and_tells_no_secret(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The line has the name of the block and the kind of trouble, never the address that the error's words have."""

    def refuse(_: str, __: str) -> None:
        raise ConnectionError(f"404 for url {SECRET}")

    server.channels["ops"] = refuse

    with caplog.at_level(logging.DEBUG):
        notify.announce(TOLD, to=["ops", "gone"])

    assert {"ops was not told: ConnectionError", "gone was not told: KeyError"} <= set(caplog.messages)
    assert SECRET not in caplog.text


@pytest.mark.usefixtures("inside")
def test_a_channel_that_does_not_answer_is_left_to_itself(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After a while the run goes on, and the others have been told."""
    monkeypatch.setattr(notify, "PATIENCE_SECONDS", 0.2)
    answer = Event()
    server.channels = {"deaf": lambda *_: answer.wait(10), "ops": lambda *_: None}

    with caplog.at_level(logging.INFO):
        notify.announce(TOLD, to=["deaf", "ops"])
    answer.set()

    assert [LINE, "ops was told", "not told, for they do not answer: deaf"] == caplog.messages


@pytest.mark.parametrize("name", ["nobody", "storage"], ids=["a name that no block has", "a block that cannot notify"])
def test_an_unknown_channel_is_refused(server: Server, name: str) -> None:
    """The sentence has the place, and those that are there."""
    server.channels = {"ops": lambda *_: None, "mail": lambda *_: None}

    with pytest.raises(Refused) as refused:
        notify.check_known(["ops", name])

    assert f"notify[1]: no notification block is called {name}; accepted: ops, mail" == str(refused.value)


def test_where_there_is_none_it_is_said_how_to_make_one(server: Server) -> None:
    """Whoever names a channel before anybody has made one is told where."""
    with pytest.raises(Refused, match="accepted: none yet: make one on Prefect's pages, under Blocks"):
        notify.check_known(["ops"])

    assert 1 == server.asked


def test_who_names_nobody_asks_no_server(server: Server) -> None:
    """Most requests: not a single call more."""
    notify.check_known([])

    assert 0 == server.asked
