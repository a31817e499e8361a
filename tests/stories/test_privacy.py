"""Patients look at what is kept, withdraw, correct, take a copy and delete; staff delete for who asks elsewhere, and
the group's administrators see who looked at what."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from bot.config import Clinic
from bot.store.models import Audit, Call, Consent, Draft, Enquiry, FollowUp, Outgoing, Patient, Slot, Visit
from tests.dossiers import holding
from tests.quick import URGENT, FixedReader, without_waits
from tests.stories.test_records import confirmed, press
from tests.story import Story, labels

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FRIDAY = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
SURE = "🗑 Yes, delete everything"


@pytest_asyncio.fixture
async def story(clinic: Clinic, any_database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    without_waits(monkeypatch)
    story = Story(clinic, FixedReader(), any_database)
    await story.open()
    yield story
    await story.close()


async def rows(story: Story, statement: Any) -> list[Any]:
    assert story.database is not None
    return await story.database.read(lambda session: list(session.scalars(statement)))


async def count(story: Story, table: Any) -> int:
    return (await rows(story, select(func.count()).select_from(table)))[0]


async def held(story: Story, mark: str) -> set[str]:
    assert story.database is not None
    return await story.database.read(lambda session: holding(session, mark))


def in_group(story: Story) -> list[str]:
    return [
        str(one.get("text") or one.get("caption") or "")
        for one in story.telegram.history(story.group.id)
        if story._is_bots(one)
    ]


def files(story: Story) -> list[dict[str, Any]]:
    return [one["document"] for one in story.telegram.history(story.anna.id) if "document" in one]


def _content(story: Story, document: dict[str, Any]) -> bytes:
    stored = story.telegram.files.by_id(document["file_id"])
    assert stored is not None
    return stored.content


async def test_a_patient_sees_what_is_kept_and_withdraws_each_consent(story: Story) -> None:
    card = await confirmed(story)
    (page,) = await story.say(story.anna, "/privacy")
    assert "Linden Skin Clinic Ltd is responsible for it." in page
    assert "• answers about your health, after the visit: 30 days" in page
    assert "✅ care messages after a visit" in page
    assert labels(story.shown(story.anna.id))[0] == ["Withdraw: health answers"]

    await story.tap(story.anna, "Withdraw: health answers")
    assert "We will ring you instead." in story.shown(story.anna.id)["text"]
    (visit,) = await rows(story, select(Visit))
    assert (visit.screening, visit.status, visit.flagged) == ({}, "confirmed", True)
    assert f"🔏 Visit {card.code}" in in_group(story)[-1]
    assert [(call.why, call.what) for call in await rows(story, select(Call))] == [("withdrawn", "answers")]
    calls = await story.say(story.maya, "/calls", chat=story.group)
    assert "health questions before the visit: does not want it here any more" in calls[-1]

    await story.tap(story.anna, "Withdraw: offers")
    newest = {row.purpose: (row.given, row.version) for row in await rows(story, select(Consent).order_by(Consent.id))}
    assert newest == {"visit": (False, "2026-11"), "follow-up": (True, "2026-11"), "offers": (False, "2026-11")}
    await story.tap(story.anna, "Agree: health answers")
    assert "I agree that Linden Skin Clinic may use" in story.message(story.anna.id, _page_id(story))["text"]
    await story.tap(story.anna, "I agree")
    assert story.shown(story.anna.id)["text"] == "Thank you. Your answers can be used again when you book."
    assert [row.given for row in await rows(story, select(Consent).order_by(Consent.id))][-1] is True


def _page_id(story: Story) -> int:
    """Return the newest message with buttons in Anna's chat."""
    history = reversed(story.telegram.history(story.anna.id))
    return next(int(one["message_id"]) for one in history if one.get("reply_markup"))


