"""What the stand-in consists of: people, chats, files, and the exchange of one call, as plain values."""

import mimetypes
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

ANONYMOUS_ADMIN: Json = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
"""The sender that Telegram puts in place of a group's administrator who stays anonymous."""


class Refusal(Exception):  # noqa: N818 - an answer, not a mistake of this program
    """Telegram says no: an HTTP status, its description, and sometimes parameters."""

    def __init__(self, description: str, status: int = 400, parameters: Json | None = None) -> None:
        super().__init__(description)
        prefix = {400: "Bad Request: ", 403: "Forbidden: "}.get(status, "")
        self.status = status
        self.description = prefix + description
        self.parameters = parameters


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that travels with a request."""

    filename: str
    content: bytes
    mime_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Reply:
    """The Bot API's answer: an HTTP status and the JSON body (shared with the history: do not change it)."""

    status: int
    body: Json


@dataclass(frozen=True, slots=True)
class Call:
    """One finished request of the bot; status 0 stands for a connection that a planted fault dropped unheard."""

    method: str
    params: Json
    files: dict[str, Upload]
    status: int
    body: Json
    at: float


@dataclass(slots=True)
class User:
    """A person, or the bot."""

    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = "en"
    is_bot: bool = False
    phone_number: str = ""
    started: bool = False
    blocked: bool = False
    deactivated: bool = False

    def as_dict(self) -> Json:
        """Return the Bot API's User."""
        fields: Json = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        for name in ("last_name", "username", "language_code"):
            if value := getattr(self, name):
                fields[name] = value
        return fields


@dataclass(slots=True)
class Chat:
    """A chat with everything it shows; messages are replaced when they change, never altered in place."""

    id: int
    type: str
    title: str | None = None
    user: User | None = None
    members: dict[int, str] = field(default_factory=dict)
    messages: dict[int, Json] = field(default_factory=dict)
    keyboards: dict[int, Json] = field(default_factory=dict)
    reply_keyboard: Json | None = None
    pinned: list[int] = field(default_factory=list)
    relabelled: set[int] = field(default_factory=set)
    reactions: dict[int, list[str]] = field(default_factory=dict)
    migrated_to: int | None = None
    typing_until: float = 0.0
    unread: int = 0
    seq: int = 0
    last_id: int = 0

    def as_dict(self) -> Json:
        """Return the Bot API's Chat."""
        if self.user is None:
            return {"id": self.id, "type": self.type, "title": self.title}
        fields: Json = {"id": self.id, "type": self.type, "first_name": self.user.first_name}
        for name in ("last_name", "username"):
            if value := getattr(self.user, name):
                fields[name] = value
        return fields

    def status_of(self, user_id: int) -> str:
        """Return the user's membership as the Bot API names it; "left" for strangers."""
        return self.members.get(user_id, "left")

    def is_admin(self, user_id: int) -> bool:
        """Tell whether the user has administrator's rights here."""
        return self.status_of(user_id) in ("creator", "administrator")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file's content under the identifiers that the Bot API gives it."""

    file_id: str
    unique_id: str
    path: str
    name: str
    mime_type: str
    content: bytes


class Files:
    """Stored files, at most `limit` bytes in all: the oldest give way."""

    def __init__(self, limit: int = 64 * 1024 * 1024) -> None:
        self._limit = limit
        self._size = 0
        self._count = 0
        self._by_id: OrderedDict[str, StoredFile] = OrderedDict()
        self._by_path: dict[str, StoredFile] = {}

    def add(self, kind: str, content: bytes, name: str = "", mime_type: str = "") -> StoredFile:
        """Keep `content`; `kind` is the Bot API's field that holds it, such as "photo"."""
        self._count += 1
        suffix = f".{name.rsplit('.', 1)[1]}" if "." in name else mimetypes.guess_extension(mime_type or "") or ""
        stored = StoredFile(
            file_id=f"{kind}-{self._count:06d}-kept-by-the-sandbox",
            unique_id=f"{kind}{self._count:06d}",
            path=f"{kind}s/file_{self._count}{suffix}",
            name=name or f"file_{self._count}{suffix}",
            mime_type=mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream",
            content=content,
        )
        self._by_id[stored.file_id] = self._by_path[stored.path] = stored
        self._size += len(content)
        while self._size > self._limit and len(self._by_id) > 1:
            _, oldest = self._by_id.popitem(last=False)
            del self._by_path[oldest.path]
            self._size -= len(oldest.content)
        return stored

    def by_id(self, file_id: str) -> StoredFile | None:
        """Return the file with this identifier, if it is still kept."""
        return self._by_id.get(file_id)

    def by_path(self, path: str) -> StoredFile | None:
        """Return the file that getFile named this path for, if it is still kept."""
        return self._by_path.get(path)
