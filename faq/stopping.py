"""The wish not to be written to: "stop" in any words, found by a plain rule.

Red flags are read before it ("the bleeding won't stop"). What speaks of anything else that stops is left alone: a
habit, a medicine, messages that are missed.
"""

import re

_POLITE = r"(?:please|pls|plz|thanks|thank you|thx|ok(?:ay)?|now|just|hi|hello|right now|immediately|at once|bot)"
_WHOLE = re.compile(
    rf"(?:{_POLITE} )*(?:stop(?: it| this| that| all| everything| now| already)?|stopp?|unsubscribe(?: me)?|"
    rf"opt(?:ing)? ?out|opt me out|leave me alone|go away|enough|remove me|take me off|"
    rf"(?:i )?(?:do not|dont) (?:contact|message|text|write to|write|bother) me(?: any ?more| again)?|"
    rf"no more|stop all)(?: {_POLITE})*"
)
_THINGS = (
    r"(?:messag\w*|texts?|texting|writing|sending|reminders?|reminding|notifications?|notifying|spam\w*|contacting|"
    r"bothering|pestering|promotions?|offers?|adverts?|ads|marketing|emails?|follow ?ups?|check ?ins?|newsletters?)"
)
_WISH = re.compile(
    rf"\b(?:stop|quit|cease|end|no more|enough(?: of| with)?|turn off|switch off|cancel|disable|unsubscribe|opt out of|"
    rf"(?:do not|dont) (?:want|need|like|send)(?: me| to get| to receive)?(?: any)?(?: more)?|(?:do not|dont) keep|"
    rf"sick of|tired of|fed up with)"
    rf"(?: (?:me|to me|any|all|with|the|these|those|this|your|that|of|more|further|future|automatic|automated|annoying|"
    rf"such|so many|getting|receiving|sending))* {_THINGS}\b(?! to (?!me\b))"
)
_OFF = re.compile(
    r"\b(?:unsubscribe me|opt me out|take me off (?:the|your|this) list|remove me from (?:the|your|this|all)|"
    r"leave me alone|stop (?:contacting|bothering|pestering|spamming|messaging|texting) me|"
    r"(?:do not|dont) (?:contact|message|text|bother|write to) me (?:again|any ?more|ever))\b"
)
_NOT = re.compile(
    r"\b(?:(?:do not|dont|never|did not|didnt|not to|wont|will not|have|has|had|why (?:did|do|have)) "
    r"(?:you |they |it |the |to )?stop\w*|stopped|stops|(?:cancel|move|end) (?:my|the) (?:appointment|visit|booking))\b"
)
"""What says the opposite, or tells of something that has stopped."""


def wants_stop(text: str) -> bool:
    """True where a person asks, in whatever words, to be left alone by the messages; a short rule, no guess."""
    plain = re.sub(r"[^a-z ]+", " ", text.casefold().replace("'", "").replace("’", "").replace("-", " "))
    plain = " ".join(plain.split())
    if not plain or len(plain) > 200 or _NOT.search(plain):
        return False
    return bool(_WHOLE.fullmatch(plain) or _WISH.search(plain) or _OFF.search(plain))
