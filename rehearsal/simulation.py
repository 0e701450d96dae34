"""
The simulated parts of a World, put together: the account, the provider before it, its machines, NVIDIA's side of them.

They are threads of this process. Importing this module takes seconds (moto, gRPC), and is best done aside.
"""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from rehearsal import private
from rehearsal.api_server import ApiServer
from rehearsal.aws.account import REGION
from rehearsal.aws.authenticator import Authenticator
from rehearsal.aws.calls import RUNS, WORKLOAD, Calls
from rehearsal.aws.cloud import Cloud
from rehearsal.aws.eks_cluster import Reached
from rehearsal.aws.provider import Provider
from rehearsal.aws.resource import Aws
from rehearsal.clock import Clock
from rehearsal.furnishing import furnish
from rehearsal.kubernetes.helm import Releases
from rehearsal.kubernetes.provider import Provider as KubernetesProvider
from rehearsal.node.fleet import Fleet
from rehearsal.nvidia.chart_rules import refusal
from rehearsal.nvidia.gpu_operator import GpuOperator
from rehearsal.servers.bucket import Bucket, Credentials
from rehearsal.servers.control_plane import ControlPlane

_POD_KEY = "ASIASIMULATEDPOD0000"

SIMULATED = (
    "AWS: the account, its capacity, failures and bill are simulated behind AWS's own API",
    "Pulumi: the engine is real, its AWS provider is a stand-in before the simulated account",
    "GPU nodes: machines, boot and GPUs are simulated; pods run as processes of this machine, on its CPU",
    "NVIDIA: GPU Operator, MIG Manager, feature discovery and DRA driver are state machines",
    "time: what takes cloud and nodes minutes passes on a compressed clock",
)
"""What is not real, as a report says it."""


def simulate(
    folder: Path, clock: Clock, plane: ControlPlane, bucket: Bucket, parts: ExitStack, *, standing: Path | None
) -> Mapping[str, str]:
    """
    Start the simulated parts on the real ones that they need, and leave their ends with `parts`.

    The account has nothing, or a cluster already, in which that stands which the file `standing` says.

    Returns:
        What a run needs in its environment to reach them.
    """
    api = ApiServer(plane.kubeconfig, scratch=private.folder(folder / "keys"))
    parts.callback(api.close)
    operator = GpuOperator(api, clock)
    parts.callback(operator.stop)
    operator.start()
    cloud = Cloud(
        folder=folder,
        clock=clock,
        key=(bucket.owner.access_key, bucket.owner.secret_key),
        reached=Reached(endpoint=plane.endpoint, authority=plane.authority),
    )
    calls = Calls(folder)
    parts.callback(calls.stop)
    fleet = Fleet(
        kubeconfig=plane.kubeconfig,
        folder=private.folder(folder / "nodes"),
        clock=clock,
        serving=(plane.kubelet_serving.certificate, plane.kubelet_serving.key),
        client_ca=plane.kubelet_trust,
        environment={"AWS_ENDPOINT_URL_S3": bucket.endpoint, "AWS_REGION": REGION, **calls.environment(WORKLOAD)},
        grant=lambda namespace, account: _grant(namespace, account, cloud=cloud, bucket=bucket),
        driver=operator.driver,
        stack=operator.stack,
    )
    parts.callback(fleet.stop)
    parts.callback(cloud.stop)
    cloud.start(fleet, furnished=standing is not None)
    if standing is None:  # aside, as the first of them takes half a second to make
        threading.Thread(target=cloud.make_clients, name="clients", daemon=True).start()
    authenticator = Authenticator(cloud, region=REGION, port=plane.authenticator_port, identity=plane.authenticator)
    parts.callback(authenticator.stop)
    closed = threading.Event()
    releases = Releases(api=api, refusal=refusal)
    if standing is not None:
        furnish(api, standing, releases, closed)
    provider = Provider(Aws(region=REGION, client=cloud.client, clock=clock, closed=closed))
    parts.callback(provider.stop)
    objects = KubernetesProvider(api, closed, releases)
    parts.callback(objects.stop)
    parts.callback(closed.set)
    attached = {"PULUMI_DEBUG_PROVIDERS": f"aws:{provider.port},kubernetes:{objects.port}"}
    return {**cloud.environment(), **calls.environment(RUNS), **attached}


def _grant(namespace: str, service_account: str, *, cloud: Cloud, bucket: Bucket) -> Credentials | None:
    """What a pod may do in S3: nothing without a pod identity association, else what its run may."""
    role = cloud.role_of(namespace, service_account)
    if role is None:
        return None
    if cloud.has_bucket_of(role):  # any key opens that: the account's IAM decides nothing; this one opens nothing else
        return Credentials(access_key=_POD_KEY, secret_key=namespace, endpoint=cloud.endpoint)
    return bucket.grant(namespace)  # which has the run's name, as the role's policy on AWS relies on
