"""
The Auto Scaling group behind a simulated node group: it keeps as many instances as it is told, or says why it cannot.

It is moto's group, so that every call of AWS's API sees it. What moto lacks is time, shortage, and a machine that
really boots: each group has one thread that compares what is with what is desired, and acts on the compressed clock.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState

from rehearsal.aws import launch
from rehearsal.aws.activity import Activity, Place, launching, terminating
from rehearsal.aws.bill import Bill
from rehearsal.aws.eks_cluster import Reached
from rehearsal.aws.launch import Recipe
from rehearsal.aws.shortage import Launch, Shortage, shortage, status_message
from rehearsal.clock import Clock
from rehearsal.faults import Enrolment, enrolled
from rehearsal.node.instance import Instance

_LAUNCH_SECONDS = (15.0, 30.0)
"""Simulated, from asking to an instance that runs."""

_REFUSAL_SECONDS = (40.0, 60.0)
"""Simulated: a failed activity appears within about a minute."""

_RETRY_SECONDS = 60.0
_DRAIN_SECONDS = 30.0
_DELETING_SECONDS = 60.0
_log = logging.getLogger(__name__)


class Machines(Protocol):
    """What turns an instance into a node: `rehearsal.node.fleet.fleet.Fleet`."""

    def boot(self, instance: Instance) -> None:
        """It has launched; return at once."""

    def terminate(self, instance_id: str) -> None:
        """It ends; one that is gone already stays gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every group of one World stands on."""

    folder: Path
    """The World's, where runs are enrolled."""
    region: str
    zones: tuple[str, ...]
    clock: Clock
    machines: Machines
    bill: Bill
    lock: threading.RLock
    """Held by each API call and by each change of a group: moto itself is not safe for threads."""
    closed: threading.Event
    reached: Reached | None = None
    """The API server of its clusters; None: there is none, and they name one that does not exist."""


