"""The day's backup: made while patients write, and no secret when it is not."""

import shutil
from datetime import timedelta
from pathlib import Path

from bot.store import rotation
from tests.story import Story


def names(folder: Path) -> list[str]:
    return [backup.name for backup in rotation.backups(file.name for file in folder.iterdir())]


async def test_staff_hear_once_that_a_backup_fails_and_once_that_it_is_made_again(
    any_story: Story, tmp_path: Path
) -> None:
    story, folder = any_story, tmp_path / "disk"
    assert story.app is not None
    story.app.settings = story.app.settings.model_copy(update={"backup_folder": folder})

    async def back_up() -> list[str]:
        assert story.app is not None
        seen = story._last(story.group.id)
        await story.app._back_up()
        await story.settle()
        return story.since(story.group.id, seen)

    (said,) = await back_up()
    assert said.startswith("⚠️ The daily backup of my data could not be made.")
    assert await back_up() == []
    folder.mkdir()
    assert await back_up() == ["✅ The daily backup of my data is made again."]
    assert len(names(folder)) == 1
    assert await back_up() == []
    story.clock.advance(timedelta(days=1))
    assert await back_up() == []
    assert len(names(folder)) == 2
    shutil.rmtree(folder)
    story.clock.advance(timedelta(days=1))
    assert len(await back_up()) == 1


async def test_without_a_folder_nothing_is_made(any_story: Story) -> None:
    assert any_story.app is not None
    seen = any_story._last(any_story.group.id)
    await any_story.app._back_up()
    await any_story.settle()
    assert any_story.since(any_story.group.id, seen) == []
