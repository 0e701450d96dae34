"""What a run asks of the stage is found again by its name, and by no other run's."""

from pathlib import Path

import pytest

from rehearsal.faults import Enrolment, applies, enroll, enrolled

ASKED = Enrolment(
    run_id="demo-1",
    seed=7,
    faults=({"kind": "no_capacity", "market": "spot"}, {"kind": "mig_failed"}),
)


def test_returns_what_was_enrolled(tmp_path: Path) -> None:
    """What a run asked for comes back as it was written."""
    enroll(tmp_path, ASKED)

    assert ASKED == enrolled(tmp_path, "demo-1")


def test_another_run_is_untouched(tmp_path: Path) -> None:
    """A run that never enrolled has no faults, whatever the others asked."""
    enroll(tmp_path, ASKED)

    assert Enrolment(run_id="demo-2", seed=0, faults=()) == enrolled(tmp_path, "demo-2")


def test_file_is_private(tmp_path: Path) -> None:
    """Only its owner may read an enrolment."""
    path = enroll(tmp_path, ASKED)

    assert 0o600 == path.stat().st_mode & 0o777


def test_refuses_a_name_that_is_a_path(tmp_path: Path) -> None:
    """A run's name cannot lead out of the World's folder."""
    with pytest.raises(ValueError, match="no name of a run"):
        enrolled(tmp_path, "../../etc/passwd")


def test_faults_of_a_kind() -> None:
    """Each simulated part picks the faults that are meant for it."""
    assert ({"kind": "mig_failed"},) == ASKED.of("mig_failed")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param({}, True, id="a fault that names nothing hits everything"),
        pytest.param({"market": "spot"}, True, id="the market it names"),
        pytest.param({"market": "spot", "zone": ""}, True, id="an empty field narrows nothing"),
        pytest.param({"market": "on-demand"}, False, id="another market"),
        pytest.param({"market": "spot", "zone": "us-east-1b"}, False, id="the market, but another zone"),
    ],
)
def test_applies(fault: dict[str, str], expected: bool) -> None:  # noqa: FBT001 (a table's column)
    """A fault hits what agrees with every field that it names."""
    assert expected is applies(fault, market="spot", zone="us-east-1a")
