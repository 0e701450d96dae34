"""Where a bench of one part takes place: a World in which cluster and platform stand, and need not be raised."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mig.spec import RunSpec
from tasks import world
from tasks.connect import Site, site


@contextmanager
def placed(spec: RunSpec, run_id: str, *, tell: Callable[[str], None]) -> Iterator[Site]:
    """A run's place in a World of the bench's own."""
    with world.opened(spec.rehearsal.time_scale, tell, standing=world.whole(spec.release)) as address:
        os.environ[world.GIVEN] = address
        try:
            with site(spec, run_id, tell=tell) as where:
                yield where
        finally:
            del os.environ[world.GIVEN]
