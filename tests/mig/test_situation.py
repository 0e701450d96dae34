"""One look at a node: each trap of nvidia.md is a row."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mig import labels
from mig.layout import Geometry, NodeLayout
from mig.readiness import DeviceSeen, NodeSeen, Wanted
from mig.release import CURRENT
from mig.situation import Past, situation

BALANCED = (("3g.20gb", 1), ("2g.10gb", 1), ("1g.5gb", 2))
WANTED = Wanted(
    node="n", layout=NodeLayout(config_name="all-balanced", gpus=(Geometry(BALANCED), Geometry(BALANCED)), shipped=True)
)
FRESH = {
    labels.MIG_CONFIG: "all-balanced",
    labels.MIG_CONFIG_STATE: "success",
    labels.DEPLOY_CLIENT: "true",
    labels.GFD_TIMESTAMP: "200",
    labels.MIG_STRATEGY: "mixed",
    labels.GPU_PRODUCT: "NVIDIA-A100-SXM4-40GB",
    "nvidia.com/mig-3g.20gb.count": "2",
    "nvidia.com/mig-2g.10gb.count": "2",
    "nvidia.com/mig-1g.5gb.count": "4",
    "nvidia.com/mig-1g.5gb.memory": "4864",
}
UNCUT = {k: v for k, v in FRESH.items() if not k.startswith(labels.MIG_LABEL)}
WORKED = Past(boot_id="b", state="success", stamp="200", moved=True, worked=True, stale="100")


def mig(gpu: str, profile: str, at: int = 0) -> DeviceSeen:
    """A MIG device, named as no driver names one: names do not count."""
    return DeviceSeen(name=f"{gpu}-{profile}-{at}", type="mig", uuid="MIG-1", parent_uuid=gpu, profile=profile)


def whole(gpu: str) -> DeviceSeen:
    """A GPU that is not cut."""
    return DeviceSeen(name=gpu, type="gpu", uuid=gpu, parent_uuid="", profile="")


def cut(gpu: str) -> tuple[DeviceSeen, ...]:
    """A GPU cut as planned."""
    return (mig(gpu, "1g.5gb", 2), mig(gpu, "3g.20gb"), mig(gpu, "1g.5gb", 3), mig(gpu, "2g.10gb"))


READY = NodeSeen(
    name="n",
    ready=True,
    boot_id="b",
    labels=FRESH,
    devices=(*cut("GPU-0"), *cut("GPU-1")),
    slice_uids=("s",),
    plugin_ready=True,
    plugin_pod="plugin-abc",
    manager_phase="Running",
    manager_crashing=False,
    offered=(),
)


def labelled(base: Mapping[str, str] = FRESH, **changed: str) -> NodeSeen:
    """The ready node with other labels; `config`, `state`, ... are short for NVIDIA's names."""
    names = {
        "config": labels.MIG_CONFIG,
        "state": labels.MIG_CONFIG_STATE,
        "strategy": labels.MIG_STRATEGY,
        "product": labels.GPU_PRODUCT,
        "stamp": labels.GFD_TIMESTAMP,
        "client": labels.DEPLOY_CLIENT,
        "foreign": "nvidia.com/mig-7g.40gb.count",
        "small": "nvidia.com/mig-1g.5gb.count",
    }
    return replace(READY, labels={**base, **{names[key]: value for key, value in changed.items()}})


def changed(**fields: Any) -> NodeSeen:
    """The ready node with other facts."""
    return replace(READY, **fields)


BOOTED = {labels.MIG_CONFIG: "all-balanced"}
FOUND = BOOTED | {labels.PCI_PRESENT: "true"}
DEPLOYED = FOUND | {f"{labels.DEPLOY}gpu-feature-discovery": "true"}
DESCRIBED = DEPLOYED | {labels.GFD_TIMESTAMP: "100"}
"""Labels of a node, link by link of the chain that leads to MIG Manager."""


def unmanaged(known: Mapping[str, str], phase: str = "Running") -> NodeSeen:
    """A node whose label nobody has taken up."""
    return replace(READY, labels=known, manager_phase=phase)


