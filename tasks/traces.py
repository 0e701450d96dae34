"""What runs have left in AWS, in Kubernetes, in Pulumi's state and in S3: looked for, and never touched."""

from infra import stacks
from tasks.aws import call
from tasks.connect import Site, backend
from tasks.provision import remaining


def known(site: Site, run_id: str) -> bool:
    """Whether a run has ever been here: by what it wrote down, or by what still exists of it."""
    written = call(site, "s3", "list_objects_v2", Bucket=site.bucket, Prefix=f"runs/{run_id}/", MaxKeys=1)
    return written["KeyCount"] > 0 or bool(remaining(site, run_id)) or run_id in _with_stacks(site)


def _with_stacks(site: Site) -> set[str]:
    """Runs of whose attempts the engine knows a stack."""
    return {stack.rpartition("-")[0] for stack in stacks.names(backend(site))}
