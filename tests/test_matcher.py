"""The matcher: what patients ask is understood, and what must never be answered is not."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faq import content, matcher
from faq.encoder import FOLDER, EncoderUnavailable, MiniLM
from faq.evaluate import PLAIN, Question, fit_curve, runs
from faq.guards import is_elsewhere, is_follow_up, is_medical, is_minor, is_other_service
from faq.matcher import FITTED, Curve, Match, Matcher, Phrase, Thresholds, Verdict
from faq.text import Speller, normalise, parts, without_denied
from faq.tfidf import LogisticRegression, Ngrams

SURE = Thresholds("", *([Curve(shift=0.0, slope=1.0, sure=0.5, aside=0.5, urgent=0.5, lost=0.0)] * 2))


@pytest.fixture(scope="session")
def phrases() -> list[Phrase]:
    return [Phrase(*phrase) for phrase in content.load([content.packaged()], "en").phrases()]


@pytest.fixture(scope="session")
def fitted(phrases: list[Phrase]) -> Matcher:
    return Matcher.fit(phrases)


@pytest.fixture(scope="session")
def by_ngrams(phrases: list[Phrase]) -> Matcher:
    return Matcher.fit(phrases, encoder=None)


class TestUnderstanding:
    @pytest.mark.parametrize(
        ("text", "topic"),
        [
            ("what does it cost pls", "price"),
            ("WHAT IS MEZOTERAPY???", "what-is"),
            ("does it hurt a lot", "pain"),
            ("how long will the resluts last", "results-last"),
            ("when can I put my make up back on", "makeup"),
            ("which days are you open", "hours"),
            ("who will do the injections, a doctor?", "practitioner"),
        ],
    )
    def test_a_question_in_anybodys_words(self, fitted: Matcher, text: str, topic: str) -> None:
        match = fitted.match(text)
        assert (match.route, match.topic) == ("answer", topic)
        assert topic not in match.suggestions

    @pytest.mark.parametrize(
        ("text", "route"),
        [
            ("i want to book for thursday afternoon", "book"),
            ("hello there", "smalltalk"),
            ("👍", "smalltalk"),
            ("what is the capital of portugal", "off-topic"),
            ("I want to complain about the nurse", "staff"),
        ],
    )
    def test_what_is_not_a_topic(self, fitted: Matcher, text: str, route: str) -> None:
        match = fitted.match(text)
        assert (match.route, match.topic) == (route, None)

    def test_not_sure_means_suggestions(self, fitted: Matcher) -> None:
        match = fitted.match("would it be better in the summer or the winter")
        assert match.route == "suggest"
        assert match.topic is None
        assert len(match.suggestions) == 3

    @pytest.mark.parametrize(
        ("text", "both"),
        [
            ("how much does it cost and does it hurt?", {"price", "pain"}),
            ("where are you and when are you open", {"location", "hours"}),
            ("How many sessions, and how far apart?", {"series", "interval"}),
        ],
    )
    def test_two_questions_get_two_answers(self, fitted: Matcher, text: str, both: set[str]) -> None:
        match = fitted.match(text)
        assert {match.topic, *match.also} == both

    @pytest.mark.parametrize(
        "text",
        [
            "does it help against wrinkles on the face and around the eyes?",
            "are botox and meso the same, what is the difference",
        ],
    )
    def test_one_question_gets_one_answer(self, fitted: Matcher, text: str) -> None:
        assert fitted.match(text).also == ()

    def test_an_urgent_part_decides(self, fitted: Matcher) -> None:
        match = fitted.match("how long do the results last? my throat is closing")
        assert (match.route, match.also) == ("urgent", ())

    @pytest.mark.parametrize("text", ["and for the neck?", "what about the hands", "same for men?", "tell me more"])
    def test_a_fragment_goes_on_from_the_topic_before(self, fitted: Matcher, text: str) -> None:
        assert fitted.match(text, previous_topic="price").topic == "price"

    def test_a_whole_question_leaves_the_topic_before(self, fitted: Matcher) -> None:
        assert fitted.match("and does it hurt?", previous_topic="price").topic == "pain"

    @pytest.mark.parametrize(
        ("text", "topic"),
        [
            ("not how far apart, how many sessions", "series"),
            ("I know what it is. How much is it?", "price"),
            ("I don't mind what it costs, I mind the pain", "pain"),
        ],
    )
    def test_what_is_denied_is_not_asked(self, fitted: Matcher, text: str, topic: str) -> None:
        match = fitted.match(text)
        assert topic == (match.topic or match.suggestions[0])


class TestNeverAnswered:
    @pytest.mark.parametrize(
        "text",
        [
            "I am pregnant, can I have it done?",
            "i take warfarin, is it ok",
            "is it safe with psoriasis",
            "how long do results last if I have lupus",
            "can my 15 year old daughter have it",
            "breastfeeding - any wrinkles treatment possible?",
            "what does it cost? I am diabetic by the way",
            "im on accutane, does mesotherapy help my skin",
        ],
    )
    def test_a_personal_medical_question_goes_to_staff(self, fitted: Matcher, by_ngrams: Matcher, text: str) -> None:
        for one in (fitted, by_ngrams):
            match = one.match(text)
            assert match.route in ("staff", "urgent")
            assert match.topic in ("contraindications", None)
            assert match.also == ()

    def test_whatever_topic_came_before(self, fitted: Matcher) -> None:
        assert fitted.match("and if I am pregnant?", previous_topic="safety").route == "staff"

    @pytest.mark.parametrize(
        "text",
        ["laser hair removal price", "how much is a botox session", "do you do microneedling", "are you hiring?"],
    )
    def test_another_service_goes_to_staff(self, fitted: Matcher, text: str) -> None:
        assert fitted.match(text).route == "staff"

    @pytest.mark.parametrize(
        "text",
        ["how do I get wrinkles out of a linen shirt", "my cat is losing hair", "how do I tighten a loose screw"],
    )
    def test_other_senses_of_the_words(self, fitted: Matcher, by_ngrams: Matcher, text: str) -> None:
        assert {one.match(text).route for one in (fitted, by_ngrams)} <= {"off-topic", "suggest"}

    @pytest.mark.parametrize(
        ("text", "route"),
        [
            ("wrinkles of the forehead", "answer"),
            ("wrinkles of the linen forehead shirt", "suggest"),
            ("price of a laser session", "staff"),
            ("price of a session while pregnant", "staff"),
        ],
    )
    def test_rules_win_over_the_surest_matcher(self, text: str, route: str) -> None:
        topics = {"wrinkles": "wrinkles of the forehead", "price": "price of a session"}
        phrases = [
            Phrase(f"{text}{mark}", "answer", topic) for topic, text in topics.items() for mark in ("", " please")
        ]
        assert Matcher.fit(phrases, encoder=None, thresholds=SURE).match(text).route == route


class TestAnyText:
    @pytest.mark.parametrize("text", ["", " ", "\0\0", "\u202e\u200f", "?!", "😡"])
    def test_no_words_no_guess(self, fitted: Matcher, text: str) -> None:
        assert fitted.match(text) == Match("suggest", None, (), 0.0)

    @pytest.mark.parametrize(
        "text",
        ["", " ", "\0", "\0\0\0", "\u202e\u200f", "?", "😡", "漢字", "\ud800", "a" * 4096, "aB1 " * 1024, "?!" * 2048],
    )
    def test_never_raises(self, fitted: Matcher, text: str) -> None:
        match = fitted.match(text)
        assert 0 <= match.score <= 1
        assert match.route != "answer"

    @settings(max_examples=60, deadline=None)
    @given(st.text(max_size=200), st.sampled_from([None, "price", "no such topic"]))
    def test_no_text_raises(self, by_ngrams: Matcher, text: str, previous: str | None) -> None:
        assert 0 <= by_ngrams.match(text, previous_topic=previous).score <= 1

    def test_one_endless_word(self, by_ngrams: Matcher) -> None:
        letters = "abcdefghijklmnopqrstuvwxyz"
        assert by_ngrams.match("".join(letters[i * i % 26] + letters[i % 26] for i in range(2000))).route != "answer"


class TestFitting:
    def test_the_same_phrases_make_the_same_matcher(self) -> None:
        small = [
            Phrase(f"question {word} about {topic}", "answer", topic) for topic in "abc" for word in ("one", "two")
        ]
        texts = ["question one about b", "something else"]
        scores = [
            Matcher.fit(order, encoder=None, thresholds=SURE).weigh(texts).scores() for order in (small, small[::-1])
        ]
        assert np.array_equal(scores[0], scores[1])

    def test_what_is_kept_is_what_was_fitted(self, phrases: list[Phrase], tmp_path: Path) -> None:
        few = phrases[::40]
        texts = ["how much is it", "when are you open", "can i come on monday"]
        first = Matcher.fit(few, cache=tmp_path)
        again = Matcher.fit(few, cache=tmp_path)
        assert {file.name for file in tmp_path.iterdir()} == {"fitted.npz", "vectors.npz"}
        assert np.array_equal(first.weigh(texts).scores(), again.weigh(texts).scores())
        (tmp_path / FITTED).write_bytes(b"damaged")
        assert np.array_equal(first.weigh(texts).scores(), Matcher.fit(few, cache=tmp_path).weigh(texts).scores())

    def test_a_cache_that_cannot_be_written_is_no_harm(self, phrases: list[Phrase], tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("a file", encoding="utf-8")
        assert Matcher.fit(phrases[::40], cache=tmp_path / "taken").match("price").score > 0

    def test_the_package_holds_what_its_content_needs(self, phrases: list[Phrase], fitted: Matcher) -> None:
        """Fails after a change of content or recipe: ``python -m faq.evaluate --write`` mends it."""
        with np.load(FOLDER / FITTED) as stored:
            assert str(stored["fingerprint"]) == fitted.fingerprint
        assert Thresholds.read().content == fitted.fingerprint

    def test_without_the_model_n_grams_answer(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def missing() -> MiniLM:
            raise EncoderUnavailable("minilm-int8.onnx cannot be read")

        monkeypatch.setattr(MiniLM, "load", missing)
        matcher._packaged_encoder.cache_clear()
        small = [Phrase(text, "answer", topic) for topic in ("pain", "price") for text in (f"{topic}?", f"the {topic}")]
        try:
            found = [Matcher.fit(small, thresholds=SURE).match("the price please") for _ in range(2)]
        finally:
            matcher._packaged_encoder.cache_clear()
        assert [match.topic or match.suggestions[0] for match in found] == ["price", "price"]
        assert capsys.readouterr().out.count("n-grams answer alone") == 1

    def test_likeness_of_texts(self, fitted: Matcher) -> None:
        vectors = fitted.vectors(["is there parking", "where can I park my car", "does it hurt"])
        like = vectors @ vectors.T
        assert like[0, 1] > 0.6
        assert like[0, 2] < 0.4


class TestLogisticRegression:
    def test_reaches_the_minimum(self) -> None:
        random = np.random.default_rng(0)
        x = random.standard_normal((60, 5)).astype(np.float32)
        y = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)
        fit = LogisticRegression.fit(x, y, c=10, steps=500, tolerance=1e-7)
        error = np.exp(fit.log_probabilities(x))
        error[np.arange(60), y] -= 1
        slope = x.T @ error + fit.weights / 10
        assert np.abs(slope).max() < 0.05
        assert np.abs(error.sum(0)).max() < 0.05

    def test_says_if_it_did_not_train(self) -> None:
        x, y = np.zeros((4, 3), np.float32), np.array([0, 1, 0, 1])
        with pytest.raises(RuntimeError, match="did not train"):
            LogisticRegression.fit(x, y, c=10)


def test_ngrams_are_the_same_in_every_process() -> None:
    row = Ngrams.fit(["does it hurt", "how much"], width=64).transform(["does it hurt", "unheard"])
    assert np.flatnonzero(row[0])[:4].tolist() == FIRST_COLUMNS
    assert np.allclose((row[0] ** 2).sum(), 2, atol=0.7)  # two blocks of length one, a few n-grams share a column


FIRST_COLUMNS = [1, 5, 6, 9]


class TestText:
    @pytest.mark.parametrize(
        ("text", "clean"),
        [
            ("  Does   it HURT??? ", "does it hurt?"),
            ("sooooo tummmy", "soo tummy"),
            ("d\u00e9collet\u00e9 \u201cok\u201d", 'decollete "ok"'),
            ("\u202ehi\u200f\0there", "hi there"),
            ("a\nb\tc", "a b c"),
            ("👍", "ok"),
        ],
    )
    def test_normalise(self, text: str, clean: str) -> None:
        assert normalise(text) == clean

    @pytest.mark.parametrize(
        "text", ["meso", "mezo", "mezotherapy", "mesotherpy", "mesoterapia", "meso therapy", "Mezzo", "mesotherapie"]
    )
    def test_one_name_for_mesotherapy(self, text: str) -> None:
        assert Speller([]).clean(text) == "mesotherapy"

    @pytest.mark.parametrize("text", ["mesopotamia", "messy", "misery", "metro", "mess"])
    def test_other_words_keep_theirs(self, text: str) -> None:
        assert Speller([]).clean(text) == text

    def test_repairs_slips_and_nothing_else(self) -> None:
        speller = Speller(["wrinkles results treatment location bruises"] * 3, frozenset({"herpes", "lotion"}))
        text = "wrinckles resluts treatmant brusies lactation lotion herpes earring"
        assert speller.repair(text) == "wrinkles results treatment bruises lactation lotion herpes earring"

    @pytest.mark.parametrize("text", ["wart", "scab", "nite", "wa", "results" * 5])
    def test_what_may_be_another_word_is_left_alone(self, text: str) -> None:
        assert Speller(["want scar note was results", "results" * 5 + "s"] * 3).repair(text) == text

    @pytest.mark.parametrize(
        ("text", "asked"),
        [
            ("not hair, the face", "the face"),
            ("i know the price. how long is it?", "how long is it?"),
            ("it's not the lines, it's the droop", "it's the droop"),
            ("forget the wrinkles: can you do hands?", "can you do hands?"),
            ("the face, not the hair", "the face"),
            ("not sure if it is safe, is it?", "not sure if it is safe, is it?"),
            ("does it hurt or not", "does it hurt or not"),
            ("not", "not"),
        ],
    )
    def test_what_is_denied_is_left_out(self, text: str, asked: str) -> None:
        assert without_denied(text) == asked

    @pytest.mark.parametrize(
        "text",
        [
            "dysport?", "is it bocouture", "azzalure", "wrinkle relaxing jabs", "wrinkle-relaxing injections", "tox",
            "anti-wrinkle injections", "anti wrinkle jabs", "wrinkle relaxers", "baby botox", "babytox",
        ],
    )  # fmt: skip
    def test_botox_has_many_names(self, text: str) -> None:
        assert Speller([]).clean(text).removeprefix("is it ").rstrip("?") == "botox"

    @pytest.mark.parametrize("text", ["anti-wrinkle cream", "wrinkle reducing treatment", "fine wrinkles", "relaxing"])
    def test_not_all_that_is_against_wrinkles_is_botox(self, text: str) -> None:
        assert "botox" not in Speller([]).clean(text)

    def test_parts(self) -> None:
        assert parts("price, and how long? also parking") == ["price", "how long", "also parking"]
        assert parts("how long does it take") == []


class TestGuards:
    @pytest.mark.parametrize(
        "text",
        ["can it cause cancer?", "brown patches since my pregnancy", "liver spots", "is it 14:30 today", "is it safe"],
    )
    def test_not_every_illness_is_somebodys(self, text: str) -> None:
        assert not is_medical(text)

    @pytest.mark.parametrize(
        "text", ["i'm 16", "on eliquis", "ms diagnosed last year", "while breast feeding", "herpes now"]
    )
    def test_medical(self, text: str) -> None:
        assert is_medical(text)

    @pytest.mark.parametrize(
        "text",
        ["warfarin user: old scars?", "pregnant, can i", "i have lupus, ok?", "with roaccutane?", "i take warfarin"],
    )
    def test_what_is_medical_is_so_in_any_writing(self, text: str) -> None:
        assert [is_medical(one) for one in (text, text.upper(), text.title(), text.capitalize())] == [True] * 4

    @pytest.mark.parametrize(
        "text",
        [
            "14f here whats the price", "F15 here", "born 2011", "i was born in 2012", "im in year 11",
            "I'm in grade 9",
            "i turn 18 in june", "im 18 in march", "not yet 18", "i'm 17 and a half", "GCSE student here lol, price?",
            "A level student", "still at school", "do you do under 18s", "my 14 y/o wants it", "16yo", "I'M 16",
            "fifteen year old daughter", "my mum can sign for me", "with parental consent?",
        ],
    )  # fmt: skip
    def test_who_is_under_age(self, text: str) -> None:
        assert is_minor(text)
        assert is_medical(text)

    @pytest.mark.parametrize(
        "text",
        [
            "10m walk", "in 15 minutes", "15 sessions", "10 y ago", "since high school i have spots", "minor bruising",
            "my son was born in 2015 and since then my belly", "GCSE teacher here", "she was born 1980", "I'm 45",
            "about fifteen years ago", "i'm 18, can i", "i'm in year 10 of marriage", "in my 14th week",
        ],
    )  # fmt: skip
    def test_who_is_not(self, text: str) -> None:
        assert not is_minor(text)

    def test_botox_may_be_compared_but_not_priced(self) -> None:
        assert is_other_service("how much is botox")
        assert not is_other_service("botox or mesotherapy, which is better")

    def test_a_pet_may_look_on(self) -> None:
        assert is_elsewhere("do horses get wrinkles")
        assert not is_elsewhere("will my dog know your patients afterwards")

    @pytest.mark.parametrize("text", ["and does it hurt?", "for how long", "neck lift price list", "and hair?"])
    def test_a_question_of_its_own_is_no_follow_up(self, text: str) -> None:
        assert not is_follow_up(text)


class TestEvaluation:
    def test_the_threshold_holds_what_it_promises(self) -> None:
        random = np.random.default_rng(0)
        raw = random.uniform(0, 1, 2000)
        right = random.uniform(0, 1, 2000) < raw
        questions = [Question("x", ("answer", "a" if one else "b")) for one in right]
        verdicts = [Verdict(("answer", "a"), float(one), 0.0, 0.5, ("a",), ruled=False) for one in raw]
        curve = fit_curve(questions, verdicts, 0.5)
        score = np.array([curve.probability(float(one)) for one in raw])
        assert np.mean(~right[score >= curve.sure]) <= 0.0201
        assert abs(curve.probability(0.3) - 0.3) < 0.06
        assert abs(curve.probability(0.8) - 0.8) < 0.06

    def test_near_duplicates_stay_in_one_run(self) -> None:
        texts = ["how much is it", "where are you", "what is it", "how old is it", "how much is it ?", "is it safe"]
        phrases = [Phrase(text, "answer", topic) for topic, text in zip("aaaabb", texts, strict=True)]
        run = runs(phrases, Matcher(phrases, None, Thresholds("", PLAIN, PLAIN)))
        assert run[:4].tolist() == [0, 1, 2, 3]
        assert run[4] == run[0]
