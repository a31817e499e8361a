"""The conversations: each parses an update, runs a use-case, and says its outcome."""

import time
from typing import TYPE_CHECKING, Any

import structlog

from handlers import (
    agenda,
    arrivals,
    audit,
    booking,
    calls,
    clocks,
    digest,
    door,
    endings,
    erasures,
    followups,
    front,
    gaps,
    preferences,
    privacy,
    questions,
    records,
    rest,
    staffroom,
    visits,
)

if TYPE_CHECKING:
    from telegram.ext import BaseHandler

    from handlers.desk import Desk

log = structlog.get_logger()


def all_handlers(desk: "Desk") -> "list[BaseHandler[Any, Any, Any]]":
    """Return every conversation's handlers, in the order in which they are asked."""
    rooms = (
        front,
        booking,
        followups,
        preferences,
        privacy,
        questions,
        staffroom,
        visits,
        agenda,
        endings,
        arrivals,
        calls,
        clocks,
        records,
        erasures,
        audit,
        gaps,
        digest,
        rest,
    )
    guarded = [
        _timed(desk, room.__name__, door.guarded(desk, handler)) for room in rooms for handler in room.handlers(desk)
    ]
    first = [_timed(desk, questions.__name__, handler) for handler in questions.first_handlers(desk)]
    return [*door.handlers(desk), *first, *guarded]


def _timed(desk: "Desk", room: str, handler: "BaseHandler[Any, Any, Any]") -> "BaseHandler[Any, Any, Any]":
    """Let the meters know how long a conversation's handler takes."""
    callback, conversation = handler.callback, room.rpartition(".")[2]

    async def timed(update: Any, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return await callback(update, context)
        finally:
            seconds = time.perf_counter() - began
            desk.meters.conversed(conversation, seconds)
            log.debug("handler.done", conversation=conversation, ms=round(1000 * seconds, 1))

    handler.callback = timed
    return handler
