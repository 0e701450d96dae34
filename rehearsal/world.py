"""
The shell of the stage: a World is opened, shown and closed as a process, so that nothing of the product imports it.

    python -m rehearsal.world open [--owner PID] [--time-scale 60] [--folder DIR] [--standing < STANDING.json]
    python -m rehearsal.world show FILE
    python -m rehearsal.world account FILE
    python -m rehearsal.world enroll FILE < ENROLMENT.json
    python -m rehearsal.world close FILE

`open` prints the path of the World's file on standard output and its progress on standard error. A World with an owner
ends when that process does; one without stands until `close`. Its account has nothing, unless standard input says what
stands in its cluster already.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rehearsal import furnishing, private
from rehearsal.address import FAILED, FILE, READY, SECRETS, Address
from rehearsal.errors import StageError
from rehearsal.faults import Enrolment, enroll
from rehearsal.process import Process
from rehearsal.servers import binaries

_END_SECONDS = 60.0
_INTERRUPTED = 130
_FASTEST = 10_000
_FOREIGN = ("AWS_", "KUBECONFIG", "PULUMI_", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")
"""Settings of the person who opens a World that mean the real cloud, or the way to it."""

_NO_PROFILE = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; 1 with one sentence on standard error when it cannot be done."""
    orders = _parser().parse_args(words)
    try:
        orders.act(orders)
    except StageError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


@contextmanager
def opened(*, owner: Process | None, time_scale: float, parent: Path | None, standing: str = "") -> Iterator[Path]:
    """
    Open a World and wait until it is ready; inside, the path of its file. Left in peace it stands, by an error it ends.

    Args:
        owner: the process whose end ends the World; None: it stands until it is closed.
        time_scale: how many simulated seconds pass in one of the wall's.
        parent: where the World's private folder is made; None: the system's place for temporary files.
        standing: what stands in its cluster from the start (rehearsal.furnishing); empty: it has no cluster.
    """
    if sys.platform != "linux":
        raise StageError("a rehearsal needs Linux: it leaves nothing behind by means that only Linux has")
    root = binaries.resolve(os.environ, _say).root
    folder = Path(tempfile.mkdtemp(prefix="mig-world-", dir=parent))
    module = [sys.executable, "-m"]
    keeper = [*module, "rehearsal.keeper", str(folder), "--binaries", str(root), "--time-scale", str(time_scale)]
    if owner is not None:
        keeper += ["--owner", f"{owner.pid}:{owner.started}"]
    if standing:
        keeper += ["--standing", str(private.write(folder / furnishing.FILE, standing.encode()))]
    listens, word = os.pipe()
    guard = subprocess.Popen(
        [*module, "rehearsal.guard", str(folder), *keeper],
        stdin=listens,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if not name.upper().startswith(_FOREIGN)} | _NO_PROFILE,
        start_new_session=True,  # Ctrl-C ends us, not it: then it ends in order, because we are gone
        text=True,
    )
    os.close(listens)
    try:
        _await_ready(guard.stdout or ())
        yield folder / FILE
    except BaseException:
        os.close(word)  # the end of its input, without a word, ends it
        guard.wait()
        raise
    os.write(word, b"taken")
    os.close(word)


def show(file: Path) -> dict[str, Any]:
    """What a World is and holds, without its secrets."""
    from rehearsal import inventory  # its clients take a second to import
    from rehearsal.aws.calls import called

    address = Address.read(file)
    alive = address.keeper.alive()
    return {
        "alive": alive,
        "pid": address.keeper.pid,
        "folder": str(address.folder),
        "time_scale": address.time_scale,
        "simulated": list(address.simulated),
        "environment": {name: value for name, value in address.environment.items() if name not in SECRETS},
        "nodes": inventory.nodes(address.environment) if alive else [],
        "services": inventory.services(address.environment) if alive else [],
        "billed": inventory.billed(address.environment) if alive else [],
        "called": called(address.folder) if alive else {},
    }


def close(file: Path) -> None:
    """End a World in order, and return when nothing of it is left."""
    address = Address.read(file)
    address.keeper.send(signal.SIGTERM)
    if not address.guard.wait(_END_SECONDS):
        raise StageError(f"the World of {file} has not ended in {_END_SECONDS:.0f} s; kill process {address.guard.pid}")
    shutil.rmtree(address.folder, ignore_errors=True)  # it is still there only if keeper and guard were both killed


def _await_ready(said: Iterable[str]) -> None:
    """Hand on the keeper's progress until it is ready; StageError when it ends before that."""
    for line in map(str.rstrip, said):
        if line == READY:
            return
        if line.startswith(FAILED):
            raise StageError(f"the World could not be opened: {line.removeprefix(FAILED)}")
        _say(line)
    raise StageError("the World ended before it was ready")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.world", description="Open, show and close a World")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    verb = verbs.add_parser("open", help="open a World and print the path of its file")
    verb.add_argument("--owner", type=_process, metavar="PID", help="end the World when this process ends")
    verb.add_argument("--time-scale", type=_scale, default=60.0, help="simulated seconds in one of the wall's")
    verb.add_argument("--standing", action="store_true", help="standard input says what stands in its cluster")
    verb.add_argument("--folder", type=Path, help="where the World's private folder is made")
    verb.set_defaults(act=_open)
    for name, act, what in (
        ("show", _show, "print what it is, as JSON"),
        ("account", _account, "print what leads to its account as to a real one, for a shell to read"),
        ("enroll", _enroll, "tell it a run's seed and faults, as JSON on standard input"),
        ("close", _close, "end it"),
    ):
        verb = verbs.add_parser(name, help=what)
        verb.add_argument("file", type=Path, metavar="FILE", help="the World's file")
        verb.set_defaults(act=act)
    return parser


def _process(text: str) -> Process:
    try:
        return Process.of(int(text))
    except (ValueError, ProcessLookupError) as error:
        raise argparse.ArgumentTypeError(f"{text} is the id of no running process") from error


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 1 <= scale <= _FASTEST:
        raise argparse.ArgumentTypeError(f"{text} is no scale; accepted: 1 to {_FASTEST}")
    return scale


def _open(orders: argparse.Namespace) -> None:
    standing = sys.stdin.read() if orders.standing else ""
    with opened(owner=orders.owner, time_scale=orders.time_scale, parent=orders.folder, standing=standing) as file:
        print(file, flush=True)  # noqa: T201 - a shell prints


def _show(orders: argparse.Namespace) -> None:
    print(json.dumps(show(orders.file), indent=1))  # noqa: T201 - the same


def _account(orders: argparse.Namespace) -> None:
    for name, value in Address.read(orders.file).account().items():
        more = ':"$PATH"' if name == "PATH" else ""
        print(f"export {name}={shlex.quote(value)}{more}")  # noqa: T201 - the same


def _enroll(orders: argparse.Namespace) -> None:
    try:
        content = json.load(sys.stdin)
        enrolment = Enrolment(**{**content, "faults": tuple(content["faults"])})
        enroll(Address.read(orders.file).folder, enrolment)
    except (ValueError, TypeError, KeyError) as error:
        raise StageError(f"standard input holds no enrolment ({error}); wanted: run_id, seed, faults") from error


def _close(orders: argparse.Namespace) -> None:
    close(orders.file)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    sys.exit(main())
