"""
From nothing to the first node that is Ready: a World opened, its node group raised by the engine, one node booted.

The steps are the flow's own, without Prefect around them. What a p4d takes to boot passes on the World's clock.
"""

import time

from bench.place import placed
from bench.promise import Promise
from mig.plan import draw
from mig.release import RELEASES
from mig.spec import read
from tasks import observe
from tasks.capacity import acquire
from tasks.provision import release

RUN_ID = "first-node-bench"
LONGEST = 120


def measure() -> tuple[Promise, ...]:
    """One node, on demand; what comes after it is not counted."""
    workload = {"name": "small", "kind": "train", "model": "mlp", "slice": "small"}
    spec = read({"name": "first-node", "workloads": [workload], "capacity": {"markets": ["on-demand"]}})
    plan = draw(spec, RUN_ID)
    begun = time.perf_counter()
    with placed(spec, RUN_ID, tell=lambda _: None) as place:
        opened = time.perf_counter()
        acquire.fn(place, spec, plan)
        held = time.perf_counter()
        while not any(node.ready for node in observe.nodes(place, RUN_ID, RELEASES[spec.release])):
            if time.perf_counter() > begun + LONGEST:
                raise TimeoutError(f"no node is Ready after {LONGEST} s")
            time.sleep(0.1)
        ready = time.perf_counter()
        release.fn(place, RUN_ID)
    parts = f"open {opened - begun:.1f}, capacity {held - opened:.1f}, boot {ready - held:.1f}"
    return (Promise(what=f"World to first Ready node ({parts})", measured=ready - begun, most=20, unit="s"),)