async def test_care_that_is_withdrawn_ends_at_once_and_comes_back(story: Story) -> None:
    await confirmed(story)
    await story.pass_time(FRIDAY + HOUR - story.clock.now())
    await press(story, "Done")
    care = select(FollowUp).where(FollowUp.kind == "care", FollowUp.state == "planned")
    planned = len(await rows(story, care))
    assert planned > 1
    await story.say(story.anna, "/privacy")
    await story.tap(story.anna, "Withdraw: care messages")
    assert "No care messages come here any more" in story.shown(story.anna.id)["text"]
    assert await rows(story, care) == []
    assert [(call.why, call.what) for call in await rows(story, select(Call))] == [("withdrawn", "care")]
    last = story.shown(story.anna.id)["message_id"]
    await story.pass_time(10 * HOUR)
    assert story.shown(story.anna.id)["message_id"] == last
    assert story.since(story.anna.id, last) == []
    told = await story.say(story.anna, URGENT)
    assert "call 999" in told[0].lower() or "999" in told[0]  # an emergency is heard all the same
    assert "999" in story.shown(story.anna.id)["text"]
    await story.tap(story.maya, "I am on it", chat=story.group)
    await story.tap(story.anna, "Agree: care messages")
    await story.tap(story.anna, "Yes, please")
    again = select(FollowUp).where(FollowUp.kind == "care", FollowUp.state == "frozen")
    assert await rows(story, again)  # held back by the emergency, and there again
    assert await count(story, Call) == 0


async def test_name_and_number_are_corrected_everywhere(story: Story) -> None:
    card = await confirmed(story)
    await story.say(story.anna, "/privacy")
    await story.tap(story.anna, "✏️ My name")
    prompt = story.shown(story.anna.id)["message_id"]
    (told,) = await story.say(story.anna, "https://x.example", reply_to=prompt)
    assert told.startswith("I cannot take this as a name.")
    prompt = story.shown(story.anna.id)["message_id"]
    (told,) = await story.say(story.anna, "Anna Kowalska", reply_to=prompt)
    assert told == "Thank you. We know you as Anna Kowalska now."
    await story.tap(story.anna, "✏️ My number")
    (told,) = await story.say(story.anna, "020 7946 0019", reply_to=story.shown(story.anna.id)["message_id"])
    assert told == "Thank you. We reach you on +44 20 7946 0019 now."
    (visit,) = await rows(story, select(Visit))
    assert (visit.name, visit.phone) == ("Anna Kowalska", "+442079460019")
    assert f"✏️ Visit {card.code}: the patient has corrected their telephone number." in in_group(story)
    assert any("Anna Kowalska" in text for text in in_group(story))
    await story.tap(story.anna, "✏️ My name")
    told = await story.say(story.anna, URGENT, reply_to=story.shown(story.anna.id)["message_id"])
    assert "999" in told[0]


async def test_the_copy_comes_as_two_files_and_does_not_stay_in_the_outbox(story: Story) -> None:
    card = await confirmed(story)
    await story.say(story.anna, "pain")
    await story.say(story.anna, "/export")
    assert [one["file_name"] for one in files(story)] == ["my-data.html", "my-data.json"]
    kept = await rows(story, select(Outgoing).where(Outgoing.method == "sendDocument"))
    assert [(row.state, row.params) for row in kept] == [("sent", {}), ("sent", {})]
    content = {one["file_name"]: _content(story, one) for one in files(story)}
    found = json.loads(content["my-data.json"])
    assert (found["format"], found["version"], found["visits"][0]["code"]) == ("mesobot-export", 1, card.code)
    assert [one["action"] for one in found["visits"][0]["history"]] == ["visit requested", "visit confirmed"]
    assert found["questions"][0]["text"] == "pain"
    page = content["my-data.html"].decode()
    for said in ("Anna Nowak", "Face", "Dr Maya Hart", "confirmed", "asked for the visit", "the clinic"):
        assert f"<td>{said}</td>" in page
    assert "<td>face</td>" not in page
    for _ in range(2):
        await story.say(story.anna, "/export")
    (told,) = await story.say(story.anna, "/export")
    assert told.startswith("You have had 3 copies in the last 24 hours")
    (told,) = await story.say(story.tom, "/export")
    assert told == "Nothing is kept about you here."