class ScalingGroup(FakeAutoScalingGroup):  # type: ignore[misc]  # moto has no types
    """One group: `start` it once it is registered, `retire` it to end all it has."""

    def __init__(self, recipe: Recipe, sizes: dict[str, int], *, backend: AutoScalingBackend, ground: Ground) -> None:
        self.activities: list[Activity] = []
        """Newest first, as AWS lists them."""
        self._instances: list[Any] = []
        self._recipe, self._ground = recipe, ground
        self._place = Place(group=recipe.group, subnet=recipe.subnet, zone=recipe.zone)
        self._changed = threading.Event()
        self._then: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._keep, name=recipe.group, daemon=True)
        super().__init__(
            recipe.group,
            desired_capacity=sizes["desiredSize"],
            max_size=sizes["maxSize"],
            min_size=sizes["minSize"],
            autoscaling_backend=backend,
            ec2_backend=backend.ec2_backend,
            **_as_eks_makes_it(recipe),
        )

    def start(self) -> None:
        """Begin to keep it at its size."""
        self._thread.start()

    def set_desired_capacity(self, new_capacity: int | None) -> None:
        """Where moto would launch at once: here it takes its time, and may fail."""
        self.desired_capacity = new_capacity or 0
        self._changed.set()

    def resize(self, sizes: dict[str, int]) -> None:
        """Take over what was changed of a node group's scaling configuration."""
        self.min_size, self.max_size = sizes["minSize"], sizes["maxSize"]
        self.set_desired_capacity(sizes["desiredSize"])

    def replace_autoscaling_group_instances(self, *_asked: object) -> None:
        """Where moto would replace at once what somebody ended: here that takes its time too."""
        self._changed.set()

    def retire(self, then: Callable[[], None]) -> None:
        """End all instances, and then the group itself; returns at once, and does `then` when that has happened."""
        self._then = then
        self.set_desired_capacity(0)

    def join(self) -> None:
        """Wait until its thread has ended: after `retire`, or when the ground is closed."""
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def complete(self) -> bool:
        """Whether it has as many instances as it should."""
        return len(self._instances) == self.desired_capacity

    def _keep(self) -> None:
        while not self._ground.closed.is_set():
            self._changed.wait()
            self._changed.clear()
            try:
                self._reconcile()
            except Exception:  # noqa: BLE001 (a mistake of the stage shall be in its log, not a group that stands still)
                _log.exception("group %s", self.name)
            if self._then and not self._instances:
                self._ground.clock.sleep(_DELETING_SECONDS, self._ground.closed)
                self._then()
                return

    def _reconcile(self) -> None:
        lost = self._lost()
        for instance in lost:
            self._ground.machines.terminate(instance.id)
        self._forget(lost)
        surplus = len(self._instances) - self.desired_capacity
        if surplus > 0:
            self._shrink(self._instances[:surplus])
        while not self.complete and not self._changed.is_set() and not self._ground.closed.is_set():
            self._grow(self.desired_capacity - len(self._instances))

    def _grow(self, count: int) -> None:
        enrolment = enrolled(self._ground.folder, self._recipe.run_id)
        refused = self._refusal(enrolment)
        begun = self._tell(
            launching(self._place, current=self.desired_capacity - count, desired=self.desired_capacity)
            for _ in range(count)
        )
        dice = Random(f"{enrolment.seed} {self.name} {len(self.activities)}")  # noqa: S311 (a stage's dice)
        if self._ground.clock.sleep(dice.uniform(*(_REFUSAL_SECONDS if refused else _LAUNCH_SECONDS)), self._changed):
            self._retell(activity.with_cancel() for activity in begun)
        elif refused:
            message = status_message(self._recipe.market, refused)
            self._retell(activity.with_failure(message) for activity in begun)
            self._ground.clock.sleep(_RETRY_SECONDS, self._changed)
        else:
            self._launch(begun, enrolment)

    def _refusal(self, enrolment: Enrolment) -> Shortage | None:
        recipe, ground = self._recipe, self._ground
        asked = Launch(instance_type=recipe.instance_type, zone=recipe.zone, market=recipe.market)
        return shortage(asked, enrolment, launch.zones_with(recipe.instance_type, ground.region), zones=ground.zones)

    def _launch(self, begun: list[Activity], enrolment: Enrolment) -> None:
        ground, recipe = self._ground, self._recipe
        with ground.lock:
            launched = launch.run(self.ec2_backend, recipe, len(begun))
            for instance in launched:
                ground.bill.open(launch.item(instance, recipe, since=ground.clock.now()))
            self._keep_only([*self._instances, *launched])
        self._retell(activity.with_success(i.id) for activity, i in zip(begun, launched, strict=True))
        for instance in launched:
            ground.machines.boot(launch.machine(instance, recipe, enrolment))

    def _shrink(self, leaving: list[Any]) -> None:
        """The nodes are drained and their machines stop; until EC2 has ended them they cost."""
        current = len(self._instances)
        begun = self._tell(
            terminating(self._place, instance.id, current=current, desired=self.desired_capacity)
            for instance in leaving
        )
        for instance in leaving:
            self._ground.machines.terminate(instance.id)
        self._ground.clock.sleep(_DRAIN_SECONDS, self._ground.closed)
        with self._ground.lock:
            self.ec2_backend.terminate_instances([instance.id for instance in leaving])
        self._forget(leaving)
        self._retell(activity.with_success() for activity in begun)

    def _lost(self) -> list[Any]:
        """Instances that somebody ended; they are replaced, as a real group does."""
        return [instance for instance in self._instances if instance.state != "running"]

    def _forget(self, gone: list[Any]) -> None:
        for instance in gone:
            self._ground.bill.close(instance.id)
        self._keep_only([instance for instance in self._instances if instance not in gone])

    def _keep_only(self, instances: list[Any]) -> None:
        self._instances = instances
        self.instance_states = [InstanceState(instance, autoscaling_group=self) for instance in instances]

    def _tell(self, begun: Iterable[Activity]) -> list[Activity]:
        told = list(begun)
        self.activities = [*told, *self.activities]
        return told

    def _retell(self, ended: Iterable[Activity]) -> None:
        news = {activity.activity_id: activity for activity in ended}
        self.activities = [news.get(activity.activity_id, activity) for activity in self.activities]


def _as_eks_makes_it(recipe: Recipe) -> dict[str, Any]:
    """The rest of what moto's group is made of."""
    on_demand = 0 if recipe.market == "spot" else 100
    specification = {"LaunchTemplateId": recipe.template_id, "Version": "1"}
    return {
        "availability_zones": [],
        "vpc_zone_identifier": recipe.subnet,
        "launch_config_name": "",
        "launch_template": {},
        "mixed_instances_policy": {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": specification,
                "Overrides": [{"InstanceType": recipe.instance_type}],
            },
            "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": on_demand},
        },
        "default_cooldown": None,
        "health_check_period": 15,
        "health_check_type": "EC2",
        "load_balancers": [],
        "target_group_arns": [],
        "placement_group": None,
        "termination_policies": ["AllocationStrategy", "OldestLaunchTemplate", "OldestInstance"],
        "tags": [],
        "capacity_rebalance": recipe.market == "spot",
    }
