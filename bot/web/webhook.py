"""The webhook: an update is kept before Telegram gets its 200."""

import asyncio
import contextlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web.server import listening

log = structlog.get_logger()

MOST_BYTES = 1024 * 1024
"""Telegram's updates are far smaller."""

BODY_SECONDS = 20.0
"""How long an update may take to arrive; Telegram's come at once."""

Take = Callable[[list[dict[str, Any]]], Awaitable[None]]


async def _body(request: Request) -> bytearray | int:
    """Return what is sent, or the status with which too much, or too slow a sender, is refused."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return 413
    except TimeoutError:
        return 408
    return body


def create_app(path: str, secret: str, take: Take) -> Starlette:
    """Return the application that takes updates at `path` from whoever knows `secret`."""

    async def receive(request: Request) -> Response:
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        if not hmac.compare_digest(given.encode(), secret.encode()):
            return Response(status_code=403)
        body = await _body(request)
        if isinstance(body, int):
            return Response(status_code=body)
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


@contextlib.asynccontextmanager
async def serving(listen: str, url: str, secret: str, take: Take) -> AsyncIterator[None]:
    """Serve the webhook at HOST:PORT while the context is open; the path is that of the public `url`.

    Raises OSError where that cannot be listened on.
    """
    async with listening(listen, create_app(urlsplit(url).path or "/", secret, take)):
        yield
