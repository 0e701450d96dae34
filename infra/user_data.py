"""
What a GPU node is told when it boots: the user data of its launch template, as text. Nothing here knows Pulumi or AWS.

EKS adds its own part, by which the node finds its cluster. nodeadm joins after cloud-init has ended (amazon-eks-ami,
nodeadm-run.service), so that what stands here has happened by then.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

_BOUNDARY = "mig-pipeline"
_PROGRAM, _UNIT = "/usr/local/sbin/mig-mode", "mig-mode.service"


def user_data(*, local_disks: bool, mig_mode: bool) -> str:
    """
    The parts, as cloud-init reads them; empty where there is nothing to say.

    Args:
        local_disks: images and pods go to the instance's own NVMe disks, joined to one.
        mig_mode: MIG mode is set before the node joins.
    """
    parts = list(_parts(local_disks=local_disks, mig_mode=mig_mode))
    if not parts:
        return ""
    head = f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{_BOUNDARY}"\n\n'
    return head + "".join(f"--{_BOUNDARY}\n{part}\n" for part in parts) + f"--{_BOUNDARY}--\n"


def encoded(text: str) -> str:
    """As a launch template carries it."""
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _parts(*, local_disks: bool, mig_mode: bool) -> Iterator[str]:
    """JSON throughout: it is YAML too."""
    if local_disks:
        yield _part("application/node.eks.aws", json.dumps(_node_config(), indent=1))
    if mig_mode:
        yield _part("text/cloud-config", "#cloud-config\n" + json.dumps(_mode_before_joining(), indent=1))


def _part(kind: str, content: str) -> str:
    return f'Content-Type: {kind}; charset="utf-8"\n\n{content}\n'


def _node_config() -> Mapping[str, Any]:
    """By it nodeadm joins the disks to one and puts containerd's and the kubelet's folders there; EKS adds the rest."""
    spec = {"instance": {"localStorage": {"strategy": "RAID0"}}}
    return {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}


def _mode_before_joining() -> Mapping[str, Any]:
    """A unit that systemd starts before nodeadm at every boot; at the first one cloud-init starts it itself."""
    return {
        "write_files": [
            {"path": _PROGRAM, "permissions": "0755", "content": _boot_file("mig-mode.sh")},
            {"path": f"/etc/systemd/system/{_UNIT}", "permissions": "0644", "content": _boot_file(_UNIT)},
        ],
        "runcmd": [["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", _UNIT]],
    }


def _boot_file(name: str) -> str:
    return resources.files("infra").joinpath("boot", name).read_text(encoding="utf-8")
