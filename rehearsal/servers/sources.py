"""The real binaries built from their sources, where Go is and the releases are out of reach."""

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rehearsal.errors import Unavailable
from rehearsal.servers.releases import SOURCES, Sources

_TELL_EVERY_SECONDS = 60.0
_LAST_CHARACTERS = 500


def build(into: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Build all of them into the folder; Unavailable where Go or a module is not to be had."""
    for sources in SOURCES:
        names = ", ".join(sources.packages)
        say(f"building {names} from source: usually {sources.usually} on two cores the first time, then it is kept")
        _run(_command(sources, into), sources, environment, say)


def _command(sources: Sources, into: Path) -> list[str]:
    output = into if len(sources.packages) > 1 else into / next(iter(sources.packages))  # etcd's package is named `v3`
    return [
        *("go", "build", "-buildvcs=false", "-trimpath"),
        *("-ldflags", f"-s -w -X {sources.version}"),
        *("-o", str(output), *sources.packages.values()),
    ]


def _run(command: list[str], sources: Sources, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    started = time.monotonic()
    try:
        build = subprocess.Popen(
            command,
            cwd=sources.folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError as error:
        raise Unavailable("from source: Go is not installed") from error
    with build:
        while True:
            try:
                _, complaint = build.communicate(timeout=_TELL_EVERY_SECONDS)
                break
            except subprocess.TimeoutExpired:
                say(f"  still building, {(time.monotonic() - started) / 60:.0f} min so far")
            except BaseException:
                build.terminate()
                raise
    if build.returncode != 0:
        raise Unavailable(
            f"from source: go build ended with code {build.returncode}: {complaint[-_LAST_CHARACTERS:].strip()}"
        )
