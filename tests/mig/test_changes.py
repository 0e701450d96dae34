"""What a stack would become, as people read it."""

from mig.changes import NONE, Change, Changes, named

GROUP, ROLE = "aws:eks/nodeGroup:NodeGroup", "aws:iam/role:Role"
CLUSTER = Changes(
    changes=(
        Change(action="create", kind=ROLE, name="node"),
        Change(action="create", kind=GROUP, name="system"),
        Change(action="replace", kind=GROUP, name="other"),
    ),
    unchanged=(ROLE,) * 4,
)


def test_a_number_for_each_action() -> None:
    """The last line of a preview has every action in it, so that none has to be missed to be noticed."""
    assert "2 to create, 0 to update, 1 to replace, 0 to delete, 4 unchanged" == str(CLUSTER)


def test_stacks_add_up() -> None:
    """Several stacks are read as one, in the order in which they are raised."""
    both = NONE + CLUSTER + CLUSTER

    assert (CLUSTER.changes * 2, 8) == (both.changes, len(both.unchanged))


def test_a_resource_is_called_by_its_kind_and_name() -> None:
    """Pulumi's module path is of no use to who reads."""
    assert "NodeGroup gpu-demo-1" == named(GROUP, "gpu-demo-1")


def test_what_stands_afterwards() -> None:
    """What goes is not counted, what is changed or stays is."""
    gone = Changes(changes=(Change(action="delete", kind=GROUP, name="old"),), unchanged=(ROLE,))

    assert (ROLE,) == gone.kinds()
