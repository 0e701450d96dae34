"""What an account cannot carry is refused before anything is created, by `mig run` as by `mig platform up`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from flows import pipeline, platform, telling
from mig.account import Seen
from mig.rates import TABLE
from mig.spec import read
from tasks import account
from tasks import platform as stacks
from tasks.connect import Site
from tests.mig.test_account import REFUSED

SITE = Site(target="eks", address="", region="us-east-1", bucket="mig-1", cluster="mig", time_scale=1, simulated=())
REQUEST: dict[str, Any] = {
    "name": "r",
    "target": "eks",
    "workloads": [{"name": "small", "kind": "train", "model": "mlp", "slice": "small"}],
}


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place on AWS, where whatever would be made or written is a failure."""

    @contextmanager
    def placed(*_: Any, **__: Any) -> Iterator[Site]:
        yield SITE

    def never(*_: object, **__: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr(pipeline, "site", placed)
    monkeypatch.setattr(platform, "standing_for", lambda _: SITE)
    monkeypatch.setattr(pipeline, "rates", lambda _: TABLE)
    monkeypatch.setattr(pipeline, "publish_plan", lambda *_: None)
    for module, verb in ((pipeline, "record"), (pipeline, "stand"), (telling, "publish"), (stacks, "raise_all")):
        monkeypatch.setattr(module, verb, never)


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(("seen", "sentence"), REFUSED)
def test_what_stands_in_the_way(monkeypatch: pytest.MonkeyPatch, seen: Seen, sentence: str) -> None:
    """Both end as Refused with the same sentence, and neither has written or made anything."""
    monkeypatch.setattr(account, "observe", lambda *_: seen)

    ran = pipeline.pipeline.fn(read(REQUEST))
    raised = platform.platform.fn(read(REQUEST), action="raise")

    assert ("Refused", "Refused") == (ran.name, raised.name)
    assert str(ran.message).startswith(sentence)
    assert raised.message == ran.message
