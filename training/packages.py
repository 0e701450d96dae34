"""
What the image lacks, put where the pod imports from. Knows neither torch nor boto3: it runs before they need be there.

`python -m training.packages` is the pod's first init container. What the pod needs beside torch stands, pinned and
hashed, in `requirements.txt` beside this file. Where all of it is there, as in a baked image and in a rehearsal,
nothing is installed and nothing outside is asked; else pip brings all of it: what runs together was tested together.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from training.contract import PACKAGES_FOLDER, Orders, WorkloadError, carry_out, say

REQUIREMENTS = Path(__file__).with_name("requirements.txt")

_PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)
_RELEASE = re.compile(r"\d+(?:\.\d+)*")

_HOW = (
    "--isolated",  # the image's own variables for pip (a constraints file without hashes) are not for us
    "--require-hashes",  # nothing but what was tested
    "--no-deps",  # all of it is listed
    "--only-binary=:all:",  # nothing is built, no foreign code runs
    "--no-cache-dir",  # this pod installs once
    "--no-input",
    "--disable-pip-version-check",
    "--quiet",
)
_WHY = (
    ("No module named pip", "there is no pip"),
    ("No space left on device|Disk quota exceeded", "the disk is full"),
    ("Permission denied|Read-only file system", "a folder that it needs cannot be written"),
    ("DO NOT MATCH THE HASHES", "the package index gave another file than the pinned one: its hash differs"),
    ("Connection|Timeout|Temporary failure|unreachable|ProxyError|SSLError", "the package index cannot be reached"),
    ("No matching distribution", "the package index does not have the pinned versions"),
)
"""What pip's words mean, the deepest cause first: one trouble often leads to the others' words too."""

_LAST_WORDS = re.compile(r"^ERROR: (?!Exception:)(.*)", re.MULTILINE)
_SECRETS = re.compile(r"(?<=://)[^/\s@]*@|\?[^\s]*")
"""What an address can hide: a user with a password, a signature."""
_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package in the version that was tested."""

    name: str
    version: str

    def there(self) -> bool:
        """
        Whether it can be imported, at least as new as it was tested.

        An older one may lack what is called; a newer one is the choice of whoever made the image. The pinned one itself
        is not asked for: no image but our own would ever start without the internet.
        """
        try:
            found = version(self.name)
        except PackageNotFoundError:
            return False
        return _release(found) >= _release(self.version)


def pins(requirements: str) -> tuple[Pin, ...]:
    """What a requirements file pins."""
    return tuple(Pin(name=name, version=pinned) for name, pinned in _PIN.findall(requirements))


def bring(requirements: Path, into: Path) -> None:
    """Install what is pinned unless all of it is there, and say which it was. Raises WorkloadError."""
    wanted = pins(requirements.read_text(encoding="utf-8"))
    lacking = [pin.name for pin in wanted if not pin.there()]
    if lacking:
        _install(requirements, into, lacking)
    say(
        "event", event="packages", lacking=lacking, installed=[f"{pin.name} {pin.version}" for pin in wanted if lacking]
    )


def reason(said: str) -> str:
    """Why pip failed, by what it said on standard error."""
    for words, meaning in _WHY:
        if re.search(words, said):
            return meaning
    last = _LAST_WORDS.findall(said) or said.strip().splitlines()[-1:] or ["it did not say why"]
    return _SECRETS.sub("", last[-1])[:_LONGEST]


def _install(requirements: Path, into: Path, lacking: Sequence[str]) -> None:
    import subprocess  # only here: most pods lack nothing

    pip = [sys.executable, "-I", "-m", "pip", "install", *_HOW]
    files = ["--requirement", str(requirements), "--target", str(into)]
    done = subprocess.run([*pip, *files], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise WorkloadError(
            f"the image lacks {', '.join(lacking)}, and pip could not install it: {reason(done.stderr)}"
        )


def _release(text: str) -> tuple[int, ...]:
    """The numbers of a version's release: `2.9.0.post0` is 2, 9. What follows them makes it neither older nor newer."""
    numbers = _RELEASE.match(text)
    return tuple(map(int, re.sub(r"(\.0+)+$", "", numbers[0]).split("."))) if numbers else ()


def _main(_orders: Orders) -> int:
    bring(REQUIREMENTS, Path(PACKAGES_FOLDER))
    return 0


if __name__ == "__main__":
    sys.exit(carry_out(_main))
