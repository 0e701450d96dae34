"""
Who asks the API server by a token of EKS's: the webhook that stands beside it, and the checks that a token must pass.

What is checked is what kubernetes-sigs/aws-iam-authenticator checks, which EKS runs there (pkg/token/token.go,
`Verify`). That one hands the signed question on to STS; as it is signed for STS's real name, which nothing here answers
at, the signature is checked here, by the secret of the key that it names. It holds for the cluster's name alone.
"""

import base64
import binascii
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlsplit

from rehearsal.ports import LOOPBACK
from rehearsal.servers.certificates import Certificate

_PREFIX = "k8s-aws-v1."
_HEADER = "x-k8s-aws-id"
_LONGEST = 4096
_LIFE = timedelta(minutes=15)
_MOST_SECONDS = 900
_DATE = "%Y%m%dT%H%M%SZ"
_WANTED = {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signature"}
_KNOWN = _WANTED | {"action", "version", "x-amz-security-token", "x-amz-signedheaders"}


class NotTaken(Exception):  # noqa: N818 (an answer: the token is not one that the cluster takes)
    """Why a token is not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom Kubernetes takes the bearer for."""

    name: str
    groups: tuple[str, ...]


class Account(Protocol):
    """What is needed of the account."""

    def clusters(self) -> tuple[str, ...]:
        """By name."""

    def secret(self, access_key: str) -> str | None:
        """Of a key of somebody in the account; None: it is nobody's."""

    def admitted(self, cluster: str, access_key: str) -> User | None:
        """Whom a cluster's access entries take the key's owner for; None: he is not let in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a token holds: a question to STS, signed."""

    host: str
    region: str
    access_key: str
    parameters: tuple[tuple[str, str], ...]
    headers: tuple[str, ...]
    """The signed ones, by name."""
    date: str
    signature: str

    def signed(self, secret: str, cluster: str) -> bool:
        """Whether the holder of this secret has signed it, for this cluster (AWS's signature version 4)."""
        values = {"host": self.host, _HEADER: cluster}
        headers = "".join(f"{name}:{values.get(name, '')}\n" for name in self.headers)
        asked = "&".join(sorted(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in self.parameters))
        whole = ("GET", "/", asked, headers, ";".join(self.headers), hashlib.sha256(b"").hexdigest())
        scope = f"{self.date[:8]}/{self.region}/sts/aws4_request"
        digest = hashlib.sha256("\n".join(whole).encode()).hexdigest()
        key = f"AWS4{secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        expected = hmac.digest(key, f"AWS4-HMAC-SHA256\n{self.date}\n{scope}\n{digest}".encode(), "sha256").hex()
        return hmac.compare_digest(expected, self.signature)


def question(token: str, *, region: str, now: datetime) -> Question:
    """What a token asks. Raises NotTaken where its form, or its age, is not one that is taken."""
    if len(token) > _LONGEST:
        raise NotTaken("token is too large")
    if not token.startswith(_PREFIX):
        raise NotTaken(f'token is missing expected "{_PREFIX}" prefix')
    encoded = token.removeprefix(_PREFIX)
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        url = urlsplit(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
    except (binascii.Error, ValueError) as error:
        raise NotTaken(str(error)) from error
    host = f"sts.{region}.amazonaws.com"
    if (url.scheme, url.netloc, url.path) != ("https", host, "/"):
        raise NotTaken(f'unexpected address "{url.scheme}://{url.netloc}{url.path}" in pre-signed URL')
    parameters = tuple(parse_qsl(url.query, keep_blank_values=True))
    asked = {name.lower(): value for name, value in parameters}
    _check(asked, parameters, now)
    access_key, *scope = asked["x-amz-credential"].split("/")
    if scope[1:] != [region, "sts", "aws4_request"]:
        raise NotTaken(f"the question is signed for {'/'.join(scope)}")
    return Question(
        host=host,
        region=region,
        access_key=access_key,
        parameters=tuple(pair for pair in parameters if pair[0].lower() != "x-amz-signature"),
        headers=tuple(asked["x-amz-signedheaders"].split(";")),
        date=asked["x-amz-date"],
        signature=asked["x-amz-signature"],
    )


def user(token: str, account: Account, *, region: str, now: datetime) -> User:
    """Whom a token makes its bearer. Raises NotTaken."""
    asked = question(token, region=region, now=now)
    secret = account.secret(asked.access_key)
    if secret is None:
        raise NotTaken("sts getCallerIdentity failed: InvalidClientTokenId")
    cluster = next((name for name in account.clusters() if asked.signed(secret, name)), None)
    if cluster is None:
        raise NotTaken("sts getCallerIdentity failed: SignatureDoesNotMatch")
    found = account.admitted(cluster, asked.access_key)
    if found is None:
        raise NotTaken(f"the cluster {cluster} has no access entry for the bearer")
    return found


class Authenticator:
    """The webhook: it answers the API server's TokenReviews from the moment it is made until it is stopped."""

    def __init__(self, account: Account, *, region: str, port: int, identity: Certificate) -> None:
        self._account, self._region = account, region
        self._server = ThreadingHTTPServer((LOOPBACK, port), partial(_Handler, self._review))
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="authenticator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _review(self, token: str) -> Mapping[str, Any]:
        """A TokenReview's status."""
        try:
            found = user(token, self._account, region=self._region, now=datetime.now(UTC))
        except NotTaken as why:
            return {"authenticated": False, "error": str(why)}
        return {"authenticated": True, "user": {"username": found.name, "groups": list(found.groups)}}


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, review: Callable[[str], Mapping[str, Any]], *connection: Any) -> None:  # noqa: ANN401 (what the server hands on)
        self._review = review
        super().__init__(*connection)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({**asked, "status": self._review(asked["spec"]["token"])}).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Say nothing: a token is in each request."""


def _check(asked: Mapping[str, str], parameters: tuple[tuple[str, str], ...], now: datetime) -> None:
    if stray := sorted(asked.keys() - _KNOWN):
        raise NotTaken(f'non-whitelisted query parameter "{stray[0]}"')
    if len(asked) != len(parameters):
        raise NotTaken("query parameter with multiple values not supported")
    if asked.get("action") != "GetCallerIdentity":
        raise NotTaken("unexpected action parameter in pre-signed URL")
    if _HEADER not in asked.get("x-amz-signedheaders", "").split(";"):
        raise NotTaken(f"client did not sign the {_HEADER} header in the pre-signed URL")
    if missing := sorted(_WANTED - asked.keys()):
        raise NotTaken(f"{missing[0]} must be present in pre-signed URL")
    if not asked["x-amz-expires"].isdecimal() or int(asked["x-amz-expires"]) > _MOST_SECONDS:
        raise NotTaken(f"invalid X-Amz-Expires parameter in pre-signed URL: {asked['x-amz-expires']}")
    try:
        signed = datetime.strptime(asked["x-amz-date"], _DATE).replace(tzinfo=UTC)
    except ValueError as error:
        raise NotTaken(f"error parsing X-Amz-Date parameter {asked['x-amz-date']}") from error
    if now > signed + _LIFE:
        raise NotTaken(f"X-Amz-Date parameter is expired (15 minute expiration) {signed:%Y-%m-%dT%H:%M:%SZ}")
