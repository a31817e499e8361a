"""The conversations: each parses an update, runs a use-case, and says its outcome."""

from typing import TYPE_CHECKING, Any

from handlers import (
    agenda,
    arrivals,
    booking,
    calls,
    endings,
    followups,
    front,
    gaps,
    preferences,
    questions,
    records,
    rest,
    staffroom,
    visits,
)

if TYPE_CHECKING:
    from telegram.ext import BaseHandler

    from handlers.desk import Desk


def all_handlers(desk: "Desk") -> "list[BaseHandler[Any, Any, Any]]":
    """Return every conversation's handlers, in the order in which they are asked."""
    rooms = (
        front,
        booking,
        followups,
        preferences,
        questions,
        staffroom,
        visits,
        agenda,
        endings,
        arrivals,
        calls,
        records,
        gaps,
        rest,
    )
    return [handler for room in rooms for handler in room.handlers(desk)]
