"""
What stands in a cluster for as long as the cluster does: NVIDIA's two charts, monitoring, classes of slices, the rule.

It knows nothing of runs, nor of AWS: a cluster somebody else made serves as well. What costs is its pods on the system
nodes; GPU nodes are a run's own (infra.gpu_nodes).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.dra_driver import chart as driver_chart
from infra.dra_driver import dra_driver
from infra.gpu_operator import chart as operator_chart
from infra.gpu_operator import gpu_operator
from infra.guardrail import admission
from infra.monitoring import GRAFANA_SECRET, GRAFANA_SERVICE, admin, dashboard, monitoring, password
from infra.monitoring import chart as monitoring_chart
from infra.objects import Chart, declare, namespace
from mig import admission as rule
from mig import labels
from mig.device_class import API_VERSION, claim_spec, device_class, kinds, quota_key
from mig.manifest import node_config
from mig.parted import standing_config
from mig.release import Release

if TYPE_CHECKING:
    import pulumi


_SPACES = (labels.MONITORING_NAMESPACE, labels.OPERATOR_NAMESPACE, labels.DRA_NAMESPACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Others who use slices without our pipeline."""

    namespace: str
    """Made, and theirs; a claim template stands in it for every profile and size."""
    most: Mapping[str, int] = field(default_factory=dict)
    """How many slices of a profile or size they may hold at once; what is not named is not limited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformArgs:
    """The platform of one cluster."""

    cluster: str
    """EKS's name of it, which names the stack."""
    release: Release
    kubeconfig: str = field(repr=False)
    """Its content or its path. On EKS its credential is a command that asks for a token, for tokens live 15 minutes."""
    instance_types: tuple[str, ...] = ("p4d.24xlarge",)
    """For the profiles of their GPUs classes stand; a run brings what it lacks."""
    teams: tuple[Team, ...] = (Team(namespace="mig-shared"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything that the program makes, as values, in an order in which it can be made without an engine."""

    objects: tuple[dict[str, Any], ...]
    """Manifests; Grafana's first user has a password of his own each time."""
    charts: tuple[Chart, ...]


def contents(args: PlatformArgs) -> Contents:
    """
    What stands once the program has run.

    That it is the same is held by tests/e2e/test_platform.py, on a real API server.
    """
    asked = kinds(args.instance_types)
    return Contents(
        objects=(
            *(namespace(name) for name in _SPACES),
            admin(password()),
            dashboard(),
            node_config(standing_config()),
            rule.policy(),
            rule.binding(),
            *(device_class(kind) for kind in asked),
            *(manifest for team in args.teams for manifest in _of_team(team, asked)),
        ),
        charts=(monitoring_chart(), operator_chart(args.release), driver_chart(args.release)),
    )


def stack_name(cluster: str) -> str:
    """The same each time it is computed."""
    return f"platform-{cluster}"


def program(args: PlatformArgs) -> Callable[[], None]:
    """What stands, as Pulumi runs it."""

    def declare_all() -> None:
        import pulumi
        import pulumi_kubernetes

        provider = pulumi_kubernetes.Provider("cluster", kubeconfig=args.kubeconfig, enable_server_side_apply=True)
        opts = pulumi.ResourceOptions(provider=provider)
        watched, operated, driven = (declare(namespace(name), opts) for name in _SPACES)
        watching = monitoring(opts, after=[watched])
        operator = gpu_operator(args.release, opts, after=[operated, watching])
        dra_driver(args.release, opts, after=[driven, operator])
        admission(opts)
        _classes(args, opts)
        pulumi.export("release", args.release.name)
        pulumi.export("grafana", {"namespace": _SPACES[0], "service": GRAFANA_SERVICE, "secret": GRAFANA_SECRET})

    return declare_all


def _classes(args: PlatformArgs, opts: "pulumi.ResourceOptions") -> None:
    import pulumi

    asked = kinds(args.instance_types)
    for kind in asked:
        declare(device_class(kind), opts)
    for team in args.teams:
        place, *within = _of_team(team, asked)
        following = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[declare(place, opts)]))
        for manifest in within:
            declare(manifest, following)


def _of_team(team: Team, asked: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """Its namespace, and what lies in it."""
    quota = (_quota(team),) if team.most else ()
    return (namespace(team.namespace), *(_template(team, kind) for kind in asked), *quota)


def _template(team: Team, kind: str) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "ResourceClaimTemplate",
        "metadata": _metadata(team, f"mig-{kind.replace('+', '.')}"),
        "spec": {"spec": claim_spec(kind)},
    }


def _quota(team: Team) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": _metadata(team, "mig-slices"),
        "spec": {"hard": {quota_key(kind): str(most) for kind, most in team.most.items()}},
    }


def _metadata(team: Team, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": team.namespace, "labels": labels.OURS}
