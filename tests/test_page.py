"""The demo's page, as a person uses it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bot.clinic import plans, timing
from bot.config import load_clinic
from tests.browser import TELEPHONE, WIDE, Pane, chromium, demo

OFFERED = re.compile(r"\d{1,2}:\d{2}( ·|\s*$)")
DAY, TIME = re.compile(r"^\s*\d{1,2}\s*$"), re.compile(r"^\s*\d{1,2}:\d{2}")
"""Labels of a day and of a time that can be tapped."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("demo")
    with demo(folder) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport=WIDE)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    page.close()
    assert problems == []


def test_a_conversation_in_the_page(page: Page, address: str) -> None:
    page.goto(address)
    patient, staff = Pane(page, "patient"), Pane(page, "staff")
    patient.start()
    patient.newest("I am the assistant of Linden Skin Clinic")

    patient.write("When can I put on make-up again?")
    patient.newest("24 hours")

    patient.tap("All topics")
    patient.tap("About mesotherapy")
    patient.tap("What is it?")
    patient.newest("What is mesotherapy?")

    patient.write("I am four months pregnant, can I have it?")
    patient.newest("That is for a practitioner to answer")
    patient.tap("Ask the clinic")
    card = staff.newest("I am four months pregnant, can I have it?")
    card.hover()
    card.get_by_role("button", name="Reply").click()
    staff.write("Please come and see us after the birth.")
    staff.newest("Your answer is on its way to")
    patient.newest("Please come and see us after the birth.")


def book(page: Page, patient: Pane, *, offers: str, unsure_of: int = 0) -> None:
    """Book whatever is free first with Elif Ozan next month, as somebody who has never been here."""
    patient.write("/book")
    patient.newest("What would you like to book?")
    patient.choose("Face")
    patient.newest("Who would you like to see?")
    patient.tap("Elif Ozan")
    patient.newest("Which day suits you?")
    patient.choose("›")
    page.locator('[data-pane="patient"] [data-role="inline-button"]', has_text="‹").last.wait_for()  # next month's page
    page.locator('[data-pane="patient"] [data-role="inline-button"]', has_text=DAY).first.click()
    patient.newest("Which time on")
    page.locator('[data-pane="patient"] [data-role="inline-button"]', has_text=TIME).first.click()
    patient.newest("What is your name?")
    patient.write("Tom Baker")
    patient.newest("On which number")
    page.locator('[data-pane="patient"] [data-role="reply-button"]', has_text="Share my number").click()
    page.get_by_role("button", name="Share", exact=True).click()
    patient.newest("May we use your answers?")
    patient.choose("I agree")
    answer_all(patient, unsure_of=unsure_of)
    patient.newest("May we write to you here about this visit?")
    patient.choose("Yes, please")
    patient.newest("May we also tell you here about offers")
    patient.choose(offers)
    patient.newest("Send to the clinic")
    patient.tap("Send to the clinic")
    patient.newest("Your request is with the clinic.")


def answer_all(patient: Pane, *, unsure_of: int = 0) -> None:
    """Answer the clinic's questions with no, but for one."""
    for number in range(1, 15):
        patient.newest(f"Question {number} of 14")
        patient.choose("Not sure" if number == unsure_of else "No")


def become(page: Page, name: str) -> None:
    """Be another patient."""
    page.locator('[data-pane="patient"] [data-role="who"]').select_option(label=name)


def test_a_visit_is_booked_and_confirmed_in_the_page(page: Page, address: str) -> None:
    page.goto(address)
    become(page, "Zofia")
    patient, staff = Pane(page, "patient"), Pane(page, "staff")
    book(page, patient, offers="No, thanks", unsure_of=4)
    card = staff.newest("Tom Baker")
    assert "needs practitioner review" in card.inner_text()
    staff.choose("Confirm")
    staff.tap("Yes, confirm")
    staff.newest("✅ Confirmed (Maya")
    patient.newest("Your visit is confirmed.")
    patient.write("/bookings")
    patient.newest("Your visits")


PROGRAMME = [
    "Your visit is", "Your visit is", "See you at", "Your care card", "How is your skin today?", "Three days on",
    "You may be due another session",
]  # fmt: skip
"""What the sample clinic says around each session."""
AFTER_THE_COURSE = ["4 weeks since your visit", "Your course has finished", "12 weeks since your visit"]
STEPS = {
    "See you at": "before-2-hours", "Your care card": "care-card", "How is your skin today?": "check-1-day",
    "Three days on": "check-3-days", "You may be due another session": "next-session",
    "4 weeks since your visit": "late-4-weeks", "Your course has finished": "results",
    "12 weeks since your visit": "late-12-weeks",
}  # fmt: skip
"""The steps of the programme by what they say; "Your visit is" is said by two."""


def test_a_course_of_three_sessions_is_played_with_the_clock(browser: Browser, tmp_path: Path) -> None:
    with demo(tmp_path) as address:
        page = browser.new_page(viewport=WIDE)
        page.goto(address)
        become(page, "Tom")
        patient, staff = Pane(page, "patient"), Pane(page, "staff")
        book(page, patient, offers="Yes, please")
        heard = []
        for session in range(1, 4):
            staff.newest("Tom Baker")
            staff.choose("Confirm")
            patient.newest("Your visit is confirmed.")
            # the next sessions are booked for the day after, too late for the reminder three days before
            programme = PROGRAMME[session > 1 :] if session < 3 else [*PROGRAMME[1:-1], *AFTER_THE_COURSE]
            for said in programme:
                next_message(page, staff, said, len(heard), session)
                heard.append(said)
            if session < 3:
                page.locator('[data-pane="patient"] [data-role="inline-button"]', has_text=OFFERED).last.click()
                patient.newest("May we use your answers?")
                patient.choose("I agree")
                answer_all(patient)
                patient.newest("Send to the clinic")
                patient.tap("Send to the clinic")
                patient.newest("Your request is with the clinic.")
        assert heard == [*PROGRAMME, *PROGRAMME[1:], *PROGRAMME[1:-1], *AFTER_THE_COURSE]
        check_times(page, address, heard)
        page.close()


