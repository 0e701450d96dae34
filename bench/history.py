"""
Prefect's pages with a week of history behind them, on Postgres: 1,000 runs with their tasks, states, logs, artifacts.

The runs are copies of two real ones (a rehearsal that succeeded, a request that was refused), ten minutes apart. The
pages are opened in a real browser, and each call that they make of the server is timed there. Then what is older than
some days is left to Prefect's own vacuum.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Request, sync_playwright

from bench.parts import Parts, ask, ended, kill, parts, tiny, wait
from bench.postgres import Postgres, postgres
from bench.promise import Promise

RUNS = 1000
REFUSED = 10
"""One of so many is a copy of the refused one."""

MINUTES = 10
"""Between two runs: a thousand are a week."""

SETTLED_SECONDS = 1.5
"""A page that asks for nothing for so long has asked for everything."""

LONGEST_SECONDS = 15
"""For a page that asks again and again."""

KEPT_DAYS = 3
VACUUM = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(KEPT_DAYS * 24 * 3600),
    "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "15",
}
CHROMIUM = "/usr/bin/chromium"

TABLES = {
    "flow_run": ("id",),
    "flow_run_state": ("id", "flow_run_id"),
    "task_run": ("id", "flow_run_id"),
    "task_run_state": ("id", "task_run_id"),
    "log": ("id", "flow_run_id", "task_run_id"),
    "artifact": ("id", "flow_run_id", "task_run_id"),
}
"""What belongs to a run, and which columns name something of the run's; in an order in which it can be written."""


def measure() -> Iterator[Promise]:
    """The copies made, the pages looked at, the oldest let go."""
    with postgres() as database, parts({"PREFECT_API_DATABASE_CONNECTION_URL": database.address}) as on:
        with on.client() as prefect:
            done = ended(prefect, ask(prefect, tiny("week")))
            refused = ended(prefect, ask(prefect, {**tiny("refused"), "max_usd": 1}))
        assert (done.state_name, refused.state_name) == ("Completed", "Refused")
        time.sleep(5)  # tasks and logs are written a little later than they happen
        _copied(database, str(done.id), str(refused.id))
        counted = database.sql(
            "SELECT count(*) FROM flow_run; SELECT count(*) FROM task_run; SELECT count(*) FROM log;"
        )
        told = " and ".join(
            f"{int(n):,} {of}" for n, of in zip(counted.split(), ("runs", "tasks", "log lines"), strict=True)
        )
        yield from _pages(on, str(done.id), told)
        yield _vacuum(on, database)


def _copied(database: Postgres, done: str, refused: str) -> None:
    """Every row of a run so many times, each earlier than the one before."""
    for table, owned in TABLES.items():
        database.sql(_copy(database, table, owned, done, f"n % {REFUSED} <> 0"))
        database.sql(_copy(database, table, owned, refused, f"n % {REFUSED} = 0"))
    for table in ("flow_run", "task_run"):  # a run and its state name each other: the run first, then its state
        database.sql(
            f"UPDATE {table} SET state_id = s.id FROM {table}_state s WHERE {table}.state_id IS NULL"  # noqa: S608 (names of ours)
            f" AND s.{table}_id = {table}.id AND s.timestamp ="
            f" (SELECT max(timestamp) FROM {table}_state WHERE {table}_id = {table}.id);"
        )
    database.sql("ANALYZE;")


def _copy(database: Postgres, table: str, owned: tuple[str, ...], run: str, which: str) -> str:
    columns = dict(
        line.split("|")
        for line in database.sql(
            f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{table}'"  # noqa: S608
            " AND is_generated = 'NEVER';"
        ).splitlines()
    )
    values = ", ".join(_value(name, kind, owned) for name, kind in columns.items())
    names = ", ".join(f'"{name}"' for name in columns)
    mine = {
        "flow_run": f"t.id = '{run}'",
        "task_run_state": f"t.task_run_id IN (SELECT id FROM task_run WHERE flow_run_id = '{run}')",  # noqa: S608
    }.get(table, f"t.flow_run_id = '{run}'")
    numbers = f"generate_series(1, {RUNS}) n"
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} t, {numbers} WHERE {mine} AND {which};"  # noqa: S608


