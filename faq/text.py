"""From what a thumb typed to words the matcher knows.

``normalise`` takes anything (control characters, right-to-left marks, emoji, 4,096 letters) to one lower-case line.
``Speller`` then replaces the many names of the same thing (meso, mezo, make up) by one, and repairs words that no
English text holds but that are likely slips for a word of the content ("wrinckles", "resluts"). Words that are English
are not touched: a wrong repair is worse than none. ``without_denied`` leaves out what a text says it does not ask.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

LONGEST = 1000
"""Characters of a message that are read; what follows decides no topic any more."""

_SIGNS = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "´": "'", "ʼ": "'", "“": '"', "”": '"', "–": "-", "—": " - ", "…": "...", "ß": "ss"}
)
_EMOJI = {
    "👍": " ok ", "👌": " ok ", "✅": " ok ", "🙏": " thanks ", "❤": " thanks ", "👋": " hello ", "🤰": " pregnant ",
    "🤱": " breastfeeding ",
}  # fmt: skip
_GONE = frozenset({"Mn", "Me", "Cf", "Cs", "Co", "Cn"})  # combining marks, invisible and unassigned characters
_BLANK = frozenset({"Cc", "Zl", "Zp", "Zs", "So", "Sk"})  # control characters, spaces and pictures: they part words
_THREE = re.compile(r"([^\W\d_])\1{2,}")
_TWO_SIGNS = re.compile(r"([^\w\s])\1+")


def normalise(text: str) -> str:
    """One lower-case line of at most 1,000 characters, without accents, invisible characters and runs of a letter."""
    for sign, word in _EMOJI.items():
        text = text.replace(sign, word)
    text = unicodedata.normalize("NFKD", text[: 4 * LONGEST].translate(_SIGNS)).lower()
    if not (text.isascii() and text.isprintable()):
        kinds = ((c, unicodedata.category(c)) for c in text)
        text = "".join(" " if kind in _BLANK else c for c, kind in kinds if kind not in _GONE)
    text = _TWO_SIGNS.sub(r"\1", _THREE.sub(r"\1\1", text))
    return " ".join(text.split())[:LONGEST].strip()


_WORDS = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[^\W\d_a-z]+")


def words(text: str) -> list[str]:
    """The words of a normalised text, without punctuation; digits count as words."""
    return _WORDS.findall(text)


_PHRASES = (
    (re.compile(r"\bmake[\s-]+ups?\b"), "makeup"),
    (re.compile(r"\banti[\s-]+age?ing\b|\bantiage?ing\b"), "anti-ageing"),
    (re.compile(r"\be[\s-]+mails?\b"), "email"),
    (re.compile(r"\bwhats[\s-]+app\b"), "whatsapp"),
    (re.compile(r"\b(?:dysport|bocouture|azzalure|xeomin|alluzience|letybo|nuceiva|vistabel|brotox)\b"), "botox"),
    (
        re.compile(r"\b(?:anti[\s-]*)?(?:wrinkle|muscle)[\s-]+(?:relax|freez)\w*(?:[\s-]+(?:jab|injection|shot)s?)?"),
        "botox",
    ),
    (re.compile(r"\banti[\s-]*wrinkle[\s-]+(?:jab|injection|shot)s?\b"), "botox"),
    (re.compile(r"\bwrinkle[\s-]+(?:reduc|smooth)ing[\s-]+(?:jab|injection|shot)s?\b"), "botox"),
    (re.compile(r"\b(?:baby|mini|micro|preventat?ive)[\s-]*(?:botox|tox)\b"), "botox"),
    (re.compile(r"\bbotulin\w*(?:[\s-]+tox\w*)?|\bboxtox\b|\btoxins?\b"), "botox"),
    (re.compile(r"\bm[ei][sz]{1,2}o[\s-]+(?:t[eh]+r[ae]p\w*|treatments?\b|injections?\b|needling\b)"), "mesotherapy"),
)
_MESO = re.compile(r"m[ei][sz]{1,2}[ao]?(?:t+h?)?[ae]?r[ae]?p\w*|m[ei][sz]{1,2}o|mezo\w*|mesother\w*")
_SHORT = {
    "u": "you", "ya": "you", "yall": "you", "ur": "your", "r": "are", "pls": "please", "plz": "please",
    "plss": "please", "thx": "thanks", "ty": "thank you", "tnx": "thanks", "thanx": "thanks", "tmrw": "tomorrow",
    "nite": "night", "tonite": "tonight",
    "tmr": "tomorrow", "2moro": "tomorrow", "tomoz": "tomorrow", "2day": "today", "wat": "what", "wot": "what",
    "wut": "what", "wen": "when", "hw": "how", "hru": "how are you", "abt": "about", "b4": "before", "afta": "after",
    "aftr": "after", "bcoz": "because", "cuz": "because", "coz": "because", "rn": "right now", "idk": "i do not know",
    "appt": "appointment", "appmt": "appointment", "apt": "appointment", "doc": "doctor", "dr": "doctor",
    "tx": "treatment", "tretment": "treatment", "proc": "procedure", "sesh": "session", "prego": "pregnant",
    "preggo": "pregnant", "preg": "pregnant", "bfeeding": "breastfeeding", "dose": "does", "deos": "does",
    "min": "minutes", "mins": "minutes", "hr": "hour", "hrs": "hours", "wk": "week", "wks": "weeks", "yrs": "years",
    "gonna": "going to", "wanna": "want to", "gotta": "have to", "dunno": "do not know", "kinda": "kind of",
    "asap": "soon", "info": "information", "pics": "photos", "pic": "photo", "tel": "phone", "btx": "botox",
    "tox": "botox", "hav": "have", "wil": "will", "fase": "face", "cud": "could", "cld": "could", "shud": "should",
    "wud": "would", "hallo": "hello", "hola": "hello", "helo": "hello", "colour": "color", "colours": "colors",
    "im": "i'm", "ive": "i've", "dont": "don't", "cant": "can't", "wont": "won't", "doesnt": "doesn't",
    "isnt": "isn't", "wasnt": "wasn't", "didnt": "didn't", "hasnt": "hasn't", "havent": "haven't", "arent": "aren't",
    "shouldnt": "shouldn't", "wouldnt": "wouldn't", "couldnt": "couldn't", "whats": "what's", "hows": "how's",
    "wheres": "where's", "whos": "who's", "thats": "that's", "theyre": "they're", "theyll": "they'll",
    "youre": "you're", "youll": "you'll",
}  # fmt: skip
_RIGHT = frozenset(
    words(
        "crepe deflated nite diabetic diagnose clotting droop hype lactation lotion pram receding sallow skincare "
        "slimming whitening wifi"
    )
)
"""Words that a patient may well write, that the encoder's vocabulary does not hold whole, and that resemble others."""
_ENDINGS = (
    "s", "es", "ies", "d", "ed", "r", "er", "ers", "ing", "y", "ly", "ness", "less", "able", "ish", "ful", "al", "ic",
    "est", "ier",
)  # fmt: skip
_VOWELS = frozenset("aeiouy")
_ALIKE = frozenset(words("ck kc sz zs cs sc gj jg vw wv fv vf mn nm bp pb dt td kq qk"))
_LATIN = re.compile(r"[a-z]+(?:'[a-z]+)?")


