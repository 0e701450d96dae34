"""
Releases of Helm, recorded where Helm records them and in its form: a Secret for each revision.

A chart is not fetched and nothing of it is rendered: a record proves what was asked for, not that the chart takes it.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from rehearsal.api_server import ApiError, ApiServer, Object
from rehearsal.kubernetes.resource import Inputs, Outputs, Refused, identity

TYPE = "helm.sh/release.v1"
"""Of the Secrets."""

OWNED = "owner=helm"
"""What selects them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One revision of a release."""

    name: str
    namespace: str
    revision: int
    chart: str
    """Its name, without the address where it lies."""
    version: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """The releases of one cluster, as Pulumi's `helm.v3.Release` treats them."""

    api: ApiServer
    refusal: Callable[[Release], str] = lambda _: ""
    """Why a release cannot be; empty: it can, or nobody here knows its chart."""

    def named(self, inputs: Inputs, fallback: str) -> Inputs:
        """In a namespace, which is `default` where the program names none."""
        return {"name": fallback, "namespace": "default", **inputs}

    def identity(self, inputs: Inputs) -> str:
        """`NAMESPACE/NAME`."""
        return identity(inputs["namespace"], inputs["name"])

    def rehearse(self, inputs: Inputs) -> None:
        """Nothing is known of a chart that is not rendered."""

    def create(self, inputs: Inputs) -> Outputs:
        """Revision 1."""
        if self._newest(inputs) is not None:
            raise Refused("cannot re-use a name that is still in use")
        return self._recorded(inputs, revision=1)

    def read(self, inputs: Inputs) -> Outputs | None:
        """As the newest revision has it, whoever made it."""
        newest = self._newest(inputs)
        return None if newest is None else _outputs({**inputs, "version": newest.version}, newest)

    def update(self, inputs: Inputs) -> Outputs:
        """The next revision."""
        newest = self._newest(inputs)
        if newest is None:
            raise Refused(f'"{inputs["name"]}" has no deployed releases')
        return self._recorded(inputs, revision=newest.revision + 1)

    def delete(self, inputs: Inputs) -> None:
        """All revisions go."""
        self.api.delete(_secrets(inputs["namespace"]), None, labelSelector=f"{OWNED},name={inputs['name']}")

    def _newest(self, inputs: Inputs) -> Release | None:
        found = releases(self.api, inputs["namespace"])
        return max((r for r in found if r.name == inputs["name"]), key=lambda r: r.revision, default=None)

    def _recorded(self, inputs: Inputs, *, revision: int) -> Outputs:
        release = Release(
            name=inputs["name"],
            namespace=inputs["namespace"],
            revision=revision,
            chart=inputs["chart"].rsplit("/", 1)[-1],
            version=inputs.get("version", ""),
            values=inputs.get("values", {}),
        )
        if why := self.refusal(release):
            raise Refused(f'Helm release "{release.namespace}/{release.name}": {why}')
        try:
            self.api.create(_secrets(release.namespace), record(release))
        except ApiError as error:
            raise Refused(f"create: failed to create: {error}") from error
        return _outputs(inputs, release)


def releases(api: ApiServer, namespace: str) -> Iterator[Release]:
    """Every revision that a namespace holds."""
    try:
        found = api.get(_secrets(namespace), labelSelector=OWNED)["items"]
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise Refused(str(error)) from error
        return
    yield from map(release_of, found)


def record(release: Release) -> Object:
    """The Secret of one revision: JSON, compressed, encoded by Helm and again because it lies in a Secret."""
    chart = {"metadata": {"name": release.chart, "version": release.version}}
    content = {
        "name": release.name,
        "namespace": release.namespace,
        "version": release.revision,
        "info": {"status": "deployed", "description": f"not rendered: {release.chart}"},
        "chart": chart,
        "config": dict(release.values),
    }
    encoded = base64.b64encode(gzip.compress(json.dumps(content).encode(), mtime=0))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": TYPE,
        "metadata": {
            "name": f"sh.helm.release.v1.{release.name}.v{release.revision}",
            "namespace": release.namespace,
            "labels": {"owner": "helm", "name": release.name, "status": "deployed", "version": str(release.revision)},
        },
        "data": {"release": base64.b64encode(encoded).decode()},
    }


def release_of(secret: Object) -> Release:
    """What a Secret of Helm's records."""
    encoded = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    content = json.loads(gzip.decompress(encoded))
    return Release(
        name=content["name"],
        namespace=content["namespace"],
        revision=content["version"],
        chart=content["chart"]["metadata"]["name"],
        version=content["chart"]["metadata"]["version"],
        values=content.get("config") or {},
    )


def _outputs(inputs: Inputs, release: Release) -> Outputs:
    status = {
        "name": release.name,
        "namespace": release.namespace,
        "revision": release.revision,
        "version": release.version,
        "chart": release.chart,
        "status": "deployed",
    }
    return {**inputs, "values": dict(release.values), "status": status}


def _secrets(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets"
