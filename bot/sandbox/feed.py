"""Updates on their way to the bot: kept until a higher offset or a webhook's 2xx confirms them, 24 hours at most."""

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bot.clock import Clock
from bot.sandbox.world import Json, Refusal

KEPT_SECONDS = 24 * 3600
"""Telegram drops updates that nobody fetched for a day (Bot API: "Getting updates")."""
_UNASKED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})

Deliver = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""Posts a body to a URL and returns the HTTP status; raises OSError when there is no answer."""


def backoff(attempt: int) -> float:
    """Return the seconds before the given repeat of a webhook call: short at first, at most five."""
    return min(5.0, 0.05 * 2.0 ** min(attempt, 10))


@dataclass(slots=True)
class Webhook:
    """Where updates are posted to, and how that goes."""

    url: str
    secret: str = ""
    max_connections: int = 40
    last_error_date: int = 0
    last_error_message: str = ""
    busy: set[object] = field(default_factory=set)
    sending: set[int] = field(default_factory=set)


class Feed:
    """The queue of one bot. `deliver` must be set before a webhook is; `changed` is called after confirmations."""

    def __init__(self, clock: Clock, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._pending: OrderedDict[int, tuple[float, Json]] = OrderedDict()
        self._last_id = 100_000_000
        self._allowed: frozenset[str] = frozenset()
        self._poll: asyncio.Future[None] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._posts: set[asyncio.Task[None]] = set()
        self._ready = asyncio.Event()
        self.webhook: Webhook | None = None
        self.deliver: Deliver | None = None
        self.backoff: Callable[[int], float] = backoff

    def begin_after(self, update_id: int) -> None:
        """Count updates from here: a new stand-in on an old database must repeat no id."""
        self._last_id = max(self._last_id, update_id)

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def allowed(self) -> list[str]:
        """The update types asked for by name; empty when none were."""
        return sorted(self._allowed)

    def allow(self, types: list[str] | None) -> None:
        """Remember which update types the bot asks for; None keeps the previous choice."""
        if types is not None:
            self._allowed = frozenset(types)

    def add(self, kind: str, payload: Json) -> int | None:
        """Queue an update of this kind and return its id; None when the bot did not ask for such."""
        if kind not in self._allowed if self._allowed else kind in _UNASKED:
            return None
        return self.add_raw({kind: payload})

    def add_raw(self, update: Json) -> int:
        """Queue an update as it stands, giving it the next id unless it has one."""
        self._last_id = number = int(update.get("update_id", self._last_id + 1))
        self._pending[number] = (self._clock.now().timestamp(), {"update_id": number, **update})
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)
        self._ready.set()
        return number

    async def fetch(self, offset: int, limit: int, seconds: float) -> list[Json]:
        """Confirm what lies below `offset` and return up to `limit` updates, waiting `seconds` for the first;
        a second poll ends the one before it with 409.
        """
        if self.webhook is not None:
            raise Refusal(
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
                409,
            )
        self._end_poll(
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        )
        self._confirm(offset)
        if not (batch := self._batch(limit)) and seconds > 0:
            self._poll = future = asyncio.get_running_loop().create_future()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await future
            if self._poll is future:
                self._poll = None
            batch = self._batch(limit)
        return batch

    def _batch(self, limit: int) -> list[Json]:
        oldest = self._clock.now().timestamp() - KEPT_SECONDS
        while self._pending and next(iter(self._pending.values()))[0] < oldest:
            self._pending.popitem(last=False)
        return [update for _, update in islice(self._pending.values(), limit)]

    def _confirm(self, offset: int) -> None:
        before = len(self._pending)
        if offset < 0:
            while len(self._pending) > -offset:
                self._pending.popitem(last=False)
        else:
            while self._pending and next(iter(self._pending)) < offset:
                self._pending.popitem(last=False)
        if len(self._pending) != before:
            self._changed()

    def _end_poll(self, conflict: str) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_exception(Refusal(conflict, 409))
        self._poll = None

    def drop_pending(self) -> None:
        """Forget everything that waits."""
        self._pending.clear()
        self._changed()

    def set_webhook(self, webhook: Webhook | None) -> None:
        """Post updates to `webhook` from now on; None ends it. An open long poll ends with 409."""
        if self._pump is not None:
            self._pump.cancel()
        for post in self._posts:
            post.cancel()
        self._pump, self.webhook = None, webhook
        if webhook is not None:
            self._end_poll("Conflict: terminated by setWebhook request")
            self._pump = asyncio.get_running_loop().create_task(self._post_all(webhook))

    async def close(self) -> None:
        """End long polls (they answer with nothing) and deliveries."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)
        tasks = [*self._posts, *([self._pump] if self._pump else [])]
        self.set_webhook(None)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _post_all(self, webhook: Webhook) -> None:
        """Keep up to max_connections posts under way, and never two of one chat, so that its order is kept."""
        while True:
            self._ready.clear()
            for number, (_, update) in list(islice(self._pending.items(), 1000)):
                if len(webhook.sending) >= webhook.max_connections:
                    break
                key = _chat_of(update)
                if number in webhook.sending or key in webhook.busy:
                    continue
                webhook.sending.add(number)
                webhook.busy.add(key)
                post = asyncio.get_running_loop().create_task(self._post(webhook, number, key, update))
                self._posts.add(post)
                post.add_done_callback(self._posts.discard)
            await self._ready.wait()

    async def _post(self, webhook: Webhook, number: int, key: object, update: Json) -> None:
        headers = {"Content-Type": "application/json"}
        if webhook.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = webhook.secret
        body = json.dumps(update).encode()
        attempt = 0
        while (problem := await self._try(webhook.url, headers, body)) is not None:
            webhook.last_error_date, webhook.last_error_message = int(self._clock.now().timestamp()), problem
            await asyncio.sleep(self.backoff(attempt))
            attempt += 1
        self._pending.pop(number, None)
        webhook.sending.discard(number)
        webhook.busy.discard(key)
        self._ready.set()
        self._changed()

    async def _try(self, url: str, headers: Mapping[str, str], body: bytes) -> str | None:
        """Post once; returns what went wrong, None for a 2xx."""
        if self.deliver is None:
            return "Connection refused"
        try:
            status = await self.deliver(url, headers, body)
        except OSError as error:
            return f"Connection failed: {type(error).__name__}"
        return None if 200 <= status < 300 else f"Wrong response from the webhook: {status}"


def _chat_of(update: Json) -> object:
    """Return what Telegram keeps in order: the chat, else the sender, else the update itself."""
    for payload in update.values():
        if isinstance(payload, dict):
            source: Any = payload.get("message", payload)
            for holder in (source.get("chat"), payload.get("from")):
                if isinstance(holder, dict):
                    return holder.get("id")
    return update["update_id"]
