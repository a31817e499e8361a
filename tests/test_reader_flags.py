"""Red flags as the reader finds them: rules, what was learnt from examples, and the two together."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faq import alarm, content, redflags
from faq.alarm import ALARM, Alarm, Example, Line, decide
from faq.encoder import MiniLM
from faq.evaluate import ALARMED, Heard, choose_line, print_red_flags
from faq.matcher import Curve, Matcher, Phrase, Thresholds
from faq.reader import Reader
from faq.redflags import Evidence, Level, RedFlag, check
from tests.test_redflags import EMERGENCIES, HARMLESS, SAME_DAY, lines, load, table

NEVER = Thresholds("", *([Curve(shift=0.0, slope=1.0, sure=1.0, aside=1.0, urgent=1.0, lost=0.0)] * 2))
LINE = Line(urgent=0.7, overruled=0.08, dismissed=0.02, emergency=0.2)


@pytest.fixture(scope="module")
def phrases() -> list[Phrase]:
    return [Phrase(*phrase) for phrase in content.load([content.packaged()], "en").phrases()]


def level(reader: Reader, text: str) -> Level | None:
    flagged = reader.red_flag(text, "en")
    return flagged[0] if flagged else None


class TestTogether:
    @pytest.mark.parametrize(
        "text",
        [
            "my left hand will not do what i tell it",
            "my lungs feel half their size",
            "she cannot be woken",
        ],
    )
    def test_words_that_no_rule_foresaw_are_understood(self, reader: Reader, text: str) -> None:
        assert check(text) is None
        assert reader.read(text, "en").level == Level.EMERGENCY

    @pytest.mark.parametrize("text", ["rash guard for swimming, allowed?"])
    def test_a_rule_that_was_set_off_by_something_else_is_overruled(self, reader: Reader, text: str) -> None:
        assert check(text) is not None
        assert reader.read(text, "en").route != "urgent"

    def test_no_plain_emergency_is_overruled_or_played_down(self, reader: Reader) -> None:
        texts = [text for text, _ in table(EMERGENCIES)]
        assert [text for text in texts if level(reader, text) != Level.EMERGENCY] == []

    def test_hardly_anything_plain_of_the_same_day_is_lost(self, reader: Reader) -> None:
        texts = [text for text, _ in table(SAME_DAY)]
        assert len([text for text in texts if level(reader, text) is None]) <= len(texts) / 100

    def test_hardly_anybody_else_is_alarmed(self, reader: Reader) -> None:
        texts = lines(HARMLESS)
        assert len([text for text in texts if level(reader, text)]) <= len(texts) * 0.03

    def test_unseen_messages_are_recalled(self, reader: Reader) -> None:
        """By an author who saw neither rules nor examples; nobody has read it to mend anything."""
        rows = load("red_flags_unseen.jsonl")
        taken = [(row["level"] is not None, level(reader, row["text"]) is not None) for row in rows]
        assert sum(got for urgent, got in taken if urgent) >= 0.97 * 320
        assert sum(got for urgent, got in taken if not urgent) <= 0.08 * 320

    def test_exam_both_together_recall_what_the_rules_do_and_more(self, reader: Reader) -> None:
        missed = [row["text"] for row in load("red_flags.jsonl") if level(reader, row["text"]) is None]
        assert len(missed) <= 3, missed

    @pytest.mark.parametrize(
        "text", ["can it cause an infection?", "could it cause blindness?", "what if my lip swells?"]
    )
    def test_a_question_of_what_may_happen_is_answered(self, reader: Reader, text: str) -> None:
        understood = reader.read(text, "en")
        assert understood.route == "answer"
        assert understood.topic in ("safety", "side-effects")

    def test_without_words_there_is_no_flag(self, reader: Reader) -> None:
        assert [reader.red_flag(text, "en") for text in ("", "?!", "\0", "👍")] == [None] * 4

    def test_another_languages_rules_count_as_well(self, reader: Reader) -> None:
        assert level(reader, "I can't breathe") == Level.EMERGENCY
        assert reader.red_flag("I can't breathe", "pl") == (Level.EMERGENCY, 1.0)


class TestAlone:
    def test_without_the_learnt_half_rules_and_the_urgent_class_do(self, phrases: list[Phrase]) -> None:
        few = [*phrases[::20], Phrase("the needle sings in my bones", "urgent", None)]
        alone = Reader({"en": Matcher.fit(few, encoder=None)}, (), default="en", alarm=None)
        assert level(alone, "I can't breathe") == Level.EMERGENCY
        assert level(alone, "The needle sings in my bones!") == Level.EMERGENCY
        assert level(alone, "how much is it") is None

    def test_without_the_encoder_ideas_and_rules_are_weighed(self, phrases: list[Phrase]) -> None:
        plain = Reader({"en": Matcher.fit(phrases[::20], encoder=None)}, (), default="en")
        assert level(plain, "my tongue fills my whole mouth") == Level.EMERGENCY
        assert level(plain, "how much is it") is None

    def test_a_file_that_cannot_be_read_is_one_that_is_not_there(self, tmp_path: Path) -> None:
        (tmp_path / "damaged.npz").write_bytes(b"damaged")
        assert Alarm.load(tmp_path / "damaged.npz") is None
        assert Alarm.load(tmp_path / "none.npz") is None


@pytest.fixture(scope="module")
def own(phrases: list[Phrase]) -> Reader:
    """With a clinic's own topic of three phrasings."""
    tattoos = [Phrase(text, "answer", "tattoos") for text in ("Do you do tattoos", "Tattoo", "laser on ink")]
    return Reader({"en": Matcher.fit([*phrases[::10], *tattoos], encoder=None, thresholds=NEVER)}, (), default="en")


