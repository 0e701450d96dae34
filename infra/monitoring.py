"""
Prometheus, its alerts and Grafana, reached from inside the cluster only.

Grafana's password is made here, once, and stands in a Secret of the cluster and, encrypted, in Pulumi's state; nothing
else holds it. Which of the exporter's metrics exist for MIG devices is held by tests/infra/test_monitoring.py.
"""

import secrets
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from infra.objects import Chart, declare, install
from mig import labels

if TYPE_CHECKING:
    import pulumi

NAME = "kube-prometheus-stack"
VERSION = "88.4.0"
REPOSITORY = "https://prometheus-community.github.io/helm-charts"
GRAFANA_SECRET = "grafana-admin"  # noqa: S105 (its name)
GRAFANA_SERVICE = f"{NAME}-grafana"
USER_KEY, PASSWORD_KEY = "admin-user", "admin-password"
_NODE_LABELS = (labels.MIG_CONFIG, labels.MIG_CONFIG_STATE, labels.RUN)
"""Of the Node objects: what alerts ask of them."""


def values() -> dict[str, Any]:
    """What the chart is told."""
    closed: dict[str, Any] = {"enabled": False}  # EKS runs these parts itself, and lets nobody ask them
    return {
        "additionalPrometheusRulesMap": {"mig": alerts()},
        "prometheus": {"prometheusSpec": {"serviceMonitorSelectorNilUsesHelmValues": False}},  # the operator's too
        "grafana": {
            "admin": {"existingSecret": GRAFANA_SECRET, "userKey": USER_KEY, "passwordKey": PASSWORD_KEY},
            "service": {"type": "ClusterIP"},  # no load balancer, which would be public, billed, and left behind
        },
        "kube-state-metrics": {"metricLabelsAllowlist": [f"nodes=[{','.join(_NODE_LABELS)}]"]},
        "kubeControllerManager": closed,
        "kubeEtcd": closed,
        "kubeProxy": closed,
        "kubeScheduler": closed,
    }


def alerts() -> dict[str, Any]:
    """Groups of alert rules, as Prometheus reads them."""
    read: dict[str, Any] = yaml.safe_load(_file("alerts.yaml"))
    return read


def dashboard() -> dict[str, Any]:
    """The ConfigMap that Grafana's sidecar takes the dashboard from."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "mig-dashboard",
            "namespace": labels.MONITORING_NAMESPACE,
            "labels": {**labels.OURS, "grafana_dashboard": "1"},
        },
        "data": {"mig.json": _file("dashboard.json")},
    }


def monitoring(opts: "pulumi.ResourceOptions", *, after: Sequence["pulumi.Resource"]) -> "pulumi.Resource":
    """Password, dashboard, and the chart: its CRDs are there before anything that is to be watched."""
    import pulumi

    following = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(after)))
    kept = pulumi.ResourceOptions.merge(following, pulumi.ResourceOptions(ignore_changes=["stringData"]))
    # Another password each time it is computed: the engine keeps the first.
    secret = declare(admin(pulumi.Output.secret(password())), kept)
    declare(dashboard(), following)
    return install(chart(), pulumi.ResourceOptions.merge(following, pulumi.ResourceOptions(depends_on=[secret])))


def chart() -> Chart:
    """The chart as we install it."""
    return Chart(
        name=NAME,
        namespace=labels.MONITORING_NAMESPACE,
        chart="kube-prometheus-stack",
        version=VERSION,
        repository=REPOSITORY,
        values=values(),
    )


def password() -> str:
    """A random one."""
    return secrets.token_urlsafe(24)


def admin(of: Any) -> dict[str, Any]:  # noqa: ANN401 (a text, or Pulumi's promise of a secret one)
    """Grafana's first user, by a password."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": GRAFANA_SECRET, "namespace": labels.MONITORING_NAMESPACE, "labels": labels.OURS},
        "stringData": {USER_KEY: "admin", PASSWORD_KEY: of},
    }


def _file(name: str) -> str:
    return (files("infra") / name).read_text(encoding="utf-8")
