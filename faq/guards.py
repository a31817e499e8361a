"""Rules that stand before the matcher, because no threshold removes these errors.

A personal medical question shares its topic's words ("is it safe with psoriasis" looks like "is it safe"), and an everyday word has other
senses ("wrinkles out of a linen shirt"). The first goes to staff, always: whether a person can be treated is never decided from a text.
The second is off-topic. Red flags are not decided here; they have rules of their own, which run before.
"""

import re
from typing import Literal

Guard = Literal["medical", "off-topic"]

_CONDITION = r"""
    pregnan\w* | expecting\ (?:a\ )?(?:baby|child|twins) | (?:we'?re|i'?m|am|she'?s|while|when|if)\ expecting\b | trying\ for\ a\ baby | trying\ to\ conceive | ivf
    | breast\s?-?\s?feed\w* | breast\s?-?\s?fed | nursing\ (?:my|a|mum|mother|mom) | lactat\w*
    | diabet\w* | epilep\w* | seizures? | cancer | chemo(?:therapy)? | radiotherapy | leuk\w+mia | lymphoma | tumou?r | oncolog\w+ | remission
    | lupus | psoria\w* | eczema | dermatitis | vitiligo | scleroderma | auto\s?-?\s?immune | hashimoto\w* | thyroid\w* | graves | rheumat\w+ | arthritis
    | multiple\ sclerosis | crohn\w* | colitis | c(?:o)?eliac | hiv | hepatitis | tubercul\w+ | asthma\w* | anaemi\w+ | anemi\w+
    | keloids? | h?a?emophil\w+ | bleeding\ (?:disorder|problem)s? | clotting | thrombo\w+ | blood\ clots? | stroke | pacemaker | arrhythmi\w+
    | heart\ (?:condition|disease|problems?|failure|attack|surgery) | (?:high|low)\ blood\ pressure | hypertension | kidney\w* | liver | transplant(?:ed)?\ (?:kidney|liver|heart)
    | herpes | cold\s?sores? | shingles | warfarin | xarelto | rivaroxaban | eliquis | apixaban | clopidogrel | plavix | heparin | blood\s?thinn?\w* | anti\s?-?\s?coag\w*
    | (?:ro)?acc?utan\w* | isotretinoin | methotrexate | immun\w+\s?suppress\w* | biologics? | humira | prednis\w+ | corticosteroids? | antibiotics? | ssris? | antidepressants?
    | insulin | metformin | ozempic | allerg\w+ | anaphyla\w+ | fibromyalgia | porphyria | sarcoidosis | faint(?:ed|ing)?\ (?:with|at|from|when)
"""
_TAKES = (
    r"\b(?:i|she|he|mum|mom|mother|daughter|husband|wife|sister)\s?(?:'m|'ve|am|is|have been|was|been)?\s*(?:currently |still |also )?"
    r"(?:take|takes|taking|on|using|prescribed|put on)\s+(?:\w+ ){0,3}?(?:aspirin|ibuprofen|medic\w+|tablets?|pills?|steroids?|hormones?|hrt)"
)
_ME = (
    r"\b(?:i|i'm|i've|im|me|my|we|she|he|her|his|mine|mum|mom|wife|husband|someone|somebody|people|person|patients?|anyone|those|women|one|you|with|while|during|"
    r"if|on|when|for|having|got|has|have|had|am|is|still|safe|allowed|ok|okay|possible|can|could|treat|do)\b"
)
_CAUSES = re.compile(
    r"\b(?:cause[sd]?|causing|lead(?:s|ing)? to|give[sn]?|trigger\w*|risk of|chance of|get|catch|transmit|react|develop|result in|spread)\b"
    r"(?: \w+){0,4}? (?:cancer|tumou?rs?|infections?|allerg\w+|hiv|hepatitis|diabetes|herpes|keloids?|clots?|stroke|lupus)\b"
)
_PAST_CAUSE = re.compile(
    r"\b(?:since|after|from|post|because of|due to|following|left by|brought on by)\s+(?:\w+ ){0,3}?(?:pregnan\w*|breast\s?feeding|chemo\w*|thyroid|baby)"
)
_AGE = re.compile(
    r"\b(?:i'?m|i am|is|she'?s|he'?s|turn(?:ing|ed)?|just|only|aged?|my|under|for a)\s+(?:only |just |a |an )?(?:1[0-7]|under ?age|under 18)\b(?!\s*(?:weeks?|days?|months?|hours?|minutes?|kg|%|stone))"
    r"|\b1[0-7]\s*-?\s*(?:year|yr|years|yo)s?\b[\s-]*olds?\b|\b(?:under 18|underage|minors?|teen(?:ager|agers|age)?s?)\b"
)
_CONDITIONS = re.compile(rf"\b(?:{_CONDITION})(?!\w)", re.VERBOSE)
_TAKING = re.compile(_TAKES)
_PERSON = re.compile(_ME)

_ELSEWHERE = re.compile(
    r"""\b(?:
    shirts? | linen | trousers | jeans | dress(?:es)? | suits? | fabric | cloth(?:es|ing)? | curtains? | ironing | iron\ a | sofa | couch | carpet | rug | leather | jacket | sweater | jumper | shoes
    | wall(?:s|paper)? | ceiling | fence | concrete | floor | roof | tap | sink | kitchen | garden | lawn | plants? | orchids? | monstera | leaf | leaves | tree | tomato(?:es)? | flowers? | roses? | petals?
    | dogs? | cats? | puppy | puppies | kittens? | horses? | hamsters? | rabbits? | cows? | parrots? | fish\ tank | pets?
    | car | cars | bike | engine | tyres? | petrol | diesel | motorbike | train | bus\ ticket | flights? | airport | plane | visa | passport | hotel
    | iphone | android | laptop | computer | pc | printer | wifi | router | battery | app\ store | software | python | javascript | excel | website | playstation | netflix | film | films | movies? | episodes?
    | football | match\ last\ night | champions\ league | basketball | tennis | bitcoin | crypto | stocks? | shares | mortgage | president | election | weather | rain | forecast
    | recipe | pasta | pizza | cake | bread | egg | eggs | soup | curry | cheese | dinner | restaurant | poem | essay | joke | homework | maths? | capital\ of | translate
    )\b""",
    re.VERBOSE,
)
_OURS = re.compile(
    r"\b(?:mesotherapy|inject\w*|needles?|botox|fillers?|clinic|session|sessions|treatment|treatments|procedure|appointment|doctor|nurse|skin|face|facial|wrinkles? (?:on|around|round|under) my"
    r"|my (?:hair|neck|hands?|eyes?|cheeks?|forehead|legs?|scalp|lips?|chin|bruis\w+)|bruis\w+|makeup|foundation|you|your|after|afterwards|pay|price|cost|deposit|cancel\w*|parking|park)\b"
)


def guard(text: str) -> Guard | None:
    """What a repaired text must be treated as, whatever the matcher would say; None for nearly everything."""
    if _medical(text):
        return "medical"
    if _ELSEWHERE.search(text) and not _OURS.search(text):
        return "off-topic"
    return None


def _medical(text: str) -> bool:
    """Somebody's own condition, medicine, pregnancy or tender age; not a question whether the treatment causes one."""
    if _AGE.search(text) or _TAKING.search(text):
        return True
    rest = _CAUSES.sub(" ", _PAST_CAUSE.sub(" ", text))
    return bool(_CONDITIONS.search(rest)) and (bool(_PERSON.search(rest)) or len(rest.split()) <= 3)
