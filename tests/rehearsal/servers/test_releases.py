"""The page of versions, and the Go modules that pin the same."""

import re
from pathlib import Path

import pytest

from rehearsal.servers.binaries import NAMES
from rehearsal.servers.releases import ETCD, KUBERNETES, PULUMI, SOURCES, releases

SERVERS = Path(__file__).parents[3] / "rehearsal" / "servers"


@pytest.mark.parametrize(
    ("module", "package", "version"),
    [
        pytest.param("kubernetes", "k8s.io/kubernetes", KUBERNETES, id="Kubernetes"),
        pytest.param("kubernetes", "go.etcd.io/etcd/server/v3", ETCD, id="etcd, as Kubernetes selects it"),
        pytest.param("pulumi", "github.com/pulumi/pulumi/pkg/v3", PULUMI, id="Pulumi"),
    ],
)
def test_module_pins_the_release(module: str, package: str, version: str) -> None:
    """What is built is what would be downloaded."""
    pinned = re.search(
        rf"^\s*(?:require )?{re.escape(package)} (\S+)", (SERVERS / module / "go.mod").read_text(), re.MULTILINE
    )

    assert pinned
    assert version == pinned[1]


@pytest.mark.parametrize("module", ["kubernetes", "pulumi"])
def test_module_pins_the_tools(module: str) -> None:
    """Every package that is built is a tool of its module: its sums are locked with it."""
    built = [p for sources in SOURCES if sources.folder.name == module for p in sources.packages.values()]
    tools = re.findall(r"^\s*(?:tool )?([\w./-]+)$", (SERVERS / module / "go.mod").read_text(), re.MULTILINE)

    assert sorted(built) == sorted(tool for tool in tools if "/" in tool and not tool.startswith("mig-pipeline"))


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_all_binaries(architecture: str) -> None:
    """Each way brings every binary."""
    assert sorted(NAMES) == sorted(release.name for release in releases(architecture))
    assert sorted(NAMES) == sorted(name for sources in SOURCES for name in sources.packages)
