"""Building from source, with a Go that only says what it was asked."""

from pathlib import Path

import pytest

from rehearsal.errors import Unavailable
from rehearsal.servers.sources import build


def go(folder: Path, script: str) -> dict[str, str]:
    """An environment in which `go` is this shell script."""
    folder.mkdir()
    (folder / "go").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "go").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_build(tmp_path: Path) -> None:
    """Everything is built in its module with its version, and progress says how long that usually takes."""
    environment = go(tmp_path / "path", f'echo "$PWD $*" >> {tmp_path}/asked')
    said: list[str] = []

    build(tmp_path, environment, said.append)

    kubernetes, etcd, pulumi = (tmp_path / "asked").read_text().splitlines()
    assert "rehearsal/servers/kubernetes build -buildvcs=false -trimpath" in kubernetes
    assert "version.gitVersion=v1.35.4" in kubernetes
    assert f"-o {tmp_path / 'etcd'} go.etcd.io/etcd/server/v3" in etcd
    assert "rehearsal/servers/pulumi build" in pulumi
    assert "version.Version=v3.259.0" in pulumi
    assert ["usually 5 to 10 min", "usually 15 s", "usually 4 to 5 min"] == [
        line.partition(": ")[2].partition(" on two cores")[0] for line in said
    ]


def test_no_go(tmp_path: Path) -> None:
    """A machine without Go is a reason, not an error of ours."""
    with pytest.raises(Unavailable, match="Go is not installed"):
        build(tmp_path, {"PATH": str(tmp_path)}, print)


def test_go_fails(tmp_path: Path) -> None:
    """What Go complains of is handed on."""
    environment = go(tmp_path / "path", "echo 'module proxy: 403 Forbidden' >&2; exit 1")

    with pytest.raises(Unavailable, match="go build ended with code 1: module proxy: 403 Forbidden"):
        build(tmp_path, environment, print)
