"""Which address a pod has."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from rehearsal.node.pod_address import address


def pod(uid: str) -> dict[str, dict[str, str]]:
    """All of it that matters."""
    return {"metadata": {"uid": uid}}


@given(st.uuids().map(str))
def test_it_is_loopback_s_but_not_the_machine_s(uid: str) -> None:
    """A pod listens where nobody else on this machine does, and nobody outside reaches it."""
    found = ip_address(address(pod(uid)))

    assert found in ip_network("127.0.0.0/8")
    assert found not in ip_network("127.0.0.0/16")
    assert found not in ip_network("127.255.0.0/16")


def test_it_follows_from_the_uid_alone() -> None:
    """Whoever has a pod's object knows it, and another pod of the same name has another."""
    assert address(pod("a")) == address(pod("a"))
    assert len({address(pod(f"uid-{number}")) for number in range(500)}) > 490
