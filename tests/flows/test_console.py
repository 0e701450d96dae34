"""Promises of what a run writes: it goes on when nobody reads that any more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLASS = "PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS"
UNREAD = "flows.console.Unread"
RUN = """
import prefect.main, logging, sys
from prefect.logging.configuration import setup_logging
setup_logging()
sys.stdin.read()
for line in ("one", "two"):
    logging.getLogger("prefect").warning(line)
open(sys.argv[1], "w").write("went on")
"""
"""A process that writes lines as a run does, once its reader has gone."""


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        pytest.param({CLASS: UNREAD}, True, id="as we deploy it"),
        pytest.param({}, False, id="as Prefect does: when this goes on, too, ours is needed no more"),
    ],
)
def test_a_run_outlives_whoever_reads_it(handler: dict[str, str], expected: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """A worker that is killed takes no run with it, in the middle of a teardown perhaps."""
    mark = tmp_path / "mark"
    listens, writes = os.pipe()
    environment = {**os.environ, **handler, "PREFECT_HOME": str(tmp_path)}
    command = [sys.executable, "-c", RUN, str(mark)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=writes, stderr=writes
    ) as run:
        os.close(writes)
        os.close(listens)
        run.communicate(timeout=120)

    assert expected == mark.exists()


def test_every_deployment_is_so() -> None:
    """Whoever adds one to prefect.yaml gives its runs that handler."""
    entries = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]

    assert [] == [each["name"] for each in entries if UNREAD != each["work_pool"]["job_variables"]["env"].get(CLASS)]
