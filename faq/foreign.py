"""Whether a text is in another language than English, so that nothing is guessed at it.

Scripts tell most; within the Latin one, the words that neither English nor the content knows, accents, and the small
words of other languages. A word or two of slang, a slip of the thumb or a brand's name is no other language.
"""

import re
import unicodedata
from collections import Counter
from functools import cache

from faq.content import packaged
from faq.encoder import EncoderUnavailable, vocabulary
from faq.text import normalise, words

LANGUAGE = "en"
_OFTEN = 2
"""Times that a word stands in what patients wrote, from which it is one of theirs."""
_SHARE, _SHARE_OF_ENGLISH = 0.5, 0.65
"""Of foreign words, from which a text is; and where small words of English stand among them."""
_ENGLISH = frozenset(
    words(
        "i you it the my and does can what how of with are have be not this that your when after if but "
        "i'm it's don't can't would will could should where which much many there they any at or from get been did"
    )
)
_SMALL = frozenset(
    words(
        "ich ist und nicht kein keine mir mich auf der dem den ein eine einen sie wir aber mit bei fur sehr tut es weh "
        "wie viel bin je ne pas est une les des ca mal et ou du au aux mon ma mes sur avec pour dans elle il vous nous "
        "moi el los las una por que con muy mi tengo estoy cuanto cuesta para al del lo se esta puedo nao com meu "
        "minha estou um uma eu voce quanto non che di sono ho mio mia fa molto piu ik het een niet mijn wat ben kan op "
        "van maar zijn nie jest czy na ze sie jak ja moja moj ile jestem co nu cu este mai sunt pot sa bir ve cok ne "
        "mu kadar var jag inte och ar det att har min nem az hogy egy nagyon jsem kolik yra toi khong bi la hai mujhe "
        "nahi kya ya eto bolno skolko stoit moya"
    )
)
"""Small words of other languages, most of which are in the encoder's vocabulary as well."""
_SURE = _SMALL - frozenset(words("hai co mi ma ne es mai sa ja ya fur con los las min pot bin kan var la wat"))
"""Those that are no slip or short form of English."""
_ADDRESS = re.compile(r"\S*(?:@|://|www\.)\S*")
_FEW = 2


def is_foreign(text: str) -> bool:
    """Whether it is in another script, or most of its words, two at least, are in another language."""
    letters = [c for c in text if c.isalpha()]
    if 2 * sum(not _is_latin(c) for c in letters) > len(letters):
        return len(letters) > 1
    typed = _ADDRESS.sub(" ", text.replace("ı", "i"))
    names = _names(typed.split()) - _SMALL
    own = [word for word in words(normalise(typed)) if word.isascii() and word[0].isalpha() and len(word) > 1]
    own = [word for word in own if word not in names]
    known, often = _known()
    if len(own) < _FEW or not known:
        return False
    accented = {normalise(word) for word in typed.split() if any(ord(c) > 0xBF and c.isalpha() for c in word)} - often
    strange = [word for word in own if word in _SMALL or word in accented or not _is_known(word, known)]
    share = len(strange) / len(own)
    if not _ENGLISH.isdisjoint(own):
        return share >= _SHARE_OF_ENGLISH and len(strange) > _FEW
    is_sure = any(word in accented or word in _SURE for word in strange)
    return share == 1.0 or (share >= _SHARE and (is_sure or len(strange) > _FEW))


def _names(typed: list[str]) -> set[str]:
    """Words that are typed as names are: with a capital, where a sentence needs none."""
    capital = [word[:1].isupper() and not word.isupper() for word in typed]
    if capital[1:2] != [True]:
        capital[:1] = [False]
    return {normalise(word).strip(".,!?") for word, is_name in zip(typed, capital, strict=False) if is_name}


def _is_latin(c: str) -> bool:
    return c.isascii() or "LATIN" in unicodedata.name(c, "")


def _is_known(word: str, known: frozenset[str]) -> bool:
    """Whether it is a known word, or one with an ending."""
    if word in known:
        return True
    stems = [word.removesuffix(end) for end in ("s", "es", "ed", "d", "ing", "er", "ers", "y", "ly", "ish", "'s")]
    return any(stem != word and len(stem) > _FEW and (stem in known or stem + "e" in known) for stem in stems)


@cache
def _known() -> tuple[frozenset[str], frozenset[str]]:
    """English words, and those that stand often in what patients write; none where the encoder's are not there."""
    try:
        english = {piece for piece in vocabulary() if piece.isalpha() and piece.isascii()}
    except (EncoderUnavailable, OSError):
        return frozenset(), frozenset()
    files = (packaged() / LANGUAGE).rglob("*.[mj]*")  # topics, routes and examples: what is marked up does no harm
    lines = (line for file in files for line in file.read_text(encoding="utf-8").lower().splitlines())
    counts = Counter(word for line in lines for word in set(words(line)))
    often = frozenset(word for word, count in counts.items() if count >= _OFTEN)
    return frozenset(english | often), often
