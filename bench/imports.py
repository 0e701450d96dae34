"""
Importing the pipeline, against importing Prefect's own flow engine; what must not come along is looked for.

Counted in seconds of the processor: an import waits for nothing, and a busy machine changes the wall's seconds more.
"""

import json
import statistics
import subprocess
import sys

from bench.promise import Promise

ROUNDS = 5
PROGRAM = (
    "import json, sys, time; begun = time.process_time(); import {module};"
    "print(json.dumps([time.process_time() - begun, list(sys.modules)]))"
)
UNWANTED = ("torch", "pulumi", "pulumi_aws", "ortools")


def measure() -> tuple[Promise, ...]:
    """In pairs, so that a machine whose speed drifts is fair to both."""
    pairs = [(_imported("flows.pipeline")[0], _imported("prefect.flow_engine")[0]) for _ in range(ROUNDS)]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    along = [name for name in UNWANTED if name in _imported("flows.pipeline")[1]]
    return (
        Promise(what="flows.pipeline / prefect.flow_engine", measured=ratio, most=1.5, unit="x"),
        Promise(what=f"heavy libraries that come along {along or ''}", measured=len(along), most=0.0, unit="modules"),
    )


def _imported(module: str) -> tuple[float, list[str]]:
    command = [sys.executable, "-c", PROGRAM.format(module=module)]
    seconds, modules = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return seconds, modules
