"""Promises of what is not broken off: it goes on to its end, whatever it is at when somebody presses Ctrl-C."""

import signal

import pytest

from flows.unbroken import HEARD, unbroken


def test_who_asks_for_the_end_is_told_to_wait(capfd: pytest.CaptureFixture[str]) -> None:
    """Each signal is answered past every stream and log of Python's, and breaks nothing off."""
    with unbroken():
        for number in HEARD:
            signal.raise_signal(number)

    assert "taking the nodes down first\n" * len(HEARD) == capfd.readouterr().err


def test_signals_mean_again_what_they_meant_before() -> None:
    """Afterwards Ctrl-C ends what comes next."""
    with unbroken():
        pass

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
