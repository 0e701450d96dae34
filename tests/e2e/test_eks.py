"""
Target eks, whole: on an account that answers at an address, reached by what leads to a real one and by nothing else.

The account is a World's, simulated; its clock runs 600 times as fast as the run believes: deadlines are only longer.
State and results lie in its own S3, secrets under its KMS, Kubernetes takes the tokens of `mig token`.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from kubernetes.client import ApiClient, ApiException, Configuration, CoreV1Api
from kubernetes.config import load_kube_config

from flows.server import server
from mig import labels
from tasks.dataset import CACHE
from tests.e2e.test_story import MIG, Ended, request

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account, as a person has it, and the one run in it."""

    bucket: str
    spec: Path
    said: Path
    """What the run says, while it says it."""
    running: "subprocess.Popen[str]"

    def stands(self) -> None:
        """Return when the run has raised what it stands on: it looks at its nodes for a minute then."""
        while "mig.capacity.granted" not in self.said.read_text(encoding="utf-8"):
            assert self.running.poll() is None, self.said.read_text(encoding="utf-8")
            time.sleep(0.5)

    @cached_property
    def ran(self) -> Ended:
        """Exit code, report, and everything that was said, when it has ended."""
        answer, _ = self.running.communicate()
        said = self.said.read_text(encoding="utf-8") + answer
        last = (answer.splitlines() or [""])[-1]
        assert last.startswith("report: "), said
        report = json.loads(Path(last.removeprefix("report: ")).read_text(encoding="utf-8"))
        return self.running.returncode, report, said

    def states(self) -> dict[str, dict[str, Any]]:
        """Pulumi's state of each stack."""
        s3 = boto3.client("s3")
        listed = s3.list_objects_v2(Bucket=self.bucket, Prefix=".pulumi/stacks/").get("Contents", ())
        keys = [each["Key"] for each in listed if each["Key"].endswith(".json")]
        bodies = {key: s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}
        return {Path(key).stem: json.loads(body)["checkpoint"]["latest"] for key, body in bodies.items()}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account that had nothing, in which `mig bootstrap` was done, and now a run is at work."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("eks")
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        patch.setenv("PREFECT_HOME", str(folder / "prefect"))
        patch.delenv("MIG_WORLD", raising=False)
        with opened(folder) as address, server():
            _as_a_person(patch, address, folder / "home")
            bucket = mig("bootstrap").split("s3://")[1].split()[0]
            spec, said = folder / "spec.yaml", folder / "said"
            place = {"target": "eks", "eks": {"reached_from": ["203.0.113.7/32"]}}
            spec.write_text(yaml.safe_dump({**request(name="aws"), **place}), encoding="utf-8")
            with said.open("w") as heard:
                command = [MIG, "run", str(spec)]
                running = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=heard, text=True)
            with running:
                yield Account(bucket=bucket, spec=spec, said=said, running=running)
                running.terminate()


