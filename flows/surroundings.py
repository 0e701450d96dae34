"""What a rehearsal needs around it in a shell: a Prefect server and a World, unless they are given."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flows.server import Own, server
from tasks import world


@contextmanager
def surroundings(
    time_scale: float,
    tell: Callable[[str], None],
    *,
    keep: bool = False,
    standing: str = "",
    own: Own | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[str]:
    """
    A server and a World; both start at once, and neither waits for the other. The server ends first.

    Yields the address of a server of our own; empty: one was configured.

    Args:
        time_scale: of the World, where none is given.
        tell: hears how far the World is.
        keep: the World of our own stays open afterwards.
        standing: what stands in it from the start; empty: the first run raises what it needs.
        own: how a server of our own is started.
        meanwhile: done when the World is there, while the server still starts, on the processor that has become free.
    """
    with ExitStack() as stage, ExitStack() as orchestrator, ThreadPoolExecutor() as beside:
        starting = beside.submit(orchestrator.enter_context, server(own))
        if not world.given():
            os.environ[world.GIVEN] = stage.enter_context(world.opened(time_scale, tell, keep=keep, standing=standing))
            stage.callback(os.environ.pop, world.GIVEN)
        meanwhile()
        yield starting.result()


def prefect_for_a_shell() -> None:
    """Settings for a flow without a server: room for a slow start, our own lines, nothing sent anywhere."""
    quiet_prefect()
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_LOGGING_SETTINGS_PATH", str(Path(__file__).parent / "logging.yml"))


def quiet_prefect() -> None:
    """Before Prefect is imported, which is when it reads its settings."""
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