async def test_everything_goes_at_the_second_tap_in_the_middle_of_a_booking(story: Story) -> None:
    card = await confirmed(story, name="Anna Zanzibar")
    await story.say(story.anna, "zanzibar question")
    await story.tap(story.anna, "Ask the clinic")
    await story.say(story.anna, "/book")
    assert await count(story, Draft) == 1
    asked = await story.say(story.anna, "/delete")
    assert "These visits are cancelled" in asked[-1]
    assert f"Face, Friday, 27 November, 10:00 ({card.code})" in asked[-1]
    await story.tap(story.anna, "No, keep it")
    assert await count(story, Visit) == 1
    await story.say(story.anna, "/delete")
    message, data = story.telegram.find_button(story.anna.id, SURE)
    await story.tap(story.anna, SURE)
    receipt = story.shown(story.anna.id)["text"]
    assert receipt.startswith("Your data were deleted on Monday, 23 November, 10:30.")
    assert "for 24 months. Backups that hold your data expire after 30 days." in receipt
    assert "your own copy of this chat" in receipt
    for table in (Patient, Draft, Visit, FollowUp, Consent, Enquiry, Slot):
        assert await count(story, table) == 0, table
    assert await held(story, "anzibar") == set()
    group = in_group(story)
    assert not any("anzibar" in text for text in group)
    assert "Cancelled, nobody waits for them:" in group[-1]
    assert card.code in group[-1]
    assert "Dr Maya Hart" in group[-1]

    log = await rows(story, select(Audit).where(Audit.action.in_(("visit requested", "data deleted"))))
    assert len({row.subject for row in log}) == 1  # the code that stands for her
    assert log[0].subject.startswith("erased:")

    again = await story.telegram.tap(story.anna.id, story.anna.id, message, data)
    await story.settle()
    assert again.answer is not None
    assert story.shown(story.anna.id)["text"] == "Nothing is kept about you here."
    assert (await story.say(story.anna, "/delete"))[-1] == "Nothing is kept about you here."
    (told,) = await story.say(story.anna, "/privacy")
    assert "⬜ care messages after a visit" in told
    await story.say(story.anna, "/bookings")
    assert (await story.start(story.anna))[0].startswith("Hello Anna")
    (patient,) = await rows(story, select(Patient))
    assert patient.started_at == story.clock.now()


async def test_cards_of_long_ago_are_redacted_and_a_conversation_ends(story: Story) -> None:
    await confirmed(story)
    await story.say(story.anna, "nowak question")
    await story.tap(story.anna, "Ask the clinic")
    card = story.shown(story.group.id)["message_id"]
    await story.say(story.maya, "Let me see", chat=story.group, reply_to=card)
    await story.pass_time(3 * DAY - 30 * MINUTE)
    await story.say(story.maya, "Still there?", chat=story.group, reply_to=card)
    await story.say(story.anna, "/delete")
    await story.tap(story.anna, SURE)
    assert story.message(story.group.id, card)["text"] == "🗑 Deleted at the patient's wish."
    assert "A conversation with them was open; it has ended." in in_group(story)[-1]
    assert "Your conversation with the clinic has ended." in story.shown(story.anna.id)["text"]
    assert not any("Nowak" in text or "nowak" in text for text in in_group(story))
    assert await held(story, "owak") == set()


async def test_an_open_emergency_makes_deletion_wait_until_staff_have_closed_it(story: Story) -> None:
    await confirmed(story)
    await story.say(story.anna, URGENT)
    asked = await story.say(story.anna, "/delete")
    assert "deletion waits until they have closed it, for 3 days at most" in asked[-1]
    await story.tap(story.anna, SURE)
    assert "Your deletion is noted." in story.shown(story.anna.id)["text"]
    assert "999" in story.shown(story.anna.id)["text"]
    assert await count(story, Patient) == 1
    await press(story, "I am on it")
    assert await count(story, Patient) == 1
    told = await story.say(story.anna, URGENT)
    assert "999" in told[0]  # heard while the deletion waits
    await press(story, "Settled, close it")
    await story.pass_time(MINUTE)
    assert story.shown(story.anna.id)["text"].startswith("Your data were deleted")
    assert await count(story, Patient) == 0
    assert await held(story, "owak") == set()
    told = await story.say(story.anna, URGENT)
    assert "999" in told[0]
    assert "🚨" in in_group(story)[-1] or "emergency" in in_group(story)[-1].lower()


