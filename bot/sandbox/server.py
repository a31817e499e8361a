"""The stand-in behind a socket of this machine only: Telegram's Bot API over HTTP, the demo's page, and its JSON."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib import resources
from socket import socket
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, UploadFile
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.sandbox.faults import BrokenOff, ConnectionDropped, NoAnswer
from bot.sandbox.feed import Deliver
from bot.sandbox.pageapi import DemoControl, PageApi
from bot.sandbox.params import MAX_UPLOAD
from bot.sandbox.telegram import Telegram
from bot.sandbox.world import Json, Upload

__all__ = ["DemoControl", "SandboxServer", "create_app"]

_LOCAL = frozenset(("127.0.0.1", "localhost", "[::1]"))
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_MAX_BODY = MAX_UPLOAD + 1024 * 1024


def create_app(telegram: Telegram, *, control: DemoControl | None = None) -> Starlette:
    """Return the application: /bot<token>/<method>, /file/bot<token>/<path>, the page at / and /sandbox/*."""
    api, page = _BotApi(telegram), PageApi(telegram, control)
    app = Starlette(
        routes=[
            Route("/bot{token}/{method}", api),
            Route("/file/bot{token}/{path:path}", _Download(telegram)),
            Route("/", _index),
            *page.routes(),
        ],
        middleware=[Middleware(_LocalOnly)],
    )
    app.state.api, app.state.page = api, page
    return app


class SandboxServer:
    """Serves the stand-in on 127.0.0.1 while the context is open; port 0 takes a free one."""

    def __init__(self, telegram: Telegram, *, port: int = 0, control: DemoControl | None = None) -> None:
        self._telegram = telegram
        self._port = port
        self._app = create_app(telegram, control=control)
        self._stack = contextlib.AsyncExitStack()
        self.url = ""

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            client = await stack.enter_async_context(aiohttp.ClientSession())
            self._telegram.feed.deliver = _deliverer(client)
            self._port = await stack.enter_async_context(_serving(self._app, self._port))
            stack.push_async_callback(self._let_go)
            self._stack = stack.pop_all()
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def port(self) -> int:
        """The port that is served."""
        return self._port

    async def _let_go(self) -> None:
        """End everything that holds a connection open, so that stopping takes no time."""
        self._app.state.page.close()
        self._app.state.api.close()
        await self._telegram.close()


@contextlib.asynccontextmanager
async def _serving(app: ASGIApp, port: int) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    bound = config.bind_socket()
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        await server.listening.wait()
        yield bound.getsockname()[1]
    finally:
        server.stop()
        await serving


class _Server(uvicorn.Server):
    """uvicorn without signal handlers and without its ticking: it serves until `stop`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._stopped = asyncio.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    def stop(self) -> None:
        self.should_exit = True
        self._stopped.set()

    async def main_loop(self) -> None:
        await self._stopped.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(H11Protocol):
    """uvicorn's HTTP, handing each request its connection so that a planted fault can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(cast(asyncio.Transport, _Joined(transport)))
        self.app_state = {**self.app_state, "transport": transport}


class _Joined:
    """A transport that sends what is written in one turn of the loop (head and body of an answer) at once: half the
    system calls, which are most of what an answer costs.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            asyncio.get_running_loop().call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts and not self._transport.is_closing():
            self._transport.write(b"".join(self._parts))
        self._parts.clear()


class _LocalOnly:
    """Refuses requests by another host name (DNS rebinding) and changes asked for by another site's page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := _stranger(scope)):
            await PlainTextResponse(problem, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _stranger(scope: Scope) -> str | None:
    """Return why this request is refused, None when it is welcome."""
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if host.rsplit(":", 1)[0] not in _LOCAL and host not in _LOCAL:
        return "This server answers to 127.0.0.1 and localhost only."
    if not scope["path"].startswith("/sandbox/") or scope["method"] in ("GET", "HEAD"):
        return None
    origin = headers.get("origin")
    if (origin and urlsplit(origin).netloc != host) or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return "Another site may not act here."
    if scope["method"] == "POST" and not headers.get("content-type", "").startswith("application/json"):
        return "POST takes application/json."
    return None


class _BotApi:
    """Answers /bot<token>/<method> for GET and POST in all four ways of passing parameters."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self._held: set[asyncio.Transport] = set()

    def close(self) -> None:
        """Break the connections that a planted fault leaves without an answer."""
        for transport in list(self._held):
            transport.abort()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token, _, method = scope["path"].removeprefix("/bot").partition("/")
        try:
            params, files = await _read(scope, receive)
        except _BadBodyError as error:
            await _send(send, error.status, {"ok": False, "error_code": error.status, "description": str(error)})
            return
        try:
            reply = await self._telegram.call(method, params, files, token=token)
        except ConnectionDropped:
            scope["state"]["transport"].abort()
            await _until_gone(receive)
        except BrokenOff as broken:
            await _send_half(send, broken.reply.status, broken.reply.body)
            scope["state"]["transport"].close()  # once that half has gone
            await _until_gone(receive)
        except NoAnswer:
            transport = scope["state"]["transport"]
            self._held.add(transport)
            await _until_gone(receive)
            self._held.discard(transport)
        else:
            await _send(send, reply.status, reply.body)


class _BadBodyError(Exception):
    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, status: int, body: Json) -> None:
    content = await _begin(send, status, body)
    await send({"type": "http.response.body", "body": content})


async def _send_half(send: Send, status: int, body: Json) -> None:
    content = await _begin(send, status, body)
    await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})


async def _begin(send: Send, status: int, body: Json) -> bytes:
    """Send the head of an answer, and return its body."""
    content = _encode(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    return content


async def _read(scope: Scope, receive: Receive) -> tuple[Json, dict[str, Upload]]:
    """Return the parameters of query and body, and the files of a multipart body."""
    query = scope["query_string"].decode("latin-1")
    params: Json = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
    headers = dict(scope["headers"])
    if int(headers.get(b"content-length", b"0")) > _MAX_BODY:
        raise _BadBodyError(413, "Request Entity Too Large")
    kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if kind == b"multipart/form-data":
        return await _multipart(Request(scope, receive), params)
    body = b""
    more = True
    while more:
        part = await receive()
        body += part.get("body", b"")
        more = part.get("more_body", False)
    if kind == b"application/json" and body:
        try:
            sent = json.loads(body)
        except ValueError:
            raise _BadBodyError(400, "Bad Request: can't parse JSON object") from None
        if not isinstance(sent, dict):
            raise _BadBodyError(400, "Bad Request: object expected as request body")
        params |= sent
    elif body:
        params |= parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return params, {}


async def _multipart(request: Request, params: Json) -> tuple[Json, dict[str, Upload]]:
    files: dict[str, Upload] = {}
    async with request.form(max_part_size=MAX_UPLOAD) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                kind = value.content_type or "application/octet-stream"
                files[name] = Upload(value.filename or name, await value.read(), kind)
            else:
                params[name] = value
    return params, files


class _Download:
    """Answers /file/bot<token>/<path> with the content that getFile named."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token, _, path = scope["path"].removeprefix("/file/bot").partition("/")
        stored = self._telegram.files.by_path(unquote(path)) if token == self._telegram.token else None
        if stored is None:
            await _send(send, 404, {"ok": False, "error_code": 404, "description": "Not Found"})
            return
        await Response(stored.content, media_type="application/octet-stream")(scope, receive, send)


async def _index(request: Request) -> Response:
    page = resources.files("bot.sandbox").joinpath("page.html")
    if not page.is_file():
        return PlainTextResponse("The sandbox runs; its page is not installed.")
    return HTMLResponse(page.read_bytes())


def _deliverer(client: aiohttp.ClientSession) -> Deliver:
    async def deliver(url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            async with client.post(url, headers=dict(headers), data=body) as answer:
                await answer.read()
                return answer.status
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error

    return deliver
