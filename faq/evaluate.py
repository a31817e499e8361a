"""``python -m faq.evaluate``: how well the matcher understands, and the thresholds that follow from it.

Without arguments it cross-validates over the content's phrasings. Each class is cut into four runs as they stand in
its file, so that one author's sentences stay together, and near-duplicates follow each other into the same run: a
phrase is always judged by a matcher that has seen nothing like it, and knows, as the red flags come first, that what it
is asked is not urgent. From these verdicts come the curve (raw score to
probability), the reliability table, and the thresholds:

    sure     the lowest probability at which at most 2% of all answers are wrong
    aside    the same of what asks for no answer, but for 4%: a needless "ask the clinic" is no wrong answer
    urgent   where a text is taken for urgent if nothing but the matcher can tell: a language without a trained alarm
    lost     where suggestions are rather a nuisance than a help; chosen by eye in the reliability table

The red flags' trained half (``faq.alarm``) is cross-validated as well, over the phrasings and its own examples:

    urgent     where the rules see nothing, overruled where they see a same-day flag, dismissed where they see an
               emergency: the probabilities of equal worth at which at most 6% of all that is not urgent, half of it
               hard on purpose, is taken for urgent; an emergency of the rules counts as ten times likelier
    emergency  at most 2% of the examples' emergencies are called same-day by both halves

Who tells of their own health (``faq.personal``) is cross-validated too: the line is where at most 1.5% of what tells of
nothing is taken for personal.

``--write`` keeps them in ``thresholds.json`` and the packaged content's vectors and classifiers beside the model.
``--questions FILE`` asks the finished matcher the questions of a file (JSON lines with text, route, topic and also)
instead, red flags first. ``--red-flags FILE...`` takes files of messages (JSON lines with text, level and kind;
a level of null is no red flag) and prints recall and false alarms of the rules, of what was learnt, and of both.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faq import alarm, content, personal, redflags
from faq.alarm import Alarm, Example, Line, decide
from faq.encoder import FOLDER, MiniLM, Recalled
from faq.guards import is_medical
from faq.matcher import FITTED, THRESHOLDS, VECTORS, Curve, Encoder, Label, Matcher, Phrase, Thresholds, Verdict
from faq.personal import Personal
from faq.reader import Reader
from faq.redflags import Evidence, Level
from faq.text import normalise, words
from faq.tfidf import Floats, LogisticRegression

WRONG, WRONG_ASIDE, URGENT, LOST = 0.02, 0.04, 0.6, 0.05
BINS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.01)
RUNS = 4
ALIKE = 0.9
ALARMED, UNDERRATED, SURER = 0.06, 0.02, 2.3
SHARES = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12)
INTRUSIVE = 0.015
PLAIN_LINE = Line(0.5, 0.0, 0.0, 0.5)
PLAIN = Curve(shift=0.0, slope=1.0, sure=0.5, aside=0.5, urgent=0.5, lost=0.0)


@dataclass(frozen=True, slots=True)
class Question:
    """A text, and what it asks."""

    text: str
    label: Label
    also: frozenset[str] = frozenset()

    def is_met(self, label: Label) -> bool:
        """Whether a class is right: route and topic, or another acceptable topic."""
        return label == self.label or (label[1] is not None and label[1] in self.also)

    def is_among(self, topics: Iterable[str]) -> bool:
        """Whether a right topic is among these."""
        return not ({self.label[1]} | self.also).isdisjoint(topics)


def say(line: str = "") -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


def runs(phrases: Sequence[Phrase], matcher: Matcher) -> NDArray[np.int64]:
    """The run of each phrase: four for each class in the order given, near-duplicates with the first of them."""
    places: dict[Label, list[int]] = {}
    for i, phrase in enumerate(phrases):
        places.setdefault((phrase.route, phrase.topic), []).append(i)
    run = np.zeros(len(phrases), np.int64)
    for members in places.values():
        run[members] = np.arange(len(members)) * RUNS // len(members)
    vectors = matcher.vectors([phrase.text for phrase in phrases])
    for i in range(1, len(phrases)):
        like = vectors[:i] @ vectors[i]
        if like.max() > ALIKE:
            run[i] = run[like.argmax()]
    return run


def cross_validate(phrases: Sequence[Phrase], encoder: Encoder | None, *, calm: bool) -> list[Verdict]:
    """The verdict on each phrase by a matcher fitted on the other runs; ``calm``: that knows it is not urgent."""
    plain = Thresholds("", PLAIN, PLAIN)
    run = runs(phrases, Matcher(phrases, encoder, plain))
    verdicts: dict[int, Verdict] = {}
    for held in range(RUNS):
        matcher = Matcher(
            [phrase for phrase, number in zip(phrases, run, strict=True) if number != held], encoder, plain
        )
        judged = np.flatnonzero(run == held).tolist()
        verdicts |= zip(judged, matcher.judge([phrases[i].text for i in judged], calm=calm), strict=True)
    return [verdicts[i] for i in range(len(phrases))]


def fit_curve(questions: Sequence[Question], verdicts: Sequence[Verdict], urgent: float) -> Curve:
    """The curve and the threshold that the verdicts call for; what a rule decided is left out of the curve."""
    raw = np.array([verdict.raw for verdict in verdicts]).clip(1e-6, 1 - 1e-6)
    right = np.array([question.is_met(verdict.label) for question, verdict in zip(questions, verdicts, strict=True)])
    free = np.array([not verdict.ruled and verdict.enough <= 1 for verdict in verdicts])
    odds = np.log(raw / (1 - raw)).astype(np.float32)[:, None]
    line = LogisticRegression.fit(odds[free], right[free].astype(np.int64), c=1e3, steps=200, tolerance=1e-7)
    slope, shift = float(line.weights[0, 1] - line.weights[0, 0]), float(line.bias[1] - line.bias[0])
    curve = Curve(round(shift, 4), round(slope, 4), sure=1.0, aside=1.0, urgent=urgent, lost=LOST)
    score = np.array([curve.probability(value) for value in raw])
    told = np.array([verdict.label[0] == "answer" for verdict in verdicts])
    both_staff = np.array(
        [
            question.label[0] == verdict.label[0] == "staff"
            for question, verdict in zip(questions, verdicts, strict=True)
        ]
    )
    aside = free & ~told
    return replace(
        curve,
        sure=_lowest(score[free & told], ~right[free & told], WRONG),
        aside=_lowest(score[aside], ~(right | both_staff)[aside], WRONG_ASIDE),
    )


def _lowest(score: NDArray[np.float64], bad: NDArray[np.bool_], most: float) -> float:
    """The lowest score such that at most this share is bad of all at and above it."""
    order = np.argsort(-score, kind="stable")
    seen = np.arange(1, len(order) + 1)
    good = np.flatnonzero(np.cumsum(bad[order]) <= most * seen)
    return round(float(score[order[good[-1]]]), 4) if len(good) else 1.0


def print_summary(questions: Sequence[Question], verdicts: Sequence[Verdict], curve: Curve) -> None:
    """Print the table of one set: all, and what the curve would make of it."""
    right = np.array([question.is_met(verdict.label) for question, verdict in zip(questions, verdicts, strict=True)])
    topical = [
        (q, v) for q, v in zip(questions, verdicts, strict=True) if q.label[1] and q.label[1] != "contraindications"
    ]
    score = np.array([1.0 if v.ruled else 0.0 if v.enough > 1 else curve.probability(v.raw) for v in verdicts])
    say(f"questions {len(questions)}; right class {right.mean():.1%}; right topic among three {_among(topical):.1%}")
    for name, value in (
        ("sure", curve.sure),
        ("aside", curve.aside),
        *((f"{value:.2f}", value) for value in (0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)),
    ):
        taken = score >= value
        told = taken & np.array([verdict.label[0] == "answer" for verdict in verdicts])
        say(
            f"  at {name:>5} ({value:.4f}): certain {taken.mean():6.1%}, wrong of these {_share(~right[taken]):5.1%}; "
            f"answered {told.mean():6.1%}, wrong of these {_share(~right[told]):5.1%}"
        )
    say("reliability (probability: how many, right, topic among three)")
    for low, high in pairwise(BINS):
        inside = (score >= low) & (score < high)
        near = [
            (q, v)
            for (q, v), here in zip(zip(questions, verdicts, strict=True), inside, strict=True)
            if here and q.label[1]
        ]
        say(f"  {low:.2f}-{min(high, 1):.2f}: {inside.sum():5d}  {_share(right[inside]):6.1%}  {_among(near):6.1%}")
    pairs = Counter((q.label, v.label) for q, v, ok in zip(questions, verdicts, right, strict=True) if not ok)
    say("most frequent confusions (asked -> taken for)")
    for (asked, taken_for), count in pairs.most_common(20):
        say(f"  {count:4d}  {_name(asked)} -> {_name(taken_for)}")


def _among(pairs: Sequence[tuple[Question, Verdict]]) -> float:
    return _share([question.is_among(verdict.topics[:3]) for question, verdict in pairs])


def _share(marks: Sequence[bool] | NDArray[np.bool_]) -> float:
    return float(np.mean(marks)) if len(marks) else 0.0


def _name(label: Label) -> str:
    return label[1] or label[0]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what came of it: the likeliest class, the class acted upon (or suggest), and three topics."""

    question: Question
    best: Label
    taken: Label
    also: tuple[str, ...]
    offered: tuple[str, ...]

    @classmethod
    def of(cls, question: Question, matcher: Matcher, reader: Reader) -> "Asked":
        """Ask as a patient would: the red flags first, then the matcher."""
        verdict, match = matcher.judge([question.text], calm=True)[0], reader.read(question.text, alarm.LANGUAGE)
        if match.route == "urgent":
            return cls(question, ("urgent", None), ("urgent", None), (), verdict.topics[:3])
        told = (match.topic, *match.also) if match.topic else ()
        offered = (*told, *(match.suggestions or verdict.topics))
        return cls(question, verdict.label, (match.route, match.topic), match.also, offered[:3])


