"""The versions of the real binaries, and where their sources and releases are: the one page to change for a new one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KUBERNETES = "v1.35.4"
ETCD = "v3.6.5"
"""What the module graph of this Kubernetes selects."""
PULUMI = "v3.259.0"
"""The newest that builds from the Go module proxy; its Python SDK is newer, and content with it."""

VERSIONS = {"kubernetes": KUBERNETES, "etcd": ETCD, "pulumi": PULUMI}
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """A Go module whose `tool` lines pin what to build, with its sums."""

    folder: Path
    packages: Mapping[str, str]
    """Package by the name of its binary."""
    version: str
    """What the linker writes into them, as `variable=version`: both Kubernetes' and Pulumi's clients ask for it."""
    usually: str
    """How long it takes on two cores with an empty Go cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One binary of an official release."""

    name: str
    url: str
    checksums: str
    """Where its SHA-256 is: a file with it alone, or with lines of `sum  file`."""
    member: str = ""
    """The binary's path in the archive; empty: the file is the binary."""


SOURCES = (
    Sources(
        folder=_HERE / "kubernetes",
        packages={
            "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
            "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
            "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
        },
        version=f"k8s.io/component-base/version.gitVersion={KUBERNETES}",
        usually="5 to 10 min",
    ),
    Sources(
        folder=_HERE / "kubernetes",
        packages={"etcd": "go.etcd.io/etcd/server/v3"},
        version=f"go.etcd.io/etcd/api/v3/version.Version={ETCD.removeprefix('v')}",
        usually="15 s",
    ),
    Sources(
        folder=_HERE / "pulumi",
        packages={"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
        version=f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={PULUMI}",
        usually="4 to 5 min",
    ),
)


def releases(architecture: str) -> list[Release]:
    """The official Linux releases for `amd64` or `arm64`."""
    kubernetes = f"https://dl.k8s.io/{KUBERNETES}/bin/linux/{architecture}"
    etcd = f"https://github.com/etcd-io/etcd/releases/download/{ETCD}"
    etcd_archive = f"etcd-{ETCD}-linux-{architecture}"
    pulumi = f"https://github.com/pulumi/pulumi/releases/download/{PULUMI}"
    pulumi_architecture = {"amd64": "x64"}.get(architecture, architecture)
    return [
        *(
            Release(name=name, url=f"{kubernetes}/{name}", checksums=f"{kubernetes}/{name}.sha256")
            for name in SOURCES[0].packages
        ),
        Release(
            name="etcd",
            url=f"{etcd}/{etcd_archive}.tar.gz",
            checksums=f"{etcd}/SHA256SUMS",
            member=f"{etcd_archive}/etcd",
        ),
        Release(
            name="pulumi",
            url=f"{pulumi}/pulumi-{PULUMI}-linux-{pulumi_architecture}.tar.gz",
            checksums=f"{pulumi}/pulumi-{PULUMI.removeprefix('v')}-checksums.txt",
            member="pulumi/pulumi",
        ),
    ]
