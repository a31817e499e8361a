"""The floors: imports point down, and a few libraries are guests in a few rooms. A new file needs a floor here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FLOORS: tuple[frozenset[str], ...] = (
    # ground: plain values
    frozenset({"bot.clock", "bot.errors", "bot.logs", "bot.meters", "bot.supervisor", "bot.plain",
               "bot.into_pixels", "bot.delivery.messages",
               "bot.delivery.markup", "bot.store.models", "bot.store.texts", "bot.store.rotation",
               "bot.store.with_passphrase"}),
    frozenset({"bot.programme", "bot.pictures"}),
    frozenset({"bot.config", "bot.store.migrations", "bot.store.migrations.env", "bot.store.migrations.versions",
               "faq.text", "faq.abroad", "faq.content", "faq.dates", "faq.arriving", "faq.stopping", "faq.distress",
               "bot.delivery.limiter", "bot.delivery.lanes",
               "bot.delivery.patience", "bot.delivery.wire"}),
    # the stores, the words, and the rules that come before everything
    frozenset({"bot.store.leases", "bot.store.notices", "bot.store.trouble", "bot.store.backlog"}),
    frozenset({"bot.store.database", "bot.wording.speech", "faq.redflags", "faq.tfidf", "faq.guards", "faq.encoder",
               "faq.check"}),
    frozenset({"faq.kernel"}),
    frozenset({"bot.delivery.inbox", "bot.delivery.outbox", "bot.wording.facts", "bot.store.copying",
               "bot.store.sealing", "faq.matcher", "faq.alarm", "faq.foreign", "faq.personal"}),
    frozenset({"bot.wording.front", "bot.store.backup", "faq.reader", "faq.build_encoder"}),
    frozenset({"faq.evaluate", "bot.wording.answers", "bot.wording.staff", "bot.wording.gaps", "bot.wording.visits",
               "bot.wording.agenda", "bot.wording.calendar", "bot.wording.booking", "bot.wording.followups",
               "bot.wording.preferences", "bot.wording.endings", "bot.wording.arrivals", "bot.wording.calls",
               "bot.wording.digest", "bot.wording.clocks"}),
    frozenset({"bot.wording.records"}),
    frozenset({"bot.wording.deeds"}),
    frozenset({"bot.wording.privacy"}),
    # the use-cases
    frozenset({"bot.clinic.patients", "bot.clinic.staffroom", "bot.clinic.opening", "bot.clinic.slots",
               "bot.clinic.timing"}),
    frozenset({"bot.clinic.consents", "bot.clinic.plans", "bot.clinic.backups"}),
    frozenset({"bot.clinic.insights", "bot.clinic.visits"}),
    frozenset({"bot.clinic.courses", "bot.clinic.followups"}),
    frozenset({"bot.clinic.problems", "bot.clinic.endings", "bot.clinic.calls", "bot.clinic.records",
               "bot.clinic.erasure", "bot.clinic.dossier"}),
    frozenset({"bot.clinic.enquiries", "bot.clinic.waits", "bot.clinic.blocks", "bot.clinic.drafts",
               "bot.clinic.invitations", "bot.clinic.upkeep", "bot.clinic.audits"}),
    frozenset({"bot.clinic.agenda", "bot.clinic.preferences", "bot.clinic.rehearsal", "bot.clinic.replies",
               "bot.clinic.undelivered", "bot.clinic.arrivals", "bot.clinic.digest",
               "bot.clinic.clocks",
               "bot.clinic.programmes", "bot.clinic.zones"}),
    frozenset({"bot.clinic.reception", "bot.clinic.privacy"}),
    # delivery's machines
    frozenset({"bot.delivery.dispatcher", "bot.delivery.poller", "bot.delivery.edge", "bot.delivery.replica",
               "bot.web.server", "bot.web.metrics"}),
    frozenset({"bot.web.webhook", "bot.web.health"}),
    frozenset({"bot.delivery.intake"}),
    # the conversations
    frozenset({"handlers.pages", "handlers.calendar"}),
    frozenset({"handlers.desk"}),
    frozenset({"handlers.door"}),
    frozenset({"handlers.cards", "handlers.clocks", "handlers.gaps", "handlers.visits"}),
    frozenset({"handlers.booking", "handlers.endings", "handlers.arrivals", "handlers.calls", "handlers.digest",
               "handlers.erasures", "handlers.audit"}),
    frozenset({"handlers.followups", "handlers.privacy"}),
    frozenset({"handlers.records"}),
    frozenset({"handlers.front", "handlers.questions", "handlers.preferences", "handlers.staffroom", "handlers.rest",
               "handlers.rounds",
               "handlers.agenda"}),
    frozenset({"handlers"}),
    # the composition root, and what the command line starts
    frozenset({"bot.app"}),
    frozenset({"bot.running", "bot.demo", "bot.asking", "bot.doctor", "bot.setup"}),
    frozenset({"bot.__main__"}),
)  # fmt: skip

ROOMLESS = frozenset({"bot", "bot.clinic", "bot.delivery", "bot.store", "bot.wording", "bot.web", "bot.sandbox", "faq"})
"""Packages that hold nothing but a docstring."""

SANDBOX = "bot.sandbox."
"""The stand-in has its own floors inside; it may look at the ground floor, and only the demo may look at it."""

GUESTS = {
    "telegram": ("handlers", "bot.delivery.edge", "bot.app", SANDBOX),
    "resvg_py": ("bot.into_pixels",),
    "sqlalchemy": ("bot.store", "bot.clinic", "bot.delivery.inbox", "bot.delivery.outbox", "bot.delivery.dispatcher"),
    "apscheduler": ("bot.app",),
    "pyrage": ("bot.store", "bot.config"),
    "prometheus_client": ("bot.web.metrics",),
    "starlette": (SANDBOX, "bot.web"),
    "uvicorn": (SANDBOX, "bot.web"),
    "aiohttp": (SANDBOX, "bot.delivery.wire", "bot.doctor"),
}  # fmt: skip
"""Which rooms a library may be met in."""


def modules() -> dict[str, Path]:
    found = {}
    for top in ("bot", "handlers", "faq"):
        for file in (ROOT / top).rglob("*.py"):
            parts = file.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if not name.rpartition(".")[2][:4].isdigit():  # a migration is a record, not a room
                found[name] = file
    return found


MODULES = modules()


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if inner in MODULES else module


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def test_every_file_has_a_floor() -> None:
    housed = frozenset().union(*FLOORS) | ROOMLESS
    homeless = {name for name in MODULES if not name.startswith(SANDBOX)} - housed
    assert homeless == set()
    assert housed - set(MODULES) == set()


@pytest.mark.parametrize("name", sorted(set(MODULES) - ROOMLESS))
def test_imports_point_down(name: str) -> None:
    below = {one for one in imports(MODULES[name]) if one in MODULES and one not in ROOMLESS and one != name}
    if name.startswith(SANDBOX):
        wrong = {one for one in below if not one.startswith(SANDBOX) and floor(one) > 0}
    else:
        wrong = {one for one in below if one.startswith(SANDBOX) and name != "bot.demo"}
        wrong |= {one for one in below if not one.startswith(SANDBOX) and floor(one) >= floor(name)}
        if name == "handlers.__init__":
            wrong = set()
    assert wrong == set()


@pytest.mark.parametrize("guest", sorted(GUESTS))
def test_a_guest_stays_in_its_rooms(guest: str) -> None:
    met = {name for name, file in MODULES.items() if any(one.split(".")[0] == guest for one in imports(file))}
    assert {name for name in met if not name.startswith(GUESTS[guest])} == set()


def test_only_the_command_line_reads_the_environment() -> None:
    readers = {name for name, file in MODULES.items() if re.search(r"\bos\.(environ|getenv)", file.read_text("utf-8"))}
    assert readers == {"bot.__main__"}


def test_only_the_clock_reads_the_time() -> None:
    for name, file in MODULES.items():
        if name != "bot.clock":
            assert ".now(UTC)" not in file.read_text(encoding="utf-8"), name
