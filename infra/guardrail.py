"""
Two of the rule's three doors: a policy pack, which Pulumi's engine asks about every resource, and the API server.

The pack is an executable of its own: `guarded` writes it, and the engine, given its path, starts it. That needs no
plugin of Pulumi's beside the engine.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from infra.backend import Backend
from infra.objects import declare
from mig import admission as cel
from mig.guardrail import MOST_NODES, violations

if TYPE_CHECKING:
    import pulumi
    from pulumi_policy import ReportViolation, ResourceValidationArgs, ResourceValidationPolicy

PACK = "mig-guardrail"
_KUBERNETES = "kubernetes:"


def admission(opts: "pulumi.ResourceOptions") -> None:
    """The rule on claims before everybody's: the policy, and that it holds."""
    import pulumi

    rule = declare(cel.policy(), opts)
    declare(cel.binding(), pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[rule])))


@contextmanager
def guarded(backend: Backend, *, most_nodes: int = MOST_NODES) -> Iterator[Backend]:
    """
    The same backend, whose engine asks the rule about every resource before it makes it.

    Args:
        backend: where the engine is.
        most_nodes: how far a group of GPU nodes may grow, by the plan.
    """
    with tempfile.TemporaryDirectory(prefix="mig-policy-") as folder:
        executable = Path(folder, PACK)
        # Unbuffered: the engine reads the pack's port from its output.
        executable.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -u -m infra.guardrail {most_nodes} "$@"\n', encoding="utf-8"
        )
        executable.chmod(0o700)
        about = f"name: {PACK}\nruntime: python\nversion: 1.0.0\n"
        Path(folder, "PulumiPolicy.yaml").write_text(about, encoding="utf-8")
        yield replace(backend, policy_packs=(*backend.policy_packs, str(executable)))


def policy(most_nodes: int) -> "ResourceValidationPolicy":
    """The rule, as the engine asks it."""
    from pulumi_policy import EnforcementLevel, ResourceValidationPolicy

    return ResourceValidationPolicy(
        name=PACK,
        description="Claims ask for MIG slices; GPU nodes are tainted, tagged and closed; nothing is public.",
        enforcement_level=EnforcementLevel.MANDATORY,
        validate=partial(_validate, most_nodes=most_nodes),
    )


def main() -> None:
    """Serve the pack to the engine that started this process, until it ends it."""
    from pulumi_policy import PolicyPack

    most_nodes = int(sys.argv.pop(1))  # the rest is the engine's, and read by the pack
    PolicyPack(name=PACK, policies=[policy(most_nodes)])


def _validate(args: "ResourceValidationArgs", report: "ReportViolation", *, most_nodes: int) -> None:
    for violation in violations(args.props, kind=_kind(args.resource_type), most_nodes=most_nodes):
        report(violation, None)


def _kind(token: str) -> str:
    """Objects of Kubernetes are called as in a manifest, `ResourceClaim`; those of AWS by their Pulumi type."""
    return token.rpartition(":")[2] if token.startswith(_KUBERNETES) else token


if __name__ == "__main__":
    main()
