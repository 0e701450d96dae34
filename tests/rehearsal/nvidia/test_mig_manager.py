"""MIG Manager goes through the states that nvidia.md prints, and through its traps."""

from collections.abc import Mapping, Sequence

import pytest

from mig import labels
from mig.gpu import INSTANCE_TYPES
from mig.release import ARTICLE, CURRENT, RELEASES, Release
from rehearsal.nvidia.gpus import Card, fresh
from rehearsal.nvidia.mig_manager import (
    AwaitClientsGone,
    AwaitGone,
    Cut,
    DeletePods,
    Label,
    Reboot,
    SetMode,
    Spend,
    StartServices,
    Step,
    Steps,
    StopServices,
    reconfigure,
)
from rehearsal.nvidia.mig_parted import Setting, with_devices

NEW = fresh(INSTANCE_TYPES["p4d.24xlarge"], seed=1, node="node-a")
ENABLED = tuple(card.with_mode(mig=True).rebooted() for card in NEW)
BALANCED = (Setting(mig=True, counts=(("3g.20gb", 1), ("2g.10gb", 1), ("1g.5gb", 2))),) * 8
SMALL = (Setting(mig=True, counts=(("1g.5gb", 7),)),) * 8
STATE = labels.MIG_CONFIG_STATE
FIVE = tuple(
    f"{labels.DEPLOY}{part}" for part in ("device-plugin", "gpu-feature-discovery", "dcgm-exporter", "dcgm", "nvsm")
)
DEPLOYED = dict.fromkeys([*FIVE[:4], labels.DEPLOY_CLIENT], "true")
"""As the operator leaves a node: it never sets nvsm."""


def played(steps: Steps, *refused: type[Step]) -> tuple[list[Step], bool]:
    """All steps, and what they return, when steps of these types do not go well."""
    done: list[Step] = []
    try:
        step = next(steps)
        while True:
            done.append(step)
            step = steps.send(not isinstance(step, refused))
    except StopIteration as end:
        return done, bool(end.value)


def told(steps: Sequence[Step]) -> list[str]:
    """What somebody sees of them, in short."""
    return [_told(step) for step in steps if not isinstance(step, Spend)]


def _told(step: Step) -> str:
    match step:
        case Label(changes) if STATE in changes and len(changes) == 1:
            return changes[STATE]
        case Label(changes):
            values = sorted(set(changes.values()))
            return f"{len(changes)} labels: {', '.join(values)}"
        case AwaitGone(app) | DeletePods(app):
            return f"{type(step).__name__} {app}"
        case _:
            return type(step).__name__


WAITS = [
    "AwaitGone nvidia-device-plugin-daemonset",
    "AwaitGone gpu-feature-discovery",
    "AwaitGone nvidia-dcgm-exporter",
    "AwaitGone nvidia-dcgm",
]
END = ["DeletePods nvidia-operator-validator"]


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        pytest.param(
            ARTICLE,
            ["pending", "5 labels: paused-for-mig-change", *WAITS, "StopServices", "SetMode", "rebooting", "Reboot"],
            id="article",
        ),
        pytest.param(
            CURRENT,
            [
                "pending",
                "6 labels: paused-for-mig-change",
                *WAITS,
                "AwaitClientsGone",
                "StopServices",
                "SetMode",
                "rebooting",
                "Reboot",
            ],
            id="current, which pauses its clients too",
        ),
    ],
)
def test_first_enabling(release: Release, expected: list[str]) -> None:
    """On an A100 the mode is refused, and all ends in a reboot with the labels paused."""
    steps, ended = played(reconfigure(BALANCED, NEW, DEPLOYED, release), SetMode)

    assert expected == told(steps)
    assert not ended


def test_first_enabling_without_leave_to_reboot() -> None:
    """The refused mode is passed over, and the cut fails on it; services and labels come back."""
    steps, ended = played(reconfigure(BALANCED, NEW, DEPLOYED, CURRENT, reboots=False), SetMode, Cut)

    assert ["SetMode", "Cut", "StartServices", "7 labels: failed, true"] == told(steps)[-4:]
    assert not ended


def test_after_the_reboot() -> None:
    """The mode is right now: no service is stopped, the geometry is cut, everything comes back before `success`."""
    seen = {**dict.fromkeys(CURRENT.pause_labels, labels.PAUSED), STATE: "rebooting"}
    steps, ended = played(reconfigure(BALANCED, ENABLED, seen, CURRENT))

    assert [
        "pending",
        "6 labels: paused-for-mig-change",
        *WAITS,
        "AwaitClientsGone",
        "Cut",
        *END,
        "6 labels: true",
        "success",
    ] == told(steps)
    assert ended


