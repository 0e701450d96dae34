"""What Prefect's charts are told: keys that they have, no secret, and the same names as everywhere else."""

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pytest
import yaml

from flows.work_pool import NAMES
from infra.cluster import WORKER_NAMESPACE
from mig import labels
from tests.deployments.test_dockerfile import FOLDER
from tests.infra.test_charts import unknown

SERVER = {
    # PrefectHQ/prefect-helm, charts/prefect-server/values.yaml at 007af1c7
    "global.prefect.image.prefectTag", "server.basicAuth.enabled", "server.basicAuth.existingSecret", "server.env",
    "server.resources", "server.livenessProbe.enabled", "server.livenessProbe.config.initialDelaySeconds",
    "server.livenessProbe.config.failureThreshold", "server.readinessProbe.enabled", "server.nodeSelector",
    "server.updateStrategy", "server.extraVolumes", "server.extraVolumeMounts", "migrations.nodeSelector",
    "secret.create", "secret.name", "postgresql.enabled",
}  # fmt: skip
WORKER = {
    # charts/prefect-worker/README.md at 8791eab4, "Values"; basicAuth also in its tests/worker_test.yaml at 03e023dc
    "worker.image.prefectTag", "worker.config.workPool", "worker.config.type", "worker.config.installPolicy",
    "worker.apiConfig", "worker.selfHostedServerApiConfig.apiUrl",
    "worker.selfHostedServerApiConfig.basicAuth.enabled", "worker.selfHostedServerApiConfig.basicAuth.existingSecret",
    "worker.extraEnvVars", "worker.livenessProbe.enabled", "worker.livenessProbe.config.initialDelaySeconds",
    "worker.nodeSelector",
}  # fmt: skip
CHARTS = pytest.mark.parametrize(("chart", "known"), [("prefect-server", SERVER), ("prefect-worker", WORKER)])


def text(chart: str) -> str:
    """A file of values as it stands."""
    return (FOLDER / f"helm/{chart}.yaml").read_text(encoding="utf-8")


def values(chart: str) -> Mapping[str, Any]:
    """What a chart is told."""
    told: Mapping[str, Any] = yaml.safe_load(text(chart))
    return told


@CHARTS
def test_every_key_is_the_charts(chart: str, known: set[str]) -> None:
    """Helm takes any other in silence, and it does nothing."""
    assert [] == list(unknown(values(chart), known))


@CHARTS
def test_the_chart_is_pinned(chart: str, known: set[str]) -> None:
    """Both in one version, and Prefect in the one that is tested here."""
    assert known
    assert [f"install {chart} {chart} --repo", "--version 2026.9.3212605"] == re.findall(
        r"install \S+ \S+ --repo|--version [\d.]+", text(chart)
    )
    assert f"prefectTag: {version('prefect')}-python3.13" in text(chart)


@CHARTS
def test_no_secret_is_in_it(chart: str, known: set[str]) -> None:
    """Passwords are in Secrets that are there before; basic auth is on."""
    assert known
    assert not re.search(r"authString|password:|connectionString", text(chart))
    assert "existingSecret: prefect-auth" in text(chart)


def test_the_worker_serves_our_pool_on_our_server() -> None:
    """By the names that `mig deploy`, the other chart and the namespace's manifest have."""
    worker = values("prefect-worker")["worker"]
    told = {each["name"].rpartition("KUBERNETES_")[2]: each["value"] for each in worker["extraEnvVars"]}

    assert NAMES["kubernetes"] == worker["config"]["workPool"]
    assert f"http://prefect-server.{WORKER_NAMESPACE}.svc" in worker["selfHostedServerApiConfig"]["apiUrl"]
    assert {
        "WORKER_API_AUTH_STRING_SECRET_NAME": values("prefect-server")["server"]["basicAuth"]["existingSecret"],
        "WORKER_API_AUTH_STRING_SECRET_KEY": "auth-string",
        "OBSERVER_NAMESPACES": WORKER_NAMESPACE,
    } == told


def test_nothing_of_prefect_runs_on_a_gpu_node() -> None:
    """Every pod of the charts goes to the system's nodes."""
    server, worker = values("prefect-server"), values("prefect-worker")

    assert [{labels.NODE_ROLE: "system"}] * 3 == [
        part["nodeSelector"] for part in (server["server"], server["migrations"], worker["worker"])
    ]


def test_a_servers_leases_outlive_it() -> None:
    """They lie where Prefect looks for them, on a claim that the namespace's manifest makes."""
    server = values("prefect-server")["server"]
    (claim,) = [volume["persistentVolumeClaim"]["claimName"] for volume in server["extraVolumes"]]
    made = yaml.safe_load_all((FOLDER / "namespace.yaml").read_text(encoding="utf-8"))

    assert claim in [each["metadata"]["name"] for each in made if each["kind"] == "PersistentVolumeClaim"]
    assert server["extraVolumeMounts"][0]["mountPath"].endswith("/.prefect/concurrency_leases")
    assert "Recreate" == server["updateStrategy"]["type"]
