"""The main job with everything cached, cluster and platform raised by it: how long `mig run` takes."""

import subprocess
import sys
import time
from pathlib import Path

from bench.promise import Promise

SPEC = Path("deployments/specs/rehearsal.yaml")


def measure() -> tuple[Promise, ...]:
    """One whole run, as a person starts it."""
    begun = time.perf_counter()
    command = [str(Path(sys.executable).parent / "mig"), "run", str(SPEC)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    return (Promise(what=f"mig run {SPEC}", measured=seconds, most=200, unit="s"),)
