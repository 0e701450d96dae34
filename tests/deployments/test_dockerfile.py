"""The images' recipes keep what hadolint does not ask for; building them takes a registry, so no test does."""

import re
from pathlib import Path

import pytest

from mig.job import USER

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deployments"
SITE = "/usr/local/lib/python3.13/site-packages/"

BOTH = pytest.mark.parametrize("file", ["Dockerfile", "Dockerfile.worker"])
"""The image of workloads, and that of flow runs."""


def instructions(file: str = "Dockerfile") -> list[tuple[str, str]]:
    """A Dockerfile's instructions in order, each with what follows it, in one line."""
    text = re.sub(r"^#.*\n", "", (FOLDER / file).read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], " ".join(line.split()[1:])) for line in lines if line]


def every(instruction: str, file: str = "Dockerfile") -> list[str]:
    """What follows each of one kind."""
    return [rest for name, rest in instructions(file) if name == instruction]


def image() -> list[tuple[str, str]]:
    """The instructions of the last stage."""
    found = instructions()
    return found[max(at for at, (name, _) in enumerate(found) if name == "FROM") :]


def copies() -> list[str]:
    """What the last stage copies."""
    return [rest for name, rest in image() if name == "COPY"]


@BOTH
def test_bases_are_pinned(file: str) -> None:
    """Each stage starts from another one or from an image by tag and digest: the same today and in a year."""
    stages = {rest.partition(" AS ")[2] for rest in every("FROM", file)}
    bases = {rest.partition(" AS ")[0] for rest in every("FROM", file)} - stages

    assert bases
    assert all(re.fullmatch(r"docker\.io/[\w/]+:[\w.-]+@sha256:[0-9a-f]{64}", base) for base in bases)


@BOTH
def test_it_runs_as_nobody(file: str) -> None:
    """As the user that the pods' manifests say."""
    assert f"{USER}:{USER}" == every("USER", file)[-1]


@BOTH
def test_nothing_comes_from_an_address(file: str) -> None:
    """No file is fetched, and no package index is named: which one is the business of whoever builds."""
    whole = (FOLDER / file).read_text(encoding="utf-8")

    assert [] == every("ADD", file)
    assert not re.search(r"https?:|index-url|INDEX_URL|find-links|trusted-host", whole)


def test_packages_are_pinned() -> None:
    """Pip installs hashed files only, and never a dependency or a build that nobody pinned."""
    installs = [rest for rest in every("RUN") if "pip install" in rest]

    assert [
        "pip install --target . --requirement /torch.txt",
        "pip install --target . --requirement /requirements.txt",
    ] == installs
    assert {"PIP_REQUIRE_HASHES=1", "PIP_NO_DEPS=1", "PIP_ONLY_BINARY=:all:"} <= set(" ".join(every("ENV")).split())


def test_every_layer_stands_alone() -> None:
    """Layers are linked, so that one that changed leaves the others in every cache; the sources change most."""
    assert all(copy.startswith("--link ") for copy in copies())
    assert f"--link training {SITE}training" == copies()[-1]


def test_no_part_is_left_behind() -> None:
    """Whatever is split off while building is in the image, beside what remained."""
    split = re.findall(r"\bpart (\w+) ", " ".join(every("RUN")))
    copied = [f"--link --from=build {path} {SITE}" for path in (*(f"/parts/{name}" for name in split), "/torch")]

    assert len(split) > 1
    assert [*copied, f"--link --from=build /packages {SITE}"] == copies()[:-1]


def test_packages_lie_where_python_looks() -> None:
    """The folder of the base image's own Python."""
    assert all("python:3.13-" in rest for rest in every("FROM")[:1])


def test_the_build_sees_what_it_copies() -> None:
    """And nothing else of the working tree."""
    lines = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    asked = {copy.removeprefix("--link ").split()[0] for copy in every("COPY") if "--from" not in copy}

    assert "*" == next(line for line in lines if not line.startswith("#"))
    assert {"requirements/torch.txt", "training/requirements.txt", "training/*.py"} == {
        line[1:] for line in lines if line.startswith("!")
    }
    assert {"requirements/torch.txt", "training/requirements.txt", "training"} == asked


@BOTH
def test_no_probe_of_its_own(file: str) -> None:
    """Kubernetes asks by its own."""
    assert ["NONE"] == every("HEALTHCHECK", file)