def ask(questions: Sequence[Question], matcher: Matcher, *, show: bool) -> None:
    """Print how the finished matcher does on questions, with the red-flag rules before it."""
    reader = Reader({alarm.LANGUAGE: matcher}, (), default=alarm.LANGUAGE)
    asked = [Asked.of(question, matcher, reader) for question in questions if not matcher.phrasing(question.text)]
    say(f"left out, since the content has the very words: {len(questions) - len(asked)}")
    calm = [one for one in asked if one.question.label[0] != "urgent"]
    for name, chosen in (("all", asked), ("without urgent", calm)):
        certain = [one for one in chosen if one.taken[0] != "suggest"]
        answered = [one for one in certain if one.taken[0] == "answer"]
        topical = [one for one in chosen if one.question.label[1] not in (None, "contraindications")]
        say(f"{name}: {len(chosen)} questions")
        say(f"  right route and topic (likeliest class)  {_share([o.question.is_met(o.best) for o in chosen]):6.1%}")
        among = _share([one.question.is_among(one.offered) for one in topical])
        say(f"  right topic among three                  {among:6.1%}")
        for what, group in (("certain", certain), ("answered", answered)):
            wrong = _share([not one.question.is_met(one.taken) for one in group])
            say(f"  {what:8} {len(group) / len(chosen):6.1%}, wrong of these      {wrong:6.1%}")
    urgent = [one for one in asked if one.question.label[0] == "urgent"]
    say(f"urgent taken as urgent       {_share([one.taken[0] == 'urgent' for one in urgent]):6.1%} of {len(urgent)}")
    say(f"others taken as urgent       {_share([one.taken[0] == 'urgent' for one in calm]):6.1%} of {len(calm)}")
    two = [one for one in asked if one.also]
    both = [one for one in two if {one.taken[1], *one.also} <= {one.question.label[1], *one.question.also}]
    say(f"answered twice {len(two)}, both topics right in {len(both)}")
    for one in asked if show else ():
        if not one.question.is_met(one.taken):
            mark = "unsure" if one.taken[0] == "suggest" else "WRONG"
            best = "" if one.question.is_met(one.best) else f"({_name(one.best)})"
            columns = (
                mark,
                _name(one.question.label),
                _name(one.taken),
                best,
                " ".join(one.offered),
                one.question.text,
            )
            say("\t".join(columns))


