"""What this bot costs, beside bare echo bots and beside itself: `python -m tests.benchmarks` measures and prints it.

Every figure is taken now, on this machine. What is compared takes turns, so that what else the machine does hits all
alike, and the median of the turns' ratios is shown with the least and the greatest: rates differ from machine to
machine, ratios much less. It is a report, and ends with status 0 whatever it finds.
"""

import argparse
import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.benchmarks import answering, keeping
from tests.benchmarks.load import BenchmarkError
from tests.benchmarks.report import FULL, QUICK, Plan, Row, show

SECTIONS: dict[str, tuple[str, Callable[[Plan, Path], Awaitable[list[Row]]]]] = {
    "updates": ("Updates, all waiting from the start, beside bare echo bots", answering.updates),
    "databases": ("The same on PostgreSQL, beside SQLite", answering.databases),
    "replicas": ("Questions with three programs on one PostgreSQL, beside one", answering.programs),
    "chats": ("200,000 rows of 10,000 known chats, beside 10 chats", answering.growth),
    "starts": ("From process start to the first getUpdates; memory", answering.starts),
    "dispatch": ("Sending what the outbox owes, limits opened wide", keeping.dispatching),
    "slots": ("Free time: 5 practitioners, a year with 12,500 visits", keeping.calendars),
    "followups": ("Follow-ups that are due, among many that are not", keeping.rounds),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="What this bot costs.")
    parser.add_argument("--quick", action="store_true", help="few and short turns: a look, not a result")
    parser.add_argument(
        "section", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all, if none is named"
    )
    args = parser.parse_args()
    if unknown := set(args.section) - SECTIONS.keys():
        parser.error(f"there is no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    plan, began = QUICK if args.quick else FULL, time.monotonic()
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores; {plan.turns} turns, of {plan.updates} updates in "
        f"{plan.chats} chats. Compare ratios: what stands under `here`\nbelongs to this machine and this hour."
    )
    for name in args.section or SECTIONS:
        title, measure = SECTIONS[name]
        with tempfile.TemporaryDirectory(prefix="mesobot-bench-") as folder:
            try:
                show(f"{name}: {title}", asyncio.run(measure(plan, Path(folder))))
            except BenchmarkError as error:
                print(f"\n{name}: {title}: NOT MEASURED: {error}", flush=True)
    print(f"\n{(time.monotonic() - began) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
