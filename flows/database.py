"""
The history of a server of our own: in SQLite, where whoever writes waits for the one before.

Prefect (3.8) begins most writes as a reader. SQLite refuses such a one at once when another has written meanwhile,
however long it may wait: the caller hears 503, its client sleeps for seconds, and the pages do nothing at a click.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import provide_database_interface, set_database_config
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


class InTurn(AioSqliteConfiguration):
    """SQLite whose transactions begin as writers: each waits for the one before, a minute at most."""

    @asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = True,  # noqa: ARG002, FBT001, FBT002 (Prefect's own signature)
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """A transaction that nobody else's write can spoil."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def writers_in_turn() -> None:
    """Before a server is made in this process: its writers wait for each other; in PostgreSQL they do already."""
    ours = provide_database_interface().database_config
    if isinstance(ours, AioSqliteConfiguration):
        set_database_config(InTurn(connection_url=ours.connection_url))
