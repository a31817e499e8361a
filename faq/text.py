"""From what a thumb typed to words the matcher knows.

``normalise`` takes anything (control characters, right-to-left marks, emoji, 4,096 letters) to one lower-case line. ``Speller`` then
repairs words that no English text holds but that lie one or two slips away from a word of the content ("wrinckles", "mesotherpy"), and
replaces the many names of the same thing (meso, mezo, make-up, boxtox) by one. Words that are English are never touched: a wrong repair
is worse than none.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable

LONGEST = 1000
"""Characters of a message that are read; what follows decides no topic any more."""

_PHRASES = (
    (re.compile(r"\bmake[\s-]+ups?\b"), "makeup"),
    (re.compile(r"\bwell[\s-]+being\b"), "wellbeing"),
    (re.compile(r"\banti[\s-]+age?ing\b|\bantiage?ing\b"), "anti-ageing"),
    (re.compile(r"\be[\s-]+mails?\b"), "email"),
    (re.compile(r"\bwhats[\s-]+app\b"), "whatsapp"),
    (re.compile(r"\b(?:botulin\w*|botulism)(?:[\s-]+tox\w*)?"), "botox"),
    (re.compile(r"\b(?:don'?t|do not) worry\b"), ""),
    (re.compile(r"\bm[ei][sz]{1,2}o[\s-]+(?:t[eh]+r[ae]p\w*|treatments?\b|injections?\b|needling\b)"), "mesotherapy"),
)
_SHORT = {
    "u": "you", "ur": "your", "r": "are", "n": "and", "y": "why", "pls": "please", "plz": "please", "thx": "thanks", "ty": "thank you",
    "tnx": "thanks", "tmrw": "tomorrow", "tmr": "tomorrow", "2moro": "tomorrow", "tomoz": "tomorrow", "2day": "today", "wat": "what",
    "wot": "what", "wut": "what", "wen": "when", "hw": "how", "hru": "how are you", "abt": "about", "b4": "before", "bf": "before",
    "afta": "after", "aftr": "after", "bcoz": "because", "cuz": "because", "coz": "because", "rn": "right now", "idk": "i do not know",
    "appt": "appointment", "appmt": "appointment", "apt": "appointment", "doc": "doctor", "dr": "doctor", "tx": "treatment",
    "prego": "pregnant", "preggo": "pregnant", "preg": "pregnant", "bfeeding": "breastfeeding", "dose": "does", "dosnt": "does not",
    "msg": "message", "min": "minutes", "mins": "minutes", "hr": "hour", "hrs": "hours", "wk": "week", "wks": "weeks", "yrs": "years",
    "yo": "years old", "gonna": "going to", "wanna": "want to", "gotta": "have to", "dunno": "do not know", "kinda": "kind of",
    "asap": "soon", "info": "information", "pics": "photos", "pic": "photo", "tel": "phone", "num": "number", "btx": "botox",
    "tox": "botox", "hav": "have", "wil": "will", "fase": "face", "cud": "could", "shud": "should", "wud": "would", "im": "i'm",
    "ive": "i've", "dont": "don't", "cant": "can't", "wont": "won't", "doesnt": "doesn't", "isnt": "isn't", "whats": "what's",
    "wasnt": "wasn't", "theyre": "they're", "youre": "you're", "shouldnt": "shouldn't", "wouldnt": "wouldn't", "couldnt": "couldn't",
    "didnt": "didn't", "hasnt": "hasn't", "havent": "haven't", "arent": "aren't", "theyll": "they'll", "youll": "you'll", "hallo": "hello",
    "hola": "hello", "helo": "hello", "thanx": "thanks", "plss": "please", "hows": "how's", "wheres": "where's", "whos": "who's", "thats": "that's", "ya": "you", "yall": "you", "cld": "could",
    "colour": "color", "colours": "colors", "tretment": "treatment", "proc": "procedure", "sesh": "session", "injs": "injections",
}  # fmt: skip
_MESO = re.compile(r"m[ei][sz]{1,2}[ao]?(?:t+h?|th?)?[ae]?r[ae]?p\w*|m[ei][sz]{1,2}o(?:s|therapy)?|mezo\w*|mesoth\w*|mesother\w*")
_SIGNS = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "ʼ": "'", "“": '"', "”": '"', "–": "-", "—": " - ", "…": "...", "ß": "ss"})
_EMOJI = {"👍": " ok ", "👌": " ok ", "🙏": " thanks ", "❤": " thanks ", "👋": " hello ", "✅": " ok ", "🤰": " pregnant ", "🤱": " breastfeeding "}


def normalise(text: str) -> str:
    """One lower-case line of at most 1,000 characters; accents, invisible characters and runs of one letter are gone."""
    for sign, word in _EMOJI.items():
        text = text.replace(sign, word)
    text = unicodedata.normalize("NFKD", text[: 4 * LONGEST].translate(_SIGNS)).lower()
    if not (text.isascii() and text.isprintable()):
        kinds = ((c, unicodedata.category(c)) for c in text)
        text = "".join(" " if kind in _BLANK else c for c, kind in kinds if kind not in _GONE)
    text = re.sub(r"([^\W\d_])\1{2,}", r"\1\1", text)
    text = re.sub(r"([^\w\s])\1+", r"\1", text)
    return " ".join(text.split())[:LONGEST].strip()


_GONE = {"Mn", "Me", "Cf", "Cs", "Co", "Cn"}  # combining marks, invisible and unassigned characters
_BLANK = {"Cc", "Zl", "Zp", "Zs", "So", "Sk"}  # control characters, spaces, and pictures: they part words


_CLAUSE = r"(?:[.,:;?!]+|\s+-|(?=\s+(?:but|just|only)\b))\s+(?:(?:but|just|only|rather|so)\b[,:]?\s+)?"
_START = r"(?:^|(?<=[.?!] ))(?:ok(?:ay)?|so|right|yes|no|well|hi|hello)?,?\s?"
_DENIED = tuple(
    re.compile(pattern)
    for pattern in (
        _START
        + r"not (?!happy|satisf|sure|instant|work|ill\b|well|good|bad|able|allowed|only|just|being|to\b|too\b|really|yet|there|great|pleased"
        + r"|impressed|feel|a fan|much)[^.,:;?!]{2,60}?"
        + _CLAUSE,
        _START + r"(?:forget|never mind|nevermind|don't tell me|leave aside|apart from) [^.,:;?!]{2,50}?" + _CLAUSE,
        _START
        + r"(?:i (?:already )?(?:know|understand|get (?:that|what|how|it)|understood)|understood) (?!that\b|someone|a\b|this is|i\b|i'm|you)"
        + r"[^.,:;?!]{2,50}?(?:[.,:;]|(?= but\b)) (?:but )?(?=.{8})",
        r"\b[^.,:;?!]{2,60} (?:isn't|is not|wasn't) (?:the|my) (?:question|problem|issue|point|worry)" + _CLAUSE,
        r"\b(?:it's|it is|i'm|i am) not [^.,:;?!]{2,50}[.,;:] (?=(?:but )?(?:it's|it is|i'm|i am|what) )",
        r"\bi (?:don't|do not) (?:care|mind) [^.,:;?!]{2,50}[.,;:] (?=(?:but )?(?:i|what i) (?:do )?(?:care|mind) )",
        r"^(?:no [^.,:;?!]{2,20}, )+(?:but |just )(?=\w+ \w+)",
        r"(?<=\w)(?:, (?:and |but )?not| but not|, i mean, not) (?!now|yet|sure|really|just|only|too|even|much|bad|at all|good|sick|work|help|enough"
        r"|all\b|allowed|possible|ok|there|so |going|being|having|getting|been|often|great)[^.,:;?!]{2,30}(?=:|[.?!]?$)",
    )
)


def without_denied(text: str) -> str:
    """A cleaned text without what it says it does not ask ("not hair, the face", "I know the price. How long?"), if anything remains."""
    for pattern in _DENIED:
        for _ in range(3):
            rest = pattern.sub("", text, count=1).strip(" ,:;-")
            if rest == text or not words(rest):
                break
            text = rest
    return text


def words(text: str) -> list[str]:
    """The words of a normalised text, without punctuation; digits count as words."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?|\d+|[^\W\d_a-z]+", text)


