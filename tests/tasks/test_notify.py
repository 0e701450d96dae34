"""Promises of notices: inside a run they become events, and always a line."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from mig.notice import Notice
from tasks import notify

TOLD = Notice(event="mig.teardown.unverified", run_id="r-1", payload={"left": "p4d i-1"})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The events that were sent."""
    made: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(notify, "emit_event", lambda event, **told: made.append((event, told)))
    return made


def test_a_run_sends_it_as_an_event(sent: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name, the run it is about and its payload, as automations wait for it."""
    monkeypatch.setattr(notify, "FlowRunContext", SimpleNamespace(get=object))

    notify.announce(TOLD)

    resource = {"prefect.resource.id": "mig.run.r-1", "prefect.resource.name": "r-1"}
    assert [("mig.teardown.unverified", {"resource": resource, "payload": {"left": "p4d i-1"}})] == sent


def test_outside_a_run_it_is_only_said(
    sent: list[tuple[str, dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    """There is no server that would hear of it; none is started for it."""
    with caplog.at_level(logging.INFO):
        notify.announce(TOLD)

    assert ([], ["mig.teardown.unverified r-1: left: p4d i-1"]) == (sent, caplog.messages)
