"""The webhook against people who are not Telegram, and against a Telegram that stutters."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.web import webhook
from bot.web.webhook import MOST_BYTES, serving
from tests.stories.test_over_http import SECRET, free_port

HEADER = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
UPDATE = b'{"update_id": 5}'


class Hook:
    """A served webhook, and what it took."""

    def __init__(self) -> None:
        self.listen = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.listen}/hook"
        self.taken: list[dict[str, Any]] = []

    async def take(self, batch: list[dict[str, Any]]) -> None:
        self.taken += batch

    async def post(self, body: Any, **headers: str) -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.url, data=io.BytesIO(body) if isinstance(body, bytes) else body, headers=HEADER | headers
            ) as answer,
        ):
            return answer.status

    async def raw(self, head: str, body: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _, port = self.listen.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        secret = f"X-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n"
        writer.write(f"POST /hook HTTP/1.1\r\nHost: {self.listen}\r\n{secret}{head}\r\n".encode() + body)
        await writer.drain()
        return reader, writer


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    async with serving(hook.listen, hook.url, SECRET, hook.take):
        yield hook


async def test_a_body_without_a_length_is_cut_off_at_a_megabyte(hook: Hook) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MOST_BYTES // 65536 + 2):
            yield b" " * 65536

    assert await hook.post(endless()) == 413
    assert await hook.post(UPDATE + b" " * (MOST_BYTES - len(UPDATE))) == 200
    assert await hook.post(UPDATE + b" " * (MOST_BYTES - len(UPDATE) + 1)) == 413


async def test_who_sends_a_byte_now_and_then_is_sent_away_and_holds_nobody_up(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "BODY_SECONDS", 0.2)
    slow = [await hook.raw("Content-Length: 100\r\n", b"{") for _ in range(50)]
    assert await hook.post(UPDATE) == 200
    for reader, writer in slow:
        assert (await reader.readline()).split()[1] == b"408"
        writer.close()
    assert hook.taken == [{"update_id": 5}]


async def test_hundreds_of_idle_connections_keep_nobody_out(hook: Hook) -> None:
    idle = [await hook.raw("X-Slow: ", b"") for _ in range(300)]  # a head that never ends
    assert await hook.post(UPDATE) == 200
    for _, writer in idle:
        writer.close()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png", ""])
async def test_what_the_body_is_called_does_not_matter(hook: Hook, kind: str) -> None:
    assert await hook.post(UPDATE, **{"Content-Type": kind}) == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"update_id": ' + b"[" * 200_000,
        b'{"update_id": 1, "message": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"update_id": ' + b"9" * 10_000 + b"}",
        b'{"update_id": 1e5}',
        b'{"update_id": "1"}',
        b'{"update_id": null}',
        b"[" * 1000 + b"]" * 1000,
        '{"update_id": "\ud800"}'.encode("utf-8", "surrogatepass"),
    ],
)
async def test_json_that_is_a_bomb_or_no_update_is_refused(hook: Hook, body: bytes) -> None:
    assert await hook.post(body) == 400
    assert hook.taken == []


async def test_the_secret_is_compared_in_constant_time(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    compare = webhook.hmac.compare_digest
    monkeypatch.setattr(webhook.hmac, "compare_digest", lambda one, other: compared.append(one) or compare(one, other))
    for wrong in ("", "x", SECRET[:-1], SECRET[1:]):
        assert await hook.post(UPDATE, **{"X-Telegram-Bot-Api-Secret-Token": wrong}) == 403
    assert len(compared) == 4
    assert hook.taken == []


async def test_a_secret_is_asked_for_before_the_body_is_read(hook: Hook) -> None:
    host, _, port = hook.listen.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST /hook HTTP/1.1\r\nHost: {hook.listen}\r\nContent-Length: 100000\r\n\r\n".encode())
    await writer.drain()
    assert (await reader.readline()).split()[1] == b"403"
    writer.close()


async def test_an_update_id_no_database_can_hold_is_put_aside(hook: Hook) -> None:
    huge = json.dumps({"update_id": 2**63}).encode()
    assert await hook.post(huge) == 200  # else Telegram would send it again and again; the inbox leaves it out
    assert hook.taken == [{"update_id": 2**63}]
