"""What pods run is what is here, and it fits through the API server."""

from pathlib import Path

from tasks.stage import sources

ROOT = Path(__file__).parents[2]
CONFIG_MAP = 1 << 20
"""Bytes of data that the API server takes in one ConfigMap."""


def test_pods_get_what_is_here() -> None:
    """Every module of the package, and what it needs beside torch, text by path."""
    package = {path for path in (ROOT / "training").iterdir() if path.suffix in {".py", ".txt"}}

    assert {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in package} == sources()
    assert {"training/run.py", "training/requirements.txt"} <= sources().keys()


def test_sources_fit_a_config_map() -> None:
    """With as much room again to grow."""
    assert sum(len(path.encode()) + len(text.encode()) for path, text in sources().items()) < CONFIG_MAP / 2
