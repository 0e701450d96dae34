"""Images on the device: batches, orders, sizes."""

import struct
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from training.contract import OrdersError
from training.data import STEMS, DamagedError
from training.images import DEVIATION, ERASED, MEAN, Images, augment, load, prepare

CPU = torch.device("cpu")


def numbered(images: int) -> Images:
    """Images that carry their own number."""
    numbers = torch.arange(images)
    return Images(numbers.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 8, 8), numbers)


def test_both_splits_are_loaded_as_bytes(pod: Path) -> None:
    """Every image once, one channel, one byte a pixel."""
    learn, test = load(pod / "data", "train", CPU), load(pod / "data", "test", CPU)

    assert ((320, 1, 8, 8), torch.uint8) == (tuple(learn.pixels.shape), learn.pixels.dtype)
    assert (150, 1, 8, 8) == tuple(test.pixels.shape)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        pytest.param(bytes(149), "with labels of shape", id="a label short"),
        pytest.param(bytes([10]) * 150, "a label is 10, above 9", id="an eleventh class"),
    ],
)
def test_labels_that_do_not_fit_are_refused(pod: Path, labels: bytes, sentence: str) -> None:
    """Two files of two data sets are not taken for one."""
    (pod / "data" / STEMS[3]).write_bytes(struct.pack(">HBBI", 0, 8, 1, len(labels)) + labels)

    with pytest.raises(DamagedError, match=sentence):
        load(pod / "data", "test", CPU)


def test_an_epoch_shows_each_image_at_most_once() -> None:
    """Full batches without repetition; what does not fill one is left for another epoch."""
    shown = [int(label) for _, labels in numbered(100).shuffled(32, seed=1) for label in labels]

    assert (96, 96) == (len(shown), len(set(shown)))


def test_pixels_keep_their_labels() -> None:
    """Shuffling moves both together."""
    for pixels, labels in numbered(100).shuffled(10, seed=1):
        assert labels.tolist() == pixels[:, 0, 0, 0].tolist()


def test_the_seed_alone_decides_the_order() -> None:
    """The same seed shows the same batches, another seed others, whatever was drawn before."""
    first = [labels.tolist() for _, labels in numbered(64).shuffled(16, seed=1)]
    torch.rand(5)

    assert first == [labels.tolist() for _, labels in numbered(64).shuffled(16, seed=1)]
    assert first != [labels.tolist() for _, labels in numbered(64).shuffled(16, seed=2)]


def test_a_set_smaller_than_a_batch_is_one_batch() -> None:
    """An epoch is never empty."""
    assert [5] == [len(labels) for _, labels in numbered(5).shuffled(64, seed=1)]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_batches_that_are_shown_at_once_are_the_same(after: int) -> None:
    """In the same order, wherever the epoch is gone on with."""
    each = [labels for _, labels in numbered(100).shuffled(32, seed=1, after=after)]
    together = [labels for _, labels in numbered(100).shuffled(32, seed=1, after=after, at_once=2)]

    assert len(together) < len(each) or after == 2
    assert torch.cat(each).tolist() == torch.cat(together).tolist()


@pytest.mark.parametrize("after", [0, 2, 3])
def test_an_epoch_is_gone_on_with(after: int) -> None:
    """Without its first batches it is the same epoch."""
    whole = [labels.tolist() for _, labels in numbered(100).shuffled(32, seed=1)]

    assert whole[after:] == [labels.tolist() for _, labels in numbered(100).shuffled(32, seed=1, after=after)]


def test_testing_shows_every_image_in_order() -> None:
    """The last batch may be short."""
    assert [4, 4, 2] == [len(labels) for _, labels in numbered(10).batches(4)]


def test_more_images_than_there_are_is_a_wrong_order() -> None:
    """Nobody trains on fewer images than was asked for without being told."""
    with pytest.raises(OrdersError, match="MIG_TRAIN_IMAGES: 11 were asked for, the data set has 10"):
        numbered(10).first(11)


@pytest.mark.parametrize("size", [8, 28, 32, 224])
def test_images_come_at_the_size_that_was_asked_for(size: int) -> None:
    """Smaller, larger or as they are."""
    assert (3, 1, size, size) == tuple(prepare(torch.zeros(3, 1, 28, 28, dtype=torch.uint8), size).shape)


@pytest.mark.parametrize("size", [8, 30, 224])
def test_images_are_resized_as_torch_resizes_them(size: int) -> None:
    """Bilinear, antialiased where they shrink; an image may be wider than it is high."""
    pixels = torch.randint(256, (3, 1, 28, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    resized = functional.interpolate(pixels.float() / 255, size=(size, size), mode="bilinear", antialias=True)

    assert torch.allclose((resized - MEAN) / DEVIATION, prepare(pixels, size), atol=1e-5)


def test_grey_of_the_mean_is_zero() -> None:
    """Networks see values around 0, not bytes."""
    prepared = prepare(torch.full((1, 1, 8, 8), 73, dtype=torch.uint8), 8)

    assert torch.allclose(torch.zeros(()), prepared, atol=0.01)


def test_a_deviation_above_the_mean_is_one() -> None:
    """Nor do they see them larger than others."""
    prepared = prepare(torch.full((1, 1, 8, 8), round(255 * (MEAN + DEVIATION)), dtype=torch.uint8), 8)

    assert torch.allclose(torch.ones(()), prepared, atol=0.01)


def spot(row: int, column: int, number: int) -> torch.Tensor:
    """So many dark images with one bright pixel."""
    pixels = torch.zeros(number, 1, 12, 12, dtype=torch.uint8)
    pixels[:, :, row, column] = 255
    return pixels


def test_augmenting_flips_and_shifts() -> None:
    """A pixel is found everywhere within a row and a column, on its own side or mirrored, and nowhere else."""
    torch.manual_seed(1)
    moved = augment(spot(6, 3, number=4000))

    found = {(int(row), int(column)) for _, _, row, column in (moved == 255).nonzero()}

    assert {(row, column) for row in range(5, 8) for column in (*range(2, 5), *range(7, 10))} == found


def test_augmenting_erases_a_rectangle_of_some() -> None:
    """A tenth of the images lose a quarter to half of each edge; the others nothing."""
    torch.manual_seed(1)
    erased = (augment(torch.full((4000, 1, 12, 12), 200, dtype=torch.uint8)) == round(255 * MEAN)).flatten(1).sum(1)

    assert ERASED == pytest.approx(float((erased > 0).float().mean()), abs=0.02)
    assert (9, 36) == (int(erased[erased > 0].min()), int(erased.max()))


def test_augmenting_leaves_the_original_alone() -> None:
    """The set on the device is shown again in the next epoch."""
    pixels = spot(6, 3, number=8)

    augment(pixels)

    assert torch.equal(spot(6, 3, number=8), pixels)


def test_chance_decides_how_images_are_augmented() -> None:
    """The generator that a checkpoint keeps: from the same state the same images, from there on others."""
    pixels = torch.arange(8 * 144, dtype=torch.uint8).view(8, 1, 12, 12)
    torch.manual_seed(1)
    first, second = augment(pixels), augment(pixels)
    torch.manual_seed(1)

    assert torch.equal(first, augment(pixels))
    assert not torch.equal(first, second)
