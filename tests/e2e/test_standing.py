"""From an account that has nothing: a run raises cluster and platform, works on them, and everything goes again."""

import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infra.actions import table
from rehearsal import private
from rehearsal.aws.account import CLUSTER
from rehearsal.aws.calls import called
from rehearsal.aws.cloud import Cloud
from rehearsal.clock import Clock
from rehearsal.node.instance import Instance
from tasks.connect import attach, aws
from tests.e2e.test_story import MIG, TINY, request, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


BESIDE_A_RUN = table().calls["platform"] - table().calls["runs"] - {"ec2:DescribeTags"}
"""What raising and lowering call; tags are asked for after an interruption alone."""

OF_OUR_OWN = [{"name": "whole", "slice": "4g.20gb", **TINY}, {"name": "part", "slice": "1g.10gb", **TINY}]
"""Slices that no shipped geometry has together."""

PURPOSES = ("cluster", "node", "workload")
"""Of the roles that a run finds by their names."""


class NoMachines:
    """An account in which nothing is launched."""

    def boot(self, instance: Instance) -> None:
        """Never asked for."""

    def terminate(self, instance_id: str) -> None:
        """Never asked for."""


def looks(client: Callable[[str], Any], cluster: str) -> dict[str, Any]:
    """What a run looks at of its cluster in AWS: versions, who is let in, zones, roles; by calls that it makes, too."""
    seen = client("eks").describe_cluster(name=cluster)["cluster"]
    subnets = client("ec2").describe_subnets(SubnetIds=seen["resourcesVpcConfig"]["subnetIds"])["Subnets"]
    roles = [client("iam").get_role(RoleName=f"{cluster}-{each}")["Role"]["RoleName"] for each in PURPOSES]
    return {
        "version": seen["version"],
        "access": seen["accessConfig"]["authenticationMode"],
        "support": seen["upgradePolicy"],
        "status": seen["status"],
        "zones": sorted(subnet["AvailabilityZone"] for subnet in subnets),
        "roles": roles,
    }


def ready_made(folder: Path) -> dict[str, Any]:
    """The same of an account that has a cluster from the start."""
    cloud = Cloud(folder=private.folder(folder / "cloud"), clock=Clock(60))
    cloud.start(NoMachines())
    try:
        return looks(cloud.client, CLUSTER)
    finally:
        cloud.stop()


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A World whose account has no cluster yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("MIG_WORLD", raising=False)
    address = mig("world", "open", "--bare").strip()
    monkeypatch.setenv("MIG_WORLD", address)
    yield address
    mig("world", "close", address)


def mig(*words: str) -> str:
    """What a command answers when it ends well."""
    done = subprocess.run([MIG, *words], capture_output=True, text=True, check=False, env=os.environ)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_a_run_raises_what_it_stands_on_and_lowering_leaves_nothing(bare: str, tmp_path: Path) -> None:
    """It says what it raises, by the pair that it names; lowering leaves nothing; and the policies allow all of it."""
    code, report, said = run(tmp_path, request(release="article", workloads=OF_OUR_OWN))

    assert (0, "succeeded") == (code, report["status"]), said
    assert "platform: 34 to create" in said
    assert report["plan"]["nodes"][0]["config_name"].startswith("mig-")
    assert ["4g.20gb", "1g.10gb"] == [workload["profile"] for workload in report["workloads"]]
    site = attach(bare)
    assert looks(partial(aws, site), site.cluster) == ready_made(tmp_path)
    assert ["plan", "connect", "platform", "capacity"] == [phase["name"] for phase in report["phases"]][:4]
    file = str(tmp_path / "spec.yaml")
    assert "release: article" in mig("platform", "show", file)
    mig("platform", "down", file)
    assert "cluster-mig" not in mig("platform", "show", file)
    assert BESIDE_A_RUN == set(called(Path(bare).parent)["runs"]) - table().calls["runs"]
