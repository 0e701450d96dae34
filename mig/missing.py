"""
What of NVIDIA's side is missing on a node, by what is seen of it there: each link of the chain leaves a trace.

The chain (docs/nvidia.md, section 1): Node Feature Discovery finds the GPU, the operator labels the node, GPU Feature
Discovery describes its GPUs, then MIG Manager comes, and takes up the node's label. Which of the charts' values keeps a
link from being there is a guess, and is said as one.
"""

from mig import labels
from mig.readiness import NodeSeen

MISSING_SECONDS = 900.0
"""How long a link may be missing before it is said never to come: on a fresh node its image is pulled meanwhile."""


def link(node: NodeSeen) -> str:
    """The first link between the node's boot and MIG Manager that is not there; empty: all are."""
    if labels.PCI_PRESENT not in node.labels:
        return "nobody has found a GPU on it: is there a GPU Operator, with Node Feature Discovery (nfd.enabled)?"
    if not any(key.startswith(labels.DEPLOY) for key in node.labels):
        return "the GPU Operator has not labelled it: is there one, with a ClusterPolicy?"
    if labels.GFD_TIMESTAMP not in node.labels:
        return "GPU Feature Discovery has not described its GPUs (gfd.enabled?)"
    if not node.manager_phase:
        return "MIG Manager has no pod on it (migManager.enabled, daemonsets.tolerations?)"
    if node.manager_phase != "Running":
        return (
            f"MIG Manager's pod is {node.manager_phase} (does the ConfigMap of migManager.config.name exist? "
            f"kubectl -n {labels.OPERATOR_NAMESPACE} describe pod -l {labels.MIG_MANAGER} says why)"
        )
    return ""


def plugin(node: NodeSeen) -> str:
    """Why the DRA driver announces nothing on the node; empty: it could."""
    if not node.plugin_pod:
        return "the DRA driver has no plugin on it (is it installed, and do its nodeSelector and tolerations fit?)"
    if not node.plugin_ready:
        return "the DRA plugin's pod is not Ready (nvidiaDriverRoot, resources.gpus.enabled?)"
    return ""
