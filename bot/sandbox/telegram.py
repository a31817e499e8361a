"""The embedded Telegram: the whole state in memory, people to act as, and the Bot API as one method, `call`.

No HTTP here: bot/sandbox/server.py puts it behind a socket, bot/sandbox/wire.py behind python-telegram-bot directly.
"""

import asyncio
from collections.abc import Callable

from bot.clock import Clock
from bot.sandbox import sending, settings
from bot.sandbox.faults import BrokenOff, ConnectionDropped, Fault, Faults, Limits, NoAnswer
from bot.sandbox.params import Params
from bot.sandbox.people import People, Tap
from bot.sandbox.world import Call, Chat, Json, Refusal, Reply, Upload, User

__all__ = [
    "Call",
    "Chat",
    "ConnectionDropped",
    "Fault",
    "Faults",
    "Json",
    "Limits",
    "NoAnswer",
    "Reply",
    "Tap",
    "Telegram",
    "Upload",
    "User",
]

_MAX_CALLS = 20_000
_UNHEARD = Reply(0, {})


class Telegram(People):
    """Telegram for one bot. `privacy` is the bot's group privacy mode, on as for every new bot: in groups it then
    gets commands, replies to its messages and service messages, and no other talk.
    """

    def __init__(
        self,
        token: str,
        clock: Clock,
        *,
        username: str = "mesobot_demo_bot",
        first_name: str = "Mesobot",
        privacy: bool = True,
        record_calls: bool = True,
    ) -> None:
        super().__init__(token, clock, username=username, first_name=first_name, privacy=privacy)
        self.faults = Faults()
        self.limits: Limits | None = None
        self.calls: list[Call] = []
        self.record_calls = record_calls
        self.on_call: Callable[[Call], None] | None = None

    async def call(
        self, method: str, params: Json, files: dict[str, Upload] | None = None, *, token: str | None = None
    ) -> Reply:
        """Do what a request asks and return the answer; raises ConnectionDropped and NoAnswer where a planted fault
        wants it. Values in `params` may be JSON values or their JSON text.
        """
        files = files or {}
        name = method.lower()
        if token is not None and token != self.token:
            return _refused(Refusal("Unauthorized", 401))
        fault = self.faults.draw(name, params.get("chat_id")) if self.faults else None
        if fault is None:
            reply = await self._answer(name, params, files)
            self._record(method, params, files, reply)
            return reply
        reply = await self._strike(fault, name, params, files)
        self._record(method, params, files, reply)
        if fault.kind == "drop":
            raise ConnectionDropped
        if fault.kind == "timeout":
            raise NoAnswer
        if fault.kind == "reset":
            raise BrokenOff(reply)
        return reply

    async def _strike(self, fault: Fault, name: str, params: Json, files: dict[str, Upload]) -> Reply:
        match fault.kind:
            case "429":
                return _too_many(fault.retry_after)
            case "500":
                return _refused(Refusal("Internal Server Error", 500))
            case "502":
                return _refused(Refusal("Bad Gateway", 502))
            case "drop":
                return _UNHEARD
            case "slow":
                await asyncio.sleep(fault.seconds)
                return await self._answer(name, params, files)
            case "timeout" | "reset":
                return await self._answer(name, params, files)

    async def _answer(self, name: str, raw: Json, files: dict[str, Upload]) -> Reply:
        params = Params(raw, files)
        if self.limits is not None and name in sending.COUNTED:
            wait = self.limits.take(params.number("chat_id"))
            if wait:
                return _too_many(wait)
        try:
            if (sends := sending.METHODS.get(name)) is not None:
                result = sends(self, params)
            elif (sets := settings.METHODS.get(name)) is not None:
                result = sets(self, params)
            elif (waits := settings.WAITING.get(name)) is not None:
                result = await waits(self, params)
            else:
                raise Refusal("Not Found", 404)
        except Refusal as refusal:
            return _refused(refusal)
        return Reply(200, {"ok": True, "result": result})

    def _record(self, method: str, params: Json, files: dict[str, Upload], reply: Reply) -> None:
        """Log the call and show it to the hook, except polls that brought nothing."""
        if not (self.record_calls or self.on_call):
            return
        if reply.status == 200 and reply.body["result"] == [] and method.lower() == "getupdates":
            return
        call = Call(method, params, files, reply.status, reply.body, self.clock.now().timestamp())
        if self.record_calls:
            if len(self.calls) >= _MAX_CALLS:
                del self.calls[: _MAX_CALLS // 2]
            self.calls.append(call)
            self.changed()
        if self.on_call is not None:
            self.on_call(call)

    async def close(self) -> None:
        """End open polls and webhook deliveries."""
        await self.feed.close()


def _refused(refusal: Refusal) -> Reply:
    body: Json = {"ok": False, "error_code": refusal.status, "description": refusal.description}
    if refusal.parameters:
        body["parameters"] = refusal.parameters
    return Reply(refusal.status, body)


def _too_many(seconds: int) -> Reply:
    return _refused(Refusal(f"Too Many Requests: retry after {seconds}", 429, {"retry_after": seconds}))
