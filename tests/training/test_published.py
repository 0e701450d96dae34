"""Published models: what one pod leaves is what another takes."""

import json
from collections.abc import Callable

import pytest
import torch

from training.contract import Orders
from training.models import build
from training.published import MANIFEST, BrokenModelError, Shelf, publish
from training.store import Folder

CPU = torch.device("cpu")


def test_a_published_model_answers_as_the_original(told: Callable[..., Orders]) -> None:
    """Another process gets the same network from the folder alone."""
    orders = told()
    network = build("mlp", 8).eval()
    images = torch.randn(5, 1, 8, 8)

    publish(Folder(orders.folder), network, orders, accuracy=0.5, epoch=1)
    shelf = Shelf(Folder(orders.output))
    published = shelf.newer()

    assert published is not None
    with torch.inference_mode():
        assert torch.equal(network(images), shelf.take(published, CPU)(images))


def test_the_manifest_says_what_the_model_is(told: Callable[..., Orders]) -> None:
    """Everything that a reader needs beside the weights."""
    orders = told(epochs=3)
    published = publish(Folder(orders.folder), build("mlp", 8), orders, accuracy=0.5, epoch=2)

    assert {
        "key": "model-2.pt",
        "sha256": published.sha256,
        "model": "mlp",
        "image_size": 8,
        "accuracy": 0.5,
        "epoch": 2,
        "final": False,
    } == json.loads(Folder(orders.output).read(MANIFEST))


def test_the_last_epoch_makes_the_final_model(told: Callable[..., Orders]) -> None:
    """Its readers wait for no other."""
    orders = told(epochs=3)

    assert publish(Folder(orders.folder), build("mlp", 8), orders, accuracy=0.5, epoch=3).final


def test_each_model_is_told_once(told: Callable[..., Orders]) -> None:
    """None, the first, none, the second."""
    orders = told()
    shelf = Shelf(Folder(orders.folder))
    epochs = []
    for published in (0, 1, 0, 2, 0):
        if published:
            publish(Folder(orders.folder), build("mlp", 8), orders, accuracy=0.5, epoch=published)
        newer = shelf.newer()
        epochs.append(newer.epoch if newer else 0)

    assert [0, 1, 0, 2, 0] == epochs


def test_other_weights_are_refused(told: Callable[..., Orders]) -> None:
    """What was exchanged after it was published is not served."""
    orders = told()
    folder = Folder(orders.folder)
    publish(folder, build("mlp", 8), orders, accuracy=0.5, epoch=1)
    folder.write("model-1.pt", b"another")
    shelf = Shelf(folder)
    published = shelf.newer()

    assert published is not None
    with pytest.raises(BrokenModelError, match=r"model-1\.pt: its sha256 is .*, model\.json says"):
        shelf.take(published, CPU)


@pytest.mark.parametrize("manifest", [b"{", b"[]", b"{}", b'{"surprise": 1}', b"\xff"])
def test_a_manifest_of_something_else_is_named(manifest: bytes, bucket: str) -> None:
    """By its address."""
    Folder(bucket).write(MANIFEST, manifest)

    with pytest.raises(BrokenModelError, match=f"{bucket}/{MANIFEST}: "):
        Shelf(Folder(bucket)).newer()
