"""Dashboard and alerts ask for what there is."""

import json
import re

from infra.monitoring import alerts, dashboard, values
from mig.release import RELEASES

FOR_MIG = {
    # What dcgm-exporter tells of MIG devices (docs/nvidia.md's sources; dcgm-exporter #105, #216, #430): utilisation,
    # DCGM_FI_DEV_GPU_UTIL, is not among them
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_SM_CLOCK",
    "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE",
}  # fmt: skip
DASHBOARD = json.loads(dashboard()["data"]["mig.json"])
RULES = {rule["alert"]: rule for group in alerts()["groups"] for rule in group["rules"]}


def metrics(text: str) -> set[str]:
    """Names of metrics in it."""
    return set(re.findall(r"\b(?:DCGM|kube)_\w+", text))


def test_dashboard() -> None:
    """Every panel asks for metrics that MIG devices have, and all of those are shown."""
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]

    assert FOR_MIG == metrics(" ".join(asked))


def test_dashboard_is_found() -> None:
    """Grafana's sidecar takes what carries its label."""
    assert "1" == dashboard()["metadata"]["labels"]["grafana_dashboard"]


def test_alerts() -> None:
    """They ask for what exporter and kube-state-metrics tell."""
    asked = metrics(" ".join(rule["expr"] for rule in RULES.values()))

    assert {"DCGM_FI_PROF_GR_ENGINE_ACTIVE", "kube_node_labels"} == asked


def test_stuck() -> None:
    """Nobody is called before MIG Manager's longest wait is over, in any pair."""
    minutes = int(RULES["MigStuck"]["for"].removesuffix("m"))

    assert minutes > max(release.wedge_minutes for release in RELEASES.values())


def test_labels_that_alerts_ask_for() -> None:
    """kube-state-metrics tells of no label that it is not told to."""
    (allowed,) = values()["kube-state-metrics"]["metricLabelsAllowlist"]
    written = {f"label_{re.sub(r'[^a-zA-Z0-9]', '_', name)}" for name in re.findall(r"[\w./-]+/[\w.-]+", allowed)}
    asked = set(re.findall(r"label_\w+", " ".join(rule["expr"] for rule in RULES.values())))

    assert asked <= written


def test_no_load_balancer() -> None:
    """Grafana is reached from inside the cluster only, and its password is in no value."""
    grafana = values()["grafana"]

    assert "ClusterIP" == grafana["service"]["type"]
    assert {"existingSecret", "userKey", "passwordKey"} == grafana["admin"].keys()
