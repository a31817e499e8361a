"""python-telegram-bot straight onto the stand-in, without a socket: the tests' wire."""

import json
from typing import Any
from urllib.parse import unquote

from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

from bot.sandbox.faults import ConnectionDropped, NoAnswer
from bot.sandbox.telegram import Telegram
from bot.sandbox.world import Upload

BASE_URL = "https://telegram.invalid/bot"
"""What to give a Bot as base_url with this wire."""
BASE_FILE_URL = "https://telegram.invalid/file/bot"
"""What to give a Bot as base_file_url with this wire."""


class SandboxRequest(BaseRequest):
    """Sends a Bot's requests to `telegram`; a dropped connection is a NetworkError, a missing answer TimedOut."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram

    @property
    def read_timeout(self) -> float:
        """Seconds that a real client would wait for an answer; nothing waits here."""
        return 5.0

    async def initialize(self) -> None:
        """Do nothing: there is no connection to open."""

    async def shutdown(self) -> None:
        """Do nothing: there is no connection to close."""

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *args: Any, **kwargs: Any
    ) -> tuple[int, bytes]:
        """Answer with HTTP status and body, as Telegram's servers would."""
        if method == "GET":
            return self._download(url)
        token, _, name = url.rsplit("/bot", 1)[1].partition("/")
        params: dict[str, Any] = dict(request_data.parameters) if request_data else {}
        try:
            reply = await self._telegram.call(name, params, _uploads(request_data), token=token)
        except ConnectionDropped:
            raise NetworkError("Server disconnected without sending a response.") from None
        except NoAnswer:
            raise TimedOut from None
        return reply.status, json.dumps(reply.body).encode()

    def _download(self, url: str) -> tuple[int, bytes]:
        token, _, path = url.rsplit("/file/bot", 1)[1].partition("/")
        stored = self._telegram.files.by_path(unquote(path)) if unquote(token) == self._telegram.token else None
        if stored is None:
            return 404, b'{"ok": false, "error_code": 404, "description": "Not Found"}'
        return 200, stored.content


def _uploads(data: RequestData | None) -> dict[str, Upload]:
    if data is None or not data.contains_files:
        return {}
    uploads = {}
    for name, (filename, content, kind) in data.multipart_data.items():
        body = content if isinstance(content, bytes) else content.read()
        uploads[name] = Upload(filename, body.encode() if isinstance(body, str) else body, kind)
    return uploads
