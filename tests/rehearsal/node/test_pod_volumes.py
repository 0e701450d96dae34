"""A pod's volumes and working directories on disk."""

import base64
from pathlib import Path
from typing import Any

import pytest

from rehearsal.node import pod_volumes
from rehearsal.node.container import Held
from rehearsal.node.pod_volumes import File

CODE = {"data": {"train.py": "print()", "infer.py": "pass"}, "binaryData": {"blob": base64.b64encode(b"\0").decode()}}
METADATA = {"name": "p", "namespace": "n", "uid": "u", "labels": {"a": "b"}}


def lookup(kind: str, name: str) -> dict[str, Any] | None:
    """A namespace with one ConfigMap."""
    return CODE if (kind, name) == ("ConfigMap", "code") else None


def pod(*volumes: dict[str, Any]) -> dict[str, Any]:
    """A pod with these volumes."""
    return {"metadata": METADATA, "spec": {"volumes": list(volumes)}}


def container(*mounts: tuple[str, str], home: str = "/work") -> dict[str, Any]:
    """A container with these mounts: name of the volume, and path."""
    return {"name": "main", "workingDir": home, "volumeMounts": [{"name": n, "mountPath": p} for n, p in mounts]}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        pytest.param({"emptyDir": {}}, {}, id="an emptyDir is empty"),
        pytest.param(
            {"configMap": {"name": "code"}},
            {"train.py": File(b"print()", 0o644), "infer.py": File(b"pass", 0o644), "blob": File(b"\0", 0o644)},
            id="a ConfigMap is all its entries",
        ),
        pytest.param(
            {"configMap": {"name": "code", "defaultMode": 0o400, "items": [{"key": "train.py", "path": "a/b.py"}]}},
            {"a/b.py": File(b"print()", 0o400)},
            id="or those that are named, where they are wanted",
        ),
        pytest.param({"configMap": {"name": "none", "optional": True}}, {}, id="an optional one may be missing"),
        pytest.param(
            {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"name": File(b"p", 0o644)},
            id="the downward API writes fields",
        ),
        pytest.param(
            {"projected": {"sources": [{"configMap": {"name": "code", "items": [{"key": "blob", "path": "x"}]}}]}},
            {"x": File(b"\0", 0o644)},
            id="a projected volume is its sources together",
        ),
    ],
)
def test_contents(volume: dict[str, Any], expected: dict[str, File]) -> None:
    """A volume starts with the files that its manifest names."""
    assert expected == pod_volumes.contents({"name": "v", **volume}, pod(), lookup)


@pytest.mark.parametrize(
    ("volume", "why"),
    [
        pytest.param({"configMap": {"name": "none"}}, 'configmap "none" not found', id="no ConfigMap"),
        pytest.param(
            {"configMap": {"name": "code", "items": [{"key": "x", "path": "x"}]}},
            "non-existent config key: x",
            id="no key",
        ),
        pytest.param({"hostPath": {"path": "/"}}, "hostPath is not known to a rehearsal", id="a kind not known here"),
    ],
)
def test_what_is_not_there(volume: dict[str, Any], why: str) -> None:
    """A volume that cannot be made holds its pod, and says why."""
    with pytest.raises(Held, match=why) as caught:
        pod_volumes.contents({"name": "v", **volume}, pod(), lookup)

    assert caught.value.waiting.reason == "FailedMount"


def test_mounts_are_relative(tmp_path: Path) -> None:
    """What is mounted below the workingDir is found at the same relative path, and volumes are shared."""
    manifest = pod({"name": "code", "configMap": {"name": "code"}}, {"name": "shared", "emptyDir": {}})
    pod_volumes.write_volumes(manifest, tmp_path, lookup)
    one = pod_volumes.working_directory(manifest, container(("code", "/work/code"), ("shared", "/work/a/b")), tmp_path)
    other = pod_volumes.working_directory(manifest, container(("shared", "/work/x")) | {"name": "other"}, tmp_path)
    (one / "a" / "b" / "note").write_text("hello")

    assert (one / "code" / "train.py").read_text() == "print()"
    assert (other / "x" / "note").read_text() == "hello"


def test_a_mount_that_is_the_working_directory(tmp_path: Path) -> None:
    """A volume may be the workingDir itself, and hold another one."""
    manifest = pod({"name": "home", "emptyDir": {}}, {"name": "code", "configMap": {"name": "code"}})
    pod_volumes.write_volumes(manifest, tmp_path, lookup)
    mounts = container(("home", "/work"), ("code", "/work/code"))
    pod_volumes.working_directory(manifest, mounts, tmp_path)
    again = pod_volumes.working_directory(manifest, mounts, tmp_path)

    assert (again / "code" / "infer.py").read_text() == "pass"


def test_a_restart_finds_a_fresh_directory(tmp_path: Path) -> None:
    """What a run left outside its volumes is gone in the next; what it left in one is there."""
    manifest = pod({"name": "kept", "emptyDir": {}})
    pod_volumes.write_volumes(manifest, tmp_path, lookup)
    first = pod_volumes.working_directory(manifest, container(("kept", "/work/kept")), tmp_path)
    (first / "lost").write_text("")
    (first / "kept" / "file").write_text("")
    second = pod_volumes.working_directory(manifest, container(("kept", "/work/kept")), tmp_path)

    assert [path.name for path in second.iterdir()] == ["kept"]
    assert (second / "kept" / "file").exists()


@pytest.mark.parametrize(
    ("mounts", "why"),
    [
        pytest.param(
            container(("v", "/data")), "mounts /data, which is not below its workingDir /work", id="elsewhere"
        ),
        pytest.param(
            {"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/data"}]}, "it has none", id="no workingDir"
        ),
    ],
)
def test_a_mount_out_of_reach(tmp_path: Path, mounts: dict[str, Any], why: str) -> None:
    """A mount that a process's working directory cannot hold is refused in words."""
    with pytest.raises(Held, match=why):
        pod_volumes.working_directory(pod({"name": "v", "emptyDir": {}}), mounts, tmp_path)


def test_temporary_directory(tmp_path: Path) -> None:
    """A mount at /tmp is the process's TMPDIR; without one it gets a private one."""
    manifest = pod({"name": "scratch", "emptyDir": {}})
    pod_volumes.write_volumes(manifest, tmp_path, lookup)
    mounted = container(("scratch", "/tmp"))  # noqa: S108 (a path of the manifest)

    assert pod_volumes.temporary_directory(mounted, tmp_path) == tmp_path / "volumes" / "scratch"
    assert pod_volumes.temporary_directory(container(), tmp_path) == tmp_path / "temporary" / "main"
    assert not list(pod_volumes.working_directory(manifest, mounted, tmp_path).iterdir())


def test_no_token_of_the_api_server(tmp_path: Path) -> None:
    """The volume with which Kubernetes gives a pod access to its API is passed over."""
    access = {"name": "kube-api-access-x", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    mounts = container(("kube-api-access-x", "/var/run/secrets/kubernetes.io/serviceaccount"))
    pod_volumes.write_volumes(pod(access), tmp_path, lookup)

    assert not list(pod_volumes.working_directory(pod(access), mounts, tmp_path).iterdir())
    assert not (tmp_path / "volumes").exists()
