"""The World's file."""

from pathlib import Path

import pytest

from rehearsal.address import Address
from rehearsal.errors import StageError
from rehearsal.process import Process


def test_round_trip(tmp_path: Path) -> None:
    """What is written is read back, and is for its owner alone."""
    address = Address(
        keeper=Process(10, 1000),
        guard=Process(9, 999),
        folder=tmp_path,
        time_scale=60.0,
        simulated=("the clock runs fast",),
        environment={"AWS_REGION": "us-east-1"},
    )

    file = address.write()

    assert address == Address.read(file)
    assert 0o600 == file.stat().st_mode & 0o777


def test_account(tmp_path: Path) -> None:
    """What leads to the account is what leads to a real one: not the World's own S3 server, state or kubeconfig."""
    own = {"AWS_ENDPOINT_URL_S3": "http://1", "KUBECONFIG": "k", "PULUMI_BACKEND_URL": "file:///s", "MIG_BUCKET": "b"}
    shared = {
        "AWS_ACCESS_KEY_ID": "A",
        "AWS_SECRET_ACCESS_KEY": "S",
        "AWS_ENDPOINT_URL": "http://2",
        "AWS_REGION": "us-east-1",
        "PULUMI_DEBUG_PROVIDERS": "aws:1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    address = Address(
        keeper=Process(10, 1000),
        guard=Process(9, 999),
        folder=tmp_path,
        time_scale=60.0,
        simulated=(),
        environment={**own, **shared, "MIG_PULUMI_ROOT": "/engine"},
    )

    assert {**shared, "AWS_DEFAULT_REGION": "us-east-1", "PATH": "/engine/bin"} == address.account()


def test_not_there(tmp_path: Path) -> None:
    """Without a World the sentence says how to get one."""
    with pytest.raises(StageError, match="no World is open there; open one: mig world open"):
        Address.read(tmp_path / "world.json")


@pytest.mark.parametrize("text", ["", "[]", '{"pid": 1}'], ids=["empty", "another kind", "something missing"])
def test_another_file(text: str, tmp_path: Path) -> None:
    """A file that is no World's is refused by its name."""
    file = tmp_path / "spec.yaml"
    file.write_text(text)

    with pytest.raises(StageError, match=r"spec\.yaml is not the file of a World"):
        Address.read(file)
