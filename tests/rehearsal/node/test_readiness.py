"""When a container counts as ready."""

import queue
from collections.abc import Callable
from typing import Any

import pytest

from rehearsal.node import readiness
from rehearsal.node.readiness import Probe, Prober, Readiness
from rehearsal.ports import LOOPBACK

SECONDS = 10.0
"""What nothing here takes, on any machine."""

ADDRESS = "127.9.8.7"
PROBE = Probe(host=ADDRESS, port=80, path="/", successes=2, failures=3)


@pytest.mark.parametrize(
    ("answers", "ready"),
    [
        pytest.param("", False, id="nobody was asked"),
        pytest.param("+", False, id="one good answer of two"),
        pytest.param("++", True, id="two in a row"),
        pytest.param("+-+", False, id="not in a row"),
        pytest.param("++--", True, id="two bad answers of three"),
        pytest.param("++---", False, id="three in a row"),
        pytest.param("++--+--", True, id="a good one between"),
        pytest.param("++---++", True, id="it recovers"),
    ],
)
def test_answers(answers: str, *, ready: bool) -> None:
    """So many in a row make it ready, so many end that."""
    found = Readiness()
    for answer in answers:
        found = found.with_answer(PROBE, well=answer == "+")

    assert ready == found.ready


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        pytest.param({}, None, id="no probe"),
        pytest.param({"readinessProbe": {"exec": {"command": ["true"]}}}, None, id="one that is not carried out"),
        pytest.param(
            {"readinessProbe": {"httpGet": {"port": 8080}}},
            Probe(host=ADDRESS, port=8080, path="/", period=10, timeout=1, successes=1, failures=3),
            id="Kubernetes' defaults",
        ),
        pytest.param(
            {
                "ports": [{"name": "http", "containerPort": 8080}],
                "readinessProbe": {
                    "httpGet": {"port": "http", "path": "/healthz", "host": "127.0.0.1"},
                    "initialDelaySeconds": 1,
                    "periodSeconds": 2,
                    "timeoutSeconds": 3,
                    "successThreshold": 4,
                    "failureThreshold": 5,
                },
            },
            Probe(host="127.0.0.1", port=8080, path="/healthz", delay=1, period=2, timeout=3, successes=4, failures=5),
            id="everything said",
        ),
        pytest.param(
            {"readinessProbe": {"httpGet": {"port": "none"}}},
            Probe(host=ADDRESS, port=0, path="/"),
            id="a name that no port has is never answered",
        ),
    ],
)
def test_manifest(container: dict[str, Any], expected: Probe | None) -> None:
    """A probe is read as Kubernetes reads it."""
    assert expected == readiness.probe({"name": "main", **container}, ADDRESS)


def test_a_container_is_asked_until_it_is_enough(answering: Callable[..., Any]) -> None:
    """It is told when it becomes ready, when it is no more, and when it is again; nothing between."""
    told: queue.SimpleQueue[bool] = queue.SimpleQueue()
    server = answering(503, 503, 200, 200, 500, 500, 500, 302)
    prober = Prober(Probe(host=LOOPBACK, port=server.port, path="/", period=0.001), told.put)

    heard = [told.get(timeout=SECONDS) for _ in range(3)]
    prober.stop()
    assert [True, False, True] == heard


def test_who_does_not_listen_is_not_ready(answering: Callable[..., Any]) -> None:
    """No answer is a bad one: readiness ends when the server has gone."""
    told: queue.SimpleQueue[bool] = queue.SimpleQueue()
    server = answering(200)
    prober = Prober(Probe(host=LOOPBACK, port=server.port, path="/", period=0.001), told.put)
    assert told.get(timeout=SECONDS)
    server.stop()

    assert not told.get(timeout=SECONDS)
    prober.stop()
