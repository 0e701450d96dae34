"""Promises of a process that has an owner: it goes on at its owner's word, and not without an owner."""

import os
from collections.abc import Iterator

import pytest

from flows.owned import begin, begun, owned


@pytest.fixture
def given() -> Iterator[int]:
    """The end of a pipe that an owner would write to; the other is this process's standard input."""
    read, write = os.pipe()
    usual = os.dup(0)
    os.dup2(read, 0)
    yield write
    os.dup2(usual, 0)
    for each in (read, usual):
        os.close(each)


def test_it_goes_on_at_its_owners_word(given: int) -> None:
    """A line on its standard input."""
    os.write(given, b"\n")
    os.close(given)

    assert begun()


def test_it_does_not_go_on_when_its_owner_has_gone(given: int) -> None:
    """An owner that ends, or is killed, before its word."""
    os.close(given)

    assert not begun()


def test_the_word_to_one_that_has_ended_is_no_error() -> None:
    """Whoever waits for it finds out by its exit code."""
    with owned("mig", settings={}) as process:
        process.wait()
        begin(process)
        assert process.returncode != 0
