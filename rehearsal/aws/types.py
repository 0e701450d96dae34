"""
The resource types that the stand-in provider knows, a row each: how Pulumi's inputs become AWS's requests and back.

Each function makes the calls that the real provider makes, against the simulated account, so that what AWS refuses is
refused by the account and not here.
"""

from collections.abc import Mapping

from rehearsal.aws import eks_types, iam_types, network_types, node_types, route_types, store_types
from rehearsal.aws.resource import Kind

KINDS: Mapping[str, Kind] = {
    kind.token: kind
    for kind in (
        *network_types.KINDS,
        *route_types.KINDS,
        *iam_types.KINDS,
        *store_types.KINDS,
        *eks_types.KINDS,
        *node_types.KINDS,
    )
}
