"""
MIG Manager's reconfiguration of a node as a state machine: it yields what it does, and is told how that went.

Steps 1 to 16 of nvidia.md (section 2), v0.13.1 and v0.15.0 by `Release`, with a host driver. It touches
no node and no clock: `reconfiguration` does what it yields. Its faults are the real one's, kept on purpose: a
wait that ends without a word, and flags that outlive a run.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from mig import labels
from mig.release import Release
from rehearsal.nvidia import mig_parted
from rehearsal.nvidia.gpus import Card
from rehearsal.nvidia.mig_parted import Entry

ASSERT_SECONDS = 3.0
"""One `nvidia-mig-parted assert`. Three stand between a label's change and `pending`: one to ten seconds in all."""

MODE_SECONDS = 9.0
"""`apply --mode-only` and its assert, on eight GPUs."""

APPLY_SECONDS = 10.0
"""`apply` on eight GPUs."""

SETTLE_SECONDS = 30.0
"""A sleep in its source, after the host's services were stopped for a mode change."""

GONE_SECONDS = 300.0
"""How long it waits for each kind of client pod."""

CLIENTS = ("nvidia-device-plugin-daemonset", "gpu-feature-discovery", "nvidia-dcgm-exporter", "nvidia-dcgm")
"""Label `app` of the pods that it waits for, one kind after the other."""

VALIDATOR = "nvidia-operator-validator"


@dataclass(frozen=True, slots=True)
class Label:
    """Set labels of the node."""

    changes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Spend:
    """Let simulated seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AwaitGone:
    """Wait until the node has no operator pod with this label `app`; answered False after `GONE_SECONDS`."""

    app: str


@dataclass(frozen=True, slots=True)
class AwaitClientsGone:
    """The same for pods of every DaemonSet, in any namespace, whose nodeSelector has the client label."""


@dataclass(frozen=True, slots=True)
class StopServices:
    """Stop the host's GPU services, and the kubelet with them."""


@dataclass(frozen=True, slots=True)
class StartServices:
    """Start them again."""


@dataclass(frozen=True, slots=True)
class SetMode:
    """`apply --mode-only`, and its assert; answered False when the mode is not as wanted then."""

    wanted: Entry


@dataclass(frozen=True, slots=True)
class Cut:
    """`apply`; answered False when it failed."""

    wanted: Entry


@dataclass(frozen=True, slots=True)
class DeletePods:
    """Delete the node's operator pods with this label `app`."""

    app: str


@dataclass(frozen=True, slots=True)
class Reboot:
    """Reboot the node: nothing comes after it."""


Step = Label | Spend | AwaitGone | AwaitClientsGone | StopServices | StartServices | SetMode | Cut | DeletePods | Reboot
Steps = Generator[Step, bool, bool]
"""What it does, one after the other, and whether it came to the end; the answer to each says whether it went well."""


def reconfigure(
    wanted: Entry | None,
    cards: Sequence[Card],
    seen: Mapping[str, str],
    release: Release,
    *,
    reboots: bool = True,
    sticky: bool = False,
) -> Steps:
    """
    One run, for one value of label `nvidia.com/mig.config`.

    Args:
        wanted: what the config file says under that value; None: it has no such entry, or cannot be read.
        cards: the node's GPUs.
        seen: the node's labels when the run begins.
        release: which labels it pauses, and whom it waits for.
        reboots: whether it was told WITH_REBOOT.
        sticky: whether an earlier run of the same pod came to its end: a failing one then leaves labels paused.

    Returns:
        Whether it came to its end, which later runs of the same pod must be told.
    """
    resumed = {key: "false" if seen.get(key) == "false" else "true" for key in _paused(seen, release)}
    left = {} if sticky else resumed
    yield Spend(ASSERT_SECONDS)
    if wanted is None:
        yield Label({**left, **_FAILED})
        return False
    yield Spend(ASSERT_SECONDS)
    if mig_parted.is_applied(wanted, cards):
        yield Label({**left, **_SUCCESS})
        return False
    yield Spend(ASSERT_SECONDS)
    new_mode = not mig_parted.mode_is(wanted, cards)
    if new_mode and seen.get(labels.MIG_CONFIG_STATE) == "rebooting":
        yield Label({**left, **_FAILED})
        return False
    yield Label({labels.MIG_CONFIG_STATE: "pending"})
    yield Label({key: value if value == "false" else labels.PAUSED for key, value in resumed.items()})
    if not (yield from _clients_gone(release)):
        return False  # without a word: `pending` for ever, labels paused
    if not (yield from _applied(wanted, left, new_mode=new_mode, reboots=reboots)):
        return False
    yield DeletePods(VALIDATOR)
    yield Label(resumed)
    yield Label(_SUCCESS)
    return True


_SUCCESS: Mapping[str, str] = {labels.MIG_CONFIG_STATE: "success"}
_FAILED: Mapping[str, str] = {labels.MIG_CONFIG_STATE: "failed"}


def _paused(seen: Mapping[str, str], release: Release) -> tuple[str, ...]:
    """The labels that this run pauses; the client's only where the operator has set it."""
    return tuple(key for key in release.pause_labels if key != labels.DEPLOY_CLIENT or seen.get(key))


def _clients_gone(release: Release) -> Steps:
    for app in CLIENTS:
        if not (yield AwaitGone(app)):
            return False
    return not release.client_label or (yield AwaitClientsGone())


def _applied(wanted: Entry, left: Mapping[str, str], *, new_mode: bool, reboots: bool) -> Steps:
    """Steps 9 to 13; a mode change is made with the kubelet stopped, and may need a reboot: else the cut will fail."""
    if new_mode:
        yield StopServices()
        yield Spend(SETTLE_SECONDS)
        yield Spend(MODE_SECONDS)
        if not (yield SetMode(wanted)) and reboots:
            yield Label({labels.MIG_CONFIG_STATE: "rebooting"})
            yield Reboot()
            return False
    yield Spend(APPLY_SECONDS)
    done = yield Cut(wanted)
    if new_mode and (done or left):
        yield StartServices()
    if not done:
        yield Label({**left, **_FAILED})
    return done
