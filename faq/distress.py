"""Calls for help that do not say what is wrong, found by a plain rule: they are for the telephone, not for a text.

Red flags are read before it. What asks for help with a choice or a booking, or is afraid of what is to come, is left
alone.
"""

import re

_ANYBODY = r"(?:somebody|someone|anyone|anybody)"
_POLITE = rf"(?:please|pls|plz|hi|hello|hey|oh my god|omg|oh god|{_ANYBODY}|can {_ANYBODY})"
_NOW = r"(?:now|right now|asap|urgently|quickly|quick|fast|immediately|at once|straight away|today|tonight)"
_WHOLE = re.compile(
    rf"(?:{_POLITE} )*(?:help(?: help)*|sos|mayday|i need help|need help|i need (?:a|the) (?:doctor|nurse|ambulance))"
    rf"(?: (?:me|us|now|please|pls|plz|{_NOW}))*"
)
_CALLS = re.compile(
    rf"\b(?:need (?:some |your |a )?(?:help|doctor|nurse|ambulance|medic)\b.{{0,20}}\b{_NOW}|"
    rf"(?:call|ring|phone) me (?:back )?(?:please )?(?:{_NOW}|its? (?:is )?urgent)|"
    rf"(?:its|it is|this is|is|really|very|quite|so|most) (?:really |very |quite )?urgent|urgent help|"
    rf"(?:an?|medical|my) emergency\b(?! (?:number|contact|appointment|slot|exit|cover|line|kit|plan))|"
    rf"(?:in|at|to|from) (?:the )?(?:a ?(?:and|n) ?e|emergency room|casualty|hospital)\b.{{0,40}}\b"
    rf"(?:because of|after|from|thanks to) (?:you|your|the|my)|"
    rf"going into shock|"
    rf"(?:something|somethings|it|its|it has|has|treatment|injections?) (?:is |has |have |all |went |gone )*"
    rf"(?:seriously |badly |terribly |horribly |really |very |gone |went )+wrong|"
    rf"(?:still|wont stop|will not stop|keeps?|kept|cannot stop|cant stop) bleeding|bleeding (?:a lot|heavily)|"
    rf"(?:i am|im) (?:so |really |very |totally )?(?:panicking|freaking out)\b(?!.{{0,20}}\b(?:needles?|of|at)\b))"
)
_ILL = r"(?:mess|wreck|ruined|destroyed|awful|terrible|horrible|horrific|disaster|worse)"
_ILL_SINCE = re.compile(
    rf"\b{_ILL}\b.{{0,40}}\b(?:since|after (?:the|my|your)|from (?:the|your))\b|"
    rf"\b(?:since|after (?:the|my|your))\b.{{0,40}}\b{_ILL}\b"
)
_HELP = re.compile(r"\bhelp\b|\bplease\b.{0,20}\b(?:call|ring|phone|answer)\b")
_CALM = re.compile(
    r"\b(?:appointments?|appt|book\w*|reschedule|price|cost)\b|"
    r"\b(?:not|isnt|nothing|no) (?:an? |so |that |very |really )?(?:urgent|emergency|hurry)\b"
)


def is_distressed(text: str) -> bool:
    """True where a person calls for help without a word of what is wrong; a short rule, no guess."""
    plain = re.sub(r"[^a-z ]+", " ", text.casefold().replace("'", "").replace("’", "").replace("&", " and "))
    plain = " ".join(plain.split())
    if not plain or len(plain) > 300 or _CALM.search(plain):
        return False
    if _WHOLE.fullmatch(plain) or _CALLS.search(plain):
        return True
    return bool(_ILL_SINCE.search(plain) and _HELP.search(plain))
