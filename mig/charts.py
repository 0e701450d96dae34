"""
NVIDIA's charts as a cluster has them, by what Helm recorded there, and whether they are those of a request.

A record is a Secret: JSON, compressed, encoded by Helm, and once more because it lies in a Secret. Charts that were
installed without Helm leave none.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mig.errors import Refused
from mig.release import RELEASES, Release

OPERATOR = "gpu-operator"
RECORDS = "owner=helm"
"""What selects Helm's Secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A release of Helm's, as its newest revision has it."""

    name: str
    """The chart's."""
    version: str


def recorded(secrets: Iterable[Mapping[str, Any]]) -> tuple[Chart, ...]:
    """The charts that these Secrets of one namespace record."""
    newest: dict[str, tuple[int, Chart]] = {}
    for secret in secrets:
        content = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
        of = content["chart"]["metadata"]
        revision = (int(content["version"]), Chart(name=of["name"], version=of["version"]))
        newest[content["name"]] = max(newest.get(content["name"], revision), revision, key=lambda each: each[0])
    return tuple(chart for _, chart in newest.values())


def agree(charts: Iterable[Chart], wanted: Release, *, cluster: str) -> None:
    """Raise Refused where another pair stands than the request names; what nobody has recorded is let pass."""
    names = {OPERATOR, *(release.dra_chart for release in RELEASES.values())}
    ours = [chart for chart in charts if chart.name in names]
    other = [chart for chart in ours if _plain(chart.version) not in _versions(wanted, chart.name)]
    if not other:
        return
    standing = next(
        (r.name for r in RELEASES.values() if all(_plain(c.version) in _versions(r, c.name) for c in ours)), ""
    )
    named = " and ".join(f"{chart.name} {chart.version}" for chart in other)
    raised = f"{wanted.name} once `mig platform up` has raised it"
    why = f"{wanted.name} is not what stands in cluster {cluster}: it has {named}"
    raise Refused("release", why, accepted=f"{standing}, or {raised}" if standing else raised)


def _versions(release: Release, chart: str) -> set[str]:
    """The version that a pair has of a chart; none where it has another chart in its place."""
    known = {OPERATOR: release.operator, release.dra_chart: release.dra_version}
    return {_plain(known[chart])} if chart in known else set()


def _plain(version: str) -> str:
    """Helm takes a version with its `v` and without for the same."""
    return version.removeprefix("v")
