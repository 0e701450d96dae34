"""The pod's entry point, `python -m training.run`: reads its orders, carries them out, and stops cleanly on SIGTERM."""

import signal
import sys
from types import FrameType

from training.contract import STOPPED, Orders, carry_out


class Stop:
    """Whether this process was told to end: asked between two steps, so that it ends with its figures."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self, _signal: int, _frame: FrameType | None) -> None:
        """Do so: what SIGTERM is handled by."""
        self._asked = True

    def asked(self) -> bool:
        """Whether it was."""
        return self._asked


def _main(orders: Orders) -> int:
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.ask)
    # Imported only now: torch takes seconds, and orders that are wrong are told at once.
    if orders.kind == "train":
        from training.train import train

        finished = train(orders, stop.asked)
    else:
        from training.infer import infer

        finished = infer(orders, stop.asked)
    return 0 if finished else STOPPED


if __name__ == "__main__":
    sys.exit(carry_out(_main))
