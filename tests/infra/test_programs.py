"""The programs of what outlives runs, before and while they run."""

import subprocess
import sys

WARMED = """
import sys
from infra import platform, programs
from mig.release import CURRENT
from tests.infra.conftest import recorded

programs.warm()
before = set(sys.modules)
recorded(platform.program(platform.PlatformArgs(cluster="mig", release=CURRENT, kubeconfig="{}")))
print(sorted(name for name in set(sys.modules) - before if name.count(".") > 2 and "pulumi" in name))
"""


def test_warm() -> None:
    """The platform's program finds imported whatever it needs of the SDK."""
    done = subprocess.run([sys.executable, "-c", WARMED], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout
