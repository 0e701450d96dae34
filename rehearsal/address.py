"""The World's address: a private file with what a run needs to attach, as a real account's environment has it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rehearsal import private
from rehearsal.errors import StageError
from rehearsal.process import Process

FILE = "world.json"
"""Its name in the World's folder."""

READY = "ready"
"""The line by which the keeper says that the file is there."""

FAILED = "failed: "
"""Before the sentence in which the keeper says why there is no World."""

_OF_THE_ACCOUNT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "PULUMI_DEBUG_PROVIDERS",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION",
)

SECRETS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PULUMI_CONFIG_PASSPHRASE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What the file says."""

    keeper: Process
    """Ends the World in order when it gets SIGTERM."""
    guard: Process
    """The last to end: when it has, nothing of the World is left."""
    folder: Path
    time_scale: float
    simulated: tuple[str, ...]
    """What is not real here, in sentences for a report."""
    environment: Mapping[str, str]

    def account(self) -> dict[str, str]:
        """
        What leads any client to the World's account as to a real one, S3 and KMS included; `PATH` has the engine.

        The World's own S3 server is not among it: an account keeps its buckets itself.
        """
        found = {name: self.environment[name] for name in _OF_THE_ACCOUNT}
        # Go's SDK reads AWS_REGION, Python's the other.
        return {
            **found,
            "AWS_DEFAULT_REGION": found["AWS_REGION"],
            "PATH": f"{self.environment['MIG_PULUMI_ROOT']}/bin",
        }

    def write(self) -> Path:
        """Keep it in the World's folder, for its owner's eyes alone."""
        content = {
            "pid": self.keeper.pid,
            "started": self.keeper.started,
            "guard": asdict(self.guard),
            "folder": str(self.folder),
            "time_scale": self.time_scale,
            "simulated": list(self.simulated),
            "environment": dict(self.environment),
        }
        return private.write(self.folder / FILE, json.dumps(content, indent=1).encode())

    @classmethod
    def read(cls, file: Path) -> "Address":
        """Read it back; StageError when the file is not there, or no World's."""
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return cls(
                keeper=Process(content["pid"], content["started"]),
                guard=Process(**content["guard"]),
                folder=Path(content["folder"]),
                time_scale=content["time_scale"],
                simulated=tuple(content["simulated"]),
                environment=content["environment"],
            )
        except FileNotFoundError as error:
            raise StageError(f"{file}: no World is open there; open one: mig world open") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StageError(
                f"{file} is not the file of a World; name the one that `mig world open` printed"
            ) from error
