"""A PostgreSQL server for the benchmarks, as durable as the one of a clinic, and databases on it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests import postgres
from tests.benchmarks.load import BenchmarkError
from tests.postgres import Cluster


@contextlib.contextmanager
def running() -> Iterator[tuple[Cluster, int]]:
    """Run a server that writes to disk what it confirms; yields it with the id of its first process."""
    programs = postgres.programs()
    if programs is None:
        raise BenchmarkError(postgres.MISSING)
    with postgres.running(programs, postgres.DURABLE) as cluster, cluster.database() as url:
        with psycopg.connect(url) as connection:
            backend = connection.info.backend_pid
        status = Path(f"/proc/{backend}/status").read_text(encoding="ascii")
        yield cluster, next(int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid:"))