class Speller:
    """Repairs words against those of the content; ``known`` are words that are right already."""

    def __init__(self, texts: Iterable[str], known: frozenset[str] = frozenset()) -> None:
        self._counts = Counter(word for text in texts for word in words(normalise(text)))
        self._known = known
        self._near: dict[str, list[str]] = {}
        for word, count in self._counts.items():
            if self._may_be_wrong(word) and (word in known or count > 2):
                for key in _deletions(word):
                    self._near.setdefault(key, []).append(word)

    def clean(self, text: str) -> str:
        """The normalised text with short forms and other names of the same thing replaced."""
        text = normalise(text)
        for pattern, word in _PHRASES:
            text = pattern.sub(word, text)
        return _LATIN.sub(lambda found: _SHORT.get(found[0]) or _one_name(found[0]), text)

    def repair(self, text: str) -> str:
        """A cleaned text with misspelt words replaced."""
        return _LATIN.sub(lambda found: self._repair_word(found[0]), text)

    def _repair_word(self, word: str) -> str:
        if not self._may_be_wrong(word) or self._is_right(word):
            return word
        near = {other for key in _deletions(word) for other in self._near.get(key, ())}
        likely = ((_cost(word, other), -self._counts[other], other) for other in near)
        cost, _, best = min(likely, default=(9.0, 0, word))
        most = 0.9 if len(word) < 5 else 1.3 if len(word) < 8 else 1.8
        return best if cost <= most else word

    def _may_be_wrong(self, word: str) -> bool:
        """Short words have too many neighbours, long ones too many deletions."""
        return 4 <= len(word) <= 24 and "'" not in word

    def _is_right(self, word: str) -> bool:
        """Whether the word is known, is found twice in the content, or is a known word with a usual ending."""
        if word in self._known or word in _RIGHT or self._counts[word] > 1:
            return True
        stems = [word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)]
        return any(len(stem) > 2 and not self._known.isdisjoint((stem, stem + "e", stem + "y")) for stem in stems)


def _one_name(word: str) -> str:
    return "mesotherapy" if _MESO.fullmatch(word) else word


