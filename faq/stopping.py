"""The wish not to be written to: "stop" in any words, found by a plain rule.

Red flags are read before it ("the bleeding won't stop"). What speaks of anything else that stops is left alone: a
habit, a medicine, messages that are missed.
"""

import re

GENERAL = frozenset({"care", "offers"})
"""What is meant by messages in general: reminders of a visit that is booked are meant where they are named."""

_POLITE = (
    r"(?:please|pls|plz|thanks|thank you|thx|ok(?:ay)?|now|just|hi|hello|right now|immediately|at once|bot|from now on|"
    r"(?:its|this is) (?:so |very |really )?(?:annoying|too much|enough))"
)
_LIKE = r"(?:id like to|i would like to|i want to|i wish to|can you|could you|let me|i)"
_KIND_WORDS = {
    "offers": re.compile(r"\b(?:promo\w*|offers?|adverts?|ads|marketing|newsletters?)\b"),
    "reminders": re.compile(r"\bremind\w*\b"),
    "care": re.compile(r"\b(?:follow ?ups?|check ?ins?|care messages|aftercare messages)\b"),
}
_THINGS = (
    r"(?:(?:care |aftercare )?messag\w*|texts?|texting|writing|sending|reminders?|reminding|notifications?|notifying|"
    r"spam\w*|contacting|bothering|pestering|bugging|promo\w*|offers?|adverts?|ads|marketing|emails?|follow ?ups?|"
    r"check ?ins?|newsletters?)"
)
_WHOLE = re.compile(
    rf"(?:{_POLITE} )*(?:{_LIKE} (?:{_POLITE} )?)?"
    rf"(?:stop(?: it| this| that| all| these| those| everything| now| already)?|stopp?|unsubscribe(?: me)?|"
    rf"opt(?:ing)? ?out|opt me out|leave me (?:alone|in peace)|go away|enough already|remove me|take me off|"
    rf"(?:do not|dont) (?:contact|message|text|write to|write|bother) me(?: any ?more| again)?|"
    rf"(?:do not|dont) write again|"
    rf"(?:do not|dont) want (?:these|this|any of (?:these|this)|any more of (?:these|this))(?: any ?more)?|"
    rf"no (?:more )?{_THINGS}|no more of (?:these|this)|want no (?:more )?{_THINGS}|"
    rf"stop (?:sending|with) (?:these|this|those)|"
    rf"stop all)(?: {_POLITE})*"
)
_WISH = re.compile(
    rf"\b(?:stop|quit|cease|end|no more|enough(?: of| with)?|turn off|switch off|cancel|disable|unsubscribe|opt out of|"
    rf"no longer (?:want|wish)(?: to)?|"
    rf"(?:do not|dont) (?:want|need|like|send)(?: me| to get| to receive)?(?: any)?(?: more)?|(?:do not|dont) keep|"
    rf"sick of|tired of|fed up with)"
    rf"(?: (?:me|to me|any|all|it|with|the|these|those|this|your|that|of|more|further|future|automatic|automated|"
    rf"annoying|such|so many|getting|receiving|get|receive|sending))* "
    rf"{_THINGS}\b(?! to (?!me\b)| you\b)(?:(?: and| or)(?: the| any| your)? {_THINGS}\b)*"
)
_OFF = re.compile(
    r"\b(?:unsubscribe me|opt me out|(?:(?:how|where) (?:do|can)|can) i (?:unsubscribe|opt out)|"
    r"take me off (?:the|your|this) list|remove me from (?:the|your|this|all)|"
    r"leave me (?:alone|in peace)|stop (?:contacting|bothering|bugging|pestering|spamming|messaging|texting) me|"
    r"(?:do not|dont) want to hear from (?:you|the clinic|this)|"
    r"(?:(?:do not|dont) send|stop sending) me (?:anything|things|stuff)|"
    r"(?:do not|dont|not) (?:contact|message|text|bother|write to) me (?:again|any ?more|ever))\b"
)
_GOES_ON = re.compile(r"\b(?:what|how much|when|which|where|do you|can i|call me|ring me)\b")
"""After a wish: it was the beginning of a question, or of another wish."""
_NOT = re.compile(
    r"\b(?:(?:do not|dont|never|did not|didnt|not to|wont|will not|have|has|had|why (?:did|do|have)) "
    r"(?:you |they |it |the |to )?stop\w*|stopped|stops|(?:cancel|move|end) (?:my|the) (?:appointment|visit|booking)|"
    r"(?:cancel|move|end|reschedule) (?:my|the|a|this|that) (?:follow ?up|check ?in))\b"
)
"""What says the opposite, or tells of something that has stopped."""


def what_to_stop(text: str) -> frozenset[str]:
    """Return which messages a person asks to be left alone by, in whatever words: "care", "offers", "reminders", or
    `GENERAL` where they name none; empty where they do not ask. A short rule, no guess."""
    plain = re.sub(r"[^a-z ]+", " ", text.casefold().replace("'", "").replace("’", "").replace("-", " "))
    plain = " ".join(plain.split())
    if not plain or len(plain) > 200 or _NOT.search(plain):
        return frozenset()
    found = [_WHOLE.fullmatch(plain) or _OFF.search(plain), *_WISH.finditer(plain)]
    wishes = [one for one in found if one is not None and not _GOES_ON.search(plain, one.end())]
    said = " ".join(one.group() for one in wishes)
    named = frozenset(kind for kind, words in _KIND_WORDS.items() if words.search(said))
    return named or (GENERAL if wishes else frozenset())
