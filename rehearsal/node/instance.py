"""What a simulated node is made of: the machine that the cloud boots, and the NVIDIA side that lives on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rehearsal.api_server import Object
from rehearsal.faults import Enrolment


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One machine that the cloud has given to a node group."""

    id: str
    """As EC2 calls it: `i-0123456789abcdef0`."""
    name: str
    """Of its Node: `ip-10-0-1-23.ec2.internal`."""
    instance_type: str
    """A key of `mig.gpu.INSTANCE_TYPES`, or the type of a system node."""
    zone: str
    market: str
    labels: Mapping[str, str]
    """What the node group adds to the Node's own."""
    taints: Sequence[Object]
    """As a Node's spec has them."""
    run_id: str
    enrolment: Enrolment
    """What the run has asked the stage to do to it."""


class InProcess(Protocol):
    """Programs of one node that are simulated, one for each pod: no process is started for them."""

    def owns(self, pod: Object) -> bool:
        """Whether this pod's program is one of these."""

    def start(self, pod: Object) -> None:
        """The pod is on the node: start its program, and do not wait for it."""

    def ready(self, pod: Object) -> bool:
        """Whether the pod's program has come so far as to be Ready."""

    def stop(self, pod: Object) -> None:
        """The pod leaves the node, or the node goes down."""
