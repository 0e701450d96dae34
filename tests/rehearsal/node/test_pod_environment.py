"""The environment and command of a container, from its manifest."""

import base64
from typing import Any

import pytest

from rehearsal.node import pod_environment
from rehearsal.node.container import Held
from rehearsal.node.pod_address import address

POD: dict[str, Any] = {
    "metadata": {
        "name": "medium-0",
        "namespace": "mig-run",
        "uid": "u-1",
        "labels": {"batch.kubernetes.io/job-completion-index": "3"},
        "annotations": {"note": "kept"},
    },
    "spec": {"nodeName": "node-a", "serviceAccountName": "workload"},
}
CONFIG = {"data": {"one": "1", "two": "2"}}
SECRET = {"data": {"token": base64.b64encode(b"hush").decode()}}


def lookup(kind: str, name: str) -> dict[str, Any] | None:
    """A namespace with one ConfigMap and one Secret."""
    return {("ConfigMap", "settings"): CONFIG, ("Secret", "keys"): SECRET}.get((kind, name))


def from_field(path: str) -> dict[str, Any]:
    """A variable that is a field of the pod."""
    return {"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}


def from_key(kind: str, name: str, key: str, **more: bool) -> dict[str, Any]:
    """A variable that is an entry of a ConfigMap or Secret."""
    return {"name": "X", "valueFrom": {f"{kind}KeyRef": {"name": name, "key": key, **more}}}


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        pytest.param({"name": "X", "value": "plain"}, {"X": "plain"}, id="a value"),
        pytest.param({"name": "X"}, {"X": ""}, id="no value is an empty one"),
        pytest.param(from_field("metadata.name"), {"X": "medium-0"}, id="the pod's name"),
        pytest.param(from_field("metadata.uid"), {"X": "u-1"}, id="its UID"),
        pytest.param(from_field("spec.nodeName"), {"X": "node-a"}, id="its node"),
        pytest.param(from_field("status.podIP"), {"X": address(POD)}, id="its address"),
        pytest.param(
            from_field("metadata.labels['batch.kubernetes.io/job-completion-index']"),
            {"X": "3"},
            id="one of its labels",
        ),
        pytest.param(from_field("metadata.annotations['note']"), {"X": "kept"}, id="one of its annotations"),
        pytest.param(from_key("configMap", "settings", "two"), {"X": "2"}, id="an entry of a ConfigMap"),
        pytest.param(from_key("secret", "keys", "token"), {"X": "hush"}, id="an entry of a Secret"),
        pytest.param(from_key("secret", "none", "a", optional=True), {}, id="nothing, where that is allowed"),
    ],
)
def test_variable(variable: dict[str, Any], expected: dict[str, str]) -> None:
    """A variable is what its manifest says."""
    assert expected == pod_environment.environment(POD, {"env": [variable]}, lookup)


@pytest.mark.parametrize(
    ("container", "why"),
    [
        pytest.param({"env": [from_key("configMap", "none", "a")]}, 'configmap "none" not found', id="no ConfigMap"),
        pytest.param({"env": [from_key("configMap", "settings", "x")]}, "couldn't find key x", id="no such entry"),
        pytest.param({"env": [from_field("spec.host")]}, "fieldRef spec.host is not known", id="no such field"),
        pytest.param({"envFrom": [{"secretRef": {"name": "none"}}]}, 'secret "none" not found', id="no Secret"),
    ],
)
def test_what_is_not_there(container: dict[str, Any], why: str) -> None:
    """A container that refers to what is not there waits, and says for what."""
    with pytest.raises(Held, match=why) as caught:
        pod_environment.environment(POD, container, lookup)

    assert caught.value.waiting.reason == "CreateContainerConfigError"


def test_order() -> None:
    """Single variables win over whole ConfigMaps, and may refer to what stands before them."""
    container = {
        "envFrom": [{"prefix": "S_", "configMapRef": {"name": "settings"}}],
        "env": [{"name": "S_one", "value": "mine"}, {"name": "BOTH", "value": "$(S_one)-$(S_two)"}],
    }

    assert pod_environment.environment(POD, container, lookup) == {"S_one": "mine", "S_two": "2", "BOTH": "mine-2"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("--index=$(I)", "--index=7", id="a known name"),
        pytest.param("$(J)", "$(J)", id="an unknown one stays"),
        pytest.param("$$(I)", "$(I)", id="a doubled dollar escapes"),
        pytest.param("$I costs 5$", "$I costs 5$", id="a dollar alone is a dollar"),
    ],
)
def test_expand(text: str, expected: str) -> None:
    """References are replaced as a kubelet replaces them."""
    assert expected == pod_environment.expand(text, {"I": "7"})


def test_command() -> None:
    """Command and arguments are one list of words."""
    container = {"name": "main", "command": ["python", "-m"], "args": ["training", "$(I)"]}

    assert pod_environment.command(container, {"I": "7"}) == ("python", "-m", "training", "7")


def test_no_command() -> None:
    """Without a command only an image would know what to run, and there are none here."""
    with pytest.raises(Held, match="image nvcr.io/x would run"):
        pod_environment.command({"name": "main", "image": "nvcr.io/x"}, {})


@pytest.mark.parametrize(
    ("cpu", "cores", "expected"),
    [
        pytest.param("8", 2, 1, id="two cores for four pods: one thread each"),
        pytest.param("8", 16, 4, id="a quarter of the machine, not all the limit allows"),
        pytest.param("1500m", 32, 2, id="a small limit is a small limit"),
        pytest.param("100m", 32, 1, id="never less than one"),
        pytest.param(None, 16, 4, id="no limit: the pod's share"),
    ],
)
def test_threads(cpu: str | None, cores: int, expected: int) -> None:
    """Four busy pods side by side do not ask for more cores than there are."""
    container = {} if cpu is None else {"resources": {"limits": {"cpu": cpu}}}

    assert expected == pod_environment.threads(container, cores)
