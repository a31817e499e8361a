"""What `mesobot run` asks before it begins."""

import os
import stat
from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.running import _let_others, _only_one


def test_a_second_program_on_the_same_file_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/mesobot.db"
    first = _only_one(address)
    assert first is not None
    with pytest.raises(StoreError, match=r"another mesobot runs on .*mesobot\.db: stop it first"):
        _only_one(address)
    os.close(first)  # as the system does, however it ends
    again = _only_one(address)
    assert again is not None
    assert stat.S_IMODE(os.stat(f"{tmp_path}/mesobot.db.lock").st_mode) == 0o600
    _let_others(again, address)
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_can_be_shared_has_no_lock() -> None:
    assert _only_one("postgresql://mesobot@localhost/mesobot") is None
