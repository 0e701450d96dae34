"""Promises of what is written down of a run: where it takes place, its report, its leases."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mig.spec import Workload
from tasks import publish
from tasks.connect import Site

SITE = Site(
    target="rehearsal",
    address="/private/world.json",
    region="us-east-1",
    bucket="b",
    cluster="mig",
    time_scale=60,
    simulated=("AWS is simulated", "the nodes are simulated"),
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are written beneath the folder in which one is."""
    monkeypatch.chdir(tmp_path)


def test_a_teardown_finds_where_the_run_took_place() -> None:
    """What was recorded of a run is read back as the same value."""
    publish.record(SITE, "r-1")

    assert SITE == publish.recorded("r-1")


def test_recording_again_keeps_the_newest() -> None:
    """A run that is recorded twice took place where it was recorded last."""
    publish.record(SITE, "r-1")
    moved = replace(SITE, address="/private/other.json")
    publish.record(moved, "r-1")

    assert moved == publish.recorded("r-1")


def test_runs_are_recorded_apart() -> None:
    """A run that left no record here has none, whatever others left."""
    publish.record(SITE, "r-1")

    assert publish.recorded("r-2") is None


def test_the_record_holds_names_only() -> None:
    """The record says where the private file lies, and nothing of what is in it."""
    publish.record(SITE, "r-1")

    expected = {**asdict(SITE), "simulated": list(SITE.simulated)}
    assert expected == json.loads(Path("runs/r-1/site.json").read_text(encoding="utf-8"))


def test_the_report_lies_beside_the_record(tmp_path: Path) -> None:
    """A report's path is absolute: whoever reads the last line of a run may be anywhere."""
    publish.record(SITE, "r-1")

    path = publish.report_path("r-1")

    assert tmp_path / "runs" / "r-1" / "report.json" == path
    assert (path.parent / "site.json").exists()


def test_a_workloads_files_are_a_click_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pods' whole logs come first, each as a link; a great many are counted."""
    pages: dict[str, str] = {}
    monkeypatch.setattr(publish, "link", lambda _, address: address.replace("s3://", "http://s3.test/"))
    monkeypatch.setattr(publish, "create_markdown_artifact", lambda page, key, **_: pages.update({key: page}))
    models = [f"s3://b/model-{at}.pt" for at in range(publish.MOST_FILES + 4)]

    publish.publish_files(SITE, Workload(name="small"), [*models, "s3://b/logs/small-0.log"])

    title, _, first, *rest = pages["files-small"].splitlines()
    assert ("What small left:", "- [small-0.log](http://s3.test/b/logs/small-0.log)") == (title, first)
    assert "- and 5 more" == rest[-1]
