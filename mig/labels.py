"""
Names that the outside world gave, each spelled once: labels, taints, drivers, classes, tags.

NVIDIA's names are from gpu-operator v26.7.0 and dra-driver-nvidia-gpu 0.4.1 (docs/nvidia.md says where each was read).
"""

MIG_CONFIG = "nvidia.com/mig.config"
"""What MIG Manager shall apply to a node: the name of an entry of its config file."""

MIG_CONFIG_STATE = "nvidia.com/mig.config.state"
"""How far MIG Manager is: absent, `pending`, `rebooting`, `success` or `failed`."""

MIG_MANAGER = "app=nvidia-mig-manager"
"""Selector of MIG Manager's pods, in the operator's namespace."""

MIG_STRATEGY = "nvidia.com/mig.strategy"
MIG_CAPABLE = "nvidia.com/mig.capable"
GPU_PRESENT = "nvidia.com/gpu.present"
GPU_PRODUCT = "nvidia.com/gpu.product"
GPU_COUNT = "nvidia.com/gpu.count"
GFD_TIMESTAMP = "nvidia.com/gfd.timestamp"
"""Unix seconds of GFD's last start: newer than the relabel means fresh labels."""

PCI_PRESENT = "feature.node.kubernetes.io/pci-10de.present"
DEPLOY = "nvidia.com/gpu.deploy."
"""Prefix of the operator's per-component switches: `true`, `false` or `paused-for-mig-change`."""

DEPLOY_CLIENT = f"{DEPLOY}client"
PAUSED = "paused-for-mig-change"

MIG_LABEL = "nvidia.com/mig-"
"""Prefix of GFD's per-profile labels, as `nvidia.com/mig-1g.5gb.count`."""

GPU_TAINT = "nvidia.com/gpu"
GPU_RESOURCE = "nvidia.com/gpu"
"""What a device plugin offers on a node; of a cut GPU, by strategy, `nvidia.com/mig-1g.5gb`."""

DRIVER = "gpu.nvidia.com"
"""The DRA driver's name, and the domain of its unqualified attributes."""

NODE_ROLE = "node-role"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
ZONE = "topology.kubernetes.io/zone"
HOSTNAME = "kubernetes.io/hostname"

OPERATOR_NAMESPACE = "gpu-operator"
DRA_NAMESPACE = "nvidia-dra-driver"
MONITORING_NAMESPACE = "monitoring"
MIG_PARTED_CONFIG = "mig-pipeline-mig-parted"
"""Our mig-parted ConfigMap in the operator's namespace; its key is `config.yaml`."""

OURS = {"app.kubernetes.io/part-of": "mig-pipeline", "app.kubernetes.io/managed-by": "mig-pipeline"}
"""Labels of what belongs to no single run."""

RUN = "mig-pipeline/run"
"""Label of everything in Kubernetes that belongs to one run, nodes included."""

WORKLOAD = "mig-pipeline/workload"
TAG_RUN = "mig-pipeline:run"
"""AWS tag of everything that belongs to one run."""

TAG_LEASE = "mig-pipeline:lease"
"""AWS tag: until when (ISO 8601 UTC) the run answers for what carries it."""

TAG_OWNER = "mig-pipeline:owner"
OWNER = "mig-pipeline"
"""What that tag says of everything that we make."""

TAG_CLUSTER = "mig-pipeline:cluster"
"""AWS tag of what outlives runs: everything that stands for one cluster."""

STATE_KEY = "alias/mig-pipeline"
"""The KMS key, by its alias, that encrypts the secrets in Pulumi's state."""


def profile_label(profile: str, suffix: str) -> str:
    """`("1g.5gb+me", "count")` is `nvidia.com/mig-1g.5gb.me.count`: GFD writes `+` as a dot."""
    return f"{MIG_LABEL}{profile.replace('+', '.')}.{suffix}"


def device_class(profile: str) -> str:
    """The DeviceClass of one profile: `mig-1g.5gb.nvidia.com`, so that a quota can tell a 1g from a 7g."""
    return f"mig-{profile.replace('+', '.')}.nvidia.com"


def class_profile(name: str) -> str:
    """The profile that a DeviceClass is of, where it is the class of one; else the class's own name."""
    if not (name.startswith("mig-") and name.endswith(".nvidia.com")):
        return name
    return name.removeprefix("mig-").removesuffix(".nvidia.com").replace("gb.", "gb+", 1)
