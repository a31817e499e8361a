"""The way to Telegram: one request at a time, and what is known of it when it fails.

What matters after a failure is whether the request may have been carried out:

Refusal     Telegram answered no (4xx): it was not done
Unsent      the connection was never made: it was not done
Uncertain   the connection broke, the answer did not come in time, or it was a 5xx: it may have been done

No error or log line holds the URL, because the bot's token is part of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import yarl

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 25.0
FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


class WireError(Exception):
    """A request that did not succeed."""


class Unsent(WireError):  # noqa: N818  the three outcomes are named for what is known
    """The request never left."""


class Uncertain(WireError):  # noqa: N818
    """Nobody knows whether the request was carried out."""


class Refusal(WireError):  # noqa: N818
    """Telegram's answer was no."""

    def __init__(
        self, code: int, description: str, retry_after: float | None = None, migrate_to: int | None = None
    ) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.retry_after = retry_after
        """Seconds to wait, where Telegram named them."""
        self.migrate_to = migrate_to
        """The supergroup's id, where the group was upgraded."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to upload."""

    name: str
    content: bytes
    mime: str = "application/octet-stream"


class Transport(Protocol):
    """Carries one request and returns HTTP status and body; raises Unsent or Uncertain."""

    async def exchange(
        self, method: str, params: Mapping[str, Any], files: Mapping[str, File], seconds: float
    ) -> tuple[int, bytes]:
        """Carry `method` with `params` (JSON values) and `files`; wait `seconds` for the answer."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class HttpTransport:
    """Carries requests to a Bot API server over HTTP/1.1 connections kept open, at most 100 at a time."""

    def __init__(self, api_url: str, token: str) -> None:
        self._root = f"{api_url.rstrip('/')}/bot{token}/"
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self, method: str, params: Mapping[str, Any], files: Mapping[str, File], seconds: float
    ) -> tuple[int, bytes]:
        """Carry one request."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=seconds)
        form = _form(params, files)
        headers = FORM_HEADERS if isinstance(form, bytes) else None  # a form with files names its own boundary
        try:
            async with self._open().post(self._root + method, data=form, headers=headers, timeout=timeout) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise Unsent(type(error).__name__) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Uncertain(type(error).__name__) from None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session


def _form(params: Mapping[str, Any], files: Mapping[str, File]) -> bytes | aiohttp.FormData:
    fields = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in params.items()
        if value is not None
    }
    if not files:  # quoted in C: aiohttp's own way takes a good part of a request's time for a long text
        return yarl.URL.build(query=fields).raw_query_string.encode()
    form = aiohttp.FormData(fields)
    for name, file in files.items():
        form.add_field(name, file.content, filename=file.name, content_type=file.mime)
    return form


class Wire:
    """Calls the Bot API's methods and returns their results as JSON values."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        files: Mapping[str, File] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Any:
        """Return the method's result; raises Refusal, Unsent or Uncertain."""
        status, body = await self._transport.exchange(method, params or {}, files or {}, seconds)
        try:
            answer = json.loads(body)
            if answer["ok"]:
                return answer["result"]
        except (ValueError, TypeError, KeyError):
            raise Uncertain(f"HTTP {status} without a Bot API answer") from None
        code = int(answer.get("error_code", status))
        if code >= 500:
            raise Uncertain(f"HTTP {code}")
        hints = answer.get("parameters") or {}
        raise Refusal(
            code, str(answer.get("description", "")), hints.get("retry_after"), hints.get("migrate_to_chat_id")
        )

    async def exchange(
        self, method: str, params: Mapping[str, Any], files: Mapping[str, File], seconds: float
    ) -> tuple[int, bytes]:
        """Carry a request as the transport does, for callers that read the answer themselves."""
        return await self._transport.exchange(method, params, files, seconds)

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.close()
