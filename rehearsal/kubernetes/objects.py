"""
Kubernetes objects as Pulumi's provider treats them: server-side apply to the real API server, which judges them.

Which kinds there are is asked of the API server too. Whether what an object starts is ready is not waited for: no
program here makes anything that has to start.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Event

from rehearsal.api_server import ApiError, ApiServer, Object
from rehearsal.kubernetes.resource import Inputs, Interrupted, Outputs, Refused, identity

MANAGER = "pulumi-kubernetes"
"""Field manager. Pulumi's provider adds a random part, so that two stacks cannot take fields from one another."""

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """The objects of one cluster."""

    api: ApiServer
    closed: Event
    """Set when the World ends."""
    _plurals: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)
    """By apiVersion and kind: the collection's name, and whether it lies in a namespace. Kinds do not change here."""

    def named(self, inputs: Inputs, fallback: str) -> Inputs:
        """Under `metadata`."""
        return {**inputs, "metadata": {"name": fallback, **inputs.get("metadata", {})}}

    def identity(self, inputs: Inputs) -> str:
        """`NAMESPACE/NAME`, or `NAME`."""
        return identity(inputs["metadata"].get("namespace", ""), inputs["metadata"]["name"])

    def rehearse(self, inputs: Inputs) -> None:
        """The API server judges it; what it lies in may not be there yet."""
        try:
            self.api.apply(self._path(inputs), dict(inputs), fieldManager=MANAGER, dryRun="All")
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise self._refused(inputs, "created", error) from error

    def create(self, inputs: Inputs) -> Outputs:
        """Apply it: what is there already is brought to what is declared."""
        return self._applied(inputs, "created")

    def read(self, inputs: Inputs) -> Outputs | None:
        """As the API server has it."""
        try:
            return _seen(self.api.get(self._path(inputs)))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise self._refused(inputs, "read", error) from error

    def update(self, inputs: Inputs) -> Outputs:
        """Apply it."""
        return self._applied(inputs, "updated")

    def delete(self, inputs: Inputs) -> None:
        """And wait for it to go: a namespace takes its time."""
        try:
            self.api.delete(self._path(inputs), {"propagationPolicy": "Background"})
        except ApiError as error:
            raise self._refused(inputs, "deleted", error) from error
        while self.read(inputs) is not None:
            if self.closed.wait(_LOOK_SECONDS):
                raise Interrupted("the World was closed")

    def _applied(self, inputs: Inputs, done: str) -> Outputs:
        try:
            return _seen(self.api.apply(self._path(inputs), dict(inputs), fieldManager=MANAGER))
        except ApiError as error:
            raise self._refused(inputs, done, error) from error

    def _path(self, inputs: Inputs) -> str:
        version, kind = inputs["apiVersion"], inputs["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        plural, in_namespace = self._collection(root, version, kind)
        metadata = inputs["metadata"]
        place = f"/namespaces/{metadata.get('namespace', 'default')}" if in_namespace else ""
        return f"{root}{place}/{plural}/{metadata['name']}"

    def _collection(self, root: str, version: str, kind: str) -> tuple[str, bool]:
        if (version, kind) not in self._plurals:
            for resource in self._resources(root):
                if "/" not in resource["name"]:  # those with one are parts of others: `pods/log`
                    self._plurals[version, resource["kind"]] = resource["name"], resource["namespaced"]
        try:
            return self._plurals[version, kind]
        except KeyError:
            raise Refused(f'no matches for kind "{kind}" in version "{version}"') from None

    def _resources(self, root: str) -> list[Object]:
        try:
            found: list[Object] = self.api.get(root)["resources"]
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return []
            raise Refused(str(error)) from error
        return found

    def _refused(self, inputs: Inputs, done: str, error: ApiError) -> Refused:
        return Refused(
            f"resource {self.identity(inputs)} was not successfully {done} by the Kubernetes API server: {error}"
        )


def _seen(found: Object) -> Outputs:
    """Without what says who owns which field: nobody declares it."""
    metadata = {name: value for name, value in found["metadata"].items() if name != "managedFields"}
    return {**found, "metadata": metadata}
