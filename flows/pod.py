"""
The first process of a flow run's pod: it starts what the worker asks for, and hands SIGTERM on to the flow.

A pod that is to end is told so by its first process alone. Prefect's (`prefect flow-run execute`, 3.8) either does not
listen, or kills the flow 30 s later. The flow itself takes its nodes down when it is told, and has the pod's whole
grace period for that. This knows nothing of the flow but that it leads a process group of its own.

    python -m flows.pod prefect flow-run execute
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path


def main(command: Sequence[str]) -> int:
    """Run the command to its end; its exit code, as a shell has it."""
    with subprocess.Popen(command) as process:
        signal.signal(signal.SIGTERM, lambda *_: hand_on(process.pid))
        code = process.wait()
    return code if code >= 0 else 128 - code


def hand_on(starter: int) -> None:
    """Tell the flow to end, and whatever it has started; before there is a flow, the one that is about to start it."""
    flows = list(_flows(starter))
    with suppress(ProcessLookupError):  # it has just ended by itself
        for group in flows:
            os.killpg(group, signal.SIGTERM)
        if not flows:
            os.kill(starter, signal.SIGTERM)


def _flows(starter: int) -> Iterator[int]:
    """Children that lead a group of their own."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = entry.read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has ended since
            continue
        parent, group = int(told[1]), int(told[2])
        if parent == starter and group == int(entry.parent.name):
            yield group


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
