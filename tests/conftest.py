"""
What holds for every test.

Ctrl-C reaches the programs that a test starts: a shell that put the tests into its background has it ignored, and a
program inherits that. No test and no program of a test sees a GPU of the machine: what they promise to the last bit is
promised of a processor. `make bench-gpu` is for GPUs.
"""

import os
import signal
from collections.abc import Generator

import pytest

signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a machine is asked for that is meant to have everything."""
    parser.addoption("--pictures", action="store_true", help="write the pictures of docs/ from what the tests look at")
    parser.addoption("--no-skips", action="store_true", help="a test that would be skipped fails, with what it lacks")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say of a skipped test that it failed, where nothing is to be skipped."""
    report = yield
    if report.skipped and item.config.getoption("--no-skips"):
        report.outcome = "failed"
    return report
