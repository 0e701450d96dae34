"""Who vouches for whom, and with what rights."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rehearsal.servers.certificates import Authority, Certificate, signing_key


def loaded(path: Path) -> x509.Certificate:
    """A certificate as its file has it."""
    return x509.load_pem_x509_certificate(path.read_bytes())


def usages(certificate: Certificate) -> set[x509.ObjectIdentifier]:
    """What it may be used for."""
    return set(loaded(certificate.certificate).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """One circle of trust."""
    return Authority(tmp_path / "certificates", "test-ca")


def test_client(authority: Authority) -> None:
    """A client's certificate names its user and group as Kubernetes reads them, and cannot serve."""
    issued = authority.issue("system:kube-scheduler", group="system:masters")

    subject = loaded(issued.certificate).subject
    assert "system:kube-scheduler" == subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert "system:masters" == subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
    assert {ExtendedKeyUsageOID.CLIENT_AUTH} == usages(issued)


def test_server(authority: Authority) -> None:
    """A server's certificate holds its names and its addresses."""
    issued = authority.issue("kube-apiserver", hosts=("127.0.0.1", "kubernetes.default.svc"))

    names = loaded(issued.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ["127.0.0.1"] == [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    assert ["kubernetes.default.svc"] == names.get_values_for_type(x509.DNSName)
    assert ExtendedKeyUsageOID.SERVER_AUTH in usages(issued)


def test_chain(authority: Authority, tmp_path: Path) -> None:
    """What one authority has issued is vouched for by it, and by no other."""
    issued = loaded(authority.issue("etcd").certificate)
    other = Authority(tmp_path / "other", "other-ca")

    issued.verify_directly_issued_by(loaded(authority.certificate))
    with pytest.raises(ValueError, match="subject does not match"):
        issued.verify_directly_issued_by(loaded(other.certificate))


def test_key_fits(authority: Authority) -> None:
    """The key in the file is the certificate's."""
    issued = authority.issue("etcd")

    key = serialization.load_pem_private_key(issued.key.read_bytes(), password=None)
    assert loaded(issued.certificate).public_key() == key.public_key()


def test_private(authority: Authority, tmp_path: Path) -> None:
    """Files are for their owner alone, and the authority's own key is in none of them."""
    authority.issue("etcd")
    signing_key(tmp_path / "certificates" / "accounts.key")

    files = sorted((tmp_path / "certificates").iterdir())
    assert ["accounts.key", "etcd.crt", "etcd.key", "test-ca.crt"] == [file.name for file in files]
    assert {0o600} == {file.stat().st_mode & 0o777 for file in files}
    assert 0o700 == (tmp_path / "certificates").stat().st_mode & 0o777
