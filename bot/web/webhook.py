"""The webhook: an update is kept before Telegram gets its 200."""

import asyncio
import contextlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

log = structlog.get_logger()

MOST_BYTES = 1024 * 1024
"""Telegram's updates are far smaller."""

Take = Callable[[list[dict[str, Any]]], Awaitable[None]]


def create_app(path: str, secret: str, take: Take) -> Starlette:
    """Return the application that takes updates at `path` from whoever knows `secret`."""

    async def receive(request: Request) -> Response:
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        if not hmac.compare_digest(given.encode(), secret.encode()):
            return Response(status_code=403)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return Response(status_code=413)
        try:
            update = json.loads(body)
        except (ValueError, RecursionError):
            return Response(status_code=400)
        if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
            return Response(status_code=400)
        try:
            await take([update])
        except Exception as error:  # its words, which the server would log, may be a person's
            log.error("webhook.not_kept", update=update["update_id"], error=type(error).__name__)
            return Response(status_code=500)  # Telegram sends it again
        return Response(status_code=200)

    return Starlette(routes=[Route(path, receive, methods=["POST"])])


class _Server(uvicorn.Server):
    """Leaves signals to the program, which stops it after the inbox is safe."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextlib.asynccontextmanager
async def serving(listen: str, url: str, secret: str, take: Take) -> AsyncIterator[None]:
    """Serve the webhook at HOST:PORT while the context is open; the path is that of the public `url`.

    Raises OSError where that cannot be listened on.
    """
    host, _, port = listen.rpartition(":")
    app = create_app(urlsplit(url).path or "/", secret, take)
    config = uvicorn.Config(
        app, host=host, port=int(port), log_config=None, access_log=False, lifespan="off", server_header=False
    )
    server = _Server(config)
    bound = socket.create_server((host, int(port)))  # from here on, connections wait until they are served
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
