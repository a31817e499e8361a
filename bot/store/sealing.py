"""Sealed files: compressed, then encrypted in the age format, so that `age --decrypt FILE | gunzip` opens them too.

Sealed to a recipient, a file can be opened only with the identity that belongs to it and need never have been on the
machine that sealed it; sealed with a passphrase, by whoever knows that.
"""

import gzip
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path

from bot.errors import StoreError
from bot.store import with_passphrase

SEALED = b"age-encryption.org/v1\n"
"""What a sealed file begins with."""
ARMOUR = b"-----BEGIN AGE ENCRYPTED FILE-----"
COMPRESSED = b"\x1f\x8b"
PASSPHRASE = b"-> scrypt "
"""What the second line of a file sealed with a passphrase begins with."""

PIECE = 1 << 20
"""Bytes that are in memory at once."""


@dataclass(frozen=True, slots=True)
class Seal:
    """For whom a backup is sealed; with neither, it is not."""

    recipient: str | None = None
    passphrase: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.recipient is not None or self.passphrase is not None


def seal_up(plain: Path, sealed: BufferedWriter, seal: Seal) -> None:
    """Write what `plain` holds, sealed, to `sealed`; works beside `plain`, and raises OSError or StoreError."""
    compressed = plain.with_name(f"{plain.name}.gz")
    with plain.open("rb") as source, gzip.open(compressed, "wb", compresslevel=6) as target:
        shutil.copyfileobj(source, target, PIECE)
    if seal.passphrase is not None:
        _close_with_passphrase(compressed, sealed, seal.passphrase)
    elif seal.recipient is not None:
        import pyrage  # noqa: PLC0415  two megabytes that most commands do not need

        with compressed.open("rb") as source:
            pyrage.encrypt_io(source, sealed, [pyrage.x25519.Recipient.from_str(seal.recipient)])


def _close_with_passphrase(file: Path, sealed: BufferedWriter, passphrase: str) -> None:
    command = [sys.executable, "-P", with_passphrase.__file__, str(file)]
    result = subprocess.run(  # noqa: S603  nothing in it came from outside
        command, input=passphrase.encode(), stdout=sealed, stderr=subprocess.PIPE, check=False
    )
    if result.returncode != 0:
        last = result.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise StoreError(f"the backup could not be encrypted: {last or f'status {result.returncode}'}")


def is_packed(file: Path) -> bool:
    """True for a file that has to be opened first: sealed, by whoever, or compressed; raises OSError."""
    return any(_begins(file, magic) for magic in (SEALED, ARMOUR, COMPRESSED))


def unpack(packed: Path, plain: Path, identity: Path | None, ask: Callable[[], str]) -> None:
    """Write what the packed file holds to `plain`, and work beside it; raises OSError, or StoreError naming what is
    missing.

    `ask` is called for the passphrase where one is needed.
    """
    content = packed
    if not _begins(packed, COMPRESSED):
        content = plain.with_name(f"{plain.name}.gz")
        _decrypt(packed, content, identity, ask)
    if not _begins(content, COMPRESSED):  # sealed by hand
        content.replace(plain)
        return
    try:
        with gzip.open(content) as source, plain.open("wb") as target:
            shutil.copyfileobj(source, target, PIECE)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise StoreError(f"{packed} is damaged: {error}") from error


def _decrypt(sealed: Path, content: Path, identity: Path | None, ask: Callable[[], str]) -> None:
    if _needs_passphrase(sealed) or (identity is None and _begins(sealed, ARMOUR)):
        _open_with_passphrase(sealed, content, ask())
    elif identity is not None:
        _open_with_identity(sealed, content, identity)
    else:
        raise StoreError(f"{sealed} is encrypted: name the file with its secret key, --identity FILE")


def _open_with_identity(sealed: Path, content: Path, identity: Path) -> None:
    import pyrage  # noqa: PLC0415

    keys = [line for line in _lines(identity) if line and not line.startswith("#")]
    try:
        identities = [pyrage.x25519.Identity.from_str(key) for key in keys]
    except pyrage.IdentityError:
        identities = []
    if not identities:
        raise StoreError(f"{identity} holds no secret key of age: expected a line AGE-SECRET-KEY-1...")
    try:
        with sealed.open("rb") as source, content.open("wb") as target:
            pyrage.decrypt_io(source, target, identities)
    except (pyrage.DecryptError, OSError) as error:  # the latter where the file is cut off or was changed
        raise StoreError(f"{sealed} cannot be opened with {identity}: {error}") from error


def _open_with_passphrase(sealed: Path, content: Path, passphrase: str) -> None:
    import pyrage  # noqa: PLC0415

    try:
        content.write_bytes(pyrage.passphrase.decrypt(sealed.read_bytes(), passphrase))
    except pyrage.DecryptError as error:
        raise StoreError(f"{sealed} cannot be opened with this passphrase: {error}") from error


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file} cannot be read: {error}") from error


def _needs_passphrase(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.readline() == SEALED and opened.readline().startswith(PASSPHRASE)


def _begins(file: Path, magic: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(magic)) == magic
