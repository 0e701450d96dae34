"""Files that only their owner may read: keys, credentials, addresses."""

import os
from pathlib import Path
from typing import BinaryIO


def write(path: Path, content: bytes) -> Path:
    """Write the file whole or not at all, readable by its owner alone from its first byte on."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with create(draft) as file:
        file.write(content)
    return draft.replace(path)


def create(path: Path) -> BinaryIO:
    """Open a file of that name for writing, empty, readable by its owner alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def folder(path: Path) -> Path:
    """Make the folder, closed to everybody else; one that is there already stays as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
