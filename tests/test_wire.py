"""After a failure it is known whether a request may have been carried out, and no error holds the token."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bot.delivery.wire import File, HttpTransport, Refusal, Uncertain, Unsent, Wire
from tests.quick import Scripted, refused

TOKEN = "1234567890:a-token-for-tests-only"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[Wire]:
    """Open a wire to a server that does what `serve` says with each connection."""

    handled: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handled.append(asyncio.create_task(connected(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    wire = Wire(HttpTransport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", TOKEN))
    try:
        yield wire
    finally:
        await wire.close()
        server.close()
        await server.wait_closed()
        await asyncio.gather(*handled)


async def request_of(reader: asyncio.StreamReader) -> str:
    """Return head and body of one request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next((int(line.split()[1]) for line in head.splitlines() if line.lower().startswith("content-length")), 0)
    return head + (await reader.readexactly(length)).decode()


def answering(body: bytes, status: str = "200 OK") -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body))
        await writer.drain()

    return serve


async def dropping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    await reader.read()  # until the client gives up


async def half_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request_of(reader)
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ok": true')
    await writer.drain()


async def test_a_result_is_returned() -> None:
    async with serving(answering(b'{"ok": true, "result": {"message_id": 7}}')) as wire:
        assert await wire.call("sendMessage", {"chat_id": 1, "text": "x"}) == {"message_id": 7}


async def test_parameters_and_files_travel_as_a_form() -> None:
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request_of(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 28\r\n\r\n")
        writer.write(b'{"ok": true, "result": true}')
        await writer.drain()

    async with serving(serve) as wire:
        await wire.call("sendMessage", {"text": "é <b>", "flag": True, "none": None, "rows": [[1]]})
        await wire.call("sendDocument", {"chat_id": 1}, files={"document": File("a.txt", b"content")})
    assert f"POST /bot{TOKEN}/sendMessage " in heard[0]
    assert heard[0].endswith("text=%C3%A9+%3Cb%3E&flag=true&rows=%5B%5B1%5D%5D")
    assert "multipart/form-data" in heard[1]
    assert 'name="document"; filename="a.txt"' in heard[1]


@pytest.mark.parametrize(
    "serve",
    [
        dropping,
        silent,
        half_an_answer,
        answering(b"<html>Bad Gateway</html>", "502 Bad Gateway"),
        answering(b'{"ok": false, "error_code": 500, "description": "Internal Server Error"}', "500 Oops"),
        answering(b"", "200 OK"),
        answering(b'{"ok": true}', "200 OK"),
        answering(b"[]", "200 OK"),
        answering(b"\xff\xfe", "200 OK"),
    ],
)
async def test_without_a_clear_answer_nobody_knows(serve: Serve) -> None:
    async with serving(serve) as wire:
        with pytest.raises(Uncertain):
            await wire.call("sendMessage", {"chat_id": 1, "text": "x"}, seconds=0.2)


async def test_without_a_connection_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    wire = Wire(HttpTransport(f"http://127.0.0.1:{port}", TOKEN))
    with pytest.raises(Unsent):
        await wire.call("sendMessage", {"chat_id": 1, "text": "x"})
    await wire.close()


async def test_an_unknown_host_means_nothing_was_sent() -> None:
    wire = Wire(HttpTransport("http://telegram.invalid", TOKEN))
    with pytest.raises(Unsent):
        await wire.call("getMe")
    await wire.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refused(400, "Bad Request: chat not found"), (400, "Bad Request: chat not found", None, None)),
        (refused(429, "Too Many Requests", retry_after=17), (429, "Too Many Requests", 17, None)),
        (refused(400, "upgraded", migrate_to_chat_id=-100), (400, "upgraded", None, -100)),
        (refused(401, "Unauthorized"), (401, "Unauthorized", None, None)),
    ],
)
async def test_a_refusal_says_why(answer: Any, expected: tuple[Any, ...]) -> None:
    wire = Wire(Scripted(lambda *_: answer))
    with pytest.raises(Refusal) as raised:
        await wire.call("sendMessage")
    refusal = raised.value
    assert (refusal.code, refusal.description, refusal.retry_after, refusal.migrate_to) == expected


@pytest.mark.parametrize("serve", [dropping, silent, answering(b"no", "502 Bad Gateway")])
async def test_no_error_holds_the_token(serve: Serve) -> None:
    async with serving(serve) as wire:
        with pytest.raises(Uncertain) as raised:
            await wire.call("sendMessage", {"text": "canary"}, seconds=0.2)
    shown = json.dumps([repr(raised.value), str(raised.value), repr(raised.value.__cause__)])
    assert raised.value.__suppress_context__
    assert TOKEN not in shown
    assert "canary" not in shown


async def test_a_connection_that_the_server_closed_while_idle_is_not_used_again() -> None:
    closed = asyncio.Event()
    body = b'{"ok": true, "result": true}'

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with serving(once) as wire:
        for _ in range(3):
            closed.clear()
            assert await wire.call("getMe") is True
            await closed.wait()
            for _ in range(20):
                await asyncio.sleep(0)  # the client's side hears of it
