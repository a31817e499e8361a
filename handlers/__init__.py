"""The conversations: each parses an update, runs a use-case, and says its outcome."""

from typing import TYPE_CHECKING, Any

from handlers import front, gaps, questions, rest, staffroom

if TYPE_CHECKING:
    from telegram.ext import BaseHandler

    from handlers.desk import Desk


def all_handlers(desk: "Desk") -> "list[BaseHandler[Any, Any, Any]]":
    """Return every conversation's handlers, in the order in which they are asked."""
    return [handler for room in (front, questions, staffroom, gaps, rest) for handler in room.handlers(desk)]
