"""
The environment and the command of a container's process, from its pod's manifest as a kubelet reads it.

Pure: the ConfigMaps and Secrets that a manifest refers to are looked up by whoever calls.
"""

import base64
import math
import re
from collections.abc import Callable, Mapping

from rehearsal.api_server import Object
from rehearsal.node.container import Held
from rehearsal.node.pod_address import address
from rehearsal.ports import LOOPBACK

Lookup = Callable[[str, str], Object | None]
"""A ConfigMap or Secret of the pod's namespace, by kind and name; None: there is none."""

CONFIG_ERROR = "CreateContainerConfigError"

_BUSY_PODS = 4
"""How many pods compute side by side in the main job: each gets that share of the cores."""

_FIELD_OF_MAP = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")
_REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")


def environment(pod: Object, container: Object, lookup: Lookup) -> dict[str, str]:
    """What the manifest gives a container, later entries over earlier ones. Raises Held for what is not there."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= _all_of(source, lookup)
    for variable in container.get("env", []):
        if "valueFrom" not in variable:
            found[variable["name"]] = expand(variable.get("value", ""), found)
        elif (value := _value_from(variable["valueFrom"], pod, lookup)) is not None:
            found[variable["name"]] = value
    return found


def command(container: Object, env: Mapping[str, str]) -> tuple[str, ...]:
    """The words to run. Raises Held where only an image would know them."""
    if not container.get("command"):
        raise Held(
            CONFIG_ERROR,
            f"container {container['name']} names no command: a rehearsal has no container engine, "
            f"so what image {container.get('image', '')} would run is not known here",
        )
    return tuple(expand(word, env) for word in [*container["command"], *container.get("args", [])])


def expand(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` becomes its value, `$$` a dollar; a name that is not known stays as it is written."""
    return _REFERENCE.sub(lambda m: "$" if m[0] == "$$" else env.get(m[1], m[0]), text)


def field(pod: Object, path: str) -> str:
    """One field of a pod, as the downward API names it."""
    metadata, spec = pod["metadata"], pod["spec"]
    if entry := _FIELD_OF_MAP.match(path):
        return str(metadata.get(entry[1], {}).get(entry[2], ""))
    plain = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": LOOPBACK,
        "status.podIP": address(pod),
        "status.podIPs": address(pod),
    }
    if path not in plain:
        raise Held(CONFIG_ERROR, f"fieldRef {path} is not known here")
    return str(plain[path])


def data(kind: str, found: Object) -> dict[str, bytes]:
    """The entries of a ConfigMap or Secret."""
    written = {key: base64.b64decode(text) for key, text in found.get("binaryData", {}).items()}
    entries = found.get("data") or {}
    if kind == "Secret":
        return written | {key: base64.b64decode(text) for key, text in entries.items()}
    return written | {key: text.encode() for key, text in entries.items()}


def threads(container: Object, cores: int) -> int:
    """
    How many threads a container's process shall compute with (`OMP_NUM_THREADS`).

    Its CPU limit, but no more than its share of this machine's cores: a p4d's 96 are not here, and four pods that each
    take all of two cores only stand in each other's way.
    """
    limit = container.get("resources", {}).get("limits", {}).get("cpu")
    share = max(cores // _BUSY_PODS, 1)
    return share if limit is None else max(min(math.ceil(_cores(str(limit))), share), 1)


def _cores(quantity: str) -> float:
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def _all_of(source: Object, lookup: Lookup) -> dict[str, str]:
    kind, reference = ("ConfigMap", "configMapRef") if "configMapRef" in source else ("Secret", "secretRef")
    wanted = source[reference]
    found = lookup(kind, wanted["name"])
    if found is None:
        if wanted.get("optional"):
            return {}
        raise Held(CONFIG_ERROR, f'{kind.lower()} "{wanted["name"]}" not found')
    prefix = source.get("prefix", "")
    return {prefix + key: value.decode() for key, value in data(kind, found).items()}


def _value_from(source: Object, pod: Object, lookup: Lookup) -> str | None:
    """The value that one variable refers to; None where an optional reference leads nowhere."""
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    if "configMapKeyRef" in source:
        return _entry("ConfigMap", source["configMapKeyRef"], lookup)
    if "secretKeyRef" in source:
        return _entry("Secret", source["secretKeyRef"], lookup)
    raise Held(CONFIG_ERROR, f"{', '.join(source)} is not known here")


def _entry(kind: str, wanted: Object, lookup: Lookup) -> str | None:
    found = lookup(kind, wanted["name"])
    entries = {} if found is None else data(kind, found)
    if wanted["key"] in entries:
        return entries[wanted["key"]].decode()
    if wanted.get("optional"):
        return None
    if found is None:
        raise Held(CONFIG_ERROR, f'{kind.lower()} "{wanted["name"]}" not found')
    raise Held(CONFIG_ERROR, f'couldn\'t find key {wanted["key"]} in {kind} "{wanted["name"]}"')
