"""
A command of Prefect's in a process of our own, which has its imports behind it when it is told what to do.

They take a processor two seconds: `mig serve` has them take place while its server starts.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from flows.owned import owned, with_owner
from flows.server import API

Process = subprocess.Popen[bytes]


@contextmanager
def command(*parts: str, said: BinaryIO, settings: Mapping[str, str]) -> Iterator[Process]:
    """A process that imports these parts and waits. It ends with its owner, as by Ctrl-C; what it says is kept."""
    with owned("flows.command", *parts, settings=settings, said=said) as process:
        yield process


def told(process: Process, *words: str, folder: Path = Path()) -> None:
    """
    The process is `prefect WORDS` from now on, in that folder, with our environment as it is by now.

    One that has ended already hears nothing; its exit code says so.
    """
    line = {"words": words, "folder": str(folder.resolve()), "environment": dict(os.environ)}
    with suppress(BrokenPipeError):
        os.write(process.stdin.fileno(), json.dumps(line).encode() + b"\n")  # type: ignore[union-attr] # a pipe


def _main(parts: Sequence[str]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would inherit ignoring it
    from prefect.cli import app
    from prefect.settings import PREFECT_API_URL, temporary_settings

    for part in parts:
        import_module(part)
    if not (line := sys.stdin.readline()):
        return  # the owner has gone
    with_owner(lambda: os.kill(os.getpid(), signal.SIGINT))
    what = json.loads(line)
    os.chdir(what["folder"])
    os.environ |= what["environment"]
    sys.argv = ["prefect", *what["words"]]
    api = os.environ.get(API)  # of a server that was not there when Prefect read its settings, which was at its import
    with temporary_settings({PREFECT_API_URL: api}) if api else nullcontext():
        app()


if __name__ == "__main__":
    _main(sys.argv[1:])
