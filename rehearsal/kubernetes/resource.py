"""
What the stand-in provider asks of one kind of resource, whether it is an object of Kubernetes or a release of Helm.

Each names what it acts on by an identity, as Pulumi's provider does: `NAMESPACE/NAME`, or `NAME` where there is no
namespace.
"""

from collections.abc import Mapping
from typing import Any, Protocol

Inputs = Mapping[str, Any]
"""A resource as the program declares it."""

Outputs = Mapping[str, Any]
"""A resource as it is found."""


class Refused(Exception):  # noqa: N818 (an answer of the cluster's, not a fault of ours)
    """The cluster does not take it, or cannot."""


class Interrupted(Exception):  # noqa: N818 (nothing is wrong: the World is being closed)
    """The World ends while something was waited for."""


class Kind(Protocol):
    """One kind of resource."""

    def named(self, inputs: Inputs, fallback: str) -> Inputs:
        """The inputs with a name; the fallback where the program gave none."""

    def identity(self, inputs: Inputs) -> str:
        """By which it is found again."""

    def rehearse(self, inputs: Inputs) -> None:
        """What a preview can say without changing anything; raises Refused."""

    def create(self, inputs: Inputs) -> Outputs:
        """Make it; raises Refused."""

    def read(self, inputs: Inputs) -> Outputs | None:
        """As it is now; None: it is gone."""

    def update(self, inputs: Inputs) -> Outputs:
        """Bring it to what is declared; raises Refused."""

    def delete(self, inputs: Inputs) -> None:
        """Return when it is gone; one that is gone already is no error."""


def identity(namespace: str, name: str) -> str:
    """As Pulumi's provider writes it."""
    return f"{namespace}/{name}" if namespace else name
