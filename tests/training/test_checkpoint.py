"""Checkpoints: what one pod leaves is where another goes on."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from training.checkpoint import MANIFEST, Checkpoints
from training.contract import Orders, OrdersError, WorkloadError
from training.store import Folder, MissingError


def state(number: int) -> dict[str, torch.Tensor]:
    """A state that can be told from others."""
    return {"weights": torch.full((3,), float(number))}


def kept(orders: Orders) -> Checkpoints:
    """The checkpoints of a pod with these orders."""
    return Checkpoints(Folder(orders.folder), orders)


def test_a_new_training_has_none(told: Callable[..., Orders]) -> None:
    """Nothing to go on from is no error."""
    assert kept(told()).newest() is None


def test_the_newest_is_where_another_pod_goes_on(told: Callable[..., Orders]) -> None:
    """Whole, and with an address that people can be told."""
    first, second = kept(told()), kept(told())
    for number in (1, 2):
        first.save(state(number), epoch=1, step=20 * number)

    found = second.newest()

    assert found is not None
    assert torch.equal(state(2)["weights"], found["weights"])
    assert str(first) == str(second)
    assert str(second).startswith(f"{told().folder}/checkpoint-")


def test_the_one_before_is_forgotten(told: Callable[..., Orders]) -> None:
    """A long training does not fill the bucket."""
    checkpoints = kept(told())
    before = checkpoints.save(state(1), epoch=1, step=20)

    checkpoints.save(state(2), epoch=1, step=40)

    with pytest.raises(MissingError):
        Folder(told().folder).read(before.key)


def test_of_two_pods_one_goes_on(told: Callable[..., Orders]) -> None:
    """A pod on a lost node that still runs cannot overwrite what its successor keeps."""
    lost, successor = kept(told()), kept(told())
    lost.save(state(1), epoch=1, step=20)
    successor.newest()
    successor.save(state(2), epoch=1, step=40)

    with pytest.raises(WorkloadError, match="another pod goes on with this training"):
        lost.save(state(3), epoch=1, step=60)

    found = kept(told()).newest()
    assert found is not None
    assert torch.equal(state(2)["weights"], found["weights"])


def test_a_pod_that_dies_between_its_two_files_leaves_the_one_before(told: Callable[..., Orders]) -> None:
    """The manifest is written last: what it names is whole."""
    checkpoints = kept(told())
    checkpoints.save(state(1), epoch=1, step=20)
    Folder(told().folder).write("checkpoint-0123456789abcdef.pt", b"half")

    found = kept(told()).newest()

    assert found is not None
    assert torch.equal(state(1)["weights"], found["weights"])


def test_a_damaged_one_is_named(told: Callable[..., Orders]) -> None:
    """By its address, with both digests: nobody goes on from noise."""
    written = kept(told()).save(state(1), epoch=1, step=20)
    Folder(told().folder).write(written.key, b"noise")

    with pytest.raises(
        WorkloadError, match=rf"{written.key}: its sha256 is .*, checkpoint\.json says {written.sha256}"
    ):
        kept(told()).newest()


@pytest.mark.parametrize("manifest", [b"{", b"[]", b"{}"])
def test_a_manifest_of_something_else_is_named(manifest: bytes, told: Callable[..., Orders]) -> None:
    """By its address."""
    Folder(told().folder).write(MANIFEST, manifest)

    with pytest.raises(WorkloadError, match=f"{told().folder}/{MANIFEST}: "):
        kept(told()).newest()


def test_another_trainings_is_a_wrong_order(told: Callable[..., Orders]) -> None:
    """Half of one training and half of another is neither."""
    kept(told()).save(state(1), epoch=1, step=20)

    with pytest.raises(OrdersError, match=r"MIG_BATCH: 16, but s3://.*/checkpoint-.* was made with 32"):
        kept(told(batch=16)).newest()


def test_another_slice_or_precision_may_go_on(told: Callable[..., Orders]) -> None:
    """What a training is computed on is not what it is."""
    kept(told()).save(state(1), epoch=1, step=20)

    assert kept(replace(told(), device="MIG-2", precision="fp32", compile="default")).newest() is not None


@pytest.mark.parametrize(
    ("minutes", "due"),
    [
        pytest.param(0.0, False, id="none are wanted"),
        pytest.param(1000.0, False, id="not yet"),
        pytest.param(1e-9, True, id="long ago"),
    ],
)
def test_when_the_next_is_due(minutes: float, due: bool, told: Callable[..., Orders]) -> None:  # noqa: FBT001 - a table
    """Minutes after the start or the one before; 0: never."""
    assert due == kept(told(checkpoint_minutes=minutes)).due()