class Speller:
    """Repairs words against those of the content; ``known`` are words that are right already, whatever the content says."""

    def __init__(self, texts: Iterable[str], known: Collection[str] = frozenset()) -> None:
        self._counts = Counter(w for text in texts for w in words(normalise(text)))
        self._known = known
        self._near: dict[str, list[str]] = {}
        for word, count in self._counts.items():
            if len(word) > 3 and word.isalpha() and (word in known or count > 2):
                for key in _deletions(word):
                    self._near.setdefault(key, []).append(word)

    def clean(self, text: str) -> str:
        """The normalised text with short forms and other names of the same thing replaced."""
        text = normalise(text)
        for pattern, word in _PHRASES:
            text = pattern.sub(word, text)
        return _WORD.sub(lambda found: _SHORT.get(found[0]) or ("mesotherapy" if _MESO.fullmatch(found[0]) else found[0]), text)

    def repair(self, text: str) -> str:
        """A cleaned text with misspelt words replaced."""
        return _WORD.sub(lambda found: self._word(found[0]), text)

    def _word(self, word: str) -> str:
        if len(word) < 4 or "'" in word or word in _RIGHT or word in self._known or self._counts[word] > 1 or self._derived(word):
            return word
        near = {other for key in _deletions(word) for other in self._near.get(key, ())}
        cost, _, best = min(((_cost(word, other), -self._counts[other], other) for other in near), default=(9.0, 0, word))
        return best if cost <= (0.9 if len(word) < 5 else 1.3 if len(word) < 8 else 1.8) else word

    def _derived(self, word: str) -> bool:
        """Whether it is a known word with a usual ending."""
        stems = [word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)]
        return any(len(stem) > 2 and (stem in self._known or stem + "e" in self._known or stem + "y" in self._known) for stem in stems)