class TestPhrasings:
    @pytest.mark.parametrize("text", ["do you do tattoos", "DO U DO TATTOOS??", "tattoo.", "laser on ink"])
    def test_a_phrasing_is_certain_whatever_the_thresholds(self, own: Reader, text: str) -> None:
        understood = own.read(text, "en")
        assert (understood.route, understood.topic, understood.score) == ("answer", "tattoos", 1.0)
        assert "tattoos" not in understood.suggestions

    def test_anything_else_is_not(self, own: Reader) -> None:
        assert own.read("do you do tattoos on dogs maybe", "en").score < 1

    @pytest.mark.parametrize(
        ("text", "route"), [("my throat is closing", "urgent"), ("is it safe with psoriasis", "staff")]
    )
    def test_the_rules_come_before_a_phrasing(self, phrases: list[Phrase], text: str, route: str) -> None:
        taught = Matcher.fit([*phrases[::20], Phrase(text, "answer", "price")], encoder=None)
        assert Reader({"en": taught}, (), default="en").read(text, "en").route == route

    def test_a_phrasing_of_two_classes_is_not_certain(self, phrases: list[Phrase]) -> None:
        twice = [Phrase("the blue door", route, topic) for route, topic in (("answer", "location"), ("book", None))]
        assert Matcher.fit([*phrases[::20], *twice], encoder=None).phrasing("the blue door") is None

    def test_the_encoder_is_not_asked_where_a_phrasing_decides(
        self, reader: Reader, phrases: list[Phrase], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def encode(*_: object) -> None:
            raise AssertionError

        phrase = next(one for one in phrases if one.topic == "duration")
        monkeypatch.setattr(MiniLM, "encode", encode)
        assert reader.read(phrase.text.upper(), "en").topic == "duration"


class TestDeciding:
    @pytest.mark.parametrize(
        ("ruled", "urgent", "emergency", "expected"),
        [
            (None, 0.69, 1.0, None),
            (None, 0.71, 0.19, Level.SAME_DAY),
            (None, 0.71, 0.21, Level.EMERGENCY),
            (Level.SAME_DAY, 0.07, 0.1, None),
            (Level.SAME_DAY, 0.09, 0.1, Level.SAME_DAY),
            (Level.SAME_DAY, 0.09, 0.9, Level.EMERGENCY),
            (Level.EMERGENCY, 0.03, 0.1, Level.EMERGENCY),
            (Level.EMERGENCY, 0.01, 0.9, None),
        ],
    )
    def test_doubt_is_settled_towards_the_warning(
        self, ruled: Level | None, urgent: float, emergency: float, expected: Level | None
    ) -> None:
        flag = RedFlag(ruled, "A") if ruled else None
        assert decide(Evidence(flag, (), (), ()), urgent, emergency, LINE) == expected


class TestFitting:
    def test_the_package_holds_what_its_content_needs(self, phrases: list[Phrase]) -> None:
        """Fails after a change of content, rules, examples or recipe: ``python -m faq.evaluate --write`` mends it."""
        kept = Alarm.load()
        texts = [(phrase.text, phrase.route == "urgent") for phrase in dict.fromkeys(phrases)]
        assert kept is not None
        assert kept.fingerprint == alarm.fingerprint(texts, alarm.examples())

    def test_the_fingerprint_tells_levels_apart(self) -> None:
        one, other = Example("my eye", Level.EMERGENCY), Example("my eye", Level.SAME_DAY)
        assert alarm.fingerprint([], [one]) != alarm.fingerprint([], [other])
        assert alarm.fingerprint([("a", True)], []) != alarm.fingerprint([("a", False)], [])

    def test_what_is_kept_is_what_was_fitted_and_the_same_each_time(self, tmp_path: Path) -> None:
        texts = [(text, False) for text in lines(HARMLESS)]
        examples = [
            *(Example(text, Level.EMERGENCY) for text, _ in table(EMERGENCIES)),
            *(Example(text, Level.SAME_DAY) for text, _ in table(SAME_DAY)),
        ]
        vectors = np.random.default_rng(0).standard_normal((len(texts) + len(examples), 4)).astype(np.float32)
        vectors[:, 0] += [*([-2] * len(texts)), *([2] * len(examples))]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        first, again = (Alarm.fit(texts, examples, vectors, LINE, replace(LINE, urgent=0.9)) for _ in range(2))
        first.save(tmp_path / ALARM.name)
        kept = Alarm.load(tmp_path / ALARM.name)
        assert kept is not None
        assert (kept.line, kept.line_without) == (LINE, replace(LINE, urgent=0.9))
        assert kept.fingerprint == first.fingerprint
        asked = [redflags.weigh(text) for text in ("my lips are huge", "how much is it", "yellow pus")]
        for given in (None, vectors[[-1, 0, -2]]):
            found = first.probabilities(asked, given)
            assert np.array_equal(found, again.probabilities(asked, given))
            assert np.array_equal(found, kept.probabilities(asked, given))
            assert found[0, 0] > found[1, 0]
            assert found[0, 1] > 0.5 > found[2, 1]


class TestEvaluation:
    def test_the_line_keeps_what_it_promises(self) -> None:
        random = np.random.default_rng(0)
        examples = [Example("x", Level.EMERGENCY if i % 4 == 0 else None) for i in range(4000)]
        urgent = np.array([one.level is not None for one in examples])
        chance = np.where(urgent, random.beta(4, 1, 4000), random.beta(1, 8, 4000))
        flag = redflags.weigh("my lips are huge")
        nothing = Evidence(None, (), (), ())
        evidence = [flag if (one and i % 3) or i % 50 == 1 else nothing for i, one in enumerate(urgent)]
        heard = Heard([], examples, evidence, np.zeros((4000, 1), np.float32))
        line = choose_line(heard, np.stack([chance, np.ones(4000)], axis=1).astype(np.float32))
        taken = [decide(one, float(p), 1.0, line) is not None for one, p in zip(evidence, chance, strict=True)]
        assert np.mean(np.array(taken)[~urgent]) <= ALARMED + 0.001
        assert np.mean(np.array(taken)[urgent]) > 0.9
        assert line.dismissed < line.urgent

    def test_a_file_of_messages_is_measured(
        self, phrases: list[Phrase], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows = [
            {"text": "my lips are huge", "level": "emergency", "kind": "A"},
            {"text": "yellow pus from my cheek", "level": "same-day", "kind": "D"},
            {"text": "how much is it", "level": None, "kind": "price"},
        ]
        file = tmp_path / "messages.jsonl"
        rows.append({"text": "  What is MESOTHERAPY? ", "level": None, "kind": "known"})
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        known = ["what is mesotherapy"]
        print_red_flags([file], Matcher.fit(phrases[::20], encoder=None), known, show=False)
        said = capsys.readouterr().out
        assert said.startswith("left out, since the content has the very words: 1\nmessages.jsonl: 3 messages\n")
        assert said.count("recall 100.0% of 2, false alarms  0.0% of 1") >= 2
        assert "lips" not in said


class TestUnseenQuestions:
    """By authors who saw neither phrasings nor matcher; nobody has read them to mend anything."""

    @pytest.mark.parametrize("file", ["questions_unseen.jsonl", "questions_unseen_2.jsonl"])
    def test_they_are_understood_and_hardly_ever_answered_wrongly(
        self, reader: Reader, phrases: list[Phrase], file: str
    ) -> None:
        matcher = Matcher.fit(phrases)
        rows = [row for row in load(file) if not matcher.phrasing(row["text"])]
        right, wrong, answered = 0, 0, 0
        for row in rows:
            also = row.get("also") or []
            label = matcher.judge([row["text"]], calm=True)[0].label
            right += label == (row["route"], row["topic"]) or label[1] in also
            understood = reader.read(row["text"], "en")
            if understood.route == "answer":
                answered += 1
                wrong += understood.topic != row["topic"] and understood.topic not in also
        assert right >= 0.85 * len(rows)
        assert answered >= 0.3 * len(rows)
        assert wrong <= 0.03 * answered
