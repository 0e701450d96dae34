"""A flow run's pod that is told to end: real processes of moments, in the shape of Prefect's."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).parents[2]
POD = [sys.executable, "-m", "flows.pod", "sh", "-c"]
FLOW = (
    "setsid sh -c 'trap \"sleep 0.2; echo took its nodes down; exit 3\" TERM; echo flow; while :; do sleep 0.1; done'"
)
"""A flow leads a group of its own, and takes its time to end."""


def started(script: str) -> "subprocess.Popen[str]":
    """A pod whose worker asks for this."""
    return subprocess.Popen([*POD, script], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def line(said: IO[str] | None) -> str:
    """What is said next."""
    assert said is not None
    return said.readline().strip()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param("exit 0", 0, id="it succeeds"),
        pytest.param("exit 7", 7, id="it fails"),
        pytest.param("kill -KILL $$", 137, id="it is killed"),
    ],
)
def test_the_pod_ends_as_the_run_does(script: str, code: int) -> None:
    """Kubernetes sees the exit code that a shell would give it."""
    with started(script) as pod:
        assert code == pod.wait(10)


def test_the_flow_is_told_and_waited_for() -> None:
    """SIGTERM reaches the flow, not the process that waits for it and tells Prefect how it ended."""
    with started(f'{FLOW} & wait $!; echo "ended with $?"') as pod:
        assert "flow" == line(pod.stdout)
        pod.send_signal(signal.SIGTERM)

        assert ["took its nodes down", "ended with 3"] == [line(pod.stdout), line(pod.stdout)]
        assert 0 == pod.wait(10)


def test_before_there_is_a_flow_the_starter_is_told() -> None:
    """What has not begun has nothing to take down."""
    with started("echo imports; exec sleep 60") as pod:
        assert "imports" == line(pod.stdout)
        pod.send_signal(signal.SIGTERM)

        assert 128 + signal.SIGTERM == pod.wait(10)
