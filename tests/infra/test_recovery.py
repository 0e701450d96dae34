"""What an interrupted engine leaves in a state, and the state that is put right."""

from typing import Any

from infra.recovery import Pending, failed, owned, settled

STACK = {"urn": "urn:pulumi:s::mig::pulumi:pulumi:Stack::mig-s", "type": "pulumi:pulumi:Stack"}
ROLE = {
    "urn": "urn:pulumi:s::mig::aws:iam/role:Role::node",
    "type": "aws:iam/role:Role",
    "inputs": {"name": "mig-node"},
}
MADE = {**ROLE, "id": "mig-node", "outputs": {"arn": "arn:1"}}


def state(*resources: dict[str, Any], **pending: dict[str, Any]) -> dict[str, Any]:
    """A state with resources, and operations that are pending."""
    operations = [{"type": operation, "resource": resource} for operation, resource in pending.items()]
    return {"resources": [STACK, *resources], "pending_operations": operations}


def by_name(pending: Pending) -> str:
    """A role's id is its name."""
    return str(pending.inputs["name"])


def test_what_may_exist_is_taken_in_as_failed() -> None:
    """It has an id, by which it can be deleted, and is not taken for made."""
    after = settled(state(creating=ROLE), by_name)

    assert (1, [ROLE["urn"]], []) == (owned(after), failed(after), after["pending_operations"])
    assert {**ROLE, "id": "mig-node"}.items() <= after["resources"][-1].items()


def test_what_nobody_can_name_is_forgotten() -> None:
    """Who sweeps finds it by its tags."""
    assert state() == settled(state(creating=ROLE), lambda _: "")


def test_an_update_that_was_begun_is_only_taken_off_the_list() -> None:
    """The resource is known already; what of the update came to pass, the next one finds out."""
    assert state(MADE) == settled(state(MADE, updating=MADE), by_name)


def test_what_is_being_replaced_is_not_taken_in_twice() -> None:
    """The state still has the one before it, under the same name."""
    assert state(MADE) == settled(state(MADE, creating=ROLE), by_name)