def _deletions(word: str) -> set[str]:
    """The word with up to one letter left out, or up to two of a long one: what a slip has in common with the word."""
    one = {word[:i] + word[i + 1 :] for i in range(len(word))}
    two = {w[:i] + w[i + 1 :] for w in one for i in range(len(w))} if len(word) > 6 else set()
    return {word} | one | two


def _cost(slip: str, word: str) -> float:
    """How unlikely a slip is: swaps, doubled letters and wrong vowels are cheap, wrong consonants are dear."""
    last: list[float] = []
    before: list[float] = []
    row = [float(j) for j in range(len(word) + 1)]
    for i, x in enumerate(slip, 1):
        last, before, row = before, row, [float(i)]
        for j, y in enumerate(word, 1):
            extra = 0.5 if i > 1 and x == slip[i - 2] else 1.0
            missing = 0.5 if j > 1 and y == word[j - 2] else 1.0
            wrong = 0.0 if x == y else 0.6 if (x in _VOWELS and y in _VOWELS) or x + y in _ALIKE else 1.4
            cost = min(before[j] + extra, row[j - 1] + missing, before[j - 1] + wrong)
            if i > 1 and j > 1 and x == word[j - 2] and y == slip[i - 2]:
                cost = min(cost, last[j - 2] + 0.7)
            row.append(cost)
    return row[-1] + 0.5 * (slip[0] != word[0])


_NEXT = r"(?:[.,:;?!]+|\s+-|(?=\s+(?:but|just|only)\b))\s+(?:(?:but|just|only|rather|so)\b[,:]?\s+)?"
_START = r"(?:^|(?<=[.?!] ))(?:ok(?:ay)?|so|right|yes|no|well|hi|hello)?,?\s?"
_STATED = (
    r"(?!happy|satisf|sure|instant|work|ill\b|well|good|bad|able|allowed|only|just|being|to\b|too\b|really|yet|there"
    r"|great|pleased|impressed|feel|a fan|much)"
)
_TAG = (
    r"(?!now|yet|sure|really|just|only|too|even|much|bad|at all|good|sick|work|help|enough|all\b|allowed|possible|ok"
    r"|there|so |going|being|having|getting|been|often|great)"
)
_DENIED = tuple(
    re.compile(pattern)
    for pattern in (
        # not the price, the pain: ...
        rf"{_START}not {_STATED}[^.,:;?!]{{2,60}}?{_NEXT}",
        # forget the wrinkles: ...
        rf"{_START}(?:forget|never mind|nevermind|don't tell me|leave aside|apart from) [^.,:;?!]{{2,50}}?{_NEXT}",
        # I know what it is. ...
        rf"{_START}(?:i (?:already )?(?:know|understand|get (?:that|what|how|it)|understood)|understood) "
        r"(?!that\b|someone|a\b|this is|i\b|i'm|you)[^.,:;?!]{2,50}?(?:[.,:;]|(?= but\b)) (?:but )?(?=.{8})",
        # when it starts isn't the question. ...
        rf"\b[^.,:;?!]{{2,60}} (?:isn't|is not|wasn't) (?:the|my) (?:question|problem|issue|point|worry){_NEXT}",
        # it's not the lines, it's ...
        r"\b(?:it's|it is|i'm|i am) not [^.,:;?!]{2,50}[.,;:] (?=(?:but )?(?:it's|it is|i'm|i am|what) )",
        # I don't mind the cost, I mind ...
        r"\bi (?:don't|do not) (?:care|mind) [^.,:;?!]{2,50}[.,;:] (?=(?:but )?(?:i|what i) (?:do )?(?:care|mind) )",
        # no creases, no spots, but ...
        r"^(?:no [^.,:;?!]{2,20}, )+(?:but |just )(?=\w+ \w+)",
        # ... , not the hair
        rf"(?<=\w)(?:, (?:and |but )?not| but not|, i mean, not) {_TAG}[^.,:;?!]{{2,30}}(?=:|[.?!]?$)",
    )
)


def without_denied(text: str) -> str:
    """A cleaned text without what it says that it does not ask ("not hair, the face"), if words remain."""
    for pattern in _DENIED:
        for _ in range(3):
            rest = pattern.sub("", text, count=1).strip(" ,:;-")
            if rest == text or not words(rest):
                break
            text = rest
    return text


_BETWEEN = re.compile(r"[.?!;]+\s|,?\s(?:and|plus|also|&|\+)\s(?:also\s)?|,\s|\s/\s")


def parts(text: str) -> list[str]:
    """The two to four questions that a cleaned text of up to 40 words may consist of; nothing where it is one."""
    found = [piece for piece in map(str.strip, _BETWEEN.split(text)) if words(piece)]
    return found if 2 <= len(found) <= 4 and len(words(text)) <= 40 else []
