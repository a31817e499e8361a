"""Every sentence comes from bot/wording and can be translated; a language is a folder, not code.

`python -m tests.test_wording` (make wording) collects the sentences into bot/wording/wording.pot for translators.
"""

import ast
import io
import re
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from bot.errors import ContentError
from bot.wording.speech import Speeches, packaged

ROOT = Path(__file__).parent.parent
TEMPLATE = packaged() / "wording.pot"
LONDON = ZoneInfo("Europe/London")
POLISH = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);\n"

msgid "« All topics"
msgstr "« Wszystkie tematy"

msgid "{count} day"
msgid_plural "{count} days"
msgstr[0] "{count} dzień"
msgstr[1] "{count} dni"
msgstr[2] "{count} dni"
"""


def collected() -> Catalog:
    catalog = Catalog(
        header_comment="# mesobot's sentences, for translators: copy to <language>/wording.po.", charset="utf-8"
    )
    found = extract_from_dir(packaged(), [("**.py", "python")], keywords={"_": None, "ngettext": (1, 2)})
    for file, _line, message, comments, context in found:
        catalog.add(message, None, [(f"bot/wording/{file}", 0)], auto_comments=comments, context=context)
    return catalog


def sentences(catalog: Catalog) -> set[object]:
    return {message.id for message in catalog if message.id}


def test_the_template_for_translators_is_up_to_date() -> None:
    with TEMPLATE.open("rb") as file:
        assert sentences(read_po(file)) == sentences(collected()), "run `make wording`"


def test_handlers_hold_no_sentences() -> None:
    """A sentence is a literal with a blank between two words; docstrings and log events are none."""
    for file in (ROOT / "handlers").glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        said = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        ]
        assert [text for text in said if re.search(r"[a-z] [a-z]", text) and text != "not modified"] == [], file.name


def test_a_language_is_a_folder_with_a_catalogue(tmp_path: Path) -> None:
    (tmp_path / "pl").mkdir()
    (tmp_path / "pl" / "wording.po").write_text(POLISH, encoding="utf-8")
    speeches = Speeches("en", [tmp_path], LONDON, country="GB")
    polish = speeches.of("pl-PL")
    assert polish._("« All topics") == "« Wszystkie tematy"
    assert polish.ngettext("{count} day", "{count} days", 1) == "{count} dzień"
    assert polish.ngettext("{count} day", "{count} days", 5) == "{count} dni"
    assert polish._("All topics") == "All topics"  # what is not translated yet stays English
    assert polish.weekday(0) == "Poniedziałek"
    assert speeches.of("xx").language == "en"
    assert speeches.of(None).language == "en"


def test_a_broken_catalogue_is_named(tmp_path: Path) -> None:
    (tmp_path / "pl").mkdir()
    (tmp_path / "pl" / "wording.po").write_text("this is no catalogue", encoding="utf-8")
    with pytest.raises(ContentError, match=r"pl/wording\.po"):
        Speeches("en", [tmp_path], LONDON)


def test_the_clinics_language_must_be_there() -> None:
    with pytest.raises(ContentError, match="fr"):
        Speeches("fr", [], LONDON)


@pytest.mark.parametrize(
    ("hours", "said"), [(24, "24 hours"), (48, "48 hours"), (72, "3 days"), (336, "14 days"), (1, "1 hour")]
)
def test_lengths_of_time(hours: int, said: str) -> None:
    assert Speeches("en", [], LONDON, country="GB").default.hours(hours) == said


if __name__ == "__main__":
    out = io.BytesIO()
    write_po(out, collected(), width=110, no_location=True, omit_header=False, sort_output=True)
    kept = [line for line in out.getvalue().decode().splitlines() if "Date:" not in line]
    TEMPLATE.write_text("\n".join(kept) + "\n", encoding="utf-8")
    sys.stdout.write(f"{TEMPLATE} holds {len(sentences(collected()))} sentences\n")
