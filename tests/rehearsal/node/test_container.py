"""What a pod's containers add up to, by table."""

import pytest

from rehearsal.node import container
from rehearsal.node.container import Container, RestartPolicy, Waiting

POD = "uid"
CREATING = Waiting(reason="ContainerCreating")


def fresh(name: str = "main", *, init: bool = False) -> Container:
    """A container of which nothing has run."""
    return Container(name=name, image="image", init=init, state=CREATING)


def running(each: Container) -> Container:
    """The same, running."""
    return each.starting(POD).started(1)


def done(each: Container, code: int = 0) -> Container:
    """The same, ended."""
    return running(each).ended(2, code)


FIRST, SECOND = fresh("first", init=True), fresh("second", init=True)
MAIN, OTHER = fresh(), fresh("other")


@pytest.mark.parametrize(
    ("containers", "policy", "expected"),
    [
        pytest.param((MAIN, OTHER), "Never", ["main", "other"], id="containers start together"),
        pytest.param((FIRST, SECOND, MAIN), "Never", ["first"], id="init containers start one after the other"),
        pytest.param((running(FIRST), SECOND, MAIN), "Never", [], id="while one prepares, the others wait"),
        pytest.param((done(FIRST), SECOND, MAIN), "Never", ["second"], id="the next one starts when one is done"),
        pytest.param((done(FIRST), done(SECOND), MAIN), "Never", ["main"], id="then the pod's own start"),
        pytest.param((done(FIRST, 1), MAIN), "Never", [], id="a failed init container ends it all"),
        pytest.param((done(FIRST, 1), MAIN), "Always", ["first"], id="or is run again"),
        pytest.param((MAIN.starting(POD),), "Never", [], id="what is being started is not started twice"),
        pytest.param((done(MAIN, 1),), "Never", [], id="never means never"),
        pytest.param((done(MAIN, 1),), "OnFailure", ["main"], id="a failure is run again"),
        pytest.param((done(MAIN),), "OnFailure", [], id="a success is not"),
        pytest.param((done(MAIN),), "Always", ["main"], id="a service is run again even so"),
    ],
)
def test_due(containers: tuple[Container, ...], policy: RestartPolicy, expected: list[str]) -> None:
    """What is due follows from what has run and the restart policy alone."""
    assert expected == [c.name for c in container.due(containers, policy)]


@pytest.mark.parametrize(
    ("containers", "policy", "expected"),
    [
        pytest.param((running(MAIN),), "Never", None, id="what runs is not over"),
        pytest.param((MAIN.starting(POD),), "Never", None, id="nor is what is being started"),
        pytest.param((done(MAIN), running(OTHER)), "Never", None, id="one that still runs is enough"),
        pytest.param((done(MAIN), done(OTHER)), "Never", "Succeeded", id="all done is success"),
        pytest.param((done(MAIN), done(OTHER, 42)), "Never", "Failed", id="one failure is failure"),
        pytest.param((done(FIRST, 1), MAIN), "Never", "Failed", id="so is one in preparation"),
        pytest.param((done(MAIN, 1),), "OnFailure", None, id="what will run again is not over"),
    ],
)
def test_settled(containers: tuple[Container, ...], policy: RestartPolicy, expected: str | None) -> None:
    """A pod is over when nothing of it runs and nothing will."""
    assert expected == container.settled(containers, policy)


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        pytest.param((MAIN,), "Pending", id="nothing has run"),
        pytest.param((running(FIRST), MAIN), "Pending", id="it is being prepared"),
        pytest.param((MAIN.starting(POD),), "Pending", id="it is being started"),
        pytest.param((running(MAIN), OTHER), "Pending", id="half of it runs"),
        pytest.param((done(FIRST), running(MAIN)), "Running", id="all of it runs"),
        pytest.param((done(MAIN, 1).backing_off(until=9),), "Running", id="it is between two runs"),
    ],
)
def test_phase(containers: tuple[Container, ...], expected: str) -> None:
    """A pod is Pending until each of its containers has run."""
    assert expected == container.phase(containers)


def test_restarts_are_counted_and_named() -> None:
    """Each run has a name of its own, and the one before is remembered."""
    again = done(MAIN, 3).starting(POD).started(5)

    assert again.run == "uid/main/1"
    assert again.restarts == 1
    assert again.status()["lastState"]["terminated"]["exitCode"] == 3


@pytest.mark.parametrize(
    ("restarts", "expected"), [(0, 0), (1, 10), (2, 20), (5, 160), (6, 300), (60, 300)], ids=lambda value: f"{value}"
)
def test_backoff(restarts: int, expected: float) -> None:
    """The first restart is immediate, the second waits 10 s, and none waits longer than five minutes."""
    each = Container(name="main", image="image", state=CREATING, restarts=restarts, run="r")

    assert expected == each.backoff()


def test_ready_by_itself() -> None:
    """A process is ready as soon as it runs; an init container when it has done its work."""
    assert [running(MAIN).ready, running(FIRST).ready, done(FIRST).ready, done(FIRST, 1).ready] == [
        True,
        False,
        True,
        False,
    ]


def test_lost_with_its_machine() -> None:
    """What ran when the machine went down ended with nobody knowing how; what had ended stays as it was."""
    assert running(MAIN).lost(7).status()["state"]["terminated"]["exitCode"] == 255
    assert done(MAIN, 4).lost(7) == done(MAIN, 4)


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        pytest.param(MAIN, {"waiting": {"reason": "ContainerCreating", "message": ""}}, id="waiting"),
        pytest.param(running(MAIN), {"running": {"startedAt": "1970-01-01T00:00:01Z"}}, id="running"),
        pytest.param(
            done(MAIN, 42),
            {
                "terminated": {
                    "exitCode": 42,
                    "reason": "Error",
                    "message": "",
                    "startedAt": "1970-01-01T00:00:01Z",
                    "finishedAt": "1970-01-01T00:00:02Z",
                    "containerID": "process://uid/main/0",
                }
            },
            id="terminated",
        ),
    ],
)
def test_status(each: Container, expected: dict[str, object]) -> None:
    """A container's state is written as Kubernetes has it."""
    assert expected == each.status()["state"]
