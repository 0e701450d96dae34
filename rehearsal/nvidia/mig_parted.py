"""
nvidia-mig-parted as a function: its config file, read as strictly, and what an entry means for the GPUs of a node.

It answers as the tool's `assert` and `apply` do; how MIG Manager calls them, and when, is `mig_manager`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mig.gpu import Gpu
from mig.layout import Geometry, NodeLayout, mig_parted, place, shipped_configs
from mig.parted import device_filter
from rehearsal.nvidia.gpus import Card


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What an entry wants of one GPU."""

    mig: bool
    counts: tuple[tuple[str, int], ...]
    """(profile, count), as mig-parted's file has them."""


Entry = tuple[Setting | None, ...]
"""One for each GPU; None: the entry has no part that matches this GPU, and leaves it as it is."""


def entry(file: object, name: str, cards: Sequence[Card]) -> Entry | None:
    """What an entry of a config file means for these GPUs; None: `assert --valid-config` refuses it."""
    try:
        selections = _File.model_validate(file).mig_configs[name]
    except (ValidationError, KeyError):
        return None
    settings: list[Setting | None] = [None] * len(cards)
    for selection in selections:
        for index, card in enumerate(cards):
            if selection.matches(index, card.model):
                settings[index] = selection.setting()
    return tuple(settings)


def shipped(model: Gpu) -> Mapping[str, object]:
    """The file that MIG Manager generates for nodes with this GPU; the older static one has the same entries for it."""
    layouts = (
        NodeLayout(config_name=name, gpus=(geometry,), shipped=True)
        for name, geometry in shipped_configs(model).items()
    )
    file = mig_parted(layouts)
    for name, mig in (("all-disabled", False), ("all-enabled", True)):
        file["mig-configs"][name] = [{"devices": "all", "mig-enabled": mig, "mig-devices": {}}]
    return file


def mode_is(wanted: Entry, cards: Sequence[Card]) -> bool:
    """`assert --mode-only`."""
    return all(setting is None or setting.mig == card.mig for setting, card in zip(wanted, cards, strict=True))


def is_applied(wanted: Entry, cards: Sequence[Card]) -> bool:
    """`assert`: mode and devices, by profile; where a device lies does not count."""
    return mode_is(wanted, cards) and all(
        setting is None or sorted(_flat(setting)) == sorted(device.profile.name for device in card.devices)
        for setting, card in zip(wanted, cards, strict=True)
    )


def with_mode(wanted: Entry, cards: Sequence[Card]) -> tuple[Card, ...]:
    """`apply --mode-only`: whether it took effect is another question, for `mode_is`."""
    return tuple(
        card if setting is None or setting.mig == card.mig else card.with_mode(mig=setting.mig)
        for setting, card in zip(wanted, cards, strict=True)
    )


def with_devices(wanted: Entry, cards: Sequence[Card]) -> tuple[Card, ...]:
    """`apply`: the GPUs cut as wanted. Raises ValueError while the mode is wrong, and for an impossible cut."""
    if not mode_is(wanted, cards):
        raise ValueError("MIG mode is not what the entry says")
    return tuple(
        card if setting is None else card.with_devices(place(card.model, Geometry.of(dict(setting.counts))))
        for setting, card in zip(wanted, cards, strict=True)
    )


def without_devices(wanted: Entry, cards: Sequence[Card]) -> tuple[Card, ...]:
    """What a failed `apply` leaves behind: it clears what it has begun."""
    return tuple(
        card if setting is None else card.with_devices(()) for setting, card in zip(wanted, cards, strict=True)
    )


class _Selection(BaseModel):
    """One part of an entry: which GPUs, and what of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))

    device_filter: str | tuple[str, ...] = ()
    devices: Literal["all"] | tuple[int, ...]
    mig_enabled: bool
    mig_devices: Mapping[str, int] = {}

    def matches(self, index: int, model: Gpu) -> bool:
        filters = (self.device_filter,) if isinstance(self.device_filter, str) else self.device_filter
        if filters and not set(device_filter(model)) & set(filters):
            return False
        return self.devices == "all" or index in self.devices

    def setting(self) -> Setting:
        return Setting(mig=self.mig_enabled, counts=tuple(self.mig_devices.items()))


class _File(BaseModel):
    """A config file of mig-parted."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))

    version: Literal["v1"]
    mig_configs: Mapping[str, tuple[_Selection, ...]]


def _flat(setting: Setting) -> list[str]:
    return [profile for profile, count in setting.counts for _ in range(count)]