async def test_an_emergency_that_nobody_closes_holds_deletion_back_for_three_days(story: Story) -> None:
    await confirmed(story)
    await story.say(story.anna, URGENT)
    await story.say(story.anna, "/delete")
    await story.tap(story.anna, SURE)
    await story.pass_time(3 * DAY - MINUTE)
    assert await count(story, Patient) == 1
    await story.pass_time(MINUTE)
    assert await count(story, Patient) == 0
    assert "⚠️ A possible emergency of theirs was still open." in in_group(story)[-1]


async def test_a_question_of_a_while_ago_deletes_nothing_and_nobody_elses_does(story: Story) -> None:
    await confirmed(story)
    await story.say(story.anna, "/delete")
    message, data = story.telegram.find_button(story.anna.id, SURE)
    await story.say(story.tom, "/privacy")
    other = await story.telegram.tap(story.tom.id, story.tom.id, story.shown(story.tom.id)["message_id"], data)
    await story.settle()
    assert other.answer is not None
    assert await count(story, Visit) == 1
    await story.pass_time(16 * MINUTE)
    late = await story.telegram.tap(story.anna.id, story.anna.id, message, data)
    await story.settle()
    assert late.answer is not None
    assert late.answer["text"] == "This question is from a while ago. Please read it once more: /delete"
    assert await count(story, Visit) == 1


async def test_staff_delete_for_a_caller_with_a_link_that_nobody_has_used(story: Story) -> None:
    await story.say(story.maya, "/new", chat=story.group)
    await press(story, "Face")
    await press(story, "Dr Maya Hart")
    await press(story, "Now, they are here")
    await story.say(
        story.maya, "Zoe Lind +44 7700 900123", chat=story.group, reply_to=story.shown(story.group.id)["message_id"]
    )
    (visit,) = await rows(story, select(Visit))
    link = next(word for text in in_group(story) for word in text.split() if "?start=v_" in word)
    await story.say(story.maya, "/patient zoe", chat=story.group)
    await press(story, "🗑 Delete data…")
    assert story.shown(story.group.id)["text"].startswith("Delete everything about Zoe Lind?")
    await press(story, SURE, by=story.priya)
    text = in_group(story)[-1]
    assert text.startswith("🗑 A patient's data were deleted (Priya);")
    assert visit.code in text
    assert not any("Zoe" in one for one in in_group(story))
    assert await held(story, "Zoe Lind") == set()
    log = await rows(story, select(Audit).where(Audit.action == "data deleted"))
    assert [row.actor for row in log] == [story.priya.id]
    (told, *_) = await story.start(story.tom, link.partition("?start=")[2])
    assert "link" in told


async def test_who_looked_at_what_is_for_the_groups_administrators(story: Story) -> None:
    card = await confirmed(story)
    await press(story, "Details", by=story.priya)
    await press(story, "Hide", by=story.priya)
    await story.say(story.priya, f"/patient {card.code}", chat=story.group)
    told = await story.say(story.priya, "/audit", chat=story.group)
    owner, other = (story.maya, story.priya)
    if not told[-1].startswith("Only the group's owner"):
        owner, other = other, owner
        told = await story.say(other, "/audit", chat=story.group)
    assert told[-1] == "Only the group's owner and administrators can look at the log."
    (page,) = await story.say(owner, f"/audit {card.code}", chat=story.group)
    lines = [line.partition(" · ")[2] for line in page.splitlines() if line.startswith("23 Nov")]
    assert lines[:2] == [
        f"Priya · looked at the record · {card.code}",
        f"Priya · looked at the health answers · {card.code}",
    ]
    assert lines[-1].startswith("the patient · ")
    assert all(line.endswith(f" · {card.code}") for line in lines)
    (page,) = await story.say(owner, "/audit", chat=story.group)
    assert f"{owner.first_name} · looked at this log: {card.code}" in page
    (page,) = await story.say(owner, "/audit yesterday", chat=story.group)
    assert "Nothing." in page
    (page,) = await story.say(owner, "/audit priya", chat=story.group)
    assert "looked at the health answers" in page
    assert "asked for the visit" not in page
    (told,) = await story.say(owner, "/audit nobody-of-ours", chat=story.group)
    assert told.startswith("Write a day, a visit's code or a colleague's name behind it")
    kept = await rows(story, select(Outgoing).where(Outgoing.chat_id == story.group.id))
    assert {row.state for row in kept} == {"sent"}
    assert all(row.params == {} for row in kept)  # what staff were shown is not readable for ever
