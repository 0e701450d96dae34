"""Promises of `mig platform` and `mig token`: what is printed where, and which exit code it ends with."""

import json
import sys
from pathlib import Path

import pytest

from flows import cli
from mig.changes import Change, Changes
from mig.errors import Refused
from tasks import account, connect, platform
from tasks.connect import Site
from tasks.platform import Foreseen

SITE = Site(target="rehearsal", address="w", region="us-east-1", bucket="b", cluster="mig", time_scale=60, simulated=())
CLUSTER = Change(action="create", kind="aws:eks/cluster:Cluster", name="cluster")
SPEC = Path(__file__).parents[2] / "deployments/specs/rehearsal.yaml"


def mig(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """`mig WORDS`, answering with its exit code."""
    monkeypatch.setattr(sys, "argv", ["mig", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place where nothing stands in the way of anything."""
    monkeypatch.setattr(connect, "standing_for", lambda _: SITE)
    monkeypatch.setattr(connect, "kubeconfig", lambda _: "kind: Config\n")
    monkeypatch.setattr(account, "checked", lambda *_: None)
    monkeypatch.setattr(platform, "layers", lambda *_: ())
    foreseen = Foreseen(by_layer={"cluster": Changes(changes=(CLUSTER,), unchanged=("aws:iam/role:Role",))})
    monkeypatch.setattr(platform, "foresee", lambda *_: foreseen)
    monkeypatch.setattr(platform, "standing", lambda *_: {"cluster-mig": {"endpoint": "https://1"}})


def test_a_preview_ends_with_a_number_per_action(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each change is a line; then what it would cost an hour beside the GPU nodes; then the numbers."""
    assert 0 == mig(monkeypatch, "platform", "preview", str(SPEC))

    first, *_, standing, last = capsys.readouterr().out.splitlines()
    assert "cluster: create aws:eks/cluster:Cluster cluster" == first
    assert standing.startswith("standing: $0.10 an hour")
    assert "of the $21.96 an hour of the planned GPU nodes" in standing
    assert "1 to create, 0 to update, 0 to replace, 0 to delete, 1 unchanged" == last


def test_what_the_account_cannot_carry_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one sentence."""

    def refuse(*_: object) -> None:
        raise Refused("AWS", "there are no credentials")

    monkeypatch.setattr(account, "checked", refuse)

    assert 2 == mig(monkeypatch, "platform", "preview", str(SPEC))
    assert ("", "refused: AWS: there are no credentials\n") == capsys.readouterr()


def test_what_stands_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Stack by stack, as YAML."""
    assert 0 == mig(monkeypatch, "platform", "show", str(SPEC))
    assert "cluster-mig:\n  endpoint: https://1\n" == capsys.readouterr().out


def test_a_kubeconfig_is_its_owners_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a rehearsal there is a key in it; the last line says how to use the file."""
    file = tmp_path / "config"

    assert 0 == mig(monkeypatch, "platform", "kubeconfig", str(SPEC), "--file", str(file))
    assert ("kind: Config\n", 0o600) == (file.read_text(encoding="utf-8"), file.stat().st_mode & 0o777)
    assert f"export KUBECONFIG={file}\n" == capsys.readouterr().out


def test_a_token_is_the_whole_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output holds the credential plugin's answer, and nothing else."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    assert 0 == mig(monkeypatch, "token", "mig", "--region", "eu-west-1")
    assert "ExecCredential" == json.loads(capsys.readouterr().out)["kind"]
