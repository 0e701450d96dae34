"""A request that cannot be carried out is refused in one sentence, with its field and what would be accepted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from mig.errors import Refused
from mig.gpu import INSTANCE_TYPES
from mig.spec import RunSpec, Workload, check, read, with_settings
from training.contract import Orders

REQUEST: dict[str, Any] = {
    "name": "fashion-mnist",
    "workloads": [
        {"name": "large", "kind": "train", "model": "resnet18", "slice": "3g.20gb"},
        {"name": "medium", "kind": "train", "model": "cnn", "slice": "medium"},
        {"name": "serve", "kind": "infer", "model_from": "medium", "slice": "small", "count": 2},
    ],
}
TYPES = ", ".join(INSTANCE_TYPES)
A100 = "small, medium, large, full, 7g.40gb, 4g.20gb, 3g.20gb, 2g.10gb, 1g.10gb, 1g.5gb, 1g.5gb+me"
KUBERNETES_NAME = "at most 40 lower-case letters, digits and dashes, beginning and ending with a letter or digit"


def asked(*settings: str) -> RunSpec:
    """The request above with some fields changed, read and checked."""
    spec = read(with_settings(REQUEST, settings))
    check(spec)
    return spec


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param("workload=[]", "workload: unknown field; accepted: workloads", id="a field misspelt"),
        pytest.param(
            "workloads.0.epoch=2", "workloads[0].epoch: unknown field; accepted: epochs", id="a nested field misspelt"
        ),
        pytest.param(
            "rehearsal.zzz=1",
            "rehearsal.zzz: unknown field; accepted: time_scale, seed, faults",
            id="a field like none",
        ),
        pytest.param("target=aws", "target: 'aws' is unknown; accepted: rehearsal, eks, existing", id="another target"),
        pytest.param(
            "name=Fashion", f"name: 'Fashion' is not of that form; accepted: {KUBERNETES_NAME}", id="capitals"
        ),
        pytest.param("name=-a", f"name: '-a' is not of that form; accepted: {KUBERNETES_NAME}", id="a dash in front"),
        pytest.param("name=7", f"name: 7 is of the wrong type; accepted: {KUBERNETES_NAME}", id="a number for a name"),
        pytest.param("max_usd=-1", "max_usd: -1 is too small; accepted: a number from 0 to 10000000", id="a debt"),
        pytest.param(
            "max_usd=NaN", "max_usd: nan is of the wrong type; accepted: a number from 0 to 10000000", id="NaN"
        ),
        pytest.param("max_hours=0", "max_hours: 0 is too small; accepted: a number above 0 to 168", id="no time"),
        pytest.param("workloads=[]", "workloads: there are none; accepted: at least one", id="no workloads"),
        pytest.param("workloads=3", "workloads: 3 is of the wrong type; accepted: a list", id="no list"),
        pytest.param(
            "workloads.0.count=0",
            "workloads[0].count: 0 is too small; accepted: a whole number from 1 to 1000",
            id="no pods",
        ),
        pytest.param(
            "workloads.0.count=-3",
            "workloads[0].count: -3 is too small; accepted: a whole number from 1 to 1000",
            id="fewer than no pods",
        ),
        pytest.param(
            "workloads.0.count=1001",
            "workloads[0].count: 1001 is too big; accepted: a whole number from 1 to 1000",
            id="too many pods",
        ),
        pytest.param(
            "workloads.0.count=true",
            "workloads[0].count: True is of the wrong type; accepted: a whole number from 1 to 1000",
            id="yes is no number",
        ),
        pytest.param(
            'workloads.0.count="2"',
            "workloads[0].count: '2' is of the wrong type; accepted: a whole number from 1 to 1000",
            id="text is no number",
        ),
        pytest.param(
            "workloads.0.model=vgg",
            "workloads[0].model: 'vgg' is unknown; accepted: \"\" (not given), resnet18, resnet18-32, cnn, mlp",
            id="an unknown model",
        ),
        pytest.param(
            "workloads.0.model=",
            "workloads[0].model: it is not said which network; accepted: resnet18, resnet18-32, cnn, mlp",
            id="a training of nothing",
        ),
        pytest.param(
            "workloads.1.name=large",
            "workloads[1].name: another workload is called large; accepted: a name of its own",
            id="two workloads of one name",
        ),
        pytest.param(
            "workloads.0.slice=huge",
            f"workloads[0].slice: A100-40GB cannot be cut into 'huge'; accepted: {A100}",
            id="an unknown size",
        ),
        pytest.param(
            "workloads.0.slice=3g.40gb",
            f"workloads[0].slice: A100-40GB cannot be cut into '3g.40gb'; accepted: {A100}",
            id="a profile of another GPU",
        ),
        pytest.param(
            "workloads.0.slice=1c.3g.20gb",
            "workloads[0].slice: 1c.3g.20gb is a compute instance, which the DRA driver cannot hand out; "
            f"accepted: {A100}",
            id="a compute instance",
        ),
        pytest.param(
            'instance_types=["g5.xlarge"]',
            f"instance_types[0]: g5.xlarge has A10G GPUs, which have no MIG; accepted: {TYPES}",
            id="MIG on g5",
        ),
        pytest.param(
            'instance_types=["p4d.24xlarge","g6.2xlarge"]',
            f"instance_types[1]: g6.2xlarge has L4 GPUs, which have no MIG; accepted: {TYPES}",
            id="MIG on g6",
        ),
        pytest.param(
            'instance_types=["g6e.48xlarge"]',
            f"instance_types[0]: g6e.48xlarge has L40S GPUs, which have no MIG; accepted: {TYPES}",
            id="MIG on g6e",
        ),
        pytest.param(
            'instance_types=["m6i.large"]',
            f"instance_types[0]: m6i.large is not known to have GPUs with MIG; accepted: {TYPES}",
            id="an instance without a GPU",
        ),
        pytest.param(
            "instance_types=[]",
            "instance_types: [] is too short; accepted: a list of at least 1",
            id="no instance type",
        ),
        pytest.param(
            "workloads.2.model_from=nobody",
            "workloads[2].model_from: no workload is called nobody; accepted: large, medium, an s3:// address",
            id="a model from nowhere",
        ),
        pytest.param(
            "workloads.2.model_from=serve",
            "workloads[2].model_from: a service cannot serve itself; accepted: large, medium, an s3:// address",
            id="a model from itself",
        ),
        pytest.param(
            'workloads.1={"name": "medium", "kind": "infer", "model": "cnn"}',
            "workloads[2].model_from: medium is no training; accepted: large, an s3:// address",
            id="a model from another service",
        ),
        pytest.param(
            "workloads.2.model=mlp",
            "workloads[2].model: medium fits cnn, not mlp; accepted: cnn",
            id="another model than the one served",
        ),
        pytest.param(
            "workloads.0.seconds=60",
            "workloads[0].seconds: seconds is only for infer; accepted: nothing, or the default 20",
            id="a training that serves",
        ),
        pytest.param(
            "workloads.2.epochs=5",
            "workloads[2].epochs: epochs is without effect: it serves what medium fits; "
            "accepted: nothing, or the default 1",
            id="a service that trains",
        ),
        pytest.param(
            "workloads.2.seconds=0",
            "workloads[2].seconds: the service would never end; accepted: seconds or requests above 0",
            id="a service without an end",
        ),
        pytest.param(
            "workloads.2.seconds=7201",
            "workloads[2].seconds: 7201 seconds do not fit into the 7200 that it has; accepted: at most 7200",
            id="serving for longer than the run",
        ),
        pytest.param(
            "workloads.0.timeout_minutes=121",
            "workloads[0].timeout_minutes: 121 minutes are more than the run's 2 hours; "
            "accepted: at most 120, or a greater max_hours",
            id="a deadline after the run's",
        ),
        pytest.param(
            'capacity.zones=["us-east-1a","eu-west-1a"]',
            "capacity.zones[1]: eu-west-1a is not in us-east-1; accepted: zones of us-east-1",
            id="a zone of another region",
        ),
        pytest.param(
            'capacity.markets=["spot","flea"]',
            "capacity.markets[1]: 'flea' is unknown; accepted: reservation, spot, on-demand",
            id="an unknown market",
        ),
        pytest.param(
            "eks.kubernetes=1.35",
            'eks.kubernetes: 1.35 is of the wrong type; accepted: text in quotes, as "1.35"',
            id="a version without quotes",
        ),
        pytest.param(
            'eks.kubernetes="1.33"',
            "eks.kubernetes: 1.33 has no DRA as spoken here; accepted: 1.34 or later",
            id="too old a Kubernetes",
        ),
        pytest.param(
            "eks.state=/tmp/state",
            "eks.state: '/tmp/state' is not of that form; accepted: an s3:// address",
            id="state on a disk",
        ),
        pytest.param(
            'rehearsal.faults=[{"kind": "flood"}]',
            "rehearsal.faults[0].kind: 'flood' is unknown; accepted: no_capacity, mig_failed, mig_stuck",
            id="an unknown fault",
        ),
        pytest.param(
            'existing.node_selector={"a": 1}',
            "existing.node_selector.a: 1 is of the wrong type; accepted: text",
            id="a label that is no text",
        ),
        pytest.param(
            "lease=15",
            "lease: 15 is of the wrong type; accepted: a mapping of minutes",
            id="a number for a section",
        ),
        pytest.param(
            "workloads.9.epochs=2",
            "workloads.9.epochs: there is no 9 to set; accepted: the path of a field, as workloads.0.epochs",
            id="a workload that is not there",
        ),
        pytest.param(
            "name.first=a",
            "name.first: there is no first to set; accepted: the path of a field, as workloads.0.epochs",
            id="a field of text",
        ),
        pytest.param(
            "epochs", "--set: 'epochs' sets nothing; accepted: FIELD=VALUE, as workloads.0.epochs=2", id="no ="
        ),
        pytest.param("=2", "--set: '=2' sets nothing; accepted: FIELD=VALUE, as workloads.0.epochs=2", id="no field"),
    ],
)
def test_refused(setting: str, expected: str) -> None:
    """Bad input gets one sentence: the field, what is wrong with it, what would be accepted."""
    with pytest.raises(Refused) as refused:
        asked(setting)

    assert expected == str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param([], id="as it is"),
        pytest.param(["max_usd=50", "max_hours=0.5"], id="a budget and a deadline"),
        pytest.param(["workloads.2.model_from=s3://bucket/model", "workloads.2.model=cnn"], id="a model on S3"),
        pytest.param(["workloads.2.model_from=", "workloads.2.model=mlp"], id="a service that fits its own model"),
        pytest.param(["workloads.2.model=cnn"], id="the model that is served, said again"),
        pytest.param(["workloads.2.seconds=0", "workloads.2.requests=1000"], id="an end by number"),
        pytest.param(["workloads.2.http=true"], id="a service that clients call"),
        pytest.param(['instance_types=["p5.48xlarge","p4d.24xlarge"]'], id="a slice that only one type has"),
        pytest.param(["target=eks", "eks.state=s3://states/mig"], id="on EKS"),
        pytest.param(["workloads.0.timeout_minutes=120"], id="a deadline that is the run's"),
        pytest.param(['rehearsal.faults=[{"kind": "no_capacity", "market": "spot"}]'], id="a fault"),
    ],
)
def test_accepted(settings: list[str]) -> None:
    """What can be carried out is read, checked, and written down as it was read."""
    spec = asked(*settings)

    assert spec == read(spec.model_dump(mode="json"))


def test_mapping_with_keys_that_are_no_names() -> None:
    """A mapping whose keys are lists, as YAML allows, is refused, not a crash."""
    with pytest.raises(Refused, match="no plain mapping"):
        read({("a", "b"): 1})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param("workloads.1.epochs=3", {"epochs": 3}, id="a number"),
        pytest.param("workloads[1].epochs=3", {"epochs": 3}, id="the path as a refusal writes it"),
        pytest.param("workloads.1.slice=1g.5gb", {"slice": "1g.5gb"}, id="text that is no JSON"),
        pytest.param("workloads.1.http=false", {"http": False}, id="a switch"),
        pytest.param("workloads.1.image=a=b", {"image": "a=b"}, id="a value with a sign in it"),
    ],
)
def test_with_settings(setting: str, expected: dict[str, Any]) -> None:
    """A setting changes one field of a copy."""
    before = json.dumps(REQUEST)

    changed = with_settings(REQUEST, [setting])

    assert {**REQUEST["workloads"][1], **expected} == changed["workloads"][1]
    assert before == json.dumps(REQUEST)


def test_a_list_in_a_setting_needs_no_quotes() -> None:
    """A shell takes them away."""
    assert {"instance_types": ["p5.4xlarge", "p4d.24xlarge"], "max_usd": [1]} == with_settings(
        {}, ["instance_types=[p5.4xlarge, p4d.24xlarge]", "max_usd=[1]"]
    )


def test_with_settings_makes_sections() -> None:
    """A section that the request has not yet is made."""
    assert with_settings({}, ["rehearsal.seed=7", "target=eks"]) == {"rehearsal": {"seed": 7}, "target": "eks"}


def test_frozen() -> None:
    """A request does not change after it was read."""
    spec = asked()

    with pytest.raises(ValidationError, match="frozen"):
        spec.name = "other"  # type: ignore[misc]


def test_the_pods_defaults() -> None:
    """What a workload does not say is what a pod does that is not told."""
    orders = Orders(run_id="r", workload="w", kind="train", model="cnn", data="s3://b/d", output="s3://b/o")
    shared = set(Workload.model_fields) & set(Orders.__dataclass_fields__) - {"kind", "model"}

    assert {name: getattr(orders, name) for name in shared} == {
        name: Workload.model_fields[name].default for name in shared
    }


def fields_of(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a request and of its sections, by name."""
    for name, section in {"RunSpec": schema, **schema["$defs"]}.items():
        yield from ((f"{name}.{field}", shape) for field, shape in section["properties"].items())