@contextmanager
def opened(folder: Path) -> Iterator[str]:
    """A World whose account is bare, by its file."""
    with subprocess.Popen(
        [MIG, "world", "open", "--bare", "--time-scale", "600"], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as opening:
        address = (opening.stdout.read() if opening.stdout else "").strip()
    try:
        yield address
    finally:
        mig("world", "close", address)


def _as_a_person(patch: pytest.MonkeyPatch, address: str, home: Path) -> None:
    """The environment of somebody who has an account, an engine on PATH, and a home with nothing but the data set."""
    cache = home / CACHE.relative_to("~")
    cache.parent.mkdir(parents=True)
    cache.symlink_to(CACHE.expanduser())
    patch.setenv("HOME", str(home))
    said = f"{mig('world', 'account', address)}env -0"
    shell = subprocess.run(["bash", "-c", said], capture_output=True, text=True, check=True)
    for name, _, value in (each.partition("=") for each in shell.stdout.split("\0")):
        if name.startswith(("AWS_", "PULUMI_")) or name == "PATH":
            patch.setenv(name, value)


def mig(*words: str, **changed: str) -> str:
    """What a command answers when it ends well."""
    env = {**os.environ, **changed}
    done = subprocess.run([MIG, *words], capture_output=True, text=True, check=False, env=env)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_another_machine_finds_the_state(account: Account, tmp_path: Path) -> None:
    """Somebody else's home has nothing of it: what stands is shown; a preview reads the secrets and finds no change."""
    account.stands()
    elsewhere = {"HOME": str(tmp_path)}

    assert "release: current" in mig("platform", "show", str(account.spec), **elsewhere)
    assert "0 to create, 0 to update, 0 to replace, 0 to delete" in mig(
        "platform", "preview", str(account.spec), **elsewhere
    )


def test_kubernetes_by_token(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kubeconfig holds no secret: whoever has the account is let in by `mig token`, whoever has not is not."""
    account.stands()
    monkeypatch.setenv("PATH", f"{Path(MIG).parent}:{os.environ['PATH']}")
    file = tmp_path / "kubeconfig"
    mig("platform", "kubeconfig", str(account.spec), "--file", str(file))

    assert ["mig", "token", "mig", "--region", "us-east-1"] == _asks(file)
    assert "kube-system" in _namespaces(file)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guessed")
    with pytest.raises(ApiException) as refused:
        _namespaces(file)
    assert 401 == refused.value.status


def _asks(file: Path) -> list[str]:
    (user,) = yaml.safe_load(file.read_text(encoding="utf-8"))["users"]
    return [user["user"]["exec"]["command"], *user["user"]["exec"]["args"]]


def _namespaces(file: Path) -> set[str]:
    configuration = Configuration()
    load_kube_config(config_file=str(file), client_configuration=configuration)
    with ApiClient(configuration) as client:
        return {each.metadata.name for each in CoreV1Api(client).list_namespace().items}


def test_a_run_on_eks(account: Account) -> None:
    """It says what catches its nodes, raises what it stands on, works, takes its nodes down, and simulates nothing."""
    code, report, said = account.ran

    assert (0, "succeeded", "eks") == (code, report["status"], report["target"]), said
    assert ({"verified": True, "left": []}, [], 1) == (
        report["teardown"],
        report["simulated"],
        report["clock"]["scale"],
    )
    assert report["cost"]["rate_source"].startswith("on demand, Linux, us-east-1, AWS's price list of ")
    assert "nothing inside AWS acts yet" in said
    assert "platform: 34 to create" in said
    (address,) = (each for each in report["workloads"][0]["artifacts"] if each.endswith("model-1.pt"))
    assert address.startswith(f"s3://{account.bucket}/runs/{report['run_id']}/workloads/")


def test_state_and_results_are_in_the_bucket(account: Account) -> None:
    """The report lies beside the state; secrets in that are encrypted by the account's key, each time it is written."""
    boto3.client("s3").head_object(Bucket=account.bucket, Key=f"runs/{account.ran[1]['run_id']}/report.json")
    states = account.states()

    assert {"cluster-mig", "platform-mig"} == states.keys()
    assert {("cloud", "awskms://alias/mig-pipeline?region=us-east-1")} == {
        (state["secrets_providers"]["type"], state["secrets_providers"]["state"]["url"]) for state in states.values()
    }


def test_a_run_is_taken_down_from_anywhere(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its record, by the request's place alone: the run is known by what lies in the bucket."""
    monkeypatch.chdir(tmp_path)

    mig("teardown", account.ran[1]["run_id"], "--where", str(account.spec))


def test_lowered_there_is_what_bootstrap_made(account: Account) -> None:
    """Afterwards the account has its bucket and its key, and nothing else of ours."""
    mig("platform", "down", str(account.spec))

    assert ([], [account.bucket]) == (
        boto3.client("eks").list_clusters()["clusters"],
        [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]],
    )
    kms = boto3.client("kms")
    aliases = [each["AliasName"] for each in kms.list_aliases()["Aliases"]]
    assert [labels.STATE_KEY] == [name for name in aliases if not name.startswith("alias/aws/")]
    assert "Enabled" == kms.describe_key(KeyId=labels.STATE_KEY)["KeyMetadata"]["KeyState"]
    assert {} == account.states()
