"""
The certificates of one control plane: who may speak to whom, and prove it.

Two authorities, as in any cluster: one for the API server and those who call it, one for etcd, so that no client of the
API server can reach the store beneath. Keys are elliptic (P-256): making all of them takes milliseconds.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rehearsal import private

_DAYS = 365
_CLOCK_SKEW = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate and its key, as PEM files that only their owner can read."""

    certificate: Path
    key: Path


class Authority:
    """Signs the certificates of one circle of trust; its own key never leaves this process."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = private.folder(folder)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject(name, "")
        unsigned = (
            self._unsigned(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs=True), critical=True)
        )
        signed = unsigned.sign(self._key, hashes.SHA256())
        self.certificate = private.write(self._folder / f"{name}.crt", signed.public_bytes(serialization.Encoding.PEM))
        """The file by which others know whom this authority vouches for."""

    def issue(self, name: str, *, group: str = "", hosts: Sequence[str] = ()) -> Certificate:
        """
        A certificate for a client, and for a server too where it has hosts.

        Args:
            name: the common name: Kubernetes' name of the user.
            group: the organization: Kubernetes' group of the user.
            hosts: the names and addresses under which it serves.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
        unsigned = (
            self._unsigned(_subject(name, group), key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            unsigned = unsigned.add_extension(names, critical=False)
        signed = unsigned.sign(self._key, hashes.SHA256())
        stem = name.replace(":", "-")
        return Certificate(
            certificate=private.write(self._folder / f"{stem}.crt", signed.public_bytes(serialization.Encoding.PEM)),
            key=private.write(self._folder / f"{stem}.key", _pem(key)),
        )

    def _unsigned(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + dt.timedelta(days=_DAYS))
            # Python 3.13 and later refuse a chain without these two.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def signing_key(path: Path) -> Path:
    """A bare private key, as the API server signs service-account tokens with."""
    return private.write(path, _pem(ec.generate_private_key(ec.SECP256R1())))


def _subject(name: str, group: str) -> x509.Name:
    organization = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*organization, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
