"""The pod's entry points, as the processes that they are."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from training.contract import Orders

ROOT = Path(__file__).parents[2]


def started(module: str, orders: Orders, folder: Path, **differs: str) -> subprocess.Popen[str]:
    """A pod's process, with its orders."""
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **orders.to_env(), **differs},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("module", ["training.packages", "training.data", "training.run"])
def test_wrong_orders_are_told_at_once(module: str, told: Callable[..., Orders], tmp_path: Path) -> None:
    """Exit code 42 and one sentence, long before anything is downloaded or torch is imported."""
    process = started(module, told(), tmp_path, MIG_MODEL="vgg")

    out, err = process.communicate(timeout=20)
    failed = {"type": "event", "event": "failed", "why": "MIG_MODEL: 'vgg' is none of resnet18, resnet18-32, cnn, mlp"}
    assert (42, "", failed) == (process.returncode, err, json.loads(out))


@pytest.mark.e2e
def test_the_init_container_leaves_the_data_set(told: Callable[..., Orders], staged: str, tmp_path: Path) -> None:
    """In `data/` of the working directory, and says where it came from."""
    process = started("training.data", told(), tmp_path)

    out, _ = process.communicate(timeout=60)
    assert 0 == process.returncode
    assert ("data", staged) == (json.loads(out)["event"], json.loads(out)["source"])
    assert 4 == len(list((tmp_path / "data").iterdir()))


@pytest.mark.e2e
def test_a_data_set_that_is_not_there_is_a_failure(told: Callable[..., Orders], tmp_path: Path) -> None:
    """Another try may find it: exit code 1, and one sentence that begins with the address and tells no secret."""
    process = started("training.data", told(), tmp_path, AWS_SECRET_ACCESS_KEY="not-to-be-told")

    out, err = process.communicate(timeout=60)
    assert (1, "") == (process.returncode, err)
    assert "not-to-be-told" not in out
    assert ("failed", True) == (
        json.loads(out)["event"],
        json.loads(out)["why"].startswith(f"{told().data}/SHA256SUMS: "),
    )


@pytest.mark.e2e
def test_a_pod_trains_to_its_end(told: Callable[..., Orders], pod: Path) -> None:
    """Exit code 0, the result in the last line, and nothing but answers on standard output."""
    process = started("training.run", told(), pod)

    out, err = process.communicate(timeout=120)
    assert (0, "") == (process.returncode, err)
    assert ("result", True) == tuple(json.loads(out.splitlines()[-1])[name] for name in ("type", "finished"))


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("differs", "until"),
    [
        pytest.param({"epochs": 10_000}, '"epoch",', id="a training"),
        pytest.param({"kind": "infer", "seconds": 10_000.0}, '"serving"', id="a service"),
        pytest.param({"kind": "infer", "model_from": "{bucket}/nothing"}, '"waiting"', id="a service without a model"),
    ],
)
def test_sigterm_ends_a_pod_with_its_figures(
    differs: dict[str, object], until: str, told: Callable[..., Orders], bucket: str, pod: Path
) -> None:
    """Exit code 143, so that no Job takes it for finished, and a result that says so."""
    filled = {name: value.format(bucket=bucket) if isinstance(value, str) else value for name, value in differs.items()}
    process = started("training.run", told(**filled), pod)
    assert process.stdout is not None

    while until not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)

    out, err = process.communicate(timeout=60)
    assert (143, "") == (process.returncode, err)
    assert ("result", False) == tuple(json.loads(out.splitlines()[-1])[name] for name in ("type", "finished"))