_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_ENDINGS = ("s", "es", "ies", "d", "ed", "r", "er", "ers", "ing", "y", "ly", "ness", "less", "able", "ish", "ful", "al", "ic", "est", "ier")
_RIGHT = frozenset(
    ["crepe", "deflated", "diabetic", "diagnose", "clotting", "droop", "hype", "lactation", "lotion", "pram", "receding", "sallow", "skincare", "slimming", "whitening", "wifi"]
)
"""Words that a patient may well write, that no larger word list here holds, and that look like slips for other ones."""
_VOWELS = frozenset("aeiouy")
_ALIKE = frozenset(("ck", "kc", "sz", "zs", "cs", "sc", "gj", "jg", "vw", "wv", "fv", "vf", "mn", "nm", "bp", "pb", "dt", "td", "kq", "qk"))


def _deletions(word: str) -> set[str]:
    """The word and all forms with one letter left out: two words within distance one share one, most within two as well."""
    one = {word[:i] + word[i + 1 :] for i in range(len(word))}
    two = {w[:i] + w[i + 1 :] for w in one for i in range(len(w))} if len(word) > 6 else set()
    return {word} | one | two


def _cost(a: str, b: str) -> float:
    """How unlikely a is a slip for b: a swap, a doubled letter or a wrong vowel is cheap, a wrong consonant or first letter dear."""
    last: list[float] = []
    before: list[float] = []
    row = [float(j) for j in range(len(b) + 1)]
    for i, x in enumerate(a, 1):
        last, before, row = before, row, [float(i)]
        for j, y in enumerate(b, 1):
            extra = 0.5 if i > 1 and x == a[i - 2] else 1.0
            missing = 0.5 if j > 1 and y == b[j - 2] else 1.0
            wrong = 0.0 if x == y else 0.6 if (x in _VOWELS and y in _VOWELS) or x + y in _ALIKE else 1.4
            cost = min(before[j] + extra, row[j - 1] + missing, before[j - 1] + wrong)
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, last[j - 2] + 0.7)
            row.append(cost)
    return row[-1] + 0.5 * (a[0] != b[0])
