"""
Tell MIG Manager a geometry of our own, before any node exists that is to be cut so.

One ConfigMap serves all runs. Its entries are named by their content, so an entry never changes and two runs that need
the same cut share it; entries of others are kept.
"""

import json
from collections.abc import Mapping
from typing import Any

from mig import labels
from mig.layout import mig_parted
from mig.manifest import node_config
from mig.plan import Plan
from mig.verdict import Settled, Verdict, Waiting
from tasks import kube
from tasks.connect import Site, clock, kubernetes
from tasks.progress import say
from tasks.wait import Patience, until

PATH = f"/api/v1/namespaces/{labels.OPERATOR_NAMESPACE}/configmaps/{labels.MIG_PARTED_CONFIG}"
KEY = "config.yaml"
"""Under which MIG Manager looks; JSON is YAML."""

WRITE_MINUTES = 2
"""For a few runs that write at once to take their turns."""


def tell_mig_manager(site: Site, plan: Plan) -> None:
    """Add the plan's own geometries, if it has any, to what MIG Manager can be asked for."""
    own = mig_parted(tuple(layout for layout in plan.nodes if not layout.shipped))
    if not own["mig-configs"]:
        return
    say(f"telling MIG Manager of {', '.join(own['mig-configs'])}")
    patience = Patience(phase="capacity", deadline=WRITE_MINUTES * 60, every=2, clock=clock(site), tell=say)
    until(lambda: _added(site, own), _judge, patience)


def _added(site: Site, own: Mapping[str, Any]) -> bool:
    """Write what is there and ours together; False when somebody else wrote in between."""
    client = kubernetes(site)
    try:
        found = kube.get(client, PATH)
    except kube.Missing:
        return kube.write(client, node_config(own))
    there = json.loads(found["data"][KEY])
    merged = {**there, "mig-configs": {**there["mig-configs"], **own["mig-configs"]}}
    manifest = node_config(merged)
    version = {"resourceVersion": found["metadata"]["resourceVersion"]}
    return kube.write(client, {**manifest, "metadata": {**manifest["metadata"], **version}})


def _judge(added: bool) -> Verdict[None]:  # noqa: FBT001 (an observation of one bit)
    return Settled(None) if added else Waiting("another run is telling MIG Manager of its geometries")
