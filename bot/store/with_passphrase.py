"""`python with_passphrase.py FILE`: encrypt FILE to standard output with the passphrase on standard input.

A program of its own, since making a passphrase hard to guess takes seconds in which nothing else in a program runs,
and the library wants the whole file in memory.
"""

import sys
from pathlib import Path

import pyrage


def main() -> None:
    """Encrypt one file."""
    passphrase = sys.stdin.buffer.read().decode()
    sys.stdout.buffer.write(pyrage.passphrase.encrypt(Path(sys.argv[1]).read_bytes(), passphrase))


if __name__ == "__main__":
    main()
