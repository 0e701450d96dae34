"""How a World is put together: the real parts, the simulated ones on them, and its address when all of it stands."""

import os
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread

from rehearsal import private
from rehearsal.address import Address
from rehearsal.clock import Clock
from rehearsal.process import Process
from rehearsal.servers.binaries import Binaries
from rehearsal.servers.bucket import BUCKET, Bucket, data_folder
from rehearsal.servers.control_plane import ControlPlane


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What a World shall be made of, and where."""

    folder: Path
    """Private; everything but the bucket's data lies in it, and ends with it."""
    binaries: Binaries
    time_scale: float
    standing: Path | None
    """The file that says what stands in its cluster from the start; None: it has none, and runs raise one."""
    say: Callable[[str], None]
    """Where progress is told."""


def assemble(wanted: Assembly, parts: ExitStack) -> Callable[[], str | None]:
    """
    Start all parts, leave their ends with `parts`, and write the World's file.

    Returns:
        A question to ask from time to time: why the World is not whole any more; None while it is.
    """
    started = time.monotonic()

    def tell(what: str) -> None:
        wanted.say(f"World: {what} ({time.monotonic() - started:.1f} s)")

    plane = ControlPlane(wanted.folder / "kubernetes", wanted.binaries)
    # Imported aside, since that takes as long as the real parts take to start. Nobody waits for it when the World shall
    # end early: a signal may have struck this thread within an import, and its lock is never free again.
    Thread(target=import_module, args=("rehearsal.simulation",), daemon=True).start()
    bucket = Bucket(wanted.folder / "s3", parts.enter_context(data_folder(_data_home())))
    parts.callback(bucket.stop)
    parts.callback(plane.stop)
    plane.start()
    tell("Kubernetes is ready")
    bucket.wait()
    tell("S3 is ready")
    from rehearsal.simulation import SIMULATED, simulate

    simulated = simulate(wanted.folder, Clock(wanted.time_scale), plane, bucket, parts, standing=wanted.standing)
    tell("cloud, provider and NVIDIA's parts are ready")
    environment = {
        "KUBECONFIG": str(plane.kubeconfig),
        "AWS_ENDPOINT_URL_S3": bucket.endpoint,
        "AWS_ACCESS_KEY_ID": bucket.owner.access_key,
        "AWS_SECRET_ACCESS_KEY": bucket.owner.secret_key,
        "MIG_BUCKET": BUCKET,
        **_pulumi(wanted),
        **simulated,
    }
    Address(
        keeper=Process.of(os.getpid()),
        guard=Process.of(os.getppid()),
        folder=wanted.folder,
        time_scale=wanted.time_scale,
        simulated=SIMULATED,
        environment=environment,
    ).write()
    return lambda: plane.ended() or bucket.ended()


def _pulumi(wanted: Assembly) -> dict[str, str]:
    home = private.folder(wanted.folder / "pulumi" / "home")
    state = private.folder(wanted.folder / "pulumi" / "state")
    return {
        "MIG_PULUMI_ROOT": str(wanted.binaries.root),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(16),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "mig-pipeline"
