"""The programs of what outlives runs, before and while they run."""

import subprocess
import sys

WARMED = """
import sys
from infra import cluster, platform, programs
from mig.release import CURRENT
from tests.infra.conftest import recorded
from tests.infra.test_cluster import ARGS
from tests.tasks.test_platform import WANTED

programs.warm(*programs.layers(WANTED))
before = set(sys.modules)
recorded(cluster.program(ARGS))
recorded(platform.program(platform.PlatformArgs(cluster="mig", release=CURRENT, kubeconfig="{}")))
print(sorted(name for name in set(sys.modules) - before if name.count(".") > 2 and "pulumi" in name))
"""


def test_warm() -> None:
    """The programs find imported whatever they need of the SDKs."""
    done = subprocess.run([sys.executable, "-c", WARMED], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout
