"""The wire: orders survive the environment, answers survive the log, nonsense is named."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.contract import LINE_TYPES, REQUEST_IS_WRONG, Orders, OrdersError, carry_out, line, read_line

TOLD = {
    "MIG_RUN_ID": "run-1",
    "MIG_WORKLOAD": "medium",
    "MIG_KIND": "train",
    "MIG_MODEL": "cnn",
    "MIG_DATA": "s3://bucket/data",
    "MIG_OUTPUT": "s3://bucket/out",
}
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
positive = st.floats(min_value=1e-9, max_value=1e9)
any_orders = st.builds(
    Orders,
    run_id=words,
    workload=words,
    index=st.integers(0, 1000),
    device=words,
    pod_ip=st.ip_addresses().map(str),
    kind=st.sampled_from(["train", "infer"]),
    model=st.sampled_from(["resnet18", "resnet18-32", "cnn", "mlp"]),
    data=words,
    output=words,
    model_from=words,
    batch=st.integers(1, 4096),
    image_size=st.integers(8, 512),
    epochs=st.integers(1, 100),
    train_images=st.integers(1, 60_000),
    learning_rate=positive,
    precision=st.sampled_from(["auto", "bf16", "fp32"]),
    compile=st.sampled_from(["off", "default", "reduce-overhead"]),
    augment=st.booleans(),
    label_smoothing=st.floats(0, 1, exclude_max=True),
    gradient_clip=positive,
    seed=st.integers(0, 2**31),
    checkpoint_minutes=positive,
    seconds=positive,
    requests=st.integers(0, 10**9),
    micro_batch=st.integers(0, 4096),
    http=st.booleans(),
)


@given(any_orders)
def test_orders_survive_the_environment(orders: Orders) -> None:
    """What the pipeline writes, with what the node adds, is what the pod reads."""
    node = {
        "JOB_COMPLETION_INDEX": str(orders.index),
        "NVIDIA_VISIBLE_DEVICES": orders.device,
        "MIG_POD_IP": orders.pod_ip,
    }

    assert orders == Orders.from_env({**orders.to_env(), **node, "PATH": "/bin"})


def test_only_the_node_tells_what_the_node_knows() -> None:
    """The Job's index, the claim's device and the pod's address are no values of a manifest."""
    env = Orders.from_env(TOLD).to_env()

    told_there = {"MIG_INDEX", "MIG_DEVICE", "JOB_COMPLETION_INDEX", "NVIDIA_VISIBLE_DEVICES", "MIG_POD_IP"}
    assert set() == told_there & set(env)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        pytest.param("MIG_MODEL", "vgg", "'vgg' is none of resnet18, resnet18-32, cnn, mlp", id="an unknown model"),
        pytest.param("MIG_KIND", "dance", "'dance' is none of train, infer", id="an unknown kind"),
        pytest.param("MIG_PRECISION", "fp8", "'fp8' is none of auto, bf16, fp32", id="an unknown precision"),
        pytest.param("MIG_BATCH", "0", "0 is below 1", id="an empty batch"),
        pytest.param("MIG_BATCH", "1e2", "'1e2' is no int", id="a batch that is no whole number"),
        pytest.param("MIG_IMAGE_SIZE", "4", "4 is below 8", id="images smaller than the network's poolings"),
        pytest.param("MIG_SECONDS", "soon", "'soon' is no float", id="seconds that are no number"),
        pytest.param("MIG_SECONDS", "inf", "'inf' is not finite", id="seconds without end"),
        pytest.param("MIG_LEARNING_RATE", "nan", "'nan' is not finite", id="a learning rate that is not a number"),
        pytest.param("MIG_LEARNING_RATE", "0", "0.0 is not above 0", id="a learning rate that learns nothing"),
        pytest.param("MIG_HTTP", "yes", "'yes' is neither true nor false", id="a flag in other words"),
        pytest.param("JOB_COMPLETION_INDEX", "-1", "-1 is below 0", id="an index that no Job has"),
    ],
)
def test_nonsense_is_named(variable: str, value: str, sentence: str) -> None:
    """A wrong order is refused with the variable and what is wrong with it."""
    with pytest.raises(OrdersError) as refused:
        Orders.from_env({**TOLD, variable: value})

    assert str(refused.value).startswith(f"{variable}: {sentence}")


