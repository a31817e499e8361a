"""`python -m tests.picture` (make picture): plays conversations in the demo and takes the README's pictures of them."""

import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tests.browser import Pane, chromium, demo
from tests.test_page import book

FOLDER = Path(__file__).parent.parent / ".github"


def main() -> None:
    """Take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    for name, play in (("demo", a_question), ("booking", a_booking)):
        with tempfile.TemporaryDirectory() as folder, chromium() as browser, demo(Path(folder)) as address:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{address}?theme=light")
            play(page, Pane(page, "patient"), Pane(page, "staff"))
            page.wait_for_timeout(500)  # until the last animation is over: this is a picture, not a test
            page.screenshot(path=FOLDER / f"{name}.png")


def a_question(_: Page, patient: Pane, staff: Pane) -> None:
    """An answer, and a question that goes to a person."""
    patient.start()
    patient.newest("I am the assistant")
    patient.write("when can i wear makeup again??")
    patient.newest("24 hours")
    patient.write("I take warfarin, can I still come?")
    patient.newest("That is for a practitioner")
    patient.tap("Ask the clinic")
    card = staff.newest("warfarin")
    card.hover()
    card.get_by_role("button", name="Reply").click()
    staff.write("Please keep taking it. Dr Hart will ring you tomorrow morning to talk it through.")
    patient.newest("You are now talking")
    patient.write("thank you so much")
    staff.newest("thank you so much")


def a_booking(page: Page, patient: Pane, staff: Pane) -> None:
    """A request at staff's, and another one at the calendar."""
    book(page, patient, offers="Yes, please")
    staff.newest("Tom Baker")
    patient.write("/book")
    patient.newest("What would you like to book?")
    patient.tap("Neck")
    patient.newest("Who would you like to see?")
    patient.tap("Dr Maya Hart")
    patient.newest("Which day suits you?")


if __name__ == "__main__":
    main()
