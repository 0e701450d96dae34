"""The work pool of a cluster: its template is what Prefect's worker takes, and what people have said of it stays."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
import yaml
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

from flows.work_pool import FILE, Wanted, bring, filled, wanted
from infra.cluster import WORKER_ACCOUNT, WORKER_NAMESPACE
from mig.errors import Refused
from tasks.provision import ENGINE_MINUTES, GROUP_MINUTES

ROOT = Path(__file__).parents[2]
IMAGE = "registry/worker@sha256:0"


def asked(*env: str, image: str = IMAGE) -> Wanted:
    """What a person asks for, with the template of the repository."""
    return wanted(ROOT / "prefect.yaml", "kubernetes", image=image, env=env)


def job(**variables: Any) -> dict[str, Any]:
    """The Job that Prefect's worker makes of the template, for a run with these variables of its own."""
    template = filled(asked("MIG_WORLD=/w"), {})
    nobody = cast("PrefectClient", object())  # nothing in the template is asked of a server
    made = asyncio.run(
        KubernetesWorkerJobConfiguration.from_template_and_values(dict(template), variables, client=nobody)
    )
    made.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="Tiny rehearsal"))
    return made.job_manifest


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    """The pod of a Job."""
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def environment(manifest: dict[str, Any]) -> dict[str, str]:
    """The environment of its only container."""
    (container,) = pod(manifest)["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"]}


def test_a_run_that_is_told_to_end_takes_its_nodes_down_and_is_not_repeated() -> None:
    """SIGTERM reaches the flow, which has longer than any one wait of its teardown; nobody starts it anew."""
    made = job()

    assert ["python", "-m", "flows.pod"] == pod(made)["containers"][0]["command"]
    assert ["prefect", "flow-run", "execute"] == pod(made)["containers"][0]["args"]
    assert pod(made)["terminationGracePeriodSeconds"] > 60 * max(ENGINE_MINUTES, GROUP_MINUTES)
    assert (0, "Failed") == (made["spec"]["backoffLimit"], made["spec"]["podReplacementPolicy"])
    assert "crash" == environment(made)["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"]


def test_a_runs_own_environment_is_beside_the_pools() -> None:
    """A deployment's heartbeat takes nothing away of what the pool gives."""
    made = environment(job(env={"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}))

    assert {
        "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "crash",
        "MIG_WORLD": "/w",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }.items() <= made.items()


def test_it_runs_where_it_has_its_rights_and_costs_no_gpu() -> None:
    """The service account is the one that the cluster's stack gives a role; the node is one of the system's."""
    made = job()

    assert WORKER_NAMESPACE == made["metadata"]["namespace"]
    assert WORKER_ACCOUNT == pod(made)["serviceAccountName"]
    assert {"node-role": "system"} == pod(made)["nodeSelector"]
    assert {"cpu", "memory"} == set(pod(made)["containers"][0]["resources"]["requests"])
    assert "tolerations" not in pod(made)


def test_its_namespace_and_account_are_in_the_manifest_that_people_apply() -> None:
    """What runs need before the first of them is one file."""
    namespace, account, *_ = yaml.safe_load_all((ROOT / "deployments/namespace.yaml").read_text(encoding="utf-8"))

    assert WORKER_NAMESPACE == namespace["metadata"]["name"] == account["metadata"]["namespace"]
    assert WORKER_ACCOUNT == account["metadata"]["name"]


def test_every_variable_is_explained_and_used() -> None:
    """Prefect's pages show title and description; a variable that nothing refers to would do nothing."""
    template = yaml.safe_load((ROOT / FILE).read_text(encoding="utf-8"))
    text = yaml.safe_dump(template["job_configuration"])

    for name, variable in template["variables"]["properties"].items():
        assert variable["title"]
        assert variable["description"]
        assert f"{{{{ {name} }}}}" in text


class Server:
    """The work pools of a Prefect server: type and template by name."""

    def __init__(self, **pools: tuple[str, Any]) -> None:
        self.pools = pools

    def read_work_pool(self, name: str) -> Any:
        """As Prefect does where there is none."""
        if name not in self.pools:
            raise ObjectNotFound(Exception(name))
        kind, template = self.pools[name]
        return SimpleNamespace(type=kind, base_job_template=template)

    def create_work_pool(self, pool: Any) -> None:
        """A second one of that name is an error."""
        assert pool.name not in self.pools
        self.pools[pool.name] = (pool.type, pool.base_job_template)

    def update_work_pool(self, name: str, pool: Any) -> None:
        """It has to be there."""
        self.pools[name] = (self.pools[name][0], pool.base_job_template)

    def bring(self, name: str, pool: Wanted) -> dict[str, Any]:
        """What `mig deploy` does about a pool; the variables that it has then."""
        bring(cast("SyncPrefectClient", self), name, pool)
        variables: dict[str, Any] = self.pools[name][1]["variables"]["properties"]
        return variables


def test_what_a_person_has_said_of_a_pool_stays() -> None:
    """Deployed again without a word it has its image and environment still; with one, that; the rest is the file's."""
    server = Server()
    server.bring("cluster", asked("A=1", "B=2=3"))
    server.pools["cluster"][1]["variables"]["properties"]["grace_seconds"]["default"] = 1

    again = server.bring("cluster", asked("A=2", image=""))

    assert IMAGE == again["image"]["default"]
    assert {"A": "2", "B": "2=3"}.items() <= again["env"]["default"].items()
    assert 1 < again["grace_seconds"]["default"]
    assert "other" == server.bring("cluster", asked(image="other"))["image"]["default"]


def test_a_pool_that_is_gone_is_made_anew() -> None:
    """Somebody deleted it: it is there again, once its image is said again."""
    server = Server()

    with pytest.raises(Refused, match="--image: the pool's pods have none yet; accepted: of deployments/Dockerfile"):
        server.bring("cluster", asked(image=""))
    assert IMAGE == server.bring("cluster", asked())["image"]["default"]


@pytest.mark.parametrize(
    ("there", "pool"),
    [
        pytest.param("process", asked(), id="pods for a process pool"),
        pytest.param("kubernetes", Wanted(), id="processes for a Kubernetes pool"),
    ],
)
def test_a_pool_of_another_type_is_refused(there: str, pool: Wanted) -> None:
    """Its worker could not take the runs; the sentence names the way out."""
    server = Server(mine=(there, {}))

    with pytest.raises(Refused, match=f"mine is of type {there}; accepted: .*--pool-type {there}`"):
        server.bring("mine", pool)


@pytest.mark.parametrize(
    ("kind", "words", "expected"),
    [
        pytest.param("kubernetes", {"env": ["A"]}, "--env: .*; accepted: NAME=VALUE", id="no value"),
        pytest.param("kubernetes", {"env": ["A=1", "A=2"]}, "--env: each sets one of its own", id="twice"),
        pytest.param("kubernetes", {"env": ["=1"]}, "--env: ", id="no name"),
        pytest.param("process", {"image": "x"}, "accepted: --pool-type kubernetes", id="an image without pods"),
        pytest.param("process", {"env": ["A=1"]}, "accepted: --pool-type kubernetes", id="their environment"),
    ],
)
def test_what_a_pool_cannot_be_told_is_refused(kind: Any, words: dict[str, Any], expected: str) -> None:
    """One sentence, before a server is asked anything."""
    with pytest.raises(Refused, match=expected):
        wanted(ROOT / "prefect.yaml", kind, **words)
