"""What runs have left in AWS, in Kubernetes, in Pulumi's state and in S3: looked for, and never touched."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from infra import stacks
from mig import labels
from mig.manifest import namespace
from tasks import kube
from tasks.aws import Missing, call
from tasks.connect import Site, backend, kubernetes
from tasks.provision import ALIVE, remaining


def known(site: Site, run_id: str) -> bool:
    """Whether a run has ever been here: by what it wrote down, or by what still exists of it."""
    written = call(site, "s3", "list_objects_v2", Bucket=site.bucket, Prefix=f"runs/{run_id}/", MaxKeys=1)
    return written["KeyCount"] > 0 or bool(remaining(site, run_id)) or run_id in _with_stacks(site)


def runs(site: Site) -> tuple[str, ...]:
    """
    Every run of which something exists that could be taken down, by tag, label or stack.

    What lies in S3 is meant to stay: a lease alone is nothing to take down, and each run leaves one.
    """
    found = {*_with_instances(site), *_with_templates(site), *_with_groups(site), *_with_namespaces(site)}
    return tuple(sorted(found | _with_stacks(site)))


def working(site: Site, run_id: str) -> bool:
    """Whether one of a run's pods runs."""
    path = f"/api/v1/namespaces/{namespace(run_id)}/pods"
    return bool(kube.items(kubernetes(site), path, fieldSelector="status.phase=Running"))


def _with_instances(site: Site) -> set[str]:
    alive = {"Name": "instance-state-name", "Values": list(ALIVE)}
    reservations = call(site, "ec2", "describe_instances", Filters=[_TAGGED, alive])["Reservations"]
    return set(_named(instance.get("Tags", ()) for each in reservations for instance in each["Instances"]))


def _with_templates(site: Site) -> set[str]:
    templates = call(site, "ec2", "describe_launch_templates", Filters=[_TAGGED])["LaunchTemplates"]
    return set(_named(template.get("Tags", ()) for template in templates))


def _with_groups(site: Site) -> set[str]:
    found = set()
    for name in call(site, "eks", "list_nodegroups", clusterName=site.cluster)["nodegroups"]:
        with suppress(Missing):  # deleted since it was listed
            group = call(site, "eks", "describe_nodegroup", clusterName=site.cluster, nodegroupName=name)["nodegroup"]
            found |= {group["tags"][labels.TAG_RUN]} if labels.TAG_RUN in group.get("tags", {}) else set()
    return found


def _with_namespaces(site: Site) -> set[str]:
    there = kube.items(kubernetes(site), "/api/v1/namespaces", labelSelector=labels.RUN)
    return {each["metadata"]["labels"][labels.RUN] for each in there}


def _with_stacks(site: Site) -> set[str]:
    """Runs of whose attempts the engine knows a stack."""
    return {stack.rpartition("-")[0] for stack in stacks.names(backend(site))}


_TAGGED: Mapping[str, Any] = {"Name": "tag-key", "Values": [labels.TAG_RUN]}


def _named(tagged: Iterable[Iterable[Mapping[str, str]]]) -> Iterator[str]:
    """The runs that EC2's tags name."""
    return (tag["Value"] for tags in tagged for tag in tags if tag["Key"] == labels.TAG_RUN)
