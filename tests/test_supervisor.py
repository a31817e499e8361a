"""What systemd hears of the program."""

import asyncio
import socket
from pathlib import Path

import pytest

from bot.supervisor import Supervisor


@pytest.mark.parametrize("abstract", [False, True])
async def test_it_is_told_of_the_start_and_of_each_beat(tmp_path: Path, *, abstract: bool) -> None:
    address = f"@{tmp_path.name}-mesobot-test" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0" + address[1:] if abstract else address)
        ear.setblocking(False)
        supervisor = Supervisor.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000"})
        loop = asyncio.get_running_loop()
        async with supervisor.watched():
            heard = [await loop.sock_recv(ear, 100) for _ in range(3)]
        supervisor.tell("STOPPING=1")
        while heard[-1] == b"WATCHDOG=1":
            heard.append(await loop.sock_recv(ear, 100))
    assert heard[:3] == [b"READY=1\nSTATUS=waiting for Telegram", b"WATCHDOG=1", b"WATCHDOG=1"]
    assert heard[-1] == b"STOPPING=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "soon"}])
async def test_nobody_listens(environ: dict[str, str]) -> None:
    async with Supervisor.of(environ).watched():
        await asyncio.sleep(0)
