"""What tests share: the sample clinic, its content fitted once, and stories on a fresh database."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.app import build_libraries, build_reader, build_speeches
from bot.clock import MovableClock
from bot.config import Clinic, load_clinic
from bot.store.database import Database, parse_url
from faq.reader import Reader
from tests.story import MONDAY, Story


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


@pytest_asyncio.fixture
async def story(clinic: Clinic, reader: Reader, database_file: Path) -> AsyncIterator[Story]:
    story = Story(clinic, reader, database_file)
    await story.open()
    yield story
    await story.close()
