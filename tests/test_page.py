"""The demo's page, as a person uses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import TELEPHONE, WIDE, Pane, chromium, demo


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