@dataclass(frozen=True, slots=True)
class Heard:
    """Texts that are urgent or not, examples with levels, and what is known of both, in this order."""

    texts: list[tuple[str, bool]]
    examples: list[Example]
    evidence: list[Evidence]
    vectors: Floats

    @classmethod
    def of(cls, phrases: Sequence[Phrase], matcher: Matcher) -> "Heard":
        """The phrasings and the packaged examples."""
        texts, examples = [(phrase.text, phrase.route == "urgent") for phrase in phrases], alarm.examples()
        every = [*(text for text, _ in texts), *(one.text for one in examples)]
        return cls(texts, examples, [redflags.weigh(text) for text in every], matcher.vectors(every))

    def fit(self, chosen: NDArray[np.int64], line: Line = PLAIN_LINE, line_without: Line = PLAIN_LINE) -> Alarm:
        """Learn from those chosen."""
        count = len(self.texts)
        return Alarm.fit(
            [self.texts[i] for i in chosen if i < count],
            [self.examples[i - count] for i in chosen if i >= count],
            self.vectors[chosen],
            line,
            line_without,
        )

    def levels(self) -> list[Level | bool | None]:
        """The level of each; True where it is only known to be urgent."""
        return [*(urgent or None for _, urgent in self.texts), *(one.level for one in self.examples)]


