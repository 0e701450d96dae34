"""
A real Kubernetes control plane as four processes on loopback: etcd, API server, controller manager, scheduler.

It knows nothing of nodes: whoever brings some registers them with the API server, which reaches their kubelets (for
logs) with the client certificate that `kubelet_trust` vouches for. Nor does it know of anybody's tokens: it asks at
`authenticator_port`, where whoever knows answers, or nobody does; then only certificates let somebody in.
"""

import base64
import http.client
import json
import ssl
from pathlib import Path

from rehearsal import private
from rehearsal.aws.account import CLUSTER
from rehearsal.child import Child
from rehearsal.ports import LOOPBACK, free, listens
from rehearsal.servers.binaries import Binaries
from rehearsal.servers.certificates import Authority, Certificate, signing_key

_SERVICE_ADDRESSES = "10.96.0.0/16"
_FIRST_SERVICE_ADDRESS = "10.96.0.1"
_SERVER_NAMES = (
    LOOPBACK,
    _FIRST_SERVICE_ADDRESS,
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
_CONTROLLER = (
    "--leader-elect=false",  # there is one of each
    "--secure-port=0",  # nobody asks them: two ports less to keep
    "--kube-api-qps=1000",  # by default 20 requests a second, with which 1,600 claims take minutes
    "--kube-api-burst=2000",
)
"""What controller manager and scheduler are told alike."""

_WITHOUT = ("endpoints-controller", "endpointslice-controller", "endpointslice-mirroring-controller")
"""Controllers that would fail for ever: pods have loopback addresses, and the API server takes none for an endpoint."""

_FIRST_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
"""The controllers work when they have given the first namespace its service account."""

_START_SECONDS = 60.0
"""Long enough for a busy machine: the whole takes five seconds on two free cores."""


class ControlPlane:
    """Four processes and their certificates, in a private folder that their end leaves to its owner."""

    def __init__(self, folder: Path, binaries: Binaries) -> None:
        self._folder = private.folder(folder)
        self._binaries = binaries
        self._authority = Authority(folder / "certificates", "kubernetes-ca")
        self._etcd_authority = Authority(folder / "certificates", "etcd-ca")
        self._etcd_port, self._etcd_peer_port, self._port, self.authenticator_port = free(4)
        self._children: list[Child] = []
        self.endpoint = f"https://{LOOPBACK}:{self._port}"
        """Where the API server listens."""
        self.authority = _base64(self._authority.certificate)
        """Who vouches for it, as a kubeconfig has it."""
        self.authenticator = self._authority.issue("authenticator", hosts=(LOOPBACK,))
        """What the one who knows tokens serves with."""
        self.kubeconfig = self._kubeconfig("kubernetes-admin", group="system:masters")
        """How an administrator reaches the API server."""
        self.kubelet_serving = self._authority.issue("kubelet", group="system:nodes", hosts=(LOOPBACK, "localhost"))
        """What a node's log endpoint serves with: the API server trusts it."""
        self.kubelet_trust = self._authority.certificate
        """The authority that vouches for the API server when it calls a node."""

    def start(self) -> None:
        """Start all four, each as soon as what it needs answers; StageError names the one that does not."""
        probe = _Probe(self._port, self._authority.certificate, self._authority.issue("probe", group="system:masters"))
        etcd = self._start("etcd", self._etcd_arguments())
        etcd.wait_until(lambda: listens(self._etcd_port), seconds=_START_SECONDS)
        api_server = self._start("kube-apiserver", self._api_server_arguments())
        api_server.wait_until(lambda: probe.answers("/readyz"), seconds=_START_SECONDS)
        self._start("kube-scheduler", self._scheduler_arguments())
        manager = self._start("kube-controller-manager", self._controller_manager_arguments())
        manager.wait_until(lambda: probe.answers(_FIRST_ACCOUNT), seconds=_START_SECONDS)

    def stop(self) -> None:
        """
        End them, the last one started first.

        So the API server ends before etcd: without etcd it would not end on being asked, and would keep its port.
        """
        while self._children:
            self._children.pop().stop()

    def ended(self) -> str | None:
        """Why the control plane is not whole any more; None while it is."""
        return next((why for child in self._children if (why := child.ended())), None)

    def _start(self, name: str, arguments: list[str]) -> Child:
        log = private.folder(self._folder / "logs") / f"{name}.log"
        child = Child(name, [self._binaries.path(name), *arguments], log=log, environment={"HOME": str(self._folder)})
        self._children.append(child)
        return child

    def _etcd_arguments(self) -> list[str]:
        serving = self._etcd_authority.issue("etcd", hosts=(LOOPBACK, "localhost"))
        trust = self._etcd_authority.certificate
        client, peer = f"https://{LOOPBACK}:{self._etcd_port}", f"https://{LOOPBACK}:{self._etcd_peer_port}"
        return [
            "--name=etcd",
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=etcd={peer}",
            *_tls(serving, trust, prefix=""),
            *_tls(serving, trust, prefix="peer-"),
            "--client-cert-auth",
            "--peer-client-cert-auth",
            "--unsafe-no-fsync",  # its data ends with the World: nothing is worth waiting for a disk
            "--log-level=warn",
        ]

    def _api_server_arguments(self) -> list[str]:
        serving = self._authority.issue("kube-apiserver", hosts=_SERVER_NAMES)
        to_kubelets = self._authority.issue("kube-apiserver-kubelet-client", group="system:masters")
        to_etcd = self._etcd_authority.issue("kube-apiserver-etcd-client")
        accounts = signing_key(self._accounts_key)
        return [
            f"--etcd-servers=https://{LOOPBACK}:{self._etcd_port}",
            f"--etcd-cafile={self._etcd_authority.certificate}",
            f"--etcd-certfile={to_etcd.certificate}",
            f"--etcd-keyfile={to_etcd.key}",
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            "--endpoint-reconciler-type=none",  # no pod calls the API server, and loopback is no endpoint
            f"--secure-port={self._port}",
            f"--service-cluster-ip-range={_SERVICE_ADDRESSES}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={self._authority.certificate}",
            f"--authentication-token-webhook-config-file={self._authenticator_config()}",
            "--authentication-token-webhook-version=v1",
            "--anonymous-auth=false",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged",  # as on EKS: NVIDIA's DaemonSets ask for it
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}",
            f"--kubelet-client-certificate={to_kubelets.certificate}",
            f"--kubelet-client-key={to_kubelets.key}",
            f"--kubelet-certificate-authority={self._authority.certificate}",
            "--kubelet-preferred-address-types=InternalIP",
            "--profiling=false",
        ]

    def _controller_manager_arguments(self) -> list[str]:
        return [
            f"--kubeconfig={self._kubeconfig('system:kube-controller-manager')}",
            f"--root-ca-file={self._authority.certificate}",
            f"--service-account-private-key-file={self._accounts_key}",
            "--use-service-account-credentials",  # each controller with its own rights, not the sum of all
            f"--controllers=*,{','.join(f'-{name}' for name in _WITHOUT)}",
            *_CONTROLLER,
        ]

    def _scheduler_arguments(self) -> list[str]:
        return [f"--kubeconfig={self._kubeconfig('system:kube-scheduler')}", *_CONTROLLER]

    def _authenticator_config(self) -> Path:
        """A kubeconfig, in which the API server is the user."""
        asked = f"https://{LOOPBACK}:{self.authenticator_port}/authenticate"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "authenticator", "cluster": {"server": asked, "certificate-authority-data": self.authority}}
            ],
            "users": [{"name": "apiserver", "user": {}}],
            "contexts": [{"name": "webhook", "context": {"cluster": "authenticator", "user": "apiserver"}}],
            "current-context": "webhook",
        }
        return private.write(self._folder / "authenticator.kubeconfig", json.dumps(content, indent=1).encode())

    @property
    def _accounts_key(self) -> Path:
        return self._folder / "certificates" / "service-accounts.key"

    def _kubeconfig(self, user: str, *, group: str = "") -> Path:
        identity = self._authority.issue(user, group=group)
        cluster = {"server": self.endpoint, "certificate-authority-data": self.authority}
        credentials = {
            "client-certificate-data": _base64(identity.certificate),
            "client-key-data": _base64(identity.key),
        }
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CLUSTER, "cluster": cluster}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": CLUSTER, "context": {"cluster": CLUSTER, "user": user}}],
            "current-context": CLUSTER,
        }
        path = self._folder / f"{user.replace(':', '-')}.kubeconfig"
        return private.write(path, json.dumps(content, indent=1).encode())


class _Probe:
    """Asks the API server for one path at a time, as somebody it knows."""

    def __init__(self, port: int, trust: Path, identity: Certificate) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(trust))
        self._context.load_cert_chain(identity.certificate, identity.key)

    def answers(self, path: str) -> bool:
        connection = http.client.HTTPSConnection(LOOPBACK, self._port, context=self._context, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _tls(serving: Certificate, trust: Path, *, prefix: str) -> list[str]:
    return [
        f"--{prefix}cert-file={serving.certificate}",
        f"--{prefix}key-file={serving.key}",
        f"--{prefix}trusted-ca-file={trust}",
    ]


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")
