"""The doctor: what a rehearsal needs on this machine, piece by piece, and what to do about what is missing."""

import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass

from mig.errors import Refused
from tasks import dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    well: bool
    detail: str
    """What was found, or what to do."""


def findings() -> tuple[Finding, ...]:
    """Everything that was looked at, in the order in which a rehearsal needs it."""
    return (_python(), _tool("git"), _tool("make"), _binaries(), _data(), _port())


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(what="Python", well=sys.version_info >= (3, 11), detail=f"{version} (3.11 or newer is needed)")


def _tool(name: str) -> Finding:
    found = shutil.which(name)
    return Finding(what=name, well=found is not None, detail=found or f"not on PATH: install {name}")


def _binaries() -> Finding:
    """The stage knows its binaries; it is asked as a program, as it is for everything else."""
    command = [sys.executable, "-m", "rehearsal.servers.binaries", "--show"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    well = asked.returncode == 0
    said = (asked.stdout if well else asked.stderr).strip().splitlines()
    return Finding(what="binaries", well=well, detail=said[-1] if said else "no answer")


def _data() -> Finding:
    try:
        return Finding(what="Fashion-MNIST", well=True, detail=str(dataset.find(lambda _: None)))
    except Refused as error:
        return Finding(what="Fashion-MNIST", well=False, detail=str(error))


def _port() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return Finding(what="loopback port", well=True, detail=f"{server.getsockname()[1]} is free")
    except OSError as error:
        return Finding(what="loopback port", well=False, detail=f"none to be had: {error}")
