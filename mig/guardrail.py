"""
What may be made in a cluster and an account of ours: one rule, asked before anything is created.

Three doors ask it: the policy pack (infra.guardrail) for what a Pulumi program declares, the flow for what it applies
itself (tasks.launch), and the API server for what anybody else applies (mig.admission says the part on claims as CEL).
A manifest is judged alone: whether what it names exists is not known here.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from mig import device_class, labels
from mig.gpu import INSTANCE_TYPES, NO_MIG

Manifest = Mapping[str, Any]

SELECTOR = (
    rf"""device\.attributes\[["']{re.escape(labels.DRIVER)}["']\]\.profile *== *["']"""
    rf"""({"|".join(re.escape(profile) for profile in device_class.PROFILES)})["']"""
)
"""
The one form of a selector beside the class: this profile, and nothing else.

Matched as a whole, in Python and by the API server, so that no negation, no alternative and no other attribute passes;
which quotes are used makes no difference.
"""

ALTERNATIVES = "asks for alternatives (firstAvailable): name one class with exactly"
CLASS = "must name a class of MIG slices"
ALL = "asks for all devices: allocationMode must be ExactCount"
ADMIN = "asks for adminAccess, which takes devices that others hold"
CHOICE = f"""has a selector other than device.attributes["{labels.DRIVER}"].profile == "PROFILE\""""

MOST_NODES = 50
"""Where no plan is at hand to say less: more in one group is a mistake, for 50 p4d cost more than $1,000 an hour."""


def violations(
    manifest: Manifest,
    *,
    kind: str = "",
    classes: Collection[str] = device_class.NAMES,
    most_nodes: int = MOST_NODES,
) -> tuple[str, ...]:
    """
    What is wrong with it, a sentence each; nothing for what no rule is about.

    Only what a rule is about is looked at: a preview does not know the rest yet.

    Args:
        manifest: a Kubernetes manifest, or the inputs of an AWS resource.
        kind: of the resource, `aws:eks/nodeGroup:NodeGroup`; a manifest says its own.
        classes: the DeviceClasses that a claim may name.
        most_nodes: how far a group of GPU nodes may grow: the plan's nodes.
    """
    kind = kind or manifest["kind"]
    if kind == "ResourceClaim":
        return tuple(_claim(manifest.get("spec") or {}, classes))
    if kind == "ResourceClaimTemplate":
        return tuple(_claim((manifest.get("spec") or {}).get("spec") or {}, classes))
    if kind == "aws:eks/nodeGroup:NodeGroup":
        return tuple(_node_group(manifest, most_nodes))
    return tuple(_RULES.get(kind, _none)(manifest))


def _claim(spec: Manifest, classes: Collection[str]) -> Iterator[str]:
    for request in (spec.get("devices") or {}).get("requests") or ():
        said = f"request {request.get('name', '')}"
        exactly = request.get("exactly")
        if not exactly or "firstAvailable" in request:
            yield f"{said} {ALTERNATIVES}"
            continue
        if exactly.get("deviceClassName") not in classes:
            yield f"{said} {CLASS}, and names {exactly.get('deviceClassName') or 'none'}"
        if exactly.get("allocationMode", "ExactCount") != "ExactCount":
            yield f"{said} {ALL}"
        if exactly.get("adminAccess"):
            yield f"{said} {ADMIN}"
        if not all(_is_canonical(selector) for selector in exactly.get("selectors") or ()):
            yield f"{said} {CHOICE}"


def _is_canonical(selector: Manifest) -> bool:
    return re.fullmatch(SELECTOR, (selector.get("cel") or {}).get("expression", "")) is not None


def _node_group(group: Manifest, most_nodes: int) -> Iterator[str]:
    if not _has_gpus(group):
        return
    if not any(_is_gpu_taint(taint) for taint in group.get("taints") or ()):
        yield f"GPU nodes need the taint {labels.GPU_TAINT} with effect NO_SCHEDULE, else anything lands on them"
    tags = group.get("tags") or {}
    for tag in (labels.TAG_RUN, labels.TAG_LEASE):
        if not tags.get(tag):
            yield f"GPU nodes need the tag {tag}, else no sweep finds whose they are"
    most = (group.get("scalingConfig") or {}).get("maxSize", 0)
    if most > most_nodes:
        yield f"a group may grow to {most_nodes} GPU nodes, and this one to {most:.0f}"
    if not group.get("launchTemplate"):
        yield "GPU nodes need a launch template: only there IMDSv2 is required and instances are tagged"


def _has_gpus(group: Manifest) -> bool:
    families = {name.partition(".")[0] for name in (*INSTANCE_TYPES, *NO_MIG)}
    types = group.get("instanceTypes") or ()
    return "NVIDIA" in str(group.get("amiType") or "") or any(t.partition(".")[0] in families for t in types)


def _is_gpu_taint(taint: Manifest) -> bool:
    return taint.get("key") == labels.GPU_TAINT and taint.get("effect") == "NO_SCHEDULE"


def _launch_template(template: Manifest) -> Iterator[str]:
    metadata = template.get("metadataOptions") or {}
    if metadata.get("httpTokens") != "required" or metadata.get("httpPutResponseHopLimit", 1) != 1:
        yield "instances must require IMDSv2 with a hop limit of 1, else a pod can take the node's credentials"


def _cluster(cluster: Manifest) -> Iterator[str]:
    access = cluster.get("vpcConfig") or {}
    allowed = access.get("publicAccessCidrs") or ["0.0.0.0/0"]
    if access.get("endpointPublicAccess", True) and {"0.0.0.0/0", "::/0"} & set(allowed):
        yield "a public endpoint needs a list of who may reach it: publicAccessCidrs, without 0.0.0.0/0"


def _bucket(bucket: Manifest) -> Iterator[str]:
    if str(bucket.get("acl") or "private") != "private":
        yield f"buckets are private, and this one's acl is {bucket['acl']}"


def _public_access(block: Manifest) -> Iterator[str]:
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    open_ = [name for name in switches if not block.get(name)]
    if open_:
        yield f"buckets are private: {', '.join(open_)} must be true"


def _none(_: Manifest) -> Iterator[str]:
    return iter(())


_RULES: Mapping[str, Callable[[Manifest], Iterator[str]]] = {
    "aws:ec2/launchTemplate:LaunchTemplate": _launch_template,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _public_access,
}
