"""The stand-in's memory: who exists, which chats they share, what every chat shows, and who waits for a change."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from bot.clock import Clock
from bot.sandbox.feed import Feed
from bot.sandbox.params import Params
from bot.sandbox.world import Chat, Files, Json, Refusal, User

TYPING_SECONDS = 5
"""How long a chat action shows (Bot API: sendChatAction)."""
_MAX_SHOWN = 10_000  # messages kept per chat, so that benchmarks do not grow without end


class World:
    """People, chats and files around one bot, changed only from one event loop."""

    def __init__(self, token: str, clock: Clock, *, username: str, first_name: str, privacy: bool) -> None:
        number, _, secret = token.partition(":")
        if not (number.isdigit() and secret):
            raise ValueError("a bot token is a number, a colon and a secret")
        self.token = token
        self.clock = clock
        self.privacy = privacy
        self.bot = User(int(number), first_name, username=username, language_code=None, is_bot=True)
        self.bot_dict = self.bot.as_dict()
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.files = Files()
        self.feed = Feed(clock, self.changed)
        self.seq = 0
        self.state_seq = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._user_ids = count(5_000_000_001)
        self._group_ids = count(4_000_000_001)
        self._shared_message_id = 0  # private chats and basic groups count their messages together, as in Telegram

    @property
    def bot_id(self) -> int:
        """The bot's user id: the number before the colon of its token."""
        return self.bot.id

    @property
    def unconfirmed(self) -> int:
        """How many updates the bot has not confirmed yet."""
        return len(self.feed)

    # people and chats

    def add_user(
        self, first_name: str, last_name: str | None = None, username: str | None = None, language_code: str = "en"
    ) -> User:
        """Return a new person, with a private chat to the bot that has not been started."""
        number = next(self._user_ids)
        user = User(number, first_name, last_name, username, language_code, phone_number=f"+44790{number % 10**7:07d}")
        self.users[user.id] = user
        self.chats[user.id] = Chat(user.id, "private", user=user, members={user.id: "member", self.bot_id: "member"})
        self.changed(state=True)
        return user

    def add_group(
        self, title: str, members: Iterable[User | int], *, bot: bool = True, supergroup: bool = False
    ) -> Chat:
        """Return a new group of these people (or their ids), the first its creator; with `bot`, the bot is in it and
        told so.
        """
        people = [self.users[member] if isinstance(member, int) else member for member in members]
        chat = self._new_chat("supergroup" if supergroup else "group", title)
        for place, user in enumerate(people):
            chat.members[user.id] = "member" if place else "creator"
        if bot:
            self._bot_joins(chat, people[0] if people else self.bot, "member")
            self.notify_message(chat, self.service(chat, people[0] if people else self.bot, group_chat_created=True))
        return chat

    def add_channel(self, title: str, owner: User) -> Chat:
        """Return a new channel with the bot as its administrator."""
        chat = self._new_chat("channel", title)
        chat.members[owner.id] = "creator"
        self._bot_joins(chat, owner, "administrator")
        return chat

    def _new_chat(self, kind: str, title: str) -> Chat:
        number = next(self._group_ids)
        chat = Chat(-number if kind == "group" else -1_000_000_000_000 - number, kind, title)
        self.chats[chat.id] = chat
        self.changed(state=True)
        return chat

    def _bot_joins(self, chat: Chat, by: User, status: str) -> None:
        before = chat.status_of(self.bot_id)
        chat.members[self.bot_id] = status
        self.member_update("my_chat_member", chat, by, self.bot, before=before, after=status)

    def user(self, user_id: int) -> User:
        """Return a person; raises KeyError for a stranger."""
        return self.users[user_id]

    # what a chat shows

    def now(self) -> int:
        """Return the present Unix time in whole seconds."""
        return int(self.clock.now().timestamp())

    def next_message_id(self, chat: Chat) -> int:
        """Return the id of the chat's next message."""
        if chat.type in ("private", "group"):
            self._shared_message_id += 1
            return self._shared_message_id
        chat.last_id += 1
        return chat.last_id

    def show(self, chat: Chat, sender: Json | None, content: Json) -> Json:
        """Add a message to the chat and return it."""
        message: Json = {"message_id": self.next_message_id(chat)}
        if sender is not None:
            message["from"] = sender
        message |= {"chat": chat.as_dict(), "date": self.now(), **content}
        chat.messages[message["message_id"]] = message
        if len(chat.messages) > _MAX_SHOWN:
            self.remove(chat, next(iter(chat.messages)))
        self.changed(chat)
        return message

    def service(self, chat: Chat, by: User, **content: Any) -> Json:
        """Add a service message ("joined the group") and return it."""
        return self.show(chat, by.as_dict(), content)

    def replace(self, chat: Chat, message: Json, **content: Any) -> Json:
        """Show a changed message in the place of the old one and return it; None removes a field."""
        merged = {name: value for name, value in {**message, **content}.items() if value is not None}
        chat.messages[merged["message_id"]] = merged
        self.changed(chat)
        return merged

    def remove(self, chat: Chat, message_id: int) -> None:
        """Take a message off the chat, if it is there."""
        if chat.messages.pop(message_id, None) is not None:
            chat.keyboards.pop(message_id, None)
            chat.reactions.pop(message_id, None)
            if message_id in chat.pinned:
                chat.pinned.remove(message_id)
            self.changed(chat)

    def history(self, chat_id: int) -> list[Json]:
        """Return the messages as the chat shows them, oldest first (read them only: they are the stand-in's own); reply
        keyboards, which the Bot API never returns, stand in reply_markup too.
        """
        chat = self.chats[chat_id]
        if not chat.keyboards:
            return list(chat.messages.values())
        return [
            {**message, "reply_markup": chat.keyboards[number]} if number in chat.keyboards else message
            for number, message in chat.messages.items()
        ]

    # updates

    def notify_message(self, chat: Chat, message: Json, kind: str = "message") -> None:
        """Send the message to the bot as an update, if Telegram would: groups hide talk from bots in privacy mode."""
        if (
            self.bot_id in chat.members
            and chat.status_of(self.bot_id) not in ("left", "kicked")
            and (
                chat.type in ("private", "channel")
                or not self.privacy
                or chat.is_admin(self.bot_id)
                or self._meant_for_bot(message)
            )
        ):
            self.feed.add(kind, message)
            self.changed(chat)

    def _meant_for_bot(self, message: Json) -> bool:
        replied = message.get("reply_to_message")
        if replied and replied.get("from", {}).get("id") == self.bot_id:
            return True
        text = message.get("text", message.get("caption"))
        if text is None:
            return not any(kind in message for kind in ("photo", "voice", "document", "sticker", "contact", "location"))
        for entity in message.get("entities", ()):
            if entity["type"] == "bot_command" and entity["offset"] == 0:
                _, at, name = text[: entity["length"]].partition("@")
                return not at or name.lower() == str(self.bot.username).lower()
        return False

    def member_update(self, kind: str, chat: Chat, by: User, member: User, *, before: str, after: str) -> None:
        """Tell the bot that a membership changed: kind is my_chat_member or chat_member."""
        self.feed.add(
            kind,
            {
                "chat": chat.as_dict(),
                "from": by.as_dict(),
                "date": self.now(),
                "old_chat_member": self.member(before, member),
                "new_chat_member": self.member(after, member),
            },
        )
        self.changed(chat, state=True)

    def member(self, status: str, user: User) -> Json:
        """Return the Bot API's ChatMember."""
        fields: Json = {"status": status, "user": user.as_dict()}
        match status:
            case "kicked":
                fields["until_date"] = 0
            case "creator":
                fields["is_anonymous"] = False
            case "administrator":
                rights = (
                    "can_manage_chat can_delete_messages can_manage_video_chats can_restrict_members can_change_info "
                    "can_invite_users can_post_stories can_edit_stories can_delete_stories can_pin_messages"
                )
                fields |= {"can_be_edited": False, "is_anonymous": False, "can_promote_members": False}
                fields |= dict.fromkeys(rights.split(), True)
            case _:
                pass
        return fields

    # access

    def chat_of(self, params: Params, name: str = "chat_id") -> Chat:
        """Return the chat that a request names, if the bot may read it."""
        if name not in params:
            raise Refusal(f"{name} is empty")
        chat = self.chats.get(params.number(name))
        if chat is None:
            raise Refusal("chat not found")
        if chat.migrated_to is not None:
            raise Refusal(
                "group chat was upgraded to a supergroup chat", parameters={"migrate_to_chat_id": chat.migrated_to}
            )
        if chat.user is None and chat.status_of(self.bot_id) in ("left", "kicked"):
            if self.bot_id not in chat.members:
                raise Refusal("chat not found")
            gone = "was kicked from" if chat.status_of(self.bot_id) == "kicked" else "is not a member of"
            raise Refusal(f"bot {gone} the {chat.type} chat", 403)
        return chat

    def writable_chat(self, params: Params) -> Chat:
        """Return the chat that a request names, if the bot may write to it."""
        chat = self.chat_of(params)
        if (user := chat.user) is not None:
            if user.deactivated:
                raise Refusal("user is deactivated", 403)
            if user.blocked:
                raise Refusal("bot was blocked by the user", 403)
            if not user.started:
                raise Refusal("bot can't initiate conversation with a user", 403)
        return chat

    def own_message(self, chat: Chat, message_id: int, purpose: str) -> Json:
        """Return one of the bot's own messages; `purpose` is Telegram's word for what it is wanted for."""
        message = chat.messages.get(message_id)
        if message is None:
            raise Refusal(f"message to {purpose} not found")
        if message.get("from", {}).get("id") != self.bot_id:
            raise Refusal(f"message can't be {purpose}ed")
        return message

    # waiting

    def changed(self, chat: Chat | None = None, *, state: bool = False) -> None:
        """Count a change (of a chat, of people or settings) and wake whoever waits for one."""
        self.seq += 1
        if chat is not None:
            chat.seq = self.seq
        if state:
            self.state_seq = self.seq
        if self._waiters:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()

    @property
    def waiting(self) -> int:
        """How many wait for the next change."""
        return len(self._waiters)

    async def next_change(self) -> None:
        """Return after the next change of anything."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    async def wait_until(self, predicate: Callable[[], object], timeout: float = 20.0, what: str = "") -> None:  # noqa: ASYNC109 - the tests' interface: they say how long they are patient
        """Return as soon as `predicate()` is true, asked after each change; raises AssertionError after `timeout`
        seconds, with the last messages of each chat.
        """
        try:
            async with asyncio.timeout(timeout):
                while not predicate():
                    await self.next_change()
        except TimeoutError:
            if not predicate():
                raise AssertionError(f"waited {timeout} s for {what or predicate}\n{self.transcript()}") from None

    def transcript(self, last: int = 5) -> str:
        """Return the last messages of every chat, for people who debug."""
        lines = [f"{self.unconfirmed} updates unconfirmed"]
        for chat in self.chats.values():
            if chat.messages:
                lines.append(f"{chat.type} {chat.id} ({chat.title or (chat.user and chat.user.first_name)}):")
            for message in list(chat.messages.values())[-last:]:
                said = message.get("text", message.get("caption", [key for key in message if key not in _FRAME]))
                lines.append(f"  {message['message_id']} {message.get('from', {}).get('first_name')}: {said}")
        return "\n".join(lines)


_FRAME = ("message_id", "from", "chat", "date")
