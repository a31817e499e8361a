"""What tests share: the sample clinic, its content fitted once, and stories on a fresh database.

A test of what holds on any database takes `any_database` (an address) or `any_story`; a story takes `database_url` or
`story`. Both run on SQLite and on PostgreSQL; MESOBOT_TEST_DATABASE=sqlite or postgresql lets stories run on one.
"""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.app import build_libraries, build_reader, build_speeches
from bot.clock import MovableClock
from bot.config import Clinic, load_clinic
from bot.store.database import Database, parse_url
from faq.reader import Reader
from tests import postgres
from tests.postgres import Cluster
from tests.story import MONDAY, Story

ENGINES = ("sqlite", "postgresql")
STORY_ENGINES = tuple(os.environ.get("MESOBOT_TEST_DATABASE", " ".join(ENGINES)).split())


def pytest_configure() -> None:
    if not {*STORY_ENGINES} <= {*ENGINES}:
        raise pytest.UsageError(f"MESOBOT_TEST_DATABASE: expected {' or '.join(ENGINES)}, or both")


@pytest.fixture(scope="session")
def clinic() -> Clinic:
    return load_clinic(None)


@pytest.fixture(scope="session")
def reader(clinic: Clinic) -> Reader:
    return build_reader(clinic, build_libraries(clinic), build_speeches(clinic), MovableClock(MONDAY))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database: copying it is fifty times as fast as making it."""
    file = tmp_path_factory.mktemp("template") / "mesobot.db"
    database = Database(parse_url(f"sqlite:///{file}"))
    database.migrate()
    database.close()
    return file


@pytest.fixture
def database_file(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "mesobot.db"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of this process (each worker of pytest-xdist has its own), started when first asked for."""
    programs = postgres.programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail(postgres.MISSING)
        pytest.skip(postgres.MISSING)
    with postgres.running(programs) as cluster:
        yield cluster


def lend(engine: str, request: pytest.FixtureRequest, *, migrated: bool = True) -> Iterator[str]:
    """Yield the address of a fresh database, and nothing of the other engine is touched."""
    if engine == "postgresql":
        with request.getfixturevalue("cluster").database(migrated=migrated) as url:
            yield url
    elif migrated:
        yield f"sqlite:///{request.getfixturevalue('database_file')}"
    else:
        yield f"sqlite:///{request.getfixturevalue('tmp_path')}/mesobot.db"


@pytest.fixture(params=ENGINES)
def any_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a migrated database, on each engine in turn."""
    yield from lend(request.param, request)


@pytest.fixture(params=ENGINES)
def any_empty_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database without tables, on each engine in turn."""
    yield from lend(request.param, request, migrated=False)


@pytest.fixture(params=STORY_ENGINES)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a migrated database, on each engine that this run is about."""
    yield from lend(request.param, request)


@pytest_asyncio.fixture
async def story(clinic: Clinic, reader: Reader, database_url: str) -> AsyncIterator[Story]:
    story = await Story(clinic, reader, database_url).open()
    yield story
    await story.close()


@pytest_asyncio.fixture
async def any_story(clinic: Clinic, reader: Reader, any_database: str) -> AsyncIterator[Story]:
    story = await Story(clinic, reader, any_database).open()
    yield story
    await story.close()
