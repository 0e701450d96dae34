"""Where a bucket's data stays."""

from pathlib import Path

from rehearsal.servers.bucket import data_folder


def test_side_by_side(tmp_path: Path) -> None:
    """A World beside another takes another folder; one after another takes the same."""
    with data_folder(tmp_path) as first, data_folder(tmp_path) as second:
        pass
    with data_folder(tmp_path) as third:
        pass

    assert ["s3", "s3-2", "s3"] == [first.name, second.name, third.name]
