"""What is installed with the program may be passed on by a clinic that uses it: every licence is a known one."""

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ALLOWED = frozenset(
    ["MIT", "BSD", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache", "Apache-2.0", "ISC", "Zlib", "CC0-1.0", "PSF-2.0",
     "MPL-2.0", "LGPL-3.0-only", "CNRI-Python"]
)  # fmt: skip
"""LGPL and MPL bind who changes those libraries, not who uses them as they are."""
CALLED = {
    "apache software license": "Apache",
    "bsd license": "BSD",
    "3-clause bsd license": "BSD-3-Clause",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software"


def key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def runtime() -> dict[str, Distribution]:
    """Return what the program needs to run, and what that needs, as it is installed here."""
    found: dict[str, Distribution] = {}
    waiting = [("mesobot", frozenset[str]())]
    done = set()
    while waiting:
        name, extras = waiting.pop()
        if (key(name), extras) in done:
            continue
        done.add((key(name), extras))
        try:
            found[key(name)] = one = distribution(name)
        except PackageNotFoundError:
            continue  # meant for another system
        for line in one.requires or ():
            needs = Requirement(line)
            asked = ("", *extras)
            if needs.marker is None or any(needs.marker.evaluate({"extra": extra}) for extra in asked):
                waiting.append((needs.name, frozenset(needs.extras)))
    return found


def licences(one: Distribution) -> set[str]:
    """Return the licences that a package names, all of which have to be known."""
    said = one.metadata.get("License-Expression")
    if said is None:
        of_class = [line for line in one.metadata.get_all("Classifier") or () if line.startswith("License ::")]
        called = [line.rpartition(" :: ")[2] for line in of_class] or [one.metadata.get("License") or _of_file(one)]
        return {CALLED.get(name.lower(), name) for name in called}
    # of alternatives, one known licence is enough
    alternatives = [set(re.split(r"\s+AND\s+", part.strip("() "))) for part in re.split(r"\s+OR\s+", said)]
    return min(alternatives, key=lambda part: len(part - ALLOWED))


def _of_file(one: Distribution) -> str:
    """Return the licence of a package that names none, by the words of the text that lies with it."""
    texts = [one.read_text(f"licenses/{name}") or "" for name in one.metadata.get_all("License-File") or ()]
    return "MIT" if any(MIT in " ".join(text.split()) for text in texts) else "none"


def test_every_runtime_dependency_has_a_known_licence() -> None:
    found = runtime()
    assert {"python-telegram-bot", "psycopg-binary", "httpx", "certifi"} <= set(found)  # deep ones, and an extra
    assert {name: unknown for name, one in found.items() if (unknown := licences(one) - ALLOWED)} == {}


def test_every_runtime_dependency_is_held_below_a_next_great_version() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
    needs = [Requirement(line) for line in project["dependencies"]]
    unbound = {one.name for one in needs if not any(part.operator == "<" for part in one.specifier)}
    assert unbound == {"tzdata"}, "tzdata is the zones of the world: the newest is the right one"


def main() -> None:
    """Print the list."""
    for name, one in sorted(runtime().items()):
        print(f"{name:24} {one.version:12} {', '.join(sorted(licences(one)))}")  # noqa: T201  it is for a terminal


if __name__ == "__main__":
    main()
