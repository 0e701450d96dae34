"""The operator labels a node as its source says."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mig import labels
from mig.release import ARTICLE as ARTICLES
from mig.release import CURRENT as CURRENTS
from rehearsal.nvidia.gpu_operator import operator_labels
from rehearsal.nvidia.installed import Operator

ARTICLE = Operator(release=ARTICLES, namespace="gpu-operator")
CURRENT = Operator(release=CURRENTS, namespace="gpu-operator")

FOUND = {labels.PCI_PRESENT: "true"}
PARTS = {
    f"nvidia.com/gpu.deploy.{part}": "true"
    for part in (
        "driver",
        "gpu-feature-discovery",
        "container-toolkit",
        "device-plugin",
        "dcgm",
        "dcgm-exporter",
        "node-status-exporter",
        "operator-validator",
    )
}
CLIENT = {"nvidia.com/gpu.deploy.client": "true"}
MANAGER = {"nvidia.com/gpu.deploy.mig-manager": "true"}
PRESENT = {"nvidia.com/gpu.present": "true"}
DEFAULT = {"nvidia.com/mig.config": "all-disabled"}
OURS = {"nvidia.com/mig.config": "all-balanced"}
CAPABLE = {"nvidia.com/mig.capable": "true"}


@pytest.mark.parametrize(
    ("operator", "seen", "expected"),
    [
        pytest.param(ARTICLE, {}, {}, id="a node that claims nothing is left alone"),
        pytest.param(
            ARTICLE, PRESENT, {labels.GPU_PRESENT: "false"}, id="a claim without NFD's word for it is taken back"
        ),
        pytest.param(
            CURRENT,
            PRESENT | CLIENT | OURS,
            {labels.GPU_PRESENT: "false", labels.DEPLOY_CLIENT: None},
            id="and its switches with it, but not its MIG config",
        ),
        pytest.param(ARTICLE, FOUND, PRESENT | PARTS, id="NFD has found a GPU"),
        pytest.param(CURRENT, FOUND, PRESENT | PARTS | CLIENT, id="the current operator labels clients too"),
        pytest.param(
            ARTICLE,
            FOUND | PRESENT | PARTS | CAPABLE,
            MANAGER | DEFAULT,
            id="GFD says MIG is possible: MIG Manager, and a config for who asks for none",
        ),
        pytest.param(ARTICLE, FOUND | PRESENT | PARTS | CAPABLE | OURS, MANAGER, id="who asks for one keeps it"),
        pytest.param(
            ARTICLE,
            FOUND | PRESENT | PARTS | OURS | {labels.GPU_PRODUCT: "NVIDIA-A100-SXM4-40GB"},
            MANAGER,
            id="a product's name is enough before GFD has spoken",
        ),
        pytest.param(
            CURRENT,
            FOUND | PRESENT | dict.fromkeys([*PARTS, *CLIENT, *MANAGER], labels.PAUSED) | CAPABLE | OURS,
            {},
            id="what is paused stays paused",
        ),
        pytest.param(
            CURRENT,
            FOUND | PRESENT | PARTS | CLIENT | MANAGER,
            {},
            id="MIG Manager stays when GFD's labels are dropped",
        ),
        pytest.param(
            replace(ARTICLE, parts=frozenset()),
            FOUND | PRESENT | PARTS | CAPABLE,
            MANAGER,
            id="a MIG Manager that is off has its switch all the same, and gives no default",
        ),
        pytest.param(
            replace(ARTICLE, default_config=""),
            FOUND | PRESENT | PARTS | CAPABLE,
            MANAGER,
            id="without a default there is none",
        ),
        pytest.param(
            replace(CURRENT, default_config="all-balanced"),
            FOUND | PRESENT | PARTS | CLIENT | CAPABLE,
            MANAGER,
            id="and any other than all-disabled is ignored",
        ),
        pytest.param(replace(CURRENT, policy=False), FOUND, {}, id="without a ClusterPolicy it does nothing"),
        pytest.param(None, FOUND, {}, id="there is no operator"),
    ],
)
def test_operator_labels(
    operator: Operator | None, seen: Mapping[str, str], expected: Mapping[str, str | None]
) -> None:
    """What it changes depends on the labels that are there, and on what it was told."""
    assert expected == operator_labels(seen, operator)
