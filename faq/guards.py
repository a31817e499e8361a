"""Rules that stand before the matcher, because no threshold removes these errors.

A personal medical question shares its topic's words ("is it safe with psoriasis" looks like "is it safe"), and an everyday word has other
senses ("wrinkles out of a linen shirt"). The first goes to staff, always: whether a person can be treated is never decided from a text.
The second is off-topic. Red flags are not decided here; they have rules of their own, which run before.
"""

import re

_CONDITION = r"""
    pregnan\w* | expecting\ (?:a\ )?(?:baby|child|twins) | (?:we'?re|i'?m|am|she'?s|your|you're|while|when|if|am)\ expecting\b
  | trying\ (?:for\ a\ (?:baby|wean|child)|to\ conceive) | ivf | egg\ (?:retrieval|collection) | (?:weeks?|months?)\ gone | gestation | c-?section
  | breast\s?-?\s?f[e]+d\w* | nursing(?!\ (?:staff|home|qualif\w+|degree)) | lactat\w* | (?:on|has|have|gets|want\w*)\ (?:the\ |my\ )?breast\ ?(?:still|milk|at)
  | diabet\w* | type\ (?:1|2|one|two)\b | epilep\w* | seizures? | cancer | chemo(?:therapy)? | radiotherapy | leuk\w+mia | lymphoma | tumou?r | oncolog\w+ | remission
  | lupus | psoria\w* | eczema | dermatitis | vitiligo | scleroderma | auto\s?-?\s?immune | hashimoto\w* | (?:hypo|hyper)?thyroid\w* | rheumat\w+ | arthritis
  | multiple\ sclerosis | ms(?=\ diagnos|,) | crohn\w* | colitis | coeliac | celiac | hiv | hepatitis | tubercul\w+ | asthma\w* | an[a]?emi[ac]\w* | migraines?
  | keloids? | h?a?emophil\w+ | von\ willebrand | bleeding\ (?:disorder|problem)s? | clotting | thrombo\w+ | blood\ clots? | (?:a|my|mini|her|his|after)\ stroke(?=\W|\ (?:last|years|in))
  | pacemaker | arrhythmi\w+ | heart\ (?:condition|disease|problems?|failure|attack|surgery|valve|tablets?|pills?|medic\w+) | infarct\w*
  | blood\ pressure | hypertension | kidneys?\ (?:disease|problem|fail|stage|not|trouble|transplant)\w* | liver(?!\ (?:spots?|oil)) | (?<!hair\ )transplanted
  | herpes | zoster | cold\s?sores? | shingles | (?:full\ of|bad|have\ a|got\ a|a\ wedding,\ a)\ cold(?=\W|$) | have\ cold\ and | immun\w+\s?(?:suppress|compromis)\w*
  | warfarin | xarelto | rivaroxaban | eliquis | apixaban | clopidogrel | plavix | heparin | blood\s?thinn?\w* | thins\ (?:the|my|his|her)\ blood | anti\s?-?\s?coag\w*
  | (?:ro)?acc?utan\w* | isotretinoin | acne\ (?:tablets?|pills?|medic\w+) | methotrexate | biologics? | humira | prednis\w+ | corticosteroids? | antibiotics? | ssris?
  | antidepressants? | insulin | metformin | allerg(?:y|ies|ic)(?!\ to\ (?:trends|nothing|mornings)) | anaphyla\w+ | fibromyalgia | porphyria | sarcoidosis
"""
_CONDITIONS = re.compile(rf"\b(?:{_CONDITION})(?!\w)", re.VERBOSE)
_TAKING = re.compile(
    r"\b(?:i|she|he|mum|mom|mother|daughter|husband|wife|sister)(?:'m|'ve| am| is| have been| was| been)?(?: currently| still| also)? "
    r"(?:take|takes|taking|on|using|prescribed|put on) (?:\w+ ){0,3}?(?:aspirin|steroids?|hormones?|hrt|the pill|tablets? for|pills? for|medic\w+ for)\b"
    r"|\b(?:baby|daily|low dose) aspirin\b"
)
_CAUSES = re.compile(
    r"\b(?:cause[sd]?|causing|lead(?:s|ing)? to|give[sn]?|trigger\w*|risk of|chance of|get|catch|transmit|develop|result in|spread)\b"
    r"(?: \w+){0,4}? (?:cancer|tumou?rs?|allerg\w+|hiv|hepatitis|diabetes|herpes|keloids?|clots?|stroke|lupus)\b|\ballergy test\w*|\b(?:teen|teenage) spots\b"
)
_PAST_CAUSE = re.compile(
    r"\b(?:since|after|from|post|because of|due to|following|left by|brought on by) (?:\w+ ){0,3}?(?:pregnan\w*|breast\s?feeding|chemo\w*|thyroid|baby)\b"
    r"|\bpregnancy (?:left|gave|years ago|mask|patch\w*|spots|marks)\b|\bwhat (?:is|are|does) \w+\??$"
)
_YOUNG = re.compile(
    r"\b(?:i'?m|i am|is|she'?s|he'?s|turn(?:ing|ed)?|just|only|aged?|sweet) (?:only |just |a |an )?(?:1[0-7]|(?:thir|four|fif|six|seven)teen|under ?age|under 18)\b"
    r"(?! ?(?:weeks?|days?|months?|hours?|minutes?|sessions?|kg|%|stone|times|:|\.\d|th\b))"
    r"|\b1[0-7] ?-?(?:year|yr|years|yo)s?\b[ -]*olds?\b|\b(?:under 18|underage|minors)\b|\b(?:minimum|lower|youngest) age\b|\b(?:for|a|my|are) teen(?:ager)?s?\b(?<!as a teen)(?<!was a teen)(?<!like a teen)"
)

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


def is_medical(text: str) -> bool:
    """Whether a cleaned text tells of a condition, a medicine, a pregnancy or a tender age; not whether the treatment causes one."""
    if _YOUNG.search(text) or _TAKING.search(text):
        return True
    return bool(_CONDITIONS.search(_CAUSES.sub(" ", _PAST_CAUSE.sub(" ", text))))


def is_elsewhere(text: str) -> bool:
    """Whether a cleaned text names things of another world (clothes, animals, machines, kitchens), and none of the clinic's."""
    return bool(_ELSEWHERE.search(text)) and not _OURS.search(text)