def check_times(page: Page, address: str, heard: list[str]) -> None:
    """See that each note came when the programme says, counted from when staff were asked how its session was."""
    state = page.request.get(f"{address}sandbox/state").json()
    tom = next(user["id"] for user in state["users"] if user["first_name"] == "Tom")
    group = next(chat["id"] for chat in state["chats"] if chat["id"] < 0)
    notes = [at for at, text in told(page, address, tom) if text.startswith("A note from Linden")]
    ends = [at for at, text in told(page, address, group) if "Done (Maya" in text and "Session " in text]
    assert (len(notes), len(ends)) == (len(heard), 3)
    clinic = load_clinic(None)
    steps = {step.id: step for step in clinic.steps("face")}
    session, reminders = 0, 0
    for said, came_at in zip(heard, notes, strict=True):
        if said == "Your visit is":
            reminders += 1
            name = "before-3-days" if reminders == 1 else "before-1-day"
        else:
            name = STEPS[said]
        step, ended = steps[name], ends[session]
        anchor = ended - timedelta(minutes=45) if step.anchor == "visit" else ended
        due = timing.due(step, anchor, clinic.tz, 2)
        assert due is not None
        goes_at = plans.goes_at(clinic, None, tom, step.kind, due, timing.valid_until(step, anchor, due))
        assert timedelta(0) <= came_at - goes_at < timedelta(minutes=5), (said, came_at, goes_at)
        session += said == PROGRAMME[-1]


def told(page: Page, address: str, chat_id: int) -> list[tuple[datetime, str]]:
    """Return what the bot wrote in a chat, and when, in order."""
    answer = page.request.get(f"{address}sandbox/chats/{chat_id}/messages").json()
    return [
        (datetime.fromtimestamp(one["date"], UTC), str(one.get("text", "")))
        for one in answer["messages"]
        if one["from"]["is_bot"]
    ]


def next_message(page: Page, staff: Pane, said: str, before: int, session: int) -> None:
    """Move the clock until the patient has more than so many notes, and see that the next one says this; staff say of
    a session that it is done, and of the third that it was the last."""
    notes = page.locator('[data-pane="patient"] [data-message-id][data-from="bot"]', has_text="A note from Linden")
    done = page.locator('[data-pane="staff"] [data-role="inline-button"]', has_text=re.compile(r"^\s*Done\s*$"))
    for _ in range(15):
        if notes.count() > before:
            assert said in notes.nth(before).inner_text()
            return
        page.locator('[data-role="advance-next"]').click()
        for _ in range(75):  # until the patient or staff are told something; else it was something else that was due
            page.wait_for_timeout(200)
            if notes.count() > before or done.count():
                break
        if done.count():
            done.last.click()
            staff.newest(f"Session {session}, of how many?")
            if session == 3:
                staff.tap("No next session")
                staff.newest("No next session:")
    raise AssertionError(f"nobody said {said!r}")


def test_the_page_fits_a_telephone(page: Page, address: str) -> None:
    page.set_viewport_size(TELEPHONE)
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE["width"]
    patient, staff = page.locator('[data-pane="patient"]'), page.locator('[data-pane="staff"]')
    assert patient.is_visible()
    assert not staff.is_visible()
    page.locator('[data-tab="staff"]').click()
    assert staff.is_visible()
    assert not patient.is_visible()


def test_the_page_works_without_a_mouse(page: Page, address: str) -> None:
    page.goto(address)
    page.locator('[data-pane="patient"] [data-role="who"]').select_option(label="Tom")
    start = page.locator('[data-pane="patient"] [data-role="start"]')
    start.focus()
    page.keyboard.press("Enter")
    Pane(page, "patient").newest("Hello Tom")
    button = page.locator('[data-pane="patient"] [data-role="inline-button"]', has_text="The clinic").last
    button.focus()
    page.keyboard.press("Enter")
    Pane(page, "patient").newest("Prices, address, opening hours")


def test_the_clock_moves(page: Page, address: str) -> None:
    page.goto(address)
    now = page.locator('[data-role="now"]')
    before = now.inner_text()
    page.locator('[data-role="advance-day"]').click()
    page.wait_for_function(
        "([role, was]) => document.querySelector(role).innerText !== was", arg=['[data-role="now"]', before]
    )


def test_names_and_texts_are_words_in_the_page_and_no_path_leads_out_of_it(page: Page, address: str) -> None:
    evil = "<img src=x onerror=hurt=1><script>hurt=1</script>"
    answer = page.request.post(f"{address}sandbox/users", data={"first_name": evil})
    assert answer.ok
    page.goto(address)
    page.locator('[data-pane="patient"] [data-role="who"]').select_option(label=evil)
    patient, staff = Pane(page, "patient"), Pane(page, "staff")
    patient.start()
    patient.newest(f"Hello {evil}")
    patient.write(f"May I {evil} with a tattoo?")
    patient.tap("Ask the clinic")
    staff.newest(evil)
    assert page.evaluate("typeof hurt") == "undefined"
    for path in (
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/sandbox/files/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
    ):
        answer = page.request.get(address.rstrip("/") + path)
        assert answer.status in (400, 404), path
        assert "root:" not in answer.text()
