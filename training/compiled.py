"""torch.compile behind a knob: what cannot be compiled runs as it is, and one line says why."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from training.contract import Compile, say

Forward = Callable[[Tensor], Tensor]


class Compiled:
    """A network, made faster if that is asked for and possible."""

    def __init__(self, network: nn.Module, how: Compile) -> None:
        self.how = how
        """As it is now: `off` once the other has failed."""
        self._network = network
        self._forward: Forward = network if how == "off" else torch.compile(network, mode=how)

    def run(self, work: Callable[[Forward], Tensor]) -> Tensor:
        """Do the work with the network; with the bare one, once more and from then on, when compiling it fails."""
        try:
            return work(self._forward)
        except torch.OutOfMemoryError:
            raise
        except (
            RuntimeError
        ) as error:  # every failure of torch.compile is one; it shows at first use, even on the way back
            if self._forward is self._network:
                raise
            first = str(error).strip().splitlines()[0]
            say("event", event="not compiled", why=f"{type(error).__name__}: {first}")
        self.how, self._forward = "off", self._network
        return work(self._forward)
