"""Rules that stand beside the matcher, because no threshold removes these errors.

A personal medical question shares its topic's words ("is it safe with psoriasis" looks like "is it safe"), another
treatment shares them too ("laser hair removal price"), and an everyday word has other senses ("wrinkles out of a linen
shirt"). The first two go to staff, always: whether a person can be treated is never decided from a text. The third is
never answered with a topic. Red flags are not decided here; they have rules of their own, which run before.

All of them read cleaned text: one lower-case line, see ``faq.text``. What is medical, or young, is so in any writing.
"""

import re

from faq.text import normalise

_CONDITIONS = re.compile(
    r"""\b(?:
    # a child expected, or fed
    pregnan\w* | expecting\ (?:a\ )?(?:baby|child|twins)
    | (?:we'?re|i'?m|am|she'?s|your|you're|while|when|if)\ expecting\b
    | trying\ (?:for\ a\ (?:baby|wean|child)|to\ conceive) | ivf | egg\ (?:retrieval|collection)
    | (?:weeks?|months?)\ gone
    | gestation | c-?section | breast\s?-?\s?fe+d\w* | nursing(?!\ (?:staff|home|qualif\w+|degree)) | lactat\w*
    | (?:on|has|have|gets|want\w*)\ (?:the\ |my\ )?breast\ ?(?:still|milk|at)
    # illnesses
    | diabet\w* | type\ (?:1|2|one|two)\b | epilep\w* | seizures? | cancer | chemo(?:therapy)? | radiotherapy
    | leuk\w+mia
    | lymphoma | tumou?r | oncolog\w+ | remission | lupus | psoria\w* | eczema | dermatitis | vitiligo | scleroderma
    | auto\s?-?\s?immune | hashimoto\w* | (?:hypo|hyper)?thyroid\w* | rheumat\w+ | arthritis | multiple\ sclerosis
    | ms(?=\ diagnos|,) | crohn\w* | colitis | coeliac | celiac | hiv | hepatitis | tubercul\w+ | asthma\w*
    | ana?emi[ac]\w* | migraines? | keloids? | ha?emophil\w+ | von\ willebrand | bleeding\ (?:disorder|problem)s?
    | clotting | thrombo\w+ | blood\ clots? | (?:a|my|mini|her|his|after)\ stroke(?=\W|\ (?:last|years|in))
    | pacemaker
    | arrhythmi\w+ | heart\ (?:condition|disease|problems?|failure|attack|surgery|valve|tablets?|pills?|medic\w+)
    | infarct\w* | blood\ pressure | hypertension | kidneys?\ (?:disease|problem|fail|stage|not|trouble|transplant)\w*
    | liver(?!\ (?:spots?|oil)) | herpes | zoster | cold\s?sores? | shingles | immun\w+\s?(?:suppress|compromis)\w*
    | (?:full\ of|bad|have\ a|got\ a|a\ wedding,\ a)\ cold(?=\W|$) | have\ cold\ and
    | allerg(?:y|ies|ic)(?!\ to\ (?:trends|nothing))
    | anaphyla\w+ | fibromyalgia | porphyria | sarcoidosis
    # medicines
    | warfarin | xarelto | rivaroxaban | eliquis | apixaban | clopidogrel | plavix | heparin | blood\s?thinn?\w*
    | thins\ (?:the|my|his|her)\ blood | anti\s?-?\s?coag\w* | (?:ro)?acc?utan\w* | isotretinoin
    | acne\ (?:tablets?|pills?|medic\w+) | methotrexate | biologics? | humira | prednis\w+ | corticosteroids?
    | antibiotics? | ssris? | antidepressants? | insulin | metformin
    )(?!\w)""",
    re.VERBOSE,
)
_TAKING = re.compile(
    r"\b(?:i|she|he|mum|mom|mother|daughter|husband|wife|sister)(?:'m|'ve| am| is| have been| was| been)?"
    r"(?: currently| still| also)? (?:take|takes|taking|on|using|prescribed|put on) (?:\w+ ){0,3}?"
    r"(?:aspirin|steroids?|hormones?|hrt|the pill|tablets? for|pills? for|medic\w+ for)\b"
    r"|\b(?:baby|daily|low dose) aspirin\b"
)
_CAUSED = re.compile(
    r"\b(?:cause[sd]?|causing|lead(?:s|ing)? to|give[sn]?|trigger\w*|risk of|chance of|get|catch|transmit|develop"
    r"|result in|spread)\b(?: \w+){0,4}?"
    r" (?:cancer|tumou?rs?|allerg\w+|hiv|hepatitis|diabetes|herpes|keloids?|clots?|stroke|lupus)\b|\ballergy test\w*"
)
_LONG_AGO = re.compile(
    r"\b(?:since|after|from|post|because of|due to|following|left by|brought on by) (?:\w+ ){0,3}?"
    r"(?:pregnan\w*|breast\s?feeding|chemo\w*|thyroid|baby)\b"
    r"|\bpregnancy (?:left|gave|years ago|mask|patch\w*|spots|marks)\b|\bwhat (?:is|are|does) \w+\??$"
)
_YOUNG = re.compile(
    r"\b(?:i'?m|i am|is|she'?s|he'?s|turn(?:ing|ed)?|just|only|aged?|sweet) (?:only |just |a |an )?"
    r"(?:1[0-7]|(?:thir|four|fif|six|seven)teen|under ?age|under 18)\b"
    r"(?! ?(?:weeks?|days?|months?|hours?|minutes?|sessions?|kg|%|stone|times|:|\.\d|th\b))"
    r"|\b1[0-7] ?-?(?:year|yr|years|yo)s?\b[ -]*olds?\b|\b(?:under 18|underage|minors)\b"
    r"|\b(?:minimum|lower|youngest) age\b"
    r"|\b(?:for|a|my|are) teen(?:ager)?s?\b(?<!as a teen)(?<!was a teen)(?<!like a teen)"
)
_BORN = r"20(?:09|1\d|2\d)"  # whoever was born in 2009 comes of age in 2027
_SCHOOL = r"(?:[5-9]|1[0-3])"
_MINOR = re.compile(
    # "14f here", "my 15 y/o", "16 years of age", "fifteen-year-old"
    r"\b1[0-7] ?[fm] here\b|\b[fm] ?1[0-7] here\b|^1[0-7] ?f\b|\b(?:i'?m|i am) 1[0-7] ?[fm]\b"
    r"|\b1[0-7] ?-?(?:yo\b|y/o|y\.o\b|(?:years?|yrs?) of age\b)"
    r"|\b(?:thir|four|fif|six|seven)teen[ -](?:years?|yrs?)[ -](?:olds?|of age)\b"
    # "born 2011", not "my son was born in 2015, and since then ..."
    rf"|(?:^|[,.;(] ?|\bi was |\bi'?m |\bi am |\band )born (?:in |on )?(?:[\d./-]+|\w+ )?{_BORN}\b"
    # "I turn 18 in June", "almost 18", "until I'm 18"
    r"|\b(?:turns?|turning|(?:will|'ll|gonna|going to) (?:be|turn)) (?:18|eighteen)\b"
    r"|\b(?:i'?m|i am|she'?s|he'?s|only) (?:18|eighteen) (?:in|next|soon|on)\b"
    r"|\b(?:nearly|almost|not (?:yet|quite)|until i'?m|before i'?m|when i'?m|once i'?m) (?:18|eighteen)\b"
    r"|\b(?:under|below|younger than)[ -]?(?:18|eighteen)'?s?\b|\bi'?m not 18\b|\bi(?:'?m| am) a minor\b"
    # at school
    rf"|\b(?:i'?m|i am|she'?s|he'?s|i go|still) (?:in|to) (?:year|yr|grade) ?{_SCHOOL}\b(?! of)"
    rf"|\b(?:year|yr|grade) ?{_SCHOOL} (?:student|pupil|girl|boy|here)\b|\b{_SCHOOL}th grader?\b"
    r"|\bgcses?\b(?! (?:teacher|tutor|examiner))|\b(?:in|at) (?:sixth form|6th form|secondary school)\b"
    r"|\b(?:sixth|6th) former\b|\bstill (?:in|at) school\b"
    r"|\b(?:in|at) (?:high|middle) ?school\b(?! i)"
    r"|\b(?:high ?school|a[ -]level) (?:student|girl|boy|senior|junior)\b|\bschool ?(?:girl|boy)\b"
    # somebody else must allow it
    r"|\bparent(?:al|s|'s|s')? (?:consent|permission)\b|\b(?:mum|mom|mam|dad|parents?) (?:can |could |will )?signs? "
)
_SERVICE = re.compile(
    r"""\b(?:
    laser | hydra\s?facials? | micro-?\s?needl\w+ | dermaplan\w+ | prp | thread\ lifts? | micro\s?blading
    | coolsculpting
    | fat\ freez\w+ | liposuction | profhilo | jalupro | nctf | lip\ fill\w+ | lip\ augmentation | skin\ tags?
    | varicose
    | transplants? | rosacea | cellulite | stretch\ marks? | double\ chin | minoxidil | iv\ drips? | spray\ tan
    | mole\ (?:remov\w+|near|check)\w* | moles | tattoo\ remov\w+ | (?:chemical|for\ my)\ peels? | permanent\ makeup
    | lash\ extensions?
    | botox\ (?:sessions?|price\w*|costs?|part\w+|list) | (?:price|cost|much)\ (?:\w+\ ){0,3}botox
    | botox\ for\ (?:\w+\ )?(?:sweat\w*|teeth|armpits|migraines?) | hiring | vacanc\w+ | recruit\w* | insurers?
    )\b""",
    re.VERBOSE,
)
_ELSEWHERE = re.compile(
    r"""\b(?:
      shirts? | linen | trousers | jeans | fabric | curtains? | ironing | sofas? | couch | carpets? | rugs? | jackets?
    | sweaters? | cardigan | wallpaper | ceilings? | fence | concrete | lawn | orchids? | monstera | cactus | spruce
    | hedge
    | ferns? | tablecloth | mattress | pumpkin | avocados? | chestnuts? | sausages? | gravy | recipe | pasta | pizza
    | bread
    | soup | curry | restaurant | whisky | cask
    | dogs? | cats? | puppy | puppies | kittens? | horses? | hamsters? | rabbits? | cows? | sheep | parrots?
    | aquarium | vet's
    | engine | tyres? | petrol | diesel | motorbike | bicycle | tesla | volvo | suspension | driving\ lessons? | fuel
    | insulation | screws? | bulbs? | iphone | android | laptop | printer | wifi | router | playstation | netflix
    | minecraft
    | batman | episodes? | seasons? | playlist | jazz | guitar | football | basketball | bitcoin | crypto | stocks?
    | president | election | parliament | government | weather | forecast | economy | poem | essay | geometry
    | grammar
    | university | halloween | musical | mesopotamia | soprano | scrabble | photosynthesis | knitting | sewing
    | psychotherapy | aromatherapy | grandfather\ clock | supermarket | tesco | ikea | ryanair | library
    | post\ office
    | museum | pool | parcel | solicitor
    )\b""",
    re.VERBOSE,
)
_OURS = re.compile(
    r"\b(?:mesotherapy|your?|i pay|after|afterwards"
    r"|(?:my|the) (?:skin|face|neck|eyes?|hair|forehead|cheeks?|lips?|hands?|legs?|chin|scalp))\b"
)
_BODY = (
    r"(?:face|neck|decollete|chest|hands?|arms?|legs?|knees?|thighs?|stomach|tummy|belly|back|body|scalp|head|eyes?"
    r"|eyelids?|under eyes?|lips?|mouth|cheeks?|forehead|chin|jaw|jawline|nose|men|man|guys|women|older people"
    r"|young people|sensitive skin|dark skin|oily skin)"
)
_AND = r"(?:(?:and|or|but|ok|also|so),? )*"
_FOLLOW_UP = re.compile(
    rf"{_AND}(?:what about |how about |is it the same |same |the same )?"
    rf"(?:(?:for|on|in|around|under|with|at|over|to|near) )?(?:the |my |a |your )?(?:skin (?:of|on) (?:the |my )?)?"
    rf"{_BODY}"
    rf"(?: (?:and|or|&) (?:the |my )?{_BODY})?(?: (?:too|also|as well|then|area|zone))*[?!. ]*$"
    rf"|{_AND}(?:for|on|around|under) (?:the |my )?(?:hair|skin)[?!. ]*$"
    r"|(?:ok |please |can you )*(?:tell me more|more(?: details?| info\w*)?|go on|and then|details|explain more)"
    r"(?: in more detail| please| about (?:it|that|this))*[?!. ]*$"
)


def is_medical(text: str) -> bool:
    """Whether it tells of a condition, medicine, pregnancy or tender age; not whether the treatment causes one."""
    text = normalise(text)
    if is_minor(text) or _TAKING.search(text):
        return True
    return bool(_CONDITIONS.search(_CAUSED.sub(" ", _LONG_AGO.sub(" ", text))))


def is_minor(text: str) -> bool:
    """Whether somebody is under age, by what it says, or it asks how old one must be."""
    text = normalise(text)
    return bool(_YOUNG.search(text) or _MINOR.search(text))


def is_other_service(text: str) -> bool:
    """Whether it asks for what the content is not about: another treatment, a price of botox, a job."""
    return bool(_SERVICE.search(text))


def is_elsewhere(text: str) -> bool:
    """Whether it names things of another world (clothes, animals, machines), and nothing of the patient or clinic."""
    return bool(_ELSEWHERE.search(text)) and not _OURS.search(text)


def is_follow_up(text: str) -> bool:
    """Whether it only makes sense with the topic before it ("and for the neck?", "tell me more")."""
    return bool(_FOLLOW_UP.match(text))