def test_mode_change_without_a_reboot() -> None:
    """Where the mode takes effect at once, services come back and no reboot is needed."""
    steps, _ = played(reconfigure(BALANCED, NEW, DEPLOYED, ARTICLE))

    assert ["StopServices", "SetMode", "Cut", "StartServices", *END, "5 labels: true", "success"] == told(steps)[6:]


def test_settles_half_a_minute_before_a_mode_change() -> None:
    """The sleep in its source comes after the services were stopped."""
    steps, _ = played(reconfigure(BALANCED, NEW, DEPLOYED, ARTICLE))

    assert steps[steps.index(StopServices()) + 1] == Spend(30)


def test_pending_comes_within_ten_seconds() -> None:
    """Before `pending` the old state stays visible, for one to ten seconds."""
    steps, _ = played(reconfigure(BALANCED, NEW, DEPLOYED, CURRENT))
    before = steps[: steps.index(Label({STATE: "pending"}))]

    assert 1 <= sum(step.seconds for step in before if isinstance(step, Spend)) <= 10


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_short_path(release: Release) -> None:
    """What is applied already is a success at once: never `pending`, nothing paused."""
    cut = with_devices(BALANCED, ENABLED)
    steps, ended = played(reconfigure(BALANCED, cut, DEPLOYED, release))
    last = steps[-1]

    assert [f"{len(release.pause_labels) + 1} labels: success, true"] == told(steps)
    assert isinstance(last, Label)
    assert last.changes[STATE] == "success"
    assert not ended


def test_geometry_change() -> None:
    """Another geometry with the mode on needs neither a stopped kubelet nor a reboot."""
    steps, _ = played(reconfigure(SMALL, with_devices(BALANCED, ENABLED), DEPLOYED, CURRENT))

    assert not {StopServices, SetMode, Reboot, StartServices} & {type(step) for step in steps}


def test_unknown_config() -> None:
    """An entry that is not there fails before anything is paused."""
    steps, _ = played(reconfigure(None, NEW, DEPLOYED, ARTICLE))

    assert told(steps) == ["6 labels: failed, true"]


def test_reboot_that_changed_nothing() -> None:
    """One reboot for one request: if the mode is still wrong after it, it fails."""
    steps, _ = played(reconfigure(BALANCED, NEW, {**DEPLOYED, STATE: "rebooting"}, ARTICLE))

    assert told(steps) == ["6 labels: failed, true"]


@pytest.mark.parametrize("wait", [AwaitGone, AwaitClientsGone])
def test_wedge(wait: type[Step]) -> None:
    """A client that does not go ends the run without a word: `pending`, labels paused."""
    steps, _ = played(reconfigure(BALANCED, NEW, DEPLOYED, CURRENT), wait)

    assert isinstance(steps[-1], wait)
    assert "6 labels: paused-for-mig-change" in told(steps)
    assert not {"success", "failed"} & set(told(steps))


@pytest.mark.parametrize(
    ("cards", "sticky", "expected"),
    [
        pytest.param(ENABLED, False, ["Cut", "6 labels: failed, true"], id="the first run gives labels back"),
        pytest.param(ENABLED, True, ["Cut", "failed"], id="a later run leaves them paused"),
        pytest.param(
            NEW, False, ["Cut", "StartServices", "6 labels: failed, true"], id="the first run starts services"
        ),
        pytest.param(NEW, True, ["Cut", "failed"], id="a later run leaves the kubelet stopped"),
    ],
)
def test_failed_apply(cards: tuple[Card, ...], sticky: bool, expected: list[str]) -> None:  # noqa: FBT001 (a column)
    """What a failure gives back depends on whether an earlier run of the pod came to its end."""
    steps, _ = played(reconfigure(BALANCED, cards, DEPLOYED, ARTICLE, sticky=sticky), Cut)

    assert expected == told(steps)[-len(expected) :]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param({}, dict.fromkeys(FIVE, "true"), id="five labels, nvsm is made, no client where there was none"),
        pytest.param(DEPLOYED, dict.fromkeys([*FIVE, labels.DEPLOY_CLIENT], "true"), id="a client label comes back"),
        pytest.param(
            {**DEPLOYED, FIVE[3]: "false"},
            {**dict.fromkeys([*FIVE, labels.DEPLOY_CLIENT], "true"), FIVE[3]: "false"},
            id="what is switched off stays off",
        ),
        pytest.param(
            dict.fromkeys(FIVE, labels.PAUSED),
            dict.fromkeys(FIVE, "true"),
            id="what an earlier run left paused comes back",
        ),
    ],
)
def test_labels_given_back(seen: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """After a change each label says again what it said, and paused ones are on."""
    steps, _ = played(reconfigure(BALANCED, ENABLED, seen, CURRENT))

    assert steps[-2] == Label(expected)
