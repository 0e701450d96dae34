"""torch.compile, and where it fails."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from training.compiled import Compiled, Forward
from training.contract import read_line


class Broken(torch.autograd.Function):
    """Cannot be compiled: on the way through or, which shows later, on the way back."""

    @staticmethod
    def forward(_: object, given: Tensor, on_the_way_back: bool) -> Tensor:  # noqa: FBT001 (autograd gives no names)
        """As torch fails."""
        if not on_the_way_back:
            raise RuntimeError("Failed to find a C++ compiler.\nmore of it")
        return given.clone()

    @staticmethod
    def backward(_: object, *__: Tensor) -> tuple[Tensor, None]:
        """The same."""
        raise RuntimeError("Failed to find a C++ compiler.\nmore of it")


def learned(forward: Forward) -> Tensor:
    """A loss, with gradients on the way."""
    loss = forward(torch.ones(2, 4)).sum()
    torch.autograd.backward(loss)
    return loss.detach()


@pytest.mark.parametrize("on_the_way_back", [False, True])
def test_what_cannot_be_compiled_runs_as_it_is(
    on_the_way_back: bool,  # noqa: FBT001 (pytest gives no names)
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line says why, once; the work is done with the bare network."""

    def broken(network: nn.Module, *, mode: str) -> Callable[[Tensor], Tensor]:
        assert "default" == mode
        return lambda given: Broken.apply(network(given), on_the_way_back)  # type: ignore[no-untyped-call,no-any-return]

    monkeypatch.setattr(torch, "compile", broken)
    network = nn.Linear(4, 1)
    compiled = Compiled(network, "default")

    assert [network(torch.ones(2, 4)).sum()] * 2 == [compiled.run(learned) for _ in range(2)]
    said = [read_line(line) for line in capsys.readouterr().out.splitlines()]
    why = "RuntimeError: Failed to find a C++ compiler."
    assert [{"type": "event", "event": "not compiled", "why": why}] == said
    assert "off" == compiled.how


def test_a_full_memory_is_no_failure_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised as it is, and the compiled network is used again: a smaller batch may fit."""
    asked: list[Tensor] = []

    def full(given: Tensor) -> Tensor:
        asked.append(given)
        raise torch.OutOfMemoryError

    monkeypatch.setattr(torch, "compile", lambda network, mode: full if network and mode else None)
    compiled = Compiled(nn.Linear(4, 1), "default")

    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError):
            compiled.run(learned)
    assert 2 == len(asked)


def test_a_mistake_in_the_network_is_no_failure_to_compile() -> None:
    """It is raised as it is."""
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        Compiled(nn.Linear(5, 1), "off").run(learned)
