"""`python -m tests.picture` (make picture): plays a conversation in the demo and takes the README's picture of it."""

import tempfile
from pathlib import Path

from tests.browser import Pane, chromium, demo

PICTURE = Path(__file__).parent.parent / ".github" / "demo.png"


def main() -> None:
    """Take the picture."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, demo(Path(folder)) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}?theme=light")
        patient, staff = Pane(page, "patient"), Pane(page, "staff")
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
        page.wait_for_timeout(500)  # until the last animation is over: this is a picture, not a test
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
