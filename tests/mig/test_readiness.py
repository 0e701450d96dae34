"""Which node becomes what."""

import pytest

from mig import labels
from mig.layout import Geometry, NodeLayout
from mig.readiness import NodeSeen, assign

BALANCED = NodeLayout(config_name="all-balanced", gpus=(Geometry((("3g.20gb", 1),)),) * 8, shipped=True)
SMALL = NodeLayout(config_name="all-1g.5gb", gpus=(Geometry((("1g.5gb", 7),)),) * 8, shipped=True)


def node(name: str, config: str = "") -> NodeSeen:
    """A node that has just joined."""
    return NodeSeen(
        name=name,
        ready=True,
        boot_id="boot",
        labels={labels.MIG_CONFIG: config} if config else {},
        devices=(),
        slice_uids=(),
        plugin_ready=False,
        plugin_pod="",
        manager_phase="Running",
        manager_crashing=False,
        offered=(),
    )


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        pytest.param([node("b"), node("a")], {"a": "all-balanced", "b": "all-1g.5gb"}, id="new nodes go by name"),
        pytest.param(
            [node("a", "all-1g.5gb"), node("b")],
            {"a": "all-1g.5gb", "b": "all-balanced"},
            id="a node keeps the label it carries",
        ),
        pytest.param(
            [node("a", "all-disabled"), node("b", "all-balanced")],
            {"a": "all-1g.5gb", "b": "all-balanced"},
            id="a label that is not planned is no claim",
        ),
    ],
)
def test_assign(nodes: list[NodeSeen], expected: dict[str, str]) -> None:
    """Every node becomes one of the planned layouts, with as little change as possible."""
    assert expected == {each.node: each.layout.config_name for each in assign(nodes, (BALANCED, SMALL))}


def test_assign_counts() -> None:
    """Fewer nodes than layouts is a programmer's error, not a shorter plan."""
    with pytest.raises(ValueError, match="zip"):
        assign([node("a")], (BALANCED, SMALL))
