"""What outlives runs is raised from the ground up, each layer with what those below it gave."""

from collections.abc import Callable
from typing import Any, Self

import pytest

from infra import programs, stacks
from infra.backend import Backend
from infra.programs import Given, Layer, Wanted
from mig.changes import Change, Changes
from mig.charts import Chart
from mig.errors import Refused, Temporary
from mig.spec import RunSpec, read
from tasks import platform
from tasks.connect import Site
from tests.tasks.test_provision import FakeClock

SITE = Site(target="rehearsal", address="w", region="us-east-1", bucket="b", cluster="mig", time_scale=1, simulated=())
BACKEND = Backend(url="file:///s", home="", passphrase="", pulumi_root="", environment={})
ROLE = "aws:iam/role:Role"
CURRENT = (Chart(name="gpu-operator", version="v26.7.0"),)


class Engine:
    """Stacks by name, with what they give; what was asked of it, in order."""

    def __init__(self) -> None:
        self.stacks: dict[str, Given] = {}
        self.done: list[str] = []
        self.projects: set[str] = set()
        self.unjudged: list[str] = []
        """What was done without the rule's being asked."""
        self.busy: list[Exception] = []

    def preview(self, backend: Backend, name: str, program: Callable[[], Any], **_: object) -> Changes:
        """One role, as long as the stack is not there."""
        self.projects.add(backend.project)
        self.done.append(f"preview {name} knowing {program()}")
        self.unjudged += [] if backend.policy_packs else [f"preview {name}"]
        missing = () if name in self.stacks else (Change(action="create", kind=ROLE, name="r"),)
        return Changes(changes=missing, unchanged=())

    def raise_stack(
        self,
        backend: Backend,
        name: str,
        program: Callable[[], Any],
        *,
        foresee: Callable[[Changes], None],
        **_: object,
    ) -> Given:
        """It gives its own name."""
        self.unjudged += [] if backend.policy_packs else [f"raise {name}"]
        foresee(self.preview(backend, name, program))
        if self.busy:
            raise self.busy.pop()
        self.done.append(f"raise {name} knowing {program()}")
        self.stacks[name] = {name: "there"}
        return self.stacks[name]

    def recover(self, _: Backend, name: str, **__: object) -> None:
        """What was left of it is put right."""
        self.done.append(f"recover {name}")

    def names(self, _: Backend) -> tuple[str, ...]:
        """All that are there."""
        return tuple(self.stacks)

    def outputs(self, _: Backend, name: str) -> Given:
        """Nothing, of one that is not there."""
        return self.stacks.get(name, {})


class AtOnce:
    """An executor that does at once what it is given."""

    def __init__(self, workers: int) -> None:
        assert workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to wait for."""

    def submit(self, act: Callable[..., object], *given: object) -> None:
        """Done."""
        act(*given)


def layer(name: str) -> Layer:
    """A layer whose program is what it was given."""
    return Layer(name=name, stack=f"{name}-mig", program=lambda given: lambda: sorted(given))  # type: ignore[return-value,arg-type]


LAYERS = (layer("cluster"), layer("platform"))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine with no stack, and time that costs nothing."""
    made, clock = Engine(), FakeClock()
    for verb in ("preview", "raise_stack", "recover", "names", "outputs"):
        monkeypatch.setattr(stacks, verb, getattr(made, verb))
    monkeypatch.setattr(platform, "backend", lambda _: BACKEND)
    monkeypatch.setattr(platform, "PacedClock", lambda: clock)
    monkeypatch.setattr(platform, "raise_layer", platform.raise_layer.fn)
    return made


@pytest.mark.parametrize(
    ("there", "stacks_there", "raised"),
    [
        pytest.param(True, {}, [], id="somebody else's cluster"),
        pytest.param(True, {"cluster-mig": {"cluster": "mig"}, "platform-mig": {"release": "current"}}, [], id="whole"),
        pytest.param(False, {}, ["cluster-mig", "platform-mig"], id="nothing"),
        pytest.param(True, {"cluster-mig": {"cluster": "mig"}}, ["cluster-mig", "platform-mig"], id="no platform"),
        pytest.param(
            True, {"cluster-mig": {}, "platform-mig": {}}, ["cluster-mig", "platform-mig"], id="a platform half raised"
        ),
    ],
)
def test_a_run_raises_what_it_lacks(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    *,
    there: bool,
    stacks_there: dict[str, Given],
    raised: list[str],
) -> None:
    """What is whole, or was made by others, is not touched; else both layers are brought to what is declared."""
    engine.stacks.update(stacks_there)
    monkeypatch.setattr(platform, "stands", lambda _: there)
    monkeypatch.setattr(platform, "installed", lambda _: CURRENT)
    monkeypatch.setattr(platform, "layers", lambda *_: LAYERS)

    platform.stand(SITE, RunSpec())

    assert raised == [said.split()[1] for said in engine.done if said.startswith("raise ")]


@pytest.mark.parametrize("stacks_there", [{}, {"platform-mig": {"release": "current"}}], ids=["somebody's", "ours"])
def test_a_run_that_wants_another_pair_is_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, stacks_there: dict[str, Given]
) -> None:
    """What stands is not replaced under the runs that are on it: whoever wants another pair raises it."""
    engine.stacks.update(stacks_there)
    monkeypatch.setattr(platform, "stands", lambda _: True)
    monkeypatch.setattr(platform, "installed", lambda _: CURRENT)

    with pytest.raises(Refused, match="release: article is not what stands in cluster mig: it has gpu-operator v26"):
        platform.stand(SITE, read({"release": "article"}))

    assert [] == engine.done


