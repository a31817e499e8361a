"""The command line: run, demo, init, doctor, ask, deploy, content, db.

Exit status 0 is success, 1 means that a check found something, 2 that something was wrong with what the command was
given.
"""

import argparse
import asyncio
import getpass
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

from bot import config
from bot.clock import SystemClock
from bot.config import Clinic, Settings
from bot.errors import MesobotError, SettingsError
from bot.supervisor import Supervisor

DEPLOYMENTS = {"systemd": "mesobot.service", "docker": "Dockerfile", "compose": "compose.yaml"}
"""What `deploy` prints, by the word for it; each file says at its top what to do with it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    os.umask(0o077)  # what this program writes is for its owner alone
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without a letter must not end the program
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        status = command(args)
        sys.stdout.flush()  # here, where a reader that went away can be met
        return status
    except MesobotError as error:
        print(f"mesobot: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # somebody piped the output into `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mesobot", description="The assistant that a small aesthetic clinic puts into Telegram."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="answer in Telegram, until it is stopped")
    run.set_defaults(command=_run)

    demo = commands.add_parser("demo", help="try it in a browser, without Telegram")
    demo.add_argument("--port", type=_port, default=8090, help="port on 127.0.0.1 (default 8090; 0 takes a free one)")
    demo.add_argument("--no-browser", action="store_true", help="do not open a browser")
    demo.add_argument("--database", type=Path, help="keep the demo's data in this SQLite file")
    demo.set_defaults(command=_demo)

    init = commands.add_parser("init", help="write clinic.toml and .env for your clinic")
    init.add_argument("--force", action="store_true", help="replace files that are there already")
    init.set_defaults(command=_init)

    doctor = commands.add_parser("doctor", help="say what is wrong with this installation, and what to do about it")
    doctor.set_defaults(command=_doctor)

    ask = commands.add_parser("ask", help="ask a question as a patient would, in the terminal")
    ask.add_argument("question", nargs="?", help="the question")
    ask.add_argument("--json", action="store_true", help="print one JSON object")
    ask.add_argument(
        "--batch", type=Path, metavar="FILE", help='JSON lines with "text" and optionally "lang" (- for standard input)'
    )
    ask.add_argument("--lang", help="language of the questions, such as en (default: the clinic's)")
    ask.set_defaults(command=_ask)

    deploy = commands.add_parser("deploy", help="print what runs it on a server: a systemd unit, or a file for Docker")
    deploy.add_argument("what", choices=sorted(DEPLOYMENTS))
    deploy.set_defaults(command=_deploy)

    content = commands.add_parser("content", help="the FAQ's texts").add_subparsers(required=True, metavar="COMMAND")
    check = content.add_parser("check", help="find mistakes in the texts, and list what is not approved")
    check.set_defaults(command=_content_check)

    db = commands.add_parser("db", help="the database").add_subparsers(required=True, metavar="COMMAND")
    db.add_parser("upgrade", help="bring the tables up to date (run does so by itself)").set_defaults(
        command=_db_upgrade
    )
    backup = db.add_parser("backup", help="write the database, as it is at this moment, to a new file; the bot may run")
    backup.add_argument("file", type=Path)
    backup.set_defaults(command=_db_backup)
    restore = db.add_parser("restore", help="check a backup and put it in the database's place; the bot is stopped")
    restore.add_argument("file", type=Path)
    restore.add_argument("--force", action="store_true", help="replace the data that is there")
    restore.add_argument("--identity", type=Path, metavar="FILE", help="the secret key that opens the backup")
    restore.set_defaults(command=_db_restore)
    copy = db.add_parser("copy", help="copy a database to another one, such as from SQLite to PostgreSQL")
    copy.add_argument("source", metavar="FROM", help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    copy.add_argument("target", metavar="TO", help="likewise; it is empty, or not there yet")
    copy.add_argument("--force", action="store_true", help="replace the data that is there")
    copy.set_defaults(command=_db_copy)
    return parser


def _port(value: str) -> int:
    if not value.isdecimal() or int(value) > 65535:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 65535, got {value!r}")
    return int(value)


def _folder() -> Path:
    try:
        return Path.cwd()
    except OSError:
        raise SettingsError("the folder you are in does not exist any more: change to another one") from None


def _settings() -> Settings:
    return config.load_settings(os.environ, _folder())


def _clinic(settings: Settings) -> Clinic:
    file = config.find_clinic(settings, _folder())
    if file is None:
        print(
            "mesobot: no clinic.toml here, so the invented sample clinic is used; `mesobot init` writes yours",
            file=sys.stderr,
        )
    return config.load_clinic(file)


def _run(_: argparse.Namespace) -> int:
    settings = _settings()
    if settings.token is None:
        print(
            "mesobot: MESOBOT_TOKEN is not set.\n"
            "  1. Open @BotFather in Telegram, send /newbot, and copy the token it gives you.\n"
            "  2. Run `mesobot init`, or put a line MESOBOT_TOKEN=123456:ABC... into the file .env here.\n"
            "  To look around first, without Telegram: mesobot demo",
            file=sys.stderr,
        )
        return 2
    clinic = _clinic(settings)

    from bot.running import run  # noqa: PLC0415  what only one command needs is imported by that command

    supervisor = Supervisor.of(os.environ)
    return asyncio.run(run(settings, clinic, stop_on=(signal.SIGINT, signal.SIGTERM), supervisor=supervisor))


def _demo(args: argparse.Namespace) -> int:
    from bot.demo import demo  # noqa: PLC0415

    settings = _settings()
    clinic = _clinic(settings)
    return asyncio.run(demo(settings, clinic, port=args.port, browser=not args.no_browser, database=args.database))


def _init(args: argparse.Namespace) -> int:
    from bot.setup import init  # noqa: PLC0415

    return init(_folder(), force=args.force)


def _doctor(_: argparse.Namespace) -> int:
    from bot.doctor import doctor  # noqa: PLC0415

    return asyncio.run(doctor(os.environ, _folder(), SystemClock()))


def _ask(args: argparse.Namespace) -> int:
    from bot.asking import Asker, read_batch  # noqa: PLC0415

    if (args.question is None) == (args.batch is None):
        print('mesobot: ask "a question", or ask --batch FILE', file=sys.stderr)
        return 2
    questions = [(args.question, None)] if args.batch is None else read_batch(args.batch)
    asker = Asker(_clinic(_settings()), SystemClock())
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    for text, language in questions:
        if args.json or args.batch is not None:
            print(json.dumps(asker.ask(text, language or args.lang), ensure_ascii=plain), flush=True)
        else:
            print(asker.shown(text, language or args.lang))
    return 0


def _deploy(args: argparse.Namespace) -> int:
    """Print a file that comes with the program; in the unit, the place of this very installation."""
    text = resources.files("bot").joinpath("deploy", DEPLOYMENTS[args.what]).read_text(encoding="utf-8")
    own = Path(sys.argv[0]).absolute()
    print(text.replace("/opt/mesobot/bin/mesobot", str(own)) if own.name == "mesobot" else text, end="")
    return 0


def _content_check(_: argparse.Namespace) -> int:
    from bot.app import check_content  # noqa: PLC0415
    from faq.check import Gravity  # noqa: PLC0415

    clinic = _clinic(_settings())
    findings = check_content(clinic, SystemClock())
    for finding in findings:
        print(f"{finding.gravity.value}: {finding.place}: {finding.text}")
    errors = sum(finding.gravity is Gravity.ERROR for finding in findings)
    print(f"errors: {errors}, warnings: {len(findings) - errors}")
    return 1 if errors else 0


def _db_upgrade(_: argparse.Namespace) -> int:
    from bot.store.database import SCHEMA, Database, parse_url  # noqa: PLC0415

    database = Database(parse_url(_settings().database_url))
    try:
        database.migrate()
    finally:
        database.close()
    print(f"The database is at revision {SCHEMA}.")
    return 0


def _db_backup(args: argparse.Namespace) -> int:
    from bot.store import backup  # noqa: PLC0415
    from bot.store.database import parse_url  # noqa: PLC0415

    settings = _settings()
    seal = backup.seal_of(settings)
    backup.backup(parse_url(settings.database_url), args.file, seal)
    if seal:
        print(f"The database is copied to {args.file}, encrypted.")
    else:
        print(f"The database is copied to {args.file}. It holds patients' data: keep it as safe as the original.")
        print("With MESOBOT_BACKUP_RECIPIENT or MESOBOT_BACKUP_PASSPHRASE it would be encrypted.")
    return 0


def _db_restore(args: argparse.Namespace) -> int:
    from bot.store import backup, copying  # noqa: PLC0415
    from bot.store.database import parse_url  # noqa: PLC0415

    settings = _settings()
    target = parse_url(settings.database_url)
    ask = lambda: _passphrase(settings)  # noqa: E731
    backup.restore(args.file, target, force=args.force, identity=args.identity, ask=ask)
    print(f"{args.file} is now the database {copying.shown(target)}.")
    print("Who has deleted their data since it was made is in it again: delete them once more, with /patient.")
    return 0


def _passphrase(settings: Settings) -> str:
    """Return the passphrase of the settings, or else what somebody types unseen."""
    if settings.backup_passphrase is not None:
        return settings.backup_passphrase.get_secret_value()
    if not sys.stdin.isatty():
        raise SettingsError("this backup wants a passphrase: set MESOBOT_BACKUP_PASSPHRASE, or restore at a terminal")
    return getpass.getpass("Passphrase of the backup: ")


def _db_copy(args: argparse.Namespace) -> int:
    from bot.store import copying  # noqa: PLC0415
    from bot.store.database import parse_url  # noqa: PLC0415

    source, target = parse_url(args.source, name="FROM"), parse_url(args.target, name="TO")
    counts = copying.copy(source, target, force=args.force)
    for table, count in counts.items():
        print(f"{count:>9}  {table}")
    print(f"{sum(counts.values()):>9}  rows, all of them, are in {copying.shown(target)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
