"""
The address that each pod has for itself: one of loopback's sixteen million, so that all may listen on the same port.

It follows from the pod's UID alone, so that whoever has the pod's object knows it. Should two that listen ever be given
the same one, the second is told so by the system and fails; its Job makes another pod, with another UID.
"""

import hashlib

from rehearsal.api_server import Object


def address(pod: Object) -> str:
    """Between 127.1.0.0 and 127.254.255.255: what the machine's own servers use is left to them."""
    second, third, fourth = hashlib.sha256(pod["metadata"]["uid"].encode()).digest()[:3]
    return f"127.{1 + second % 254}.{third}.{fourth}"
