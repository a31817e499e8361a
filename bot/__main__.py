"""The command line: run, demo, init, doctor, ask, content, db.

Exit status 0 is success, 1 means that a check found something, 2 that something was wrong with what the command was
given.
"""

import argparse
import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bot import config
from bot.clock import SystemClock
from bot.config import Clinic, Settings
from bot.errors import MesobotError, SettingsError


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

    content = commands.add_parser("content", help="the FAQ's texts").add_subparsers(required=True, metavar="COMMAND")
    check = content.add_parser("check", help="find mistakes in the texts, and list what is not approved")
    check.set_defaults(command=_content_check)

    db = commands.add_parser("db", help="the database").add_subparsers(required=True, metavar="COMMAND")
    db.add_parser("upgrade", help="bring the tables up to date (run does so by itself)").set_defaults(
        command=_db_upgrade
    )
    backup = db.add_parser("backup", help="copy the database to a file while the bot runs (SQLite)")
    backup.add_argument("file", type=Path)
    backup.set_defaults(command=_db_backup)
    restore = db.add_parser("restore", help="check a backup and put it in the database's place (SQLite, bot stopped)")
    restore.add_argument("file", type=Path)
    restore.add_argument("--force", action="store_true", help="replace the database that is there")
    restore.set_defaults(command=_db_restore)
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

    return asyncio.run(run(settings, clinic, stop_on=(signal.SIGINT, signal.SIGTERM)))


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

    backup.backup(backup.sqlite_file(_settings().database_url), args.file)
    print(f"The database is copied to {args.file}. It holds patients' data: keep it as safe as the original.")
    return 0


def _db_restore(args: argparse.Namespace) -> int:
    from bot.store import backup  # noqa: PLC0415

    target = backup.sqlite_file(_settings().database_url)
    backup.restore(args.file, target, force=args.force)
    print(f"{args.file} is now the database {target}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