def test_a_run_that_may_raise_nothing_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which word of the request allows it, and touches nothing."""
    monkeypatch.setattr(platform, "stands", lambda _: False)

    with pytest.raises(
        Refused, match="eks.raise_missing: of the cluster mig and what stands in it something is missing"
    ):
        platform.stand(SITE, read({"eks": {"raise_missing": False}}))

    assert [] == engine.done


WANTED = Wanted(
    cluster="mig",
    region="us-east-1",
    account="123456789012",
    zones=("us-east-1a", "us-east-1b"),
    bucket="b",
    administrators=(),
    reached_from=(),
    kubernetes="1.35",
    release="current",
    instance_types=("p4d.24xlarge",),
)


@pytest.mark.parametrize(
    ("there", "ours", "wanted"),
    [
        pytest.param(False, (), ["cluster-mig", "platform-mig"], id="nothing stands"),
        pytest.param(True, ("cluster-mig",), ["cluster-mig", "platform-mig"], id="the cluster is ours"),
        pytest.param(True, (), ["platform-mig"], id="somebody else made it: it is never changed"),
    ],
)
def test_what_shall_stand(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, *, there: bool, ours: tuple[str, ...], wanted: list[str]
) -> None:
    """A cluster is raised or brought up to date only where a stack of ours has it, or none is there."""
    engine.stacks.update({name: {} for name in ours})
    monkeypatch.setattr(platform, "stands", lambda _: there)
    monkeypatch.setattr(platform, "wanted", lambda *_: WANTED)

    assert wanted == [each.stack for each in platform.layers(SITE, RunSpec())]


def test_layers_stand_on_one_another(engine: Engine) -> None:
    """Each is put right, counted and raised, and knows what those below it gave."""
    done = platform.raise_all(SITE, LAYERS)

    assert [
        "recover cluster-mig",
        "preview cluster-mig knowing []",
        "raise cluster-mig knowing []",
        "recover platform-mig",
        "preview platform-mig knowing ['cluster-mig']",
        "raise platform-mig knowing ['cluster-mig']",
    ] == engine.done
    assert "2 to create, 0 to update, 0 to replace, 0 to delete, 0 unchanged" == str(done.whole)


def test_an_upper_layers_imports_are_made_while_the_one_below_is_raised(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not sooner: they would take the processor from its program."""
    monkeypatch.setattr(programs, "warm", lambda *layers: engine.done.append(f"warm {[each.stack for each in layers]}"))
    monkeypatch.setattr(platform, "ThreadPoolExecutor", AtOnce)

    platform.raise_all(SITE, LAYERS)

    assert [
        "warm ['cluster-mig']",
        "preview cluster-mig knowing []",
        "warm ['platform-mig']",
        "raise cluster-mig knowing []",
    ] == [each for each in engine.done if "recover" not in each][:4]


def test_a_preview_of_nothing_yet_copes(engine: Engine) -> None:
    """The upper layer is seen without what the lower one would give; nothing is raised or put right."""
    platform.foresee(SITE, LAYERS)

    assert ["preview cluster-mig knowing []", "preview platform-mig knowing []"] == engine.done


def test_a_preview_asks_the_rule(engine: Engine) -> None:
    """What would be refused when it is raised is refused when it is only foreseen."""
    platform.foresee(SITE, LAYERS)

    assert [] == engine.unjudged


def test_raising_asks_the_rule(engine: Engine) -> None:
    """Nothing is made without it."""
    platform.raise_all(SITE, LAYERS)

    assert [] == engine.unjudged


def test_they_are_not_among_the_stacks_of_runs(engine: Engine) -> None:
    """Whoever sweeps after runs lists another project."""
    platform.foresee(SITE, LAYERS)

    assert BACKEND.project not in engine.projects


def test_another_engine_is_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that somebody else is at work on is raised when they are done; what is foreseen is said once."""
    said: list[str] = []
    monkeypatch.setattr(platform, "say", said.append)
    engine.busy = [Temporary("stack cluster-mig is locked by process 1 on here", delay=5)] * 2

    platform.raise_all(SITE, LAYERS)

    assert {"cluster-mig", "platform-mig"} == set(engine.stacks)
    assert 1 == sum(line.startswith("cluster: 1 to create") for line in said)


def test_what_stands_is_told_by_its_stacks(engine: Engine) -> None:
    """A layer that is not there is left out."""
    engine.stacks = {"cluster-mig": {"endpoint": "https://1"}}

    assert {"cluster-mig": {"endpoint": "https://1"}} == platform.standing(SITE, platform.names(SITE))


def test_grafana_is_where_the_platform_says(engine: Engine) -> None:
    """The password's key is told, and not the password."""
    given = {"namespace": "monitoring", "service": "grafana", "secret": "admin"}
    engine.stacks = {"platform-mig": {"grafana": given}}

    assert ("grafana", "admin-password") == ((where := platform.grafana(SITE)).service, where.password_key)


@pytest.mark.usefixtures("engine")
def test_no_platform_no_grafana() -> None:
    """The sentence says what would raise it."""
    with pytest.raises(Refused, match="platform: none stands for mig; accepted: one that `mig platform up` has raised"):
        platform.grafana(SITE)
