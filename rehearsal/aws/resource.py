"""
What the stand-in Pulumi provider must know of one resource type, and how it reaches the simulated account.

A type is a row: its names, what of it can never change, and five functions that are AWS calls. The engine's protocol is
`provider`'s business, the rows are `types`'.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from rehearsal.clock import Clock

Inputs = Mapping[str, Any]
"""A resource as the program declares it, in Pulumi's spelling."""

Outputs = Mapping[str, Any]
"""A resource as AWS shows it, in Pulumi's spelling."""

Request = dict[str, Any]
"""The same in AWS's spelling."""

Seen = TypeVar("Seen")
_POLL_SECONDS = 2.0
_SHORTEST_POLL = 0.05


class Unfinished(Exception):  # noqa: N818 (an outcome that the engine keeps, more than an error)
    """The resource exists, but has not become what it should: the engine keeps it, and calls it failed."""

    def __init__(self, identity: str, why: str) -> None:
        super().__init__(why)
        self.identity = identity


class Interrupted(Exception):  # noqa: N818 (nothing is wrong: the World is being closed)
    """The World ends while something was waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """The simulated account, as a provider plugin sees one."""

    region: str
    client: Callable[[str], Any]
    """A boto3 client of a service, by its name."""
    clock: Clock
    closed: Event

    def wait(self, look: Callable[[], Seen | None]) -> Seen:
        """Look again and again until there is something to see."""
        while (seen := look()) is None:
            if self.clock.sleep(max(_POLL_SECONDS, _SHORTEST_POLL * self.clock.scale), self.closed):
                raise Interrupted("the World was closed")
        return seen


@dataclass(frozen=True, slots=True)
class AllBut(Container[str]):
    """Every input but these; `region` belongs to the provider, and says nothing of the resource."""

    changeable: frozenset[str] = frozenset()

    def __contains__(self, name: object) -> bool:
        return name not in self.changeable | {"region"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One type of resource."""

    token: str
    """Pulumi's: `aws:eks/nodeGroup:NodeGroup`."""
    label: str
    """As the real provider's errors name it: `EKS Node Group`."""
    service: str
    operation: str
    """AWS's operation that creates it; its model says what inputs are well formed."""
    name: str = ""
    """The input that the engine names when the program does not; empty for what has no name."""
    fixed: Container[str]
    """Inputs that cannot change: another value is another resource."""
    request: Callable[[Inputs], Request]
    create: Callable[[Aws, Inputs], str]
    """Returns its id once it is there; raises Unfinished, or botocore's ClientError."""
    read: Callable[[Aws, str], Outputs | None]
    """None: it is gone."""
    update: Callable[[Aws, str, Inputs], None]
    delete: Callable[[Aws, str], None]
    """Returns when it is gone; one that is gone already is no error."""


def unless_missing(look: Callable[[], Seen]) -> Seen | None:
    """What AWS shows; None where it says that there is no such thing."""
    try:
        return look()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if "NotFound" in code or code == "NoSuchEntity":
            return None
        raise


def dictionary(tags: list[dict[str, str]]) -> dict[str, str]:
    """Tags as Pulumi has them: most services list Key and Value."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most services have them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
