"""What people write shortly before a visit: that they are late, cannot come, or come; found by a plain rule.

A question of what would be is none of it ("what if I am late?"). Red flags are read before it.
"""

import re
from typing import Literal

Arriving = Literal["late", "off", "coming"]

_MOST = 160
"""Characters of a text that is looked at: a longer one says more than this."""
_SUPPOSES = re.compile(r"\b(?:what (?:happens )?if|in case|suppose|how late|policy|fee|charge)\b")
_LATE = re.compile(
    r"\b(?:(?:running|be|am|im|ill be|were|are) (?:(?:a|about|around|approx|maybe|probably|bit|little|few|some|"
    r"going to|be|gonna|\d+|min\w*|hours?|half|an|hour|roughly|just|very|quite|slightly|so) )*(?:late|behind|delayed)|"
    r"running late|\d+ ?min\w* (?:late|behind|delay\w*)|stuck in (?:the )?(?:traffic|train|tube|bus)|"
    r"(?:train|bus|tube|flight) is (?:late|delayed))\b"
)
_OFF = re.compile(
    r"\b(?:(?:can ?not|cant|wont|will not|(?:not|unable) (?:be )?(?:able )?to|not going to) (?:be able to )?"
    r"(?:make (?:it|my|the|today|tomorrow)|come|attend|be there)|not coming|(?:have|need|want|like) to cancel|"
    r"cancel (?:it|my|the|today|tomorrow)\w*)\b"
)
_COMING = re.compile(
    r"(?:(?:hi|hello|hey|yes|yep|yeah|ok|okay|sure|of course|thanks|thank you|great) )*"
    r"(?:(?:i will|ill|we will|well) (?:be there|come|be coming|attend)|(?:i am|im) (?:coming|on my way)|on my way|"
    r"i confirm|confirmed|see you (?:then|there|soon|tomorrow|today|later))"
    r"(?: (?:at \d+|tomorrow|today|then|thanks?|thank you|on time|for sure|definitely|\d+|see you|bye))*"
)


def read(text: str) -> Arriving | None:
    """Return what the words say of a visit soon; None where they do not say it plainly."""
    if len(text) > _MOST:
        return None
    plain = re.sub(r"[^a-z0-9 ]+", " ", text.casefold().replace("'", "").replace("’", ""))
    plain = " ".join(plain.split())
    if _SUPPOSES.search(plain):
        return None
    if _LATE.search(plain):
        return "late"
    if _OFF.search(plain):
        return "off"
    return "coming" if _COMING.fullmatch(plain) else None
