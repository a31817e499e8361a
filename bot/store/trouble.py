"""What is wrong with the database, for the person who keeps it running: a plain sentence, and nobody's words.

What an error itself says may quote a row, so only its code is looked at.
"""

from sqlalchemy.exc import DBAPIError, OperationalError

SQLITE = {
    "SQLITE_FULL": "the disk is full: make room",
    "SQLITE_BUSY": "another program holds the database: find it and stop it",
    "SQLITE_LOCKED": "another program holds the database: find it and stop it",
    "SQLITE_READONLY": "the database file may not be written: see who owns it and its folder",
    "SQLITE_PERM": "the database file may not be written: see who owns it and its folder",
    "SQLITE_CANTOPEN": "the database file cannot be opened: see that its folder is there and may be written",
    "SQLITE_IOERR": "the disk does not read or write: look at the system's log",
    "SQLITE_CORRUPT": "the database file is damaged: stop the bot and restore a backup",
    "SQLITE_NOTADB": "the database file is damaged: stop the bot and restore a backup",
}
"""By the name of the error, without what SQLite appends to it."""

SILENT = "the database does not answer: see that it runs, and the network to it"

POSTGRESQL = {
    "08": "the database server cannot be reached: see that it runs, and the network to it",
    "28": "the database server refuses the password: correct MESOBOT_DATABASE_URL",
    "3D": "the database does not exist: create it, or correct MESOBOT_DATABASE_URL",
    "53100": "the database server's disk is full: make room there",
    "53300": "the database server has no connection left: raise its max_connections, or stop what holds them",
    "57014": SILENT,
    "55P03": "another program holds the database: find it and stop it",
    "57P": "the database server is stopping or starting: wait, and see that it runs",
    "25006": "the database server takes no writes: it is a standby; correct MESOBOT_DATABASE_URL",
    "58": "the database server's disk does not read or write: look at its log",
}
"""By the beginning of the SQLSTATE."""


def why(error: BaseException) -> str | None:
    """Say what is wrong, and what to do; None where the database is not to blame."""
    if not isinstance(error, DBAPIError):
        return None
    sqlite: str | None = getattr(error.orig, "sqlite_errorname", None)
    state: str | None = getattr(error.orig, "sqlstate", None)
    known, code = (SQLITE, sqlite) if sqlite else (POSTGRESQL, state or "08")
    said = next((text for begins, text in known.items() if code.startswith(begins)), None)
    if said is not None and (sqlite or state or _is_lost(error)):
        return said
    return f"the database fails ({sqlite or state or type(error.orig).__name__})" if _is_lost(error) else None


def _is_lost(error: DBAPIError) -> bool:
    return isinstance(error, OperationalError) or error.connection_invalidated
