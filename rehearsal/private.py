"""Files that only their owner may read: keys, credentials, addresses."""

import os
from pathlib import Path


def write(path: Path, content: bytes) -> Path:
    """Write the file whole or not at all, readable by its owner alone from its first byte on."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    return draft.replace(path)


def folder(path: Path) -> Path:
    """Make the folder, closed to everybody else; one that is there already stays as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