def cross_validate_alarm(heard: Heard, run: NDArray[np.int64]) -> tuple[Line, Line]:
    """The lines with and without vectors, from the probabilities of each text by an alarm fitted on the other runs."""
    run = np.concatenate([run, np.arange(len(heard.examples)) * RUNS // len(heard.examples)])
    found = np.zeros((2, len(run), 2), np.float32)
    for held in range(RUNS):
        fitted, judged = heard.fit(np.flatnonzero(run != held)), np.flatnonzero(run == held)
        evidence = [heard.evidence[i] for i in judged]
        found[0, judged] = fitted.probabilities(evidence, heard.vectors[judged])
        found[1, judged] = fitted.probabilities(evidence, None)
    lines = [choose_line(heard, probabilities) for probabilities in found]
    lines[1] = replace(lines[1], overruled=0.0, dismissed=0.0)  # who sees so little does not overrule the rules
    count, asked = len(heard.texts), heard.levels()
    say("== red flags, examples, both, by the share of false alarms that is granted")
    for share in SHARES:
        levels = _levels(heard, found[0], choose_line(heard, found[0], share))
        print_flags(f"{share:.0%}", asked[count:], levels[count:])
    for name, line, probabilities in zip(("with vectors", "without"), lines, found, strict=True):
        levels = _levels(heard, probabilities, line)
        say(f"== red flags {name}: {line}")
        for what, part in (("phrasings", slice(0, count)), ("examples", slice(count, None))):
            print_flags(
                f"{what}, rules alone", asked[part], [e.flag.level if e.flag else None for e in heard.evidence[part]]
            )
            print_flags(f"{what}, both", asked[part], levels[part])
    return lines[0], lines[1]


def _levels(heard: Heard, probabilities: Floats, line: Line) -> list[Level | None]:
    return [
        decide(evidence, float(urgent), float(emergency), line)
        for evidence, (urgent, emergency) in zip(heard.evidence, probabilities, strict=True)
    ]


def fit_personal(phrases: Sequence[Phrase], matcher: Matcher) -> Personal:
    """Learn who tells of their own health; the line follows from the chances of each text by a machine that had not
    seen its author's."""
    kept, examples = personal.of_phrasings((p.text, p.route, p.topic) for p in phrases), personal.examples()
    told = [*kept, *examples]
    vectors = matcher.vectors([text for text, _ in told])
    run = np.concatenate([np.arange(len(part)) * RUNS // len(part) for part in (kept, examples)])
    yes, chance = np.array([is_it for _, is_it in told]), np.zeros(len(told))
    for held in range(RUNS):
        seen = np.flatnonzero(run != held)
        fitted = Personal.fit([told[i] for i in seen], vectors[seen], 0.5)
        chance[run == held] = fitted.machine.chances(vectors[run == held])
    false = np.sort(chance[~yes])[::-1]
    line = round(float(false[int(INTRUSIVE * len(false))]) + 1e-4, 4)
    ruled = np.array([is_medical(matcher.read(text)) for text, _ in told])
    say(f"== personal: from {line}")
    for what, part in (("phrasings", slice(0, len(kept))), ("examples", slice(len(kept), None))):
        for name, found in (("rules", ruled), ("both", ruled | (chance >= line))):
            health, calm = yes[part].sum(), (~yes[part]).sum()
            hit, wrong = _share(found[part][yes[part]]), _share(found[part][~yes[part]])
            say(f"  {what}, {name:5} found {hit:6.1%} of {health}, wrongly {wrong:5.1%} of {calm}")
    return Personal.fit(told, vectors, line)


def choose_line(heard: Heard, probabilities: Floats, alarmed: float = ALARMED) -> Line:
    """The line that the probabilities call for, where this share of what is not urgent may be taken for it.

    A regression says what a probability is worth beside what the rules make of a text: it is fitted on the examples,
    since the rules were written with the phrasings in view.
    """
    urgent = np.array([level is not None for level in heard.levels()])
    found = [evidence.flag.level if evidence.flag else None for evidence in heard.evidence]
    ruled = np.array([[level == Level.SAME_DAY, level == Level.EMERGENCY] for level in found], np.float32)
    chance = probabilities[:, 0].clip(1e-6, 1 - 1e-6)
    x = np.concatenate([np.log(chance / (1 - chance))[:, None], ruled], axis=1).astype(np.float32)
    count = len(heard.texts)
    stacked = LogisticRegression.fit(x[count:], urgent[count:].astype(np.int64), c=10, steps=300)
    weights = stacked.weights[:, 1] - stacked.weights[:, 0]
    shift = float(stacked.bias[1] - stacked.bias[0])
    worth = x @ weights + shift
    worth[ruled[:, 1] > 0] += SURER  # an emergency of the rules is not lightly dismissed
    calm = np.sort(worth[~urgent])[::-1]
    cut = float(calm[int(alarmed * len(calm))]) + 1e-6
    of_rules = (0.0, float(weights[1]), float(weights[2]) + SURER)
    lines = [1 / (1 + float(np.exp(-(cut - shift - weight) / float(weights[0])))) for weight in of_rules]
    emergencies = np.array([level == Level.EMERGENCY for level in heard.levels()])
    doubtful = np.sort(np.where(ruled[:, 1] > 0, 1.0, probabilities[:, 1])[emergencies])
    return Line(*(round(one, 4) for one in (*lines, float(doubtful[int(UNDERRATED * len(doubtful))]))))


def print_flags(name: str, asked: Sequence[Level | bool | None], given: Sequence[Level | None]) -> None:
    """Print recall, false alarms and mistaken levels; True is urgent on a level that is not known."""
    pairs = list(zip(asked, given, strict=True))
    urgent, calm = [g for a, g in pairs if a], [g for a, g in pairs if not a]
    low = [g == Level.SAME_DAY for a, g in pairs if a == Level.EMERGENCY]
    high = [g == Level.EMERGENCY for a, g in pairs if a == Level.SAME_DAY]
    say(
        f"  {name:26} recall {_share([g is not None for g in urgent]):6.1%} of {len(urgent)}, "
        f"false alarms {_share([g is not None for g in calm]):5.1%} of {len(calm)}; "
        f"emergency as same-day {_share(low):5.1%}, same-day as emergency {_share(high):5.1%}"
    )


def print_red_flags(files: Sequence[Path], matcher: Matcher, phrasings: Iterable[str], *, show: bool) -> None:
    """Print how rules, what was learnt, and both do on files of messages, with a table by kind.

    What stands word for word among the examples or the content's `phrasings` is left out.
    """
    reader = Reader({alarm.LANGUAGE: matcher}, (), default=alarm.LANGUAGE)
    learnt = Alarm.load()
    known = {_key(text) for text in (*phrasings, *(one.text for one in alarm.examples()))}
    for file in files:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        unseen = [line for line in lines if _key(json.loads(line)["text"]) not in known]
        say(f"left out, since the content has the very words: {len(lines) - len(unseen)}")
        kinds = [json.loads(line).get("kind") or "" for line in unseen]
        messages = alarm.read_examples("\n".join(unseen))
        rules, both, trained = [], [], []
        for one in messages:
            evidence = redflags.weigh(one.text)
            rules.append(evidence.flag.level if evidence.flag else None)
            flagged = reader.red_flag(one.text, alarm.LANGUAGE)
            both.append(flagged[0] if flagged else None)
            without = Evidence(None, (), evidence.ideas, evidence.places)
            trained.append(learnt.level(without, matcher.vector(one.text))[0] if learnt else None)
        asked = [one.level for one in messages]
        say(f"{file.name}: {len(messages)} messages")
        for name, given in (("rules", rules), ("learnt, without rules", trained), ("both", both)):
            print_flags(name, asked, given)
        say("  kind: messages, taken for urgent by rules, by both")
        for kind in sorted(set(kinds)):
            at = [i for i, one in enumerate(kinds) if one == kind]
            shares = [_share([given[i] is not None for i in at]) for given in (rules, both)]
            say(f"    {kind:44} {len(at):4d} {shares[0]:6.1%} {shares[1]:6.1%}")
        for one, kind, rule, level in zip(messages, kinds, rules, both, strict=True) if show else ():
            if one.level != level:
                say("\t".join(map(str, (one.level, level, rule, kind, one.text))))


def _key(text: str) -> str:
    return " ".join(words(normalise(text)))


def read_questions(file: Path) -> list[Question]:
    """The questions of a file of JSON lines; raises OSError, ValueError or KeyError."""
    values = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Question(v["text"], (v["route"], v["topic"]), frozenset(v.get("also") or ())) for v in values]


def main() -> int:
    """Evaluate the matcher on the packaged content, or on a file of questions."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--language", default="en")
    parser.add_argument("--questions", type=Path, help="JSON lines with text, route, topic, also")
    parser.add_argument("--red-flags", type=Path, nargs="+", help="JSON lines with text, level, kind")
    parser.add_argument("--show", action="store_true", help="print the questions that were not answered rightly")
    parser.add_argument("--ngrams", action="store_true", help="do without the encoder")
    parser.add_argument("--write", action="store_true", help="keep thresholds, vectors and classifiers in the package")
    parser.add_argument("--phrases", type=Path, action="append", default=[], help="further phrasings, JSON lines")
    arguments = parser.parse_args()
    library = content.load([content.packaged()], arguments.language)
    phrases = list(dict.fromkeys(Phrase(*phrase) for phrase in library.phrases()))
    for file in arguments.phrases:
        phrases += [Phrase(question.text, *question.label) for question in read_questions(file)]
    if arguments.questions:
        ask(
            read_questions(arguments.questions),
            Matcher.fit(phrases, encoder=None if arguments.ngrams else "packaged"),
            show=arguments.show,
        )
        return 0
    if arguments.red_flags:
        matcher = Matcher.fit(phrases, encoder=None if arguments.ngrams else "packaged")
        print_red_flags(arguments.red_flags, matcher, [phrase.text for phrase in phrases], show=arguments.show)
        return 0
    questions = [Question(phrase.text, (phrase.route, phrase.topic)) for phrase in phrases]
    recalled = Recalled(MiniLM.load(), FOLDER / VECTORS)
    curves = {}
    for name, encoder in (("ngrams", None), ("encoder", recalled)):
        if name == "encoder" and arguments.ngrams:
            continue
        calm = [question for question in questions if question.label[0] != "urgent"]
        verdicts = [
            verdict
            for verdict, question in zip(cross_validate(phrases, encoder, calm=True), questions, strict=True)
            if question.label[0] != "urgent"
        ]
        curves[name] = fit_curve(calm, verdicts, URGENT)
        say(f"== {name}: {curves[name]}")
        print_summary(calm, verdicts, curves[name])
    if arguments.ngrams:
        return 0
    matcher = Matcher(phrases, recalled, Thresholds("", PLAIN, PLAIN))
    heard = Heard.of(phrases, matcher)
    lines = cross_validate_alarm(heard, runs(phrases, matcher))
    of_health = fit_personal(phrases, matcher)
    if arguments.write:
        thresholds = Thresholds(matcher.fingerprint, curves["encoder"], curves["ngrams"])
        heard.fit(np.arange(len(heard.evidence)), *lines).save()
        of_health.save()
        THRESHOLDS.write_text(json.dumps(asdict(thresholds), indent=2) + "\n", encoding="utf-8")
        recalled.save()
        Matcher(phrases, recalled, thresholds).save(FOLDER / FITTED)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
