"""What can go wrong in a way that a person can mend.

MesobotError
├── SettingsError    an environment variable or .env entry is missing or bad
├── ClinicError      clinic.toml is missing, broken or says something impossible
├── ContentError     a content file or a wording catalogue is broken
└── StoreError       the database cannot be reached, or is not this program's

The command line prints their text as it stands and exits with status 2, so each names the file, line or key and says
what was expected.
"""


class MesobotError(Exception):
    """Carries one clear sentence for the person at the terminal."""


class SettingsError(MesobotError):
    """Names a setting, what it holds, and what was expected."""


class ClinicError(MesobotError):
    """Names a key of clinic.toml and what was expected there."""


class ContentError(MesobotError):
    """Names a content file and what is wrong in it."""


class StoreError(MesobotError):
    """Says why the database cannot be used."""
