"""Promises of the shell where nothing is started: what is planned, what is refused, and with which exit code."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import cli

ROOT = Path(__file__).parents[2]
MAIN = ROOT / "deployments/specs/rehearsal.yaml"
ARTICLE = ROOT / "deployments/specs/article.yaml"


Shell = Callable[..., int]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    """`mig WORDS`, answering with its exit code."""

    def call(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["mig", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return call


@pytest.mark.parametrize("spec", [MAIN, ARTICLE], ids=["the main job", "the article's"])
def test_a_ready_made_request_can_be_planned(shell: Shell, spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each request that comes with the project is planned on one node, in a few lines."""
    assert 0 == shell("plan", str(spec))
    assert "p4d.24xlarge" in capsys.readouterr().out


def test_a_plan_as_json_is_the_whole_answer(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output holds the plan as the report has it, and nothing else."""
    shell("plan", str(MAIN), "--json")

    answer = capsys.readouterr()
    assert "all-balanced" == json.loads(answer.out)["nodes"][0]["config_name"]
    assert "" == answer.err


def test_a_policy_is_the_whole_answer(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output holds what IAM reads, for the names that were given."""
    shell("permissions", "roles", "--account", "123456789012", "--cluster", "lab")

    answer = capsys.readouterr()
    roles = {arn for statement in json.loads(answer.out)["Statement"] for arn in statement["Resource"] if arn != "*"}
    assert "arn:aws:iam::123456789012:role/lab-worker" in roles
    assert "" == answer.err


def test_a_policy_that_iam_would_not_take_is_said(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """Very long names make it too long for a managed policy: there are other ways to give it."""
    shell("permissions", "cluster", "--account", "123456789012", "--cluster", "c" * 100)

    assert "IAM takes 6144 in a managed policy: give it to a role inline" in capsys.readouterr().err


def test_a_plan_for_mig_parted_is_its_file(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output holds the config file that nvidia-mig-parted reads."""
    shell("plan", str(MAIN), "--mig-parted")

    config: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    assert ("v1", ["all-balanced"]) == (config["version"], list(config["mig-configs"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("name: x\na: [", "is no YAML: line 2, column 5: ", id="no YAML"),
        pytest.param("- a\n- b\n", "holds no mapping", id="a list"),
        pytest.param("", "holds no mapping", id="nothing"),
        pytest.param("workload: []\n", "refused: workload: unknown field; accepted: workloads", id="a misspelt field"),
    ],
)
def test_a_file_that_is_no_request_is_refused(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    """The shell ends with exit code 2 and one sentence."""
    file = tmp_path / "spec.yaml"
    file.write_text(text, encoding="utf-8")

    assert 2 == shell("run", str(file))
    (sentence,) = capsys.readouterr().err.splitlines()
    assert expected in sentence


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param("max_usd=1", "refused: max_usd: ", id="too small a budget"),
        pytest.param("workloads.0.slice=9g", "refused: workloads[0].slice: ", id="no slice"),
        pytest.param("max_usd", "refused: --set: ", id="a setting without a value"),
        pytest.param("target=existing", "refused: target: existing is planned", id="a later target"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_refused(
    shell: Shell, capsys: pytest.CaptureFixture[str], setting: str, expected: str
) -> None:
    """Before anything is started the shell ends with exit code 2, its last line the sentence with the field."""
    assert 2 == shell("run", str(MAIN), "--set", setting)

    answer = capsys.readouterr()
    assert answer.err.splitlines()[-1].startswith(expected)
    assert "" == answer.out


def test_on_aws_there_is_no_world_to_keep(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that would have no effect is refused, before anything is started."""
    assert 2 == shell("run", str(MAIN), "--set", "target=eks", "--keep")
    assert "refused: --keep: with target eks there is no World" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("words", [["teardown", "r-1"], ["sweep"], ["slices"]])
def test_a_place_that_cannot_be_reached_yet_is_refused(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """What looks for runs elsewhere takes the place of a request, and says which it cannot reach."""
    file = tmp_path / "spec.yaml"
    file.write_text("target: existing\n", encoding="utf-8")

    assert 2 == shell(*words, "--where", str(file))
    assert capsys.readouterr().err.startswith("refused: target: existing cannot be reached yet; accepted: ")


def test_a_file_that_is_not_there_is_refused(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence names the file."""
    assert 2 == shell("plan", "/not/there.yaml")
    assert "refused: SPEC: /not/there.yaml cannot be read: No such file or directory;" in capsys.readouterr().err


def test_slices_of_nowhere_are_refused(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence names the variable and what it holds."""
    monkeypatch.delenv("MIG_WORLD", raising=False)

    assert 2 == shell("slices")
    assert capsys.readouterr().err.startswith("refused: MIG_WORLD: names no World; accepted: ")


@pytest.mark.parametrize("words", [["deploy"], ["serve"]])
def test_deployments_that_are_not_there_are_refused(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """The sentence names the file, and of server and World nothing was started for it."""
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")

    assert 2 == shell(*words, "/not/there.yaml")
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("refused: FILE: /not/there.yaml cannot be read")