@pytest.mark.parametrize(
    ("node", "key"),
    [
        pytest.param(READY, "agreed", id="label, GFD's counts and slices agree"),
        pytest.param(labelled(config="all-disabled"), "labelled all-disabled", id="somebody relabelled the node"),
        pytest.param(labelled(state="pending"), "pending", id="MIG Manager is at work"),
        pytest.param(labelled(state="rebooting"), "rebooting", id="MIG Manager reboots the node"),
        pytest.param(labelled(state="failed"), "failed", id="MIG Manager failed"),
        pytest.param(unmanaged(DESCRIBED), "state ", id="MIG Manager has just started"),
        pytest.param(
            changed(offered=("nvidia.com/mig-1g.5gb",)), "offered twice", id="a device plugin stands beside the driver"
        ),
        pytest.param(changed(manager_crashing=True), "crashing", id="MIG Manager crashes while an old success stays"),
        pytest.param(changed(ready=False), "not Ready", id="kubelet is stopped after success"),
        pytest.param(changed(boot_id=""), "not Ready", id="the node's boot is not known"),
        pytest.param(labelled(client=labels.PAUSED), "paused", id="a failed second run left a label paused"),
        pytest.param(labelled(stamp="100"), "GFD stale", id="success precedes GFD's fresh labels"),
        pytest.param(labelled(stamp=""), "GFD stale", id="GFD's labels vanished while it was paused"),
        pytest.param(labelled(UNCUT), "miscounted", id="success without devices: the filter matched no GPU"),
        pytest.param(labelled(small="3"), "miscounted", id="one GPU lacks an instance"),
        pytest.param(labelled(foreign="1"), "miscounted", id="a foreign profile is counted"),
        pytest.param(labelled(strategy="single"), "miscounted", id="the strategy is not mixed"),
        pytest.param(
            labelled(product="NVIDIA-A100-SXM4-40GB-MIG-INVALID"), "miscounted", id="GFD calls the geometry invalid"
        ),
        pytest.param(changed(devices=()), "misannounced", id="the plugin started before the GPUs were cut"),
        pytest.param(
            changed(devices=(whole("GPU-0"), whole("GPU-1"))),
            "misannounced",
            id="the plugin still announces whole GPUs",
        ),
        pytest.param(
            changed(devices=(*READY.devices, whole("GPU-2"))),
            "misannounced",
            id="one whole GPU is left beside the slices",
        ),
        pytest.param(
            changed(devices=(*cut("GPU-0"), *cut("GPU-1")[1:])), "misannounced", id="one GPU announces a slice too few"
        ),
        pytest.param(
            changed(devices=(*cut("GPU-0"), *cut("GPU-0"))), "misannounced", id="the right sum on the wrong GPUs"
        ),
        pytest.param(changed(slice_uids=("other",)), "agreed", id="a slice was made anew with the same devices"),
    ],
)
def test_situation(node: NodeSeen, key: str) -> None:
    """A node is ready only when nothing that can lie does."""
    assert key == situation(WANTED, node, WORKED.with_seen(node), CURRENT).key


@pytest.mark.parametrize(
    ("node", "said"),
    [
        pytest.param(unmanaged(BOOTED), "is there a GPU Operator", id="no operator, or no NFD"),
        pytest.param(unmanaged(FOUND), "with a ClusterPolicy", id="an operator that labels nothing"),
        pytest.param(unmanaged(DEPLOYED), "(gfd.enabled?)", id="no GFD"),
        pytest.param(
            unmanaged(DESCRIBED, phase=""), "(migManager.enabled, daemonsets.tolerations?)", id="no MIG Manager"
        ),
        pytest.param(unmanaged(DESCRIBED, phase="Pending"), "ConfigMap of migManager.config.name", id="no ConfigMap"),
        pytest.param(changed(plugin_pod="", plugin_ready=False), "is it installed", id="no DRA driver"),
        pytest.param(changed(plugin_ready=False), "is not Ready", id="a DRA plugin that finds no driver"),
    ],
)
def test_what_is_missing(node: NodeSeen, said: str) -> None:
    """A link that is not there is named, with the values that may be wrong, and given up after a quarter of an hour."""
    found = situation(WANTED, node, Past().with_seen(node), CURRENT)

    assert said in found.why
    assert (900, f"for 15 minutes {found.why}") == (found.patience, found.broken)


def test_nothing_is_missing_on_a_node_that_is_not_up() -> None:
    """Before a node is Ready nobody can have found anything on it."""
    node = replace(unmanaged(BOOTED), ready=False)

    assert "state " == situation(WANTED, node, Past().with_seen(node), CURRENT).key


@pytest.mark.parametrize(
    ("past", "node", "key"),
    [
        pytest.param(Past(), READY, "agreed", id="an already cut node never says pending"),
        pytest.param(Past(), labelled(UNCUT), "success stale", id="the success is the one of all-disabled"),
        pytest.param(Past(state="rebooting"), None, "away, rebooting", id="a rebooting node may leave the API"),
        pytest.param(WORKED, None, "away", id="a node that is not rebooting may not"),
    ],
)
def test_situation_by_past(past: Past, node: NodeSeen | None, key: str) -> None:
    """The same look means something else after another past."""
    assert key == situation(WANTED, node, past.with_seen(node) if node else past, CURRENT).key


def test_situation_of_a_gpu_cut_into_nothing() -> None:
    """A GPU that the plan cuts into nothing has MIG on, and the driver announces nothing of it."""
    half = replace(WANTED, layout=replace(WANTED.layout, gpus=(Geometry(BALANCED), Geometry(()))))
    counts = {
        "nvidia.com/mig-3g.20gb.count": "1",
        "nvidia.com/mig-2g.10gb.count": "1",
        "nvidia.com/mig-1g.5gb.count": "2",
    }
    node = replace(READY, labels={**FRESH, **counts}, devices=cut("GPU-0"))

    assert situation(half, node, WORKED, CURRENT).key == "agreed"


def test_past_reboot_makes_labels_stale() -> None:
    """Labels that GFD wrote before a reboot say nothing after it."""
    before = Past().with_seen(labelled(stamp="100")).with_seen(labelled(stamp="200"))

    assert before.with_seen(changed(boot_id="another")).stale == "200"


def test_past_failed_is_believed_after_anything_else() -> None:
    """A `failed` that was there from the start may be old; one that came later is an answer."""
    old = Past().with_seen(labelled(state="failed"))
    new = Past().with_seen(labelled(state="pending")).with_seen(labelled(state="failed"))

    assert [old.moved, new.moved] == [False, True]
