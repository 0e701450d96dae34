"""What raising the cluster would create: the program previewed by the real engine, in front of a World's account."""

import time

from bench.promise import Promise
from infra import stacks
from infra.cluster import ClusterArgs, program, stack_name
from mig.spec import read
from tasks.connect import backend, site

RUN_ID = "preview-bench"
CLUSTER = "previewed"


def measure() -> tuple[Promise, ...]:
    """The second of two; the first one pays for the import of pulumi_aws, and is told for its sake."""
    spec = read(
        {"name": "preview", "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}]}
    )
    with site(spec, RUN_ID, tell=lambda _: None) as place:
        wanted = program(
            ClusterArgs(
                name=CLUSTER,
                region=place.region,
                account="123456789012",
                zones=tuple(f"{place.region}{letter}" for letter in "abc"),
                bucket=place.bucket,
                owner="bench",
                administrators=("arn:aws:iam::123456789012:role/admin",),
            )
        )
        taken = []
        for _ in range(2):
            begun = time.perf_counter()
            changes = stacks.preview(backend(place), stack_name(CLUSTER), wanted, region=place.region)
            taken.append(time.perf_counter() - begun)
    first, again = taken
    return (
        Promise(what=f"preview of the cluster, {len(changes.changes)} resources", measured=again, most=3, unit="s"),
        Promise(what="the first one, with the import of pulumi_aws", measured=first, unit="s"),
    )
