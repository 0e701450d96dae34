"""One lock rules all: what pods and images install are parts of it, written by `make lock` together."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def entries(path: str) -> set[str]:
    """Every package of a requirements file, with its version, its marker and its hashes."""
    return set((ROOT / path).read_text(encoding="utf-8").replace("\n    ", "").splitlines())


@pytest.mark.parametrize(
    ("part", "holds"),
    [
        ("training/requirements.txt", ("boto3", "waitress")),
        ("requirements/torch.txt", ("torch", "torchvision")),
        ("requirements/worker.txt", ("prefect", "prefect-kubernetes", "pulumi")),
    ],
)
def test_a_part_agrees_with_the_lock(part: str, holds: tuple[str, ...]) -> None:
    """In version and hashes, so that pods run what tests ran."""
    assert {name for name in holds if any(entry.startswith(f"{name}==") for entry in entries(part))} == set(holds)
    assert entries(part) <= entries("requirements/lock.txt")