def _value(name: str, kind: str, owned: tuple[str, ...]) -> str:
    """A copy's own id follows from the original's and its number, so that whatever names it names the copy."""
    column = f't."{name}"'
    if name in owned:
        return f"md5({column}::text || n)::uuid"
    if name in ("state_id", "idempotency_key"):
        return "NULL"
    if kind.startswith("timestamp"):
        return f"{column} - n * interval '{MINUTES} minutes'"
    return column


@dataclass
class _Heard:
    """The calls of one page, and how long each took from its request to the end of its answer."""

    last: float = field(default_factory=time.monotonic)
    calls: list[tuple[float, str]] = field(default_factory=list)

    def hear(self, request: Request) -> None:
        """A call of the page's that was answered, or something else that it has loaded."""
        self.last = time.monotonic()
        if "/api/" in request.url:
            said = f"{request.method} {request.url.partition('/api/')[2].partition('?')[0]}"
            self.calls.append(((request.timing["responseEnd"] - request.timing["requestStart"]) / 1000, said))


def _pages(on: Parts, run: str, told: str) -> Iterator[Promise]:
    """Each page of both of Prefect's UIs in its turn; the slowest call of all of them counts."""
    base = on.api.removesuffix("/api")
    with on.client() as prefect:
        deployment = prefect.read_deployment_by_name("pipeline/rehearsal").id
    pages = {
        "dashboard": ("dashboard", "v2/dashboard"),
        "runs": ("runs", "v2/runs"),
        "flows": ("flows", "v2/flows"),
        "deployments": ("deployments", "v2/deployments"),
        "a deployment": (f"deployments/deployment/{deployment}", f"v2/deployments/deployment/{deployment}"),
        "a run": (f"runs/flow-run/{run}", f"v2/runs/flow-run/{run}"),
        "its artifacts": (f"runs/flow-run/{run}?tab=Artifacts", f"v2/runs/flow-run/{run}?tab=Artifacts"),
        "the work pool": ("work-pools/work-pool/local", "v2/work-pools/work-pool/local"),
        "events": ("events", "v2/events"),
    }
    with sync_playwright() as play, play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser:
        for name, paths in pages.items():
            heard = [call for path in paths for call in _calls(browser, f"{base}/{path}")]
            slowest, said = max(heard)
            what = f"{told}: {name}, {len(heard)} calls in two UIs, the slowest {said}"
            yield Promise(what=what, measured=slowest, most=2, unit="s")


def _calls(browser: Browser, address: str) -> list[tuple[float, str]]:
    page, heard = browser.new_page(), _Heard()
    page.on("requestfinished", heard.hear)
    page.goto(address)
    end = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < min(heard.last + SETTLED_SECONDS, end):
        page.wait_for_timeout(100)
    page.close()
    return heard.calls


def _vacuum(on: Parts, database: Postgres) -> Promise:
    """The same server started anew with the settings that docs/prefect.md names."""
    old = f"SELECT count(*) FROM flow_run WHERE end_time < now() - interval '{KEPT_DAYS} days';"  # noqa: S608
    before = int(database.sql(old))
    kill(on.server)
    on.settings = {**on.settings, **VACUUM}
    on.start_server()
    began = time.monotonic()
    wait(lambda: database.sql(old) == "0", 120, f"{before} runs older than {KEPT_DAYS} days go")
    seconds = time.monotonic() - began
    left = int(database.sql("SELECT count(*) FROM flow_run;"))
    what = f"retention of {KEPT_DAYS} days: {before} older runs are deleted, {left} are left, after"
    return Promise(what=what, measured=seconds, most=120, unit="s")
