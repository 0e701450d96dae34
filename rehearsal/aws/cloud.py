"""
The simulated AWS account: a server on loopback that answers AWS's API calls, and the machines that they bring forth.

It is moto's server with the calls that moto lacks (moto_calls). One request is answered at a time, under the lock that
the scaling groups take too: moto's own state is not made for threads. There is one account per process, because moto's
state is the process's.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import boto3
from moto.autoscaling.models import autoscaling_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.eks.models import eks_backends
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

from rehearsal.aws import account, moto_calls, price_list
from rehearsal.aws.account import CLUSTER, REGION
from rehearsal.aws.authenticator import User
from rehearsal.aws.bill import Bill, Billed
from rehearsal.aws.eks_cluster import Reached
from rehearsal.aws.scaling import Ground, Machines, ScalingGroup
from rehearsal.clock import Clock
from rehearsal.ports import LOOPBACK

_FIRST_ASKED = ("ec2", "iam", "kms", "logs", "ecr", "resource-groups", "eks")
"""Services that are asked when a cluster is made."""

_OWN_KEY = ("AKIASIMULATED0000000", "simulated")
"""By which the stage itself asks: 20 characters, as moto looks for a key."""

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Cloud:
    """Open it with the machines that its instances become; stop it when they are not needed any more."""

    def __init__(
        self, *, folder: Path, clock: Clock, key: tuple[str, str] | None = None, reached: Reached | None = None
    ) -> None:
        """
        An account that is not there until it is started.

        Args:
            folder: the World's.
            clock: on which everything takes its time.
            key: by which the account's user asks, id and secret.
            reached: the API server of its clusters.
        """
        self._keys = dict([_OWN_KEY, *([key] if key else [])])
        self._reached = reached
        self._bill = Bill(clock.now)
        self._folder, self._clock = folder, clock
        self._clients: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._making = threading.Lock()
        self._closed = threading.Event()
        self._server = make_server(LOOPBACK, 0, self._one_at_a_time(), threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, name="aws", daemon=True)

    def start(self, machines: Machines, *, furnished: bool = True) -> None:
        """Answer from now on, for an account that has a cluster already, or nothing."""
        moto_calls.install()
        moto_calls.forget(self._keys)
        self._eks.ground = Ground(
            folder=self._folder,
            region=REGION,
            zones=account.zones(),
            clock=self._clock,
            machines=machines,
            bill=self._bill,
            lock=self._lock,
            closed=self._closed,
            reached=self._reached,
        )
        self._thread.start()
        if furnished:
            account.furnish(account.Clients(**{name: self.client(name) for name in ("ec2", "eks", "iam")}))
            self._eks.describe_cluster(CLUSTER).settle()

    def stop(self) -> None:
        """Answer no more, and let every thread end. The machines are their owner's to stop."""
        self._closed.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        for group in self._groups():
            group.join()

    @property
    def endpoint(self) -> str:
        """The URL that AWS clients are given."""
        return f"http://{LOOPBACK}:{self._server.server_port}"

    def environment(self) -> Mapping[str, str]:
        """What a run needs to find the account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "MIG_CLUSTER": CLUSTER,
        }

    def client(self, service: str) -> Any:  # noqa: ANN401 (boto3 has no types)
        """A boto3 client of the account, the same for everybody: clients may be shared, making one is slow."""
        with self._making:
            if service not in self._clients:
                self._clients[service] = boto3.client(
                    service,
                    endpoint_url=self.endpoint,
                    region_name=REGION,
                    aws_access_key_id=_OWN_KEY[0],
                    aws_secret_access_key=_OWN_KEY[1],
                )
            return self._clients[service]

    def make_clients(self) -> None:
        """Those of all that is asked when a cluster is made."""
        for service in _FIRST_ASKED:
            self.client(service)

    def role_of(self, namespace: str, service_account: str) -> str | None:
        """The role that pod identity gives the pods of a service account; None: they get no credentials."""
        with self._lock:
            tie = self._eks.association_of(namespace, service_account)
        return tie.role_arn if tie else None

    def has_bucket_of(self, role: str) -> bool:
        """Whether a role opens a bucket that lies in the account, and not in the World's own S3 server."""
        with self._lock:
            policies = iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_role_by_arn(role).policies.values()
            buckets = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets
            return any(f"arn:aws:s3:::{name}/" in written for written in policies for name in buckets)

    def clusters(self) -> tuple[str, ...]:
        """The clusters that answer."""
        with self._lock:
            return tuple(name for name, cluster in self._eks.clusters.items() if cluster.status == "ACTIVE")

    def secret(self, access_key: str) -> str | None:
        """Of a key of the account's user."""
        return self._keys.get(access_key)

    def admitted(self, cluster: str, access_key: str) -> User | None:
        """Whom a cluster takes the owner of a key for: the account has one user."""
        assert access_key in self._keys  # noqa: S101 (whoever asks has had its secret)
        with self._lock:
            rights = self._eks.rights(cluster, account.user_arn(DEFAULT_ACCOUNT_ID))
        return User(name=rights[0], groups=rights[1]) if rights else None

    def billed(self) -> tuple[Billed, ...]:
        """Every instance there ever was, with what it has cost so far."""
        return self._bill.billed()

    @property
    def _eks(self) -> Any:  # noqa: ANN401 (moto has no types)
        return eks_backends[DEFAULT_ACCOUNT_ID][REGION]

    def _groups(self) -> list[ScalingGroup]:
        groups = autoscaling_backends[DEFAULT_ACCOUNT_ID][REGION].autoscaling_groups.values()
        return [group for group in groups if isinstance(group, ScalingGroup)]

    def _one_at_a_time(self) -> WsgiApp:
        app = DomainDispatcherApplication(create_backend_app)

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if price_list.asked(environ):
                return price_list.answer(environ, start_response)
            with self._lock:
                return list(app(environ, start_response))

        return answer


class _Quiet(MotoRequestHandler):  # type: ignore[misc]  # moto has no types
    """A polled server would fill the log with polls."""

    def log_request(self, *_answer: object) -> None:
        """Nothing is said of an answer; errors still are."""