FORM = dict(fields_of(RunSpec.model_json_schema()))


@pytest.mark.parametrize("field", FORM)
def test_form(field: str) -> None:
    """Every field of the Run form has a title, a description, a default and a position, and is no union."""
    assert {"title", "description", "default", "position"} <= set(FORM[field])
    assert "anyOf" not in json.dumps(FORM[field])


def test_form_positions() -> None:
    """The form shows the fields in the order in which they are written."""
    schema = RunSpec.model_json_schema()
    for section in (schema, *schema["$defs"].values()):
        positions = [field["position"] for field in section["properties"].values()]

        assert list(range(len(positions))) == positions


def test_form_lets_choose() -> None:
    """What is one of many is chosen, not typed: instance types, slices, models, markets."""
    types, cut, model = FORM["RunSpec.instance_types"]["items"], FORM["Workload.slice"], FORM["Workload.model"]

    assert ("p4d.24xlarge", "small", "") == (types["enum"][0], cut["enum"][0], model["enum"][0])
    assert set(INSTANCE_TYPES) == set(types["enum"])
    assert {"full", "3g.20gb", "1g.5gb+me"} < set(cut["enum"])


@pytest.mark.parametrize("field", FORM)
def test_form_says_it_plainly(field: str) -> None:
    """A form shows a description as it is: no mark-up in it."""
    assert "`" not in FORM[field]["description"]


def test_form_refuses_unknown_fields() -> None:
    """No part of a request takes a field that nobody knows."""
    schema = RunSpec.model_json_schema()

    assert {False} == {section["additionalProperties"] for section in (schema, *schema["$defs"].values())}
