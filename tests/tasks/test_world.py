"""Promises of the one seam to the stage: a program that is opened, asked and closed."""

import os
import sys
from pathlib import Path

import pytest

from mig.errors import Failed
from tasks import world

STAGE = """
import os, sys
verb, *words = sys.argv[1:]
print(" ".join(sys.argv[1:]), file=open(os.environ["ASKED"], "a"))
if "--standing" in words:
    print(sys.stdin.read(), file=open(os.environ["ASKED"], "a"))
print(f"starting to {verb}\\nno room to {verb}", file=sys.stderr)
sys.stdout.write(sys.stdin.read() if verb == "enroll" else "/private/world.json\\n")
sys.exit(verb in os.environ.get("CANNOT", "").split())
"""
"""Stands for the stage: notes what it was asked, says two lines, answers, and fails at what it cannot."""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the stage was asked, a line each."""
    file = tmp_path / "asked"
    file.touch()
    monkeypatch.setenv("ASKED", str(file))
    monkeypatch.setattr(world, "_command", lambda *words: [sys.executable, "-c", STAGE, *words])
    return file


def test_a_world_is_closed_at_the_end(asked: Path) -> None:
    """A World of our own is opened with us as its owner, known by its private file, and closed."""
    with world.opened(60, lambda _: None) as address:
        assert "/private/world.json" == address

    assert [f"open --time-scale 60 --owner {os.getpid()}", "close /private/world.json"] == lines(asked)


def test_a_world_is_told_what_stands_in_it(asked: Path) -> None:
    """Where something shall stand from the start, the stage reads it from its input."""
    with world.opened(60, lambda _: None, standing='{"objects": []}'):
        pass

    assert [f"open --time-scale 60 --owner {os.getpid()} --standing", '{"objects": []}'] == lines(asked)[:2]


def test_a_world_is_closed_whatever_happens(asked: Path) -> None:
    """An error inside passes through, and the World is closed all the same."""
    with pytest.raises(RuntimeError, match="^trouble$"), world.opened(60, lambda _: None):
        raise RuntimeError("trouble")

    assert "close /private/world.json" == lines(asked)[-1]


def test_a_world_that_is_kept_has_no_owner_and_stays(asked: Path) -> None:
    """Who keeps a World is told how to close it."""
    told: list[str] = []

    with world.opened(30, told.append, keep=True):
        pass

    assert ["open --time-scale 30"] == lines(asked)
    assert "the World stays open; close it with: mig world close /private/world.json" == told[-1]


@pytest.mark.usefixtures("asked")
def test_people_are_told_what_the_stage_says_while_it_opens() -> None:
    """Each line that the stage says is passed on."""
    told: list[str] = []

    with world.opened(60, told.append):
        assert ["starting to open", "no room to open"] == told


def test_a_world_that_does_not_open_says_why(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is the stage's last sentence; what never opened is not closed."""
    monkeypatch.setenv("CANNOT", "open")

    with pytest.raises(Failed, match="^connect: no room to open$"), world.opened(60, lambda _: None):
        pytest.fail("it did open")

    assert 1 == len(lines(asked))


@pytest.mark.usefixtures("asked")
def test_what_the_stage_is_told_comes_back_as_it_answers() -> None:
    """A conversation is one text in and one text out."""
    assert '{"run_id": "r-1"}' == world.ask("enroll", "/private/world.json", told='{"run_id": "r-1"}')


@pytest.mark.usefixtures("asked")
def test_what_the_stage_cannot_do_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the verb and the stage's last sentence."""
    monkeypatch.setenv("CANNOT", "enroll")

    with pytest.raises(Failed, match="^connect: the World could not enroll: no room to enroll$"):
        world.ask("enroll", "/private/world.json")


@pytest.mark.parametrize(("said", "expected"), [(None, ""), ("/private/world.json", "/private/world.json")])
def test_a_world_may_be_given(said: str | None, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts the process may name a World that is open already."""
    monkeypatch.delenv("MIG_WORLD", raising=False)
    if said:
        monkeypatch.setenv("MIG_WORLD", said)

    assert expected == world.given()


def lines(file: Path) -> list[str]:
    """What is in a file."""
    return file.read_text(encoding="utf-8").splitlines()
