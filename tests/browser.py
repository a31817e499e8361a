"""A real browser on the real demo: Debian's Chromium, driven by Playwright, on a `mesobot demo` of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE, TELEPHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; where there is none, skip and say so, but fail in CI, which installs it."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        reason = "Chromium is not installed (Debian: apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """Run `mesobot demo` in `folder` and yield its address."""
    command = [sys.executable, "-m", "bot", "demo", "--port", "0", "--no-browser"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MESOBOT_")}
    root = str(Path(__file__).parent.parent)
    process = subprocess.Popen(  # noqa: S603  our own program
        command, cwd=folder, env=environment | {"PYTHONPATH": root}, stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert address, f"the demo printed {line!r}"
        yield address[0]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        if process.stdout:
            process.stdout.close()


class Pane:
    """One of the page's two chats."""

    def __init__(self, page: Page, name: str) -> None:
        self._pane = page.locator(f'[data-pane="{name}"]')
        self._page = page

    def start(self) -> None:
        """Press Start."""
        self._pane.locator('[data-role="start"]').click()

    def write(self, text: str) -> None:
        """Type a message and press Enter."""
        composer = self._pane.locator('[data-role="composer"]')
        composer.fill(text)
        composer.press("Enter")

    def tap(self, label: str) -> None:
        """Tap the newest inline button of that label."""
        self._pane.locator('[data-role="inline-button"]', has_text=label).last.click()

    def choose(self, label: str) -> None:
        """Tap the newest inline button that says this and nothing else."""
        exactly = re.compile(rf"^\s*{re.escape(label)}\s*$")
        self._pane.locator('[data-role="inline-button"]', has_text=exactly).last.click()

    def newest(self, text: str) -> Locator:
        """Wait for a message of the bot that holds `text`, and return the newest such."""
        found = self._pane.locator('[data-message-id][data-from="bot"]', has_text=text).last
        found.wait_for(timeout=15_000)
        return found
