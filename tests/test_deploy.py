"""The files that run the bot on a server: what they say has to fit the program."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot import __main__ as command_line
from bot.__main__ import DEPLOYMENTS
from bot.config import SETTINGS, load_settings

FOLDER = Path(command_line.__file__).parent / "deploy"


@pytest.mark.parametrize("what", sorted(DEPLOYMENTS))
def test_each_is_printed_and_names_settings_that_there_are(
    what: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.umask", lambda _: 0)  # it is the whole test run's
    monkeypatch.setattr(sys, "argv", ["/srv/venv/bin/mesobot", "deploy", what])
    assert command_line.main(["deploy", what]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].startswith("# mesobot")
    assert set(re.findall(r"MESOBOT_[A-Z_]+", printed)) <= SETTINGS
    assert ("ExecStart=/srv/venv/bin/mesobot run" in printed) is (what == "systemd")


def test_the_unit_is_one(tmp_path: Path) -> None:
    programs = shutil.which("systemd-analyze")
    if programs is None:
        pytest.skip("systemd is not on this machine")
    unit = tmp_path / "mesobot.service"
    text = (FOLDER / "mesobot.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/mesobot/bin/mesobot", sys.executable), encoding="utf-8")
    said = subprocess.run([programs, "verify", "--man=no", unit], check=False, capture_output=True, text=True)  # noqa: S603
    assert (said.returncode, said.stderr) == (0, "")


def test_compose_opens_no_port_but_the_webhooks_to_this_machine(tmp_path: Path) -> None:
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert {name: service.get("ports", []) for name, service in services.items()} == {
        "mesobot": ["127.0.0.1:8080:8080"],
        "database": [],
    }
    given = {
        name: value.replace("${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD in .env}", "abc")
        for name, value in services["mesobot"]["environment"].items()
    }
    settings = load_settings(given, tmp_path)
    assert settings.database_url == "postgresql://mesobot:abc@database/mesobot"
    assert (settings.listen, settings.metrics_listen) == ("0.0.0.0:8080", "0.0.0.0:9464")


@pytest.mark.parametrize(
    ("given", "listens"), [("9464", "127.0.0.1:9464"), ("0.0.0.0:9464", "0.0.0.0:9464"), ("", None)]
)
def test_a_port_alone_is_one_of_this_machine(tmp_path: Path, given: str, listens: str | None) -> None:
    settings = load_settings({"MESOBOT_METRICS_LISTEN": given, "MESOBOT_LOG_FORMAT": "JSON"}, tmp_path)
    assert (settings.metrics_listen, settings.log_format) == (listens, "json")


def test_the_image_holds_what_is_installed_and_no_settings() -> None:
    kept = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    project = (FOLDER.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    for name in re.findall(r'include = \["(.*)\*", "(.*)\*", "(.*)\*"\]', project)[0]:
        assert f"!{name}" in kept
    assert "*" in kept
    assert "**/.env" in kept
