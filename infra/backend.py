"""Where Pulumi's engine, state and providers are; a value, so that who only names them need not import Pulumi."""

from collections.abc import Mapping
from dataclasses import dataclass, field

RUNS = "mig"
"""Pulumi's project of the stacks of runs: each is one attempt's, and goes with its run."""

STANDING = "mig-standing"
"""That of the stacks which outlive runs: who lists the stacks of runs, to take them down, never sees one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Where Pulumi's engine, state and providers are."""

    url: str
    """Of the state: `file://...`, or `s3://...` on a real account."""
    home: str
    """The engine's own folder: plugins and credentials."""
    passphrase: str = field(repr=False)
    pulumi_root: str
    """Folder with `bin/pulumi`."""
    environment: Mapping[str, str] = field(repr=False)
    """What engine and providers find the account by."""
    project: str = RUNS
    """Which group of stacks is meant."""
    secrets: str = "passphrase"
    """What encrypts secrets in the state: by the passphrase, or by a key, as `awskms://alias/mig-pipeline?region=...`."""
    policy_packs: tuple[str, ...] = ()
    """Executables that the engine asks about every resource (infra.guardrail). Each takes about a second."""
