"""Promises of tables in a shell: whole lines for a program to read, where there is no terminal."""

import pytest

from flows.tables import show


def test_a_row_is_a_line_with_each_value_named(capsys: pytest.CaptureFixture[str]) -> None:
    """However long, it is one line: nothing is wrapped or cut."""
    show([{"node": "n" * 200, "total": 3}, {"node": "m", "total": 4}], title="slices")

    assert ["n" * 200 + "  total 3", "m  total 4"] == capsys.readouterr().out.splitlines()


def test_no_row_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody takes an empty answer for a broken one."""
    show([], title="slices")

    assert "slices: none\n" == capsys.readouterr().out
