"""Rates: what instances cost an hour, who says so, and since when; a dated table where nobody has been asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mig.gpu import INSTANCE_TYPES, PRICED_REGION, PRICES_AS_OF


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Prices of one region, Linux, in US dollars an hour and instance."""

    region: str
    on_demand: Mapping[str, float]
    """By instance type; one that is not there has no price that is known."""
    spot: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By instance type and zone; where none is known, spot costs at most what it costs on demand."""
    source: str
    """Where the prices on demand come from, with the date."""

    def told(self, instance_type: str) -> str:
        """Where the price of a type comes from."""
        if instance_type not in self.on_demand:
            return f"{self.source} has no price on demand for {instance_type}"
        return f"on demand, Linux, {self.region}, {self.source}"

    def spot_by_zone(self, instance_type: str) -> dict[str, float]:
        """What is known of one type on the spot market."""
        return {zone: usd for (name, zone), usd in self.spot.items() if name == instance_type}


TABLE = Rates(
    region=PRICED_REGION,
    on_demand={name: kind.usd_per_hour for name, kind in INSTANCE_TYPES.items() if kind.usd_per_hour is not None},
    source=f"table of {PRICES_AS_OF}",
)
"""What is known without asking anybody."""
