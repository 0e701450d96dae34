"""Planning 1,000 mixed workloads, once the solver is imported."""

import random
import time

from bench.promise import Promise
from mig.plan import draw
from mig.spec import read

SIZES = ("small", "medium", "large", "1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb", "1g.10gb")


def measure() -> tuple[Promise, ...]:
    """The second of two plans: the first one pays for the import."""
    chance = random.Random(1)  # noqa: S311 (a workload is no secret)
    workloads = [
        {"name": f"w{n}", "kind": "train", "model": "cnn", "slice": chance.choice(SIZES), "count": chance.randint(1, 3)}
        for n in range(1000)
    ]
    spec = read({"name": "many", "target": "eks", "instance_types": ["p4d.24xlarge"], "workloads": workloads})
    draw(spec, "warm")
    begun = time.perf_counter()
    plan = draw(spec, "timed")
    seconds = time.perf_counter() - begun
    return (Promise(what=f"1,000 workloads onto {len(plan.nodes)} nodes", measured=seconds, most=1, unit="s"),)
