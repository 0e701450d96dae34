"""
The GPUs of one simulated node as NVML would tell of them: mode, MIG devices, UUIDs, minor numbers, PCI addresses.

Values: each change makes new ones. Nothing here knows of Kubernetes. The same seed and node give the same UUIDs.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from mig.gpu import Gpu, InstanceType
from mig.layout import Placed
from mig.profiles import Profile

_PCI_ADDRESSES = ("10:1c", "10:1d", "20:1c", "20:1d", "90:1c", "90:1d", "a0:1c", "a0:1d")
"""Where a p4d.24xlarge has its eight GPUs; taken for every machine."""

_NAMES = uuid.UUID("6d69672d-7069-5065-8c69-6e6500000000")
"""Namespace of the simulated UUIDs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigDevice:
    """One MIG instance, with its one compute instance."""

    profile: Profile
    start: int
    """First memory slice."""
    uuid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One GPU of a node."""

    model: Gpu
    minor: int
    uuid: str
    pci: str
    """`0000:10:1c.0`."""
    mig: bool = False
    """Whether MIG mode is on."""
    pending: bool = False
    """What the mode will be after the next reboot."""
    devices: tuple[MigDevice, ...] = ()

    def with_mode(self, *, mig: bool) -> Self:
        """
        Another MIG mode; what the GPU was cut into is gone.

        An Ampere GPU needs a reset for it, which a cloud's virtual machine refuses: it stays pending until the reboot.
        """
        return replace(self, mig=self.mig if _remembers(self.model) else mig, pending=mig, devices=())

    def with_devices(self, placed: Sequence[Placed]) -> Self:
        """Cut anew, as placed. MIG UUIDs follow from the GPU's and the place, as NVIDIA's do."""
        profiles = {profile.name: profile for profile in self.model.profiles}
        devices = (
            MigDevice(
                profile=profiles[one.profile],
                start=one.start,
                uuid=f"MIG-{uuid.uuid5(_NAMES, f'{self.uuid}/{profiles[one.profile].gi_id}/{one.start}')}",
            )
            for one in placed
        )
        return replace(self, devices=tuple(devices))

    def rebooted(self) -> Self:
        """After a reboot of its node: the geometry is lost; the mode survives on Ampere alone, which stores it."""
        mig = self.pending if _remembers(self.model) else False
        return replace(self, mig=mig, pending=mig, devices=())


def fresh(machine: InstanceType, *, seed: int, node: str) -> tuple[Card, ...]:
    """The GPUs of a node that has just been made: MIG mode off."""
    return tuple(
        Card(
            model=machine.gpu,
            minor=minor,
            uuid=f"GPU-{uuid.uuid5(_NAMES, f'{seed}/{node}/{minor}')}",
            pci=f"0000:{_PCI_ADDRESSES[minor]}.0",
        )
        for minor in range(machine.gpus)
    )


def _remembers(model: Gpu) -> bool:
    """Whether MIG mode is kept in the GPU itself, and changes only by a reset; newer ones do neither."""
    return model.architecture == "Ampere"
