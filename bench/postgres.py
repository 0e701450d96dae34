"""A Postgres of one's own on loopback, from Debian's package, for what is measured of a Prefect server on it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.parts import free_port, wait

START_SECONDS = 60
NAME = "prefect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """One that answers."""

    programs: Path
    port: int

    @property
    def address(self) -> str:
        """As Prefect's server takes it."""
        return f"postgresql+asyncpg://{NAME}@127.0.0.1:{self.port}/{NAME}"

    def sql(self, text: str) -> str:
        """What it answers to some statements, all or none of which are carried out."""
        words = ["--host=127.0.0.1", f"--port={self.port}", f"--username={NAME}", "--dbname=" + NAME]
        quiet = [
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--single-transaction",
            "--set=ON_ERROR_STOP=1",
        ]
        command = [str(self.programs / "psql"), *words, *quiet]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """An empty one; it and its data are gone afterwards."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    assert found, "there is no Postgres: `make debian` installs it"
    programs, port = found[-1].parent, free_port()
    # It refuses to run as root: its package has made a user for it.
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with TemporaryDirectory(prefix="mig-postgres-", ignore_cleanup_errors=True) as folder:
        if user:
            subprocess.run(["chown", "postgres", folder], check=True)
        data = Path(folder, "data")
        init = [str(programs / "initdb"), f"--pgdata={data}", f"--username={NAME}", "--auth=trust", "--encoding=UTF8"]
        subprocess.run([*user, *init], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        listen = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-k", folder]
        command = [*user, str(programs / "postgres"), "-D", str(data), *listen]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                host = ["--host=127.0.0.1", f"--port={port}", f"--username={NAME}"]
                ready = [str(programs / "pg_isready"), "--quiet", *host]
                wait(lambda: subprocess.run(ready, check=False).returncode == 0, START_SECONDS, "Postgres answers")
                subprocess.run([str(programs / "createdb"), *host, NAME], check=True)
                yield Postgres(programs=programs, port=port)
            finally:
                process.terminate()
