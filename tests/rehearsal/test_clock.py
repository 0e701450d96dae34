"""The compressed clock."""

import threading

import pytest

from rehearsal.clock import Clock


def test_time_is_compressed() -> None:
    """A simulated minute takes a wall second at scale 60, and is measured as a minute."""
    clock = Clock(scale=6000)
    before = clock.now()

    clock.sleep(60)

    assert clock.now() - before >= 60


@pytest.mark.parametrize("stopped", [True, False], ids=["told to stop: it returns at once", "let be: it sleeps"])
def test_stop(*, stopped: bool) -> None:
    """A sleep says whether it was cut short."""
    stop = threading.Event()
    if stopped:
        stop.set()

    assert stopped == Clock(scale=6000).sleep(3600 if stopped else 6, stop)
