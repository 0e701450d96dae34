"""
What stands in a World's cluster from the start, where whoever opens it says so: objects, and charts as Helm's records.

The World knows none of it: it is told by those who else would have it raised, applies the objects as the stand-in
provider does, and records the charts by the same hand. What follows from them is the same, too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from rehearsal.api_server import ApiServer
from rehearsal.errors import StageError
from rehearsal.kubernetes.helm import Releases
from rehearsal.kubernetes.objects import Objects
from rehearsal.kubernetes.resource import Refused

FILE = "standing.json"
"""Its name in the World's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Furnishing:
    """What shall stand."""

    objects: tuple[Mapping[str, Any], ...]
    """Manifests, in an order that works."""
    charts: tuple[Mapping[str, Any], ...]
    """`name`, `namespace`, `chart`, `version` and `values` of each release."""

    @classmethod
    def of(cls, text: str) -> "Furnishing":
        """Read it; StageError when it is something else."""
        try:
            content = json.loads(text)
            return cls(objects=tuple(content["objects"]), charts=tuple(content["charts"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StageError(f"this does not say what stands ({error}); wanted: objects, charts") from error


def furnish(api: ApiServer, file: Path, releases: Releases, closed: Event) -> None:
    """Make it stand; StageError when the API server, or a chart, takes something of it not."""
    wanted, objects = Furnishing.of(file.read_text(encoding="utf-8")), Objects(api=api, closed=closed)
    try:
        for manifest in wanted.objects:
            objects.create(manifest)
        for chart in wanted.charts:
            releases.create(chart)
    except Refused as refusal:
        raise StageError(f"what shall stand in the cluster cannot: {refusal}") from refusal