def test_a_service_has_an_end() -> None:
    """Inference without seconds and without requests is refused: it would never finish."""
    with pytest.raises(OrdersError, match="MIG_SECONDS, MIG_REQUESTS"):
        Orders.from_env({**TOLD, "MIG_KIND": "infer", "MIG_SECONDS": "0", "MIG_REQUESTS": "0"})


def test_who_is_called_knows_its_address() -> None:
    """A service over HTTP that was not told where it is is refused; a training needs no address."""
    with pytest.raises(OrdersError, match="MIG_POD_IP: it must hold the pod's own address"):
        Orders.from_env({**TOLD, "MIG_KIND": "infer", "MIG_HTTP": "true"})

    assert "" == Orders.from_env(TOLD).pod_ip


def test_missing_orders_are_named() -> None:
    """An order that has no default must be there."""
    with pytest.raises(OrdersError, match="output"):
        Orders.from_env({name: value for name, value in TOLD.items() if name != "MIG_OUTPUT"})


@pytest.mark.parametrize(
    ("index", "folder"),
    [
        pytest.param(0, "s3://bucket/out", id="the first pod's is the workload's own"),
        pytest.param(3, "s3://bucket/out/3", id="the others' lie beneath it"),
    ],
)
def test_every_pod_has_a_folder_of_its_own(index: int, folder: str) -> None:
    """Two pods of one workload never write the same file."""
    assert folder == Orders.from_env({**TOLD, "JOB_COMPLETION_INDEX": str(index)}).folder


def test_an_entry_point_answers_wrong_orders_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 42, and one line on the wire."""
    for name, value in {**TOLD, "MIG_EPOCHS": "0"}.items():
        monkeypatch.setenv(name, value)

    assert REQUEST_IS_WRONG == carry_out(lambda _: 0)
    out, err = capsys.readouterr()
    assert ({"type": "event", "event": "failed", "why": "MIG_EPOCHS: 0 is below 1"}, "") == (read_line(out), err)


def test_an_entry_point_answers_with_its_storys_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right orders reach the story, and what it returns is the exit code."""
    for name, value in TOLD.items():
        monkeypatch.setenv(name, value)

    assert 143 == carry_out(lambda orders: 143 if orders.model == "cnn" else 1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.sampled_from(LINE_TYPES), st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), json_values))
def test_an_answer_survives_the_log(kind: str, facts: dict[str, object]) -> None:
    """What a pod says in one line is what the pipeline reads."""
    facts = {name: value for name, value in facts.items() if name not in {"type", "kind"}}
    text = line(kind, **facts)  # type: ignore[arg-type]

    assert "\n" not in text
    assert {"type": kind, **facts} == read_line(text)


@given(st.text() | st.text().map(lambda text: "{" + text))
def test_whatever_else_a_log_holds_is_no_answer(text: str) -> None:
    """Reading a log never fails: a line is an answer or it is none."""
    answer = read_line(text)

    assert answer is None or answer["type"] in LINE_TYPES


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="an empty line"),
        pytest.param("Traceback (most recent call last):", id="a traceback"),
        pytest.param('{"type":"song"}', id="another type"),
        pytest.param('{"type":["event"]}', id="a type that is no word"),
        pytest.param('{"type":"event"', id="half a line"),
        pytest.param('{"a":' * 100_000, id="brackets without end"),
        pytest.param('{"type":"event","n":' + "9" * 5000 + "}", id="a number without end"),
    ],
)
def test_none_of_ours(text: str) -> None:
    """Lines of others, broken ones and hostile ones are passed over."""
    assert read_line(text) is None


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_figure_is_a_number(number: float) -> None:
    """A line that no JSON reader takes is not written."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        line("epoch", loss=number)
