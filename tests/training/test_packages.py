"""What the image lacks is brought, in the versions that were tested, or the pod says in one sentence why not."""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from training.contract import PACKAGES_FOLDER, Orders
from training.packages import REQUIREMENTS, Pin, bring, pins, reason

ROOT = Path(__file__).parents[2]


def installed(folder: Path, name: str, version: str) -> None:
    """Leave what a package leaves of itself, as importlib.metadata finds it."""
    (folder / f"{name}-{version}.dist-info").mkdir(parents=True)
    (folder / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")


def wheel(folder: Path) -> str:
    """Make the package `glove` 1.0 there; returns the digest of its wheel."""
    folder.mkdir()
    path = folder / "glove-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("glove.py", "FINGERS = 5\n")
        packed.writestr("glove-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: glove\nVersion: 1.0\n")
        packed.writestr("glove-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr("glove-1.0.dist-info/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def pod(tmp_path: Path) -> Path:
    """A pod's working directory before anything ran in it: of the sources, only what this container needs."""
    code = tmp_path / "code" / "training"
    code.mkdir(parents=True)
    for name in ("__init__.py", "contract.py", "packages.py"):
        shutil.copy(ROOT / "training" / name, code)
    for name in (PACKAGES_FOLDER, "scratch"):
        (tmp_path / name).mkdir()
    return tmp_path


def run(pod: Path, orders: Orders, *, digest: str) -> subprocess.CompletedProcess[str]:
    """The container, where `glove` is pinned with that digest and pip looks for it in `wheels/` alone."""
    wanted = f"--no-index\n--find-links wheels\nglove==1.0 \\\n    --hash=sha256:{digest}\n"
    (pod / "code" / "training" / "requirements.txt").write_text(wanted)
    surroundings = {"PYTHONPATH": f"code:{PACKAGES_FOLDER}", "HOME": "scratch", "TMPDIR": "scratch"}
    return subprocess.run(
        [sys.executable, "-m", "training.packages"],
        cwd=pod,
        env={**orders.to_env(), **surroundings, "PIP_CONSTRAINT": "/etc/pip/constraint.txt"},  # as NVIDIA's images have
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_what_pods_need_is_read_whole() -> None:
    """Every entry is a pin that holds on every machine."""
    text = REQUIREMENTS.read_text(encoding="utf-8")
    entries = [line for line in text.splitlines() if not line.startswith(" ")]

    assert [f"{pin.name}=={pin.version} \\" for pin in pins(text)] == entries
    assert {"boto3", "waitress"} <= {pin.name for pin in pins(text)}


@pytest.mark.parametrize(
    ("found", "there"),
    [
        pytest.param("2.9.0.post0", True, id="the pinned one"),
        pytest.param("2.9", True, id="the same release, written shorter"),
        pytest.param("2.10.0", True, id="a newer one"),
        pytest.param("3", True, id="a much newer one"),
        pytest.param("2.8.2", False, id="an older one"),
        pytest.param("1.16", False, id="a much older one"),
    ],
)
def test_at_least_as_new_is_there(
    found: str,
    there: bool,  # noqa: FBT001 - a table's column
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is importable counts when it is at least as new as what was tested."""
    installed(tmp_path, "glove", found)
    monkeypatch.syspath_prepend(tmp_path)

    assert there == Pin(name="glove", version="2.9.0.post0").there()


def test_what_is_not_installed_is_not_there() -> None:
    """Not at all is not new enough."""
    assert not Pin(name="a-package-that-nobody-has", version="0").there()


def test_a_whole_image_needs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where all is there nothing is asked for: the stage's Python is such an image, a baked one another."""
    bring(REQUIREMENTS, tmp_path / "packages")

    assert {"type": "event", "event": "packages", "lacking": [], "installed": []} == json.loads(capsys.readouterr().out)
    assert not (tmp_path / "packages").exists()


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("/usr/bin/python: No module named pip", "there is no pip"),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "the disk is full",
        ),
        (
            "ERROR: Exception:\nTraceback (most recent call last):\nPermissionError: [Errno 13] Permission denied: 'x'",
            "a folder that it needs cannot be written",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated ...",
            "the package index gave another file than the pinned one: its hash differs",
        ),
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError()': /a\nERROR: No matching distr...",
            "the package index cannot be reached",
        ),
        (
            "ERROR: No matching distribution found for boto3==1.44.5",
            "the package index does not have the pinned versions",
        ),
        ("ERROR: Exception:\nTraceback (most recent call last):\n  File\nKeyError: 'a'", "KeyError: 'a'"),
        (
            "ERROR: 403 Client Error for url: https://someone:hush@index.example/boto3.whl?X-Amz-Signature=hush",
            "403 Client Error for url: https://index.example/boto3.whl",
        ),
        ("", "it did not say why"),
    ],
    ids=[
        "no pip",
        "full disk",
        "folder not writable",
        "hash differs",
        "no network",
        "version unknown",
        "pip's own mistake",
        "a secret in an address",
        "nothing",
    ],
)
def test_why_pip_failed(said: str, meaning: str) -> None:
    """What pip says comes down to a few words, and none is a secret."""
    assert meaning == reason(said)


@pytest.mark.e2e
def test_what_is_lacking_is_brought(pod: Path, told: Callable[..., Orders]) -> None:
    """The real pip puts it where the next containers import from, whatever the image told pip, and it is said."""
    ran = run(pod, told(), digest=wheel(pod / "wheels"))

    assert (0, "") == (ran.returncode, ran.stderr)
    assert (["glove"], ["glove 1.0"]) == (json.loads(ran.stdout)["lacking"], json.loads(ran.stdout)["installed"])
    assert "FINGERS = 5\n" == (pod / PACKAGES_FOLDER / "glove.py").read_text()


@pytest.mark.e2e
def test_what_was_brought_is_there(pod: Path, told: Callable[..., Orders]) -> None:
    """A container that runs again finds what it left, and needs pip no more."""
    digest = wheel(pod / "wheels")
    run(pod, told(), digest=digest)
    shutil.rmtree(pod / "wheels")

    assert [] == json.loads(run(pod, told(), digest=digest).stdout)["lacking"]


@pytest.mark.e2e
def test_something_else_is_not_installed(pod: Path, told: Callable[..., Orders]) -> None:
    """What is not the pinned file ends the pod with one sentence, and leaves nothing to import."""
    wheel(pod / "wheels")
    ran = run(pod, told(), digest="0" * 64)

    assert (1, "") == (ran.returncode, ran.stderr)
    assert json.loads(ran.stdout)["why"] == (
        "the image lacks glove, and pip could not install it: "
        "the package index gave another file than the pinned one: its hash differs"
    )
    assert [] == list((pod / PACKAGES_FOLDER).iterdir())


@pytest.mark.e2e
def test_it_starts_at_once() -> None:
    """It runs in every pod: nothing heavy is imported before something is known to be lacking."""
    heavy = "{'torch', 'boto3', 'pip', 'subprocess'} & set(sys.modules)"
    code = f"import sys, training.packages as p; p.bring(p.REQUIREMENTS, None); print({heavy})"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)

    assert "set()" == ran.stdout.splitlines()[-1]
