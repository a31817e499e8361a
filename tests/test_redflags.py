"""Red flags: what frightened, tired, terse and non-native people type is caught; what everybody else types is not."""

import json
import re
from importlib import resources
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from faq.redflags import KINDS, Level, RedFlag, check

DATA = Path(__file__).parent / "data"

EMERGENCIES = {
    "A": """
        I can't breathe
        cant breath properly
        i cannot brethe
        its hard to breathe since the injections
        having trouble breathing, what do i do
        short of breath and my neck feels weird
        i keep gasping
        wheezing since i got home
        my breathing is getting worse
        Breathing feels funny, like through a straw
        not enough air help
        i can not take air
        my breath is difficult
        throat closing
        my throat feels really tight after the meso
        throat is swelling up
        feels as if my throat is closing up
        theres a lump in my throat and i cant swallow
        Can't swallow my own spit
        it hurts to swallow, tongue feels thick
        my tounge is swollen
        Tongue swelling!!
        my lips are huge
        my lip is twice the size it was an hour ago
        lips swelled up like a balloon
        top lip swollen massively, is this normal??
        my moms face is blowing up
        face blowing up like a ballon
        My whole face is swelling
        face swelling really fast
        half an hour ago i had my injections and now my face is swelling up and i'm itchy all over
        my voice has gone hoarse all of a sudden
        voice sounds weird and croaky
        hives all over my body
        covered in hives everywhere help
        hives on my arms and feeling dizzy
        i feel like im going to pass out
        about to faint
        I think I'm gonna faint
        she collapsed after the treatment
        just fainted in the bathroom
        heart racing and dizzy
        my heart is pounding and i feel lightheaded
        heart is beating so fast
        i think im having an allergic reaction
        anaphylaxis??
        my friend is having an anaphylactic shock
        not that I can't breathe but it's hard to
        used my epipen what now
        lump in throat since session, hard to talk
        im choking
        tongue feels heavy and fat
        my daughter came home from you and she's wheezing
        lips numb and big, cant feel them
        everything is spinning and i feel faint
        itching everywhere and my eyes and lips are swelling
    """,
    "B": """
        I can't see
        cant see out of my left eye
        i cant see anything with my right eye
        blurry vision since the injection
        my vision went blurry
        one eye is blurred
        everything is blurry
        lost sight in one eye
        i'm losing my vision
        seeing double
        i see everything double
        double vision after treatment near the eye
        black spot in my vision
        theres a dark shadow over my eye
        like a curtain came down over my eye
        flashes of light in my eye
        i went blind in one eye for a minute
        is it normal that i cant see well from the left eye
        eye pain after injection
        terrible pain behind my eye
        my eye really hurts since the meso
        my eyelid is drooping
        eyelid wont open
        cant open my eye
        left eyelid dropped
        half my face dropped
        one side of my face is drooping
        the right side of my mouth is hanging down
        my smile is crooked all of a sudden
        my husband is slurring his words
        slurred speech
        i cant speak properly
        words coming out wrong
        my arm went numb
        left arm feels weak
        cant feel my face
        cannot move one side of my face
        my leg is numb
        worst headache of my life
        sudden terrible headache after injections
        mum is confused suddenly and doesn't know where she is
        i think she's having a stroke
        vision going dark
        my sight is getting worse
        tingling down my arm and my face feels numb
        eye went black cant see help
        everything went dark in one eye
    """,
    "C": """
        skin turned white
        my skin has gone white where you injected
        lip went white since the shots
        the tip of my nose is white
        a white patch on my cheek that won't go
        grey patch next to my nose
        blue lips
        my lips look blue
        purple lace pattern on my cheek
        marbled skin around the injections
        skin looks mottled
        blotchy and cold
        my cheek is cold and numb
        skin feels cold and hard and its pale
        the area is going black
        nose turning black
        dark scab spreading
        black scab where the needle went in
        pain getting worse
        the pain is getting worse every hour
        unbearable pain
        excruciating pain in my lip
        pain is killing me, painkillers dont help
        it hurts so much i cant sleep
        so much pain in my cheek
        burning won't stop
        my face is burning and it doesnt stop
        it burns like acid
        my skin is on fire
        skin is dying
        i think its necrosis
        the skin is rotting
        blisters where injected
        blisters and it hurts a lot
        blisters and the skin around is purple
        when I press it stays white
        no blood flow to my lip i think
        do i have a vascular occlusion
        my forehead went grey and it hurts
        the skin gone blue near the needle marks
        my lip turn to purple and feel cold
        really painful white patch
    """,
    "D+": """
        red skin with fever
        my cheek is red and hot and i have a fever
        shivering badly
        i'm burning up
        fever 39 after the injections
        temperature 38.7 and face swollen
        shivering and cant get warm, face is red
        i keep vomiting
        been throwing up since the treatment
        i feel like im dying
        haven't peed since yesterday
        my eye is swollen shut
        eyes swollen shut this morning
        chills and the swelling is hot
        confused and hot, face is infected
        think i'm dying please
    """,
    "I": """
        chest pain
        my chest hurts
        pain in my chest since the injection
        tight chest
        pressure on my chest
        she is having a fit
        my wife had a seizure
        he's unconscious
        she wont wake up
        not responding, what do I do
        should i call an ambulance
        do i need to go to hospital
        shaking uncontrollably
        calling 999?
        passed out and not waking up
    """,
    "J": """
        I want to die because of my face
        i want to kill myself
        thinking about suicide
        i don't want to live anymore
        i wish i was dead
        better off dead than looking like this
        i cant go on like this
        ill end my life
        going to hurt myself
        im cutting myself again
        whats the point of living with this face, I want to die
        i took too many pills
    """,
}
SAME_DAY = {
    "D": """
        hot and red
        my cheek is hot and red
        the skin is red and warm to touch
        redness spreading
        the redness is spreading to my neck
        red streaks
        there are red lines going up from it
        throbbing
        my cheek is throbbing
        swelling bigger today
        more swollen than yesterday
        pus
        there's pus coming out
        oozing yellow
        yellow stuff leaking from the needle holes
        it smells bad
        hard hot skin
        tender and swollen
        more sore than yesterday
        is it infected?
        i think its infected
        might be infected, looks angry
        my cheek is swollen
        its getting redder and redder
        it's getting worse every day
        still hot and swollen after 5 days
    """,
    "E": """
        a boil came up
        pus lump
        soft squishy lump on my jaw
        a lump full of fluid
        it burst and stuff came out
        a hole that is leaking
        painful ball under the skin
        spot with a head on it where i was injected
        like a big spot
        cyst came up on my cheek
        its draining
        lump hot to touch
        i think it's an abscess
    """,
    "F": """
        bumps weeks later
        bumps came up three weeks after the treatment
        lumps came back
        purple lumps
        sores won't heal
        the wound is not healing
        antibiotics didn't work
        i had two courses of antibiotics and nothing helped
        red nodules in rows
        a lump at every injection
        spots a month after my session
        keeps opening
        weeping sores
        scabs keep returning
        more lumps appearing
        it's been 6 weeks and new lumps are appearing
    """,
    "G": """
        hard lump
        i feel a pea under my skin
        bead under skin
        the lump is not going
        a knot in my cheek
        my face is bumpy since the treatment
        swollen glands
        swelling comes and goes
        a raised patch on my cheek
        found a lump months later
        grainy skin under my eyes since the injections
        itchy lumps
        filler 3 years ago, hard lump under eye now
    """,
    "H": """
        cold sore
        i got a cold sore after the treatment
        tingling lip
        herpes came out
        little blisters
        crusty lip
        burning spots
        fever blister on my lip
        lip sore
        water blisters
        stinging rash
        i think its shingles
    """,
    "A": """
        hives on my neck
        i have some hives
        itchy all over
        rash spreading on my neck
        my skin is reacting badly
    """,
}
HARMLESS = """
    How much is it?
    what is mesotherapy
    does it hurt?
    is it painful?
    can it cause an infection?
    what if my lip swells
    is blindness possible
    risk of necrosis?
    do people pass out
    do people faint during it?
    has anyone ever gone blind from this
    can you go blind from injections near the eye
    could it cause an allergic reaction
    is there a risk of anaphylaxis
    what are the chances of a vascular occlusion
    What happens if I get an abscess?
    what should I do if I get a fever afterwards
    will my face be swollen the next day
    would my lips swell a lot?
    how long does the swelling last
    is swelling normal
    how do you treat infections
    how do you prevent infection
    do you treat cold sores
    what are the signs of infection
    i read that people went blind from fillers
    my friend had necrosis after filler, is that a risk with meso
    I saw a video where her skin went black, can that happen?
    i'm scared of going blind
    afraid my skin could turn black
    ten years ago I had an anaphylactic shock after a wasp
    my lip swelled last time in 2019
    I fainted once at a blood test years ago
    i had a stroke in 2015, is it safe
    as a child I had seizures
    I had a bad cold sore last year
    I faint at the sight of needles
    i sometimes get cold sores
    I'm prone to keloids
    dark circles
    can it help with dark circles under my eyes
    I want white teeth too
    I'm dying to try this
    breathtaking results
    can I use the hot tub
    do you use numbing cream
    a burning question: how much?
    I can't see your prices
    i cant see the button
    I can't see any available times
    cant see any difference after two sessions
    my eyes look tired
    sorry for the blurry photo
    i was in shock at the price
    can I wear red lipstick after
    my eyes are swollen in the morning
    puffy eyes every morning
    my hair falls out
    i have acne spots
    brown spots on my cheeks
    my skin is gray and tired
    pale dull skin, would it help?
    my skin looks grey and dull
    bit pink
    a bit pink still
    tiny bumps
    i have tiny bumps today is it ok
    small bruise
    the bruise turned yellow
    my bruise is purple and blue
    slightly puffy
    mild itch
    a bit tender
    needle marks still visible
    dry patch
    yellow bruise
    skin feels tight
    warm today isn't it
    no redness, no swelling, all fine
    no pus, no redness
    all good, no swelling at all
    the swelling went down, all good now
    it was red and hot but it's fine now
    see you tomorrow
    lump sum or installments?
    can you fit me in tomorrow?
    does that fit your schedule
    what time do you close
    are you closed on monday
    can i pay with a black card
    can i drink alcohol after
    I'd kill for skin like that
    my feet are killing me lol
    is there parking near the hospital
    faint lines around my mouth
    droopy eyelids, can you lift them?
    my cheeks are sagging with age
    numb the area first please
    will my face be numb
    can i exercise, my heart rate goes up
    do you treat the chest area
    wrinkles on my chest
    black friday deals?
    i have blackheads
    white hairs
    can I dye my hair
    double chin treatment
    can I see before and after pictures
    i see
    i'm confused about the prices
    confused about aftercare
    I lost my appointment card
    how do i lose weight
    can i come if i have a cold?
    sore throat, should i reschedule?
    i have a cold sore, can I still come tomorrow?
    need to cancel, my son is vomiting
    can you treat bumpy skin texture
    my skin is bumpy and uneven, would it improve
    pores are huge on my nose
    i want bigger lips
    can it make my lips thicker
    let my skin breathe
    need a breath of fresh air
    i'm sick of my wrinkles
    that price is insane
    prices give me a headache
    do you do eye area
    dark spots from the sun
    is it safe with epilepsy
    i take blood thinners
    thanks, everything is great
    hello
    👍
    i have been thinking about it for weeks
    my skin is dying for some hydration
    can meso help with hair falling out after stress
    does it smell bad
    are the needles clean, any risk of hiv
    which areas can be treated
    what about swelling and bruising
    how is infection avoided
    my wedding is in 3 weeks, is that enough time
    is anaphylaxis common with this
    are lumps common
    can lumps appear months later
    the redness is almost gone
    redness gone after one day, thank you
    it feels much better today
    I can't wait
    i cannot come tomorrow
    can't find your address
    i'm in pain paying that much
    emergency appointment for wrinkles lol
    do you have an emergency number
    are you open on christmas
    my boyfriend's jaw dropped when he saw me
    hot weather, can i still come
    ice pack ok after?
    how cold is the room
    is the product cold when injected
    can sun make my spots darker
    my nails are weak and break
    spots on my back
"""


ORDINARY_WISHES = """
    How long until the redness is gone from my face?
    how many sessions until the dark spots disappear from my skin
    i want my spots to disappear from my face
    how do i make the lines on my face vanish
    I'd like to do something for myself
    time to do something about my skin myself
    i cant live with this acne
    goodbye everyone and thanks
    i'll end it here, thanks for the info
    i want it to be over quickly
    what's the quickest way to go from the bridge
    i cant go on holiday like this
    can i take my own towel
    are my tablets ready for collection
    should i take all my tablets before the visit
    i live 15 kms away
    i hate these lines and want them gone
    not safe to do it myself at home?
    bite the bullet and fix my face
    tired of living with these wrinkles
    thinking of taking the train, is parking easier
    I don't want to live with these wrinkles
    i want my wrinkles gone
    i want these bags gone before christmas
    how long until the bruise disappears
    will the spots vanish for good
    i'd love for the scars to disappear
    can i do something for my skin myself
    i did my make up myself and it was fine
    i hate my skin
    i hate my face in photos
    i can't live with these dark circles any more
    i cant live without coffee, can i drink it after
    can't go on wednesday, can we move it
    i can't go on the sunbed then?
    nobody at work will notice if i had it done
    no point coming if it hurts
    is there any point in living far away and booking a course
    i'm done with fillers, want something natural
    want to end my membership
    how do i end the conversation
    the treatment is over right
    when will it all be over, the redness i mean
    i want this over before my holiday
    take all my makeup off first?
    i take loads of vitamins tablets, should i stop
    can i take painkillers before
    thinking about the train, which station is closest
    i'm on the platform, running ten minutes late
    i'm on the bridge, traffic, will be late
    hope the bus gets me there on time
    jumping on the bus now
    goodbye acne forever
    say goodbye to wrinkles
    this is the last message i got from you
    look after yourself thanks for everything
    how do you do it exactly
    planning to do it in june
    i was thinking of doing it before summer
    i cut my hair, does it matter
    cut myself shaving, can i still come
    is it a burden for the skin
    life is too short for bad skin
    this acne is ruining my life
    my life has changed since the treatment, thank you
    end of life care nurse here, can i get an appointment
    i'll be gone in july, can we do june
    we'll be gone on holiday
    i cant take this heat anymore
    no reason, just curious
    no way out of the car park
    i hope it kills the bacteria
    does it kill fat cells
    is it worth it
    worth living in london just for this clinic haha
    i'm sick of everything on the market, does yours work
    tired of everything i tried
"""
STANDING = """
    i faint at needles
    i faint at the sight of a needle
    i get migraines with flashing lights
    I have asthma and get wheezy in spring
    my scalp is numb from an old operation
    my face droops from old bells palsy
    i have a droopy eyelid since a stroke in 2010
    i've got floaters since i was 30
    is it safe at 80 with a weak heart
    i always get dizzy when i stand up too fast
    i've been blind in one eye since birth
    my fingers go white in winter, raynauds
    i have epilepsy and have seizures twice a year
    i pass out when i see blood
    i get palpitations when i drink coffee
    my left eye has been blurry since cataract surgery in 2015
    i have a numb lip from a dental injury years ago
    i get short of breath climbing stairs because of my copd
    i get hives every summer from heat
    i get cold sores twice a year
    my arm goes numb from a trapped nerve
"""
EXPRESSIONS = """
    dead skin on my face
    how do i get rid of dead skin on my lips
    i look like death
    i look like death warmed up lately
    stress is killing me, skin is suffering
    work is killing my skin
    SOS my wedding is in three weeks
    i need to catch my breath before i decide
    i'm so nervous i could throw up
    bit of a chesty cough
    lips twice a year
    will my heart race with the adrenaline in the numbing
    this heat is killing me
    my kids are killing me
    i nearly died when i saw the price
    the price gave me a heart attack
    i'm blind without my glasses
    can't see myself doing botox
    laughed so hard i couldn't breathe
    im dead lol
    dying inside looking at my selfie
    drowning in work
    my skin can't breathe under makeup
    heart is racing with excitement for tomorrow
    i almost fainted when i heard the price
    butterflies, my heart is pounding about my first visit
    i lost sight of what matters
    skin is so dry it feels tight around the mouth
"""
CRISES = """
    i dont want to live anymore
    i do not want to be alive
    i cant go on
    i cant live like this
    i want to end it
    im going to end it tonight
    i wish i never woke up
    i want to disappear
    id rather be dead
    everyone would be better off without me
    i took too many pills
    i swallowed all my tablets
    i've been cutting myself
    i keep hurting myself
    my life is over
    i cant face living like this
    theres no point in living
    i am going to jump off the bridge
    standing on the ledge
    i wrote a goodbye letter
    nobody would miss me
    im suicidal
    my daughter wants to kill herself
    she says she will end her life
    he is threatening to hang himself
    not that i want to die but i cant go on
    i have a razor in my hand
"""
STANDING_BUT_NOW = """
    I have asthma and I can't breathe
    I've had asthma since childhood and i cant breathe
    i always get asthma in spring but this is worse, wheezing badly
    my asthma inhaler isn't working, wheezing since the injection
    I have asthma and am wheezing now
    i faint at needles and i just fainted again
    fainted at the clinic
    i get migraines but this is the worst headache ever
    i have had floaters since i was 30 but now there is a curtain
    i had bells palsy years ago and now my face is drooping again
    my face is drooping, i had bells palsy once
    droopy eyelid since my injection yesterday
    numb lip since the treatment
    my face went numb from the injection
    my arm is numb from the injection
    my lip went white from the filler
    i am diabetic and feel faint
    i always feel fine but i cannot breathe
    chest pain, i have a weak heart
    my chest hurts every few minutes
    i have epilepsy and just had a fit
    my daughter has epilepsy and is having a seizure
    having a panic attack i cant breathe
    is it a panic attack? chest tight, cant breathe
    i've been dizzy and sick for hours, i always faint
    face drooping from this morning
    lips blue since an hour
    i can't see from my left eye since a few minutes
    i am dying
    my skin is dead around the injection
    dead skin where you injected, black
    i feel like im dying
    SOS
    SOS cant breathe
    nervous because i might pass out, everything going black
    heart racing and dizzy
    my heart is racing about 180
    heart is racing for an hour
    pounding heart and hives
    cough and throat tight
    i think im going to throw up and faint
    stress or not, chest pain
"""


def lines(block):
    return [line.strip() for line in block.strip().splitlines()]


def table(blocks):
    return [(text, kind) for kind, block in blocks.items() for text in lines(block)]


@pytest.mark.parametrize(("text", "kind"), table(EMERGENCIES))
def test_an_emergency_is_called_an_emergency(text, kind):
    flag = check(text)

    assert flag is not None, f"missed ({KINDS[kind]})"
    assert flag.level == Level.EMERGENCY


@pytest.mark.parametrize(("text", "kind"), table(SAME_DAY))
def test_what_should_be_seen_the_same_day_is_flagged(text, kind):
    assert check(text) is not None, f"missed ({KINDS[kind]})"


@pytest.mark.parametrize("text", lines(ORDINARY_WISHES))
def test_who_wants_something_gone_or_over_is_no_person_in_crisis(text):
    assert check(text) is None


@pytest.mark.parametrize("text", lines(CRISES))
def test_who_wants_to_be_gone_is_one(text):
    assert check(text) == RedFlag(Level.EMERGENCY, "J")


@pytest.mark.parametrize("text", lines(STANDING))
def test_a_disposition_or_a_long_standing_condition_is_no_report(text):
    assert check(text) is None


@pytest.mark.parametrize("text", lines(STANDING_BUT_NOW))
def test_whoever_has_it_anyway_is_heard_when_it_happens(text):
    flag = check(text)

    assert flag is not None
    assert flag.level == Level.EMERGENCY


@pytest.mark.parametrize("text", lines(EXPRESSIONS))
def test_an_expression_is_not_taken_at_its_word(text):
    assert check(text) is None


@pytest.mark.parametrize("text", lines(HARMLESS))
def test_everybody_else_is_left_alone(text):
    assert check(text) is None


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("I can't breathe", RedFlag(Level.EMERGENCY, "A")),
        ("I've got hives on my neck", RedFlag(Level.SAME_DAY, "A")),
        ("hives on my neck and my lips are swelling", RedFlag(Level.EMERGENCY, "A")),
        ("double vision", RedFlag(Level.EMERGENCY, "B")),
        ("the tip of my nose turned white", RedFlag(Level.EMERGENCY, "C")),
        ("little blisters on my chin", RedFlag(Level.SAME_DAY, "H")),
        ("little blisters on my chin, very painful", RedFlag(Level.EMERGENCY, "C")),
        ("the cheek is hot and red", RedFlag(Level.SAME_DAY, "D")),
        ("the cheek is hot and red and I have a fever", RedFlag(Level.EMERGENCY, "D+")),
        ("the cheek is hot and red, no fever", RedFlag(Level.SAME_DAY, "D")),
        ("an abscess on my jaw", RedFlag(Level.SAME_DAY, "E")),
        ("the sores won't heal", RedFlag(Level.SAME_DAY, "F")),
        ("swollen glands", RedFlag(Level.SAME_DAY, "G")),
        ("chest pain", RedFlag(Level.EMERGENCY, "I")),
        ("I want to die because of my face", RedFlag(Level.EMERGENCY, "J")),
        ("pus since yesterday. And now I can't breathe", RedFlag(Level.EMERGENCY, "A")),
    ],
)
def test_the_most_urgent_sign_decides(text, flag):
    assert check(text) == flag


@pytest.mark.parametrize(
    "text",
    [
        "it's not that I can't breathe, it's just hard",
        "my face isn't swollen but I can't swallow",
        "no rash, no fever, but I can't see on the left",
        "no trouble breathing yet, but my tongue is swelling",
        "not that my throat is closing",
        "no trouble breathing",
    ],
)
def test_a_negation_does_not_switch_an_emergency_off(text):
    assert check(text) == RedFlag(Level.EMERGENCY, "A") or check(text) == RedFlag(Level.EMERGENCY, "B")


@pytest.mark.parametrize(
    ("reassuring", "flagged"),
    [
        ("no pus, no redness, all fine", "pus, redness, not fine"),
        ("I don't have any lumps or pus", "I have lumps and pus"),
        ("the redness isn't spreading", "the redness is spreading"),
        ("it was hot and red but it is fine now", "it was fine but it is hot and red now"),
        ("the swelling has gone down", "the swelling hasn't gone down"),
    ],
)
def test_plain_reassurance_takes_a_same_day_flag_back(reassuring, flagged):
    assert check(reassuring) is None
    assert check(flagged) is not None


@pytest.mark.parametrize(
    ("hypothetical", "real"),
    [
        ("what if my lips swell?", "what if it's an allergy, my lips are huge"),
        ("can you go blind from this?", "can you call me? I've gone blind in one eye"),
        ("is there a risk of anaphylaxis?", "is there a risk I'm having anaphylaxis right now"),
        ("do people faint?", "do people faint? I'm about to faint"),
        ("can it cause an infection?", "can it cause an infection? my cheek is hot and red since this morning"),
        ("what should I do if I get a fever?", "what should I do, my cheek is infected and I've got a fever"),
        ("I read that people went blind", "I read about people going blind and now everything is blurry"),
        (
            "ten years ago I had an anaphylactic shock",
            "I had an anaphylactic shock ten years ago and it's happening again",
        ),
        ("my friend had necrosis, could that happen?", "my friend had the injections and she can't breathe"),
        ("I faint at the sight of needles", "I faint at the sight of needles and now I'm about to faint again"),
        ("I sometimes get cold sores", "I sometimes get cold sores and there's one now"),
        ("can you treat bumpy skin?", "my face is bumpy since the treatment"),
    ],
)
def test_a_hypothesis_a_question_or_an_old_story_is_no_flag_unless_it_is_happening_now(hypothetical, real):
    assert check(hypothetical) is None
    assert check(real) is not None


@pytest.mark.parametrize(
    "text", ["is it normal that I can't breathe?", "is it ok that my lip turned white", "am I supposed to see double?"]
)
def test_asking_whether_it_is_normal_is_a_report(text):
    flag = check(text)

    assert flag is not None
    assert flag.level == Level.EMERGENCY


DISGUISES = {
    "capitals": str.upper,
    "run together": lambda text: text.replace(" ", ""),
    "spelled out": lambda text: " ".join(text.replace(" ", "")),
    "curly apostrophe": lambda text: text.replace("'", "’"),
    "backtick": lambda text: text.replace("'", "`"),
    "no apostrophe": lambda text: text.replace("'", ""),
    "apostrophe apart": lambda text: text.replace("'", " "),
    "emoji": lambda text: "😭😭 " + text.replace(" ", " 🙏 ", 1) + " 💉😱",
    "zero width": "\u200b".join,
    "right to left": lambda text: f"\u202e\u2066{text}\u2069\u202c",
    "soft hyphen": lambda text: text.replace("a", "a\u00ad"),
    "accents": lambda text: text.replace("e", "é").replace("a", "à"),
    "wide letters": lambda text: "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in text),
    "repeated letters": lambda text: "".join(c * 4 if c in "aeiou" else c for c in text),
    "one word a line": lambda text: text.replace(" ", "\n"),
    "one word a sentence": lambda text: text.replace(" ", ". "),
    "dots": lambda text: text.replace(" ", "... "),
    "shouting": lambda text: text + "!!!!! ???? HELP",
    "in a longer message": lambda text: (
        f"Dear team, I hope you are well. My second session was on Friday. {text}. Bye, Anna"
    ),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("text", ["I can't breathe", "can't swallow", "lips are swelling", "my skin turned black"])
def test_the_way_of_typing_does_not_matter(text, disguise):
    flag = check(DISGUISES[disguise](text))

    assert flag is not None
    assert flag.level == Level.EMERGENCY


@pytest.mark.parametrize(
    "text",
    [
        "cant brethe", "cnt breath", "cannot braethe", "can not breeth", "cant breahte", "cant beathe",
        "cant breathw", "canot breathe", "thraot closing", "throt closing", "throat closng", "swolen tounge",
        "tongue swoolen", "lips sweling up", "blury vison", "blurrd vision in one eye", "my eye is blured",
        "anaphilaxis", "anaphalactic shock", "alergic reaction", "im feinting", "colapsed", "siezure",
        "he is unconcious", "ambulence please", "fevr and red skin", "shiverring badly", "vomitting",
        "skin turned wite", "necrossis", "mottld skin", "unberable pain", "excrutiating pain",
    ],
)  # fmt: skip
def test_slips_of_the_thumb_are_forgiven_in_emergencies(text):
    flag = check(text)

    assert flag is not None
    assert flag.level == Level.EMERGENCY


@pytest.mark.parametrize(
    "text",
    [
        "breast", "bread", "threat", "version", "smell", "spell", "shell", "number", "numbers", "hearing", "horse",
        "needed", "push", "plus", "cellulite", "lipstick", "eyebrow", "breathtaking", "another", "office", "shoes",
        "slots", "wheels", "chilli", "tone",
    ],
)  # fmt: skip
def test_other_words_are_not_taken_for_slips(text):
    assert check(f"my {text} is turning red") is None or "red" in text
    assert check(f"I can't {text}") is None


@pytest.mark.parametrize(
    ("harmless", "flagged"),
    [
        ("my lips are slightly puffy", "my lips are puffy"),
        ("a bit red and warm", "red and warm"),
        ("I can't talk to anyone on Monday", "I can't talk"),
        ("it was a rash decision", "sorry, rash"),
    ],
)
def test_small_words_make_the_difference(harmless, flagged):
    assert check(harmless) is None
    assert check(flagged) is not None


def test_sloppy_endings_are_mended():
    assert check("my throat is closin and im chokin") == RedFlag(Level.EMERGENCY, "A")
    assert check("skin peelin off n its black") == RedFlag(Level.EMERGENCY, "C")


def test_another_language_is_read_besides_english():
    assert check("I can't breathe", language="pl") == RedFlag(Level.EMERGENCY, "A")
    assert check("I can't breathe", language="") == RedFlag(Level.EMERGENCY, "A")
    assert check("I can't breathe", language="../\0") == RedFlag(Level.EMERGENCY, "A")
    assert check("how much is it?", language="pl-PL") is None


FRAGMENTS = [". ", ", ", "\n", "what if", "years ago", "no", "😭"]
WORDS = [*sorted({word for text, _ in table(EMERGENCIES) for word in text.split()}), *FRAGMENTS]


@given(st.text(max_size=300) | st.lists(st.sampled_from(WORDS), max_size=80).map(" ".join))
@settings(max_examples=400, deadline=None)
def test_no_text_raises(text):
    flag = check(text)

    assert flag is None or flag.kind in KINDS


@given(st.sampled_from(lines(EMERGENCIES["A"])), st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_what_stands_on_other_lines_does_not_hide_an_emergency(text, around):
    before = around.replace("\n", " ")

    assert check(f"{before}\n\n{text}") is not None


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "\u200b", "\ud800", "\x00", "a" * 4096, "lip " * 1024, "can't " * 700, "🫠" * 2048, "a " * 2048],
)
def test_odd_texts_are_no_flags(text):
    assert check(text) is None


@pytest.mark.parametrize(
    "around",
    [
        "{} and I took a tablet",
        "{}, I'm in a panic",
        "{} please call me on my phone",
        "{} I put cream on it",
        "{} I want to go to hospital",
        "{}. What should I do if it gets worse?",
        "{} I'm at work",
        "{}, is that a common side effect?",
        "{}, what are the side effects",
        "{}, it's been years since I felt like this",
        "{} can you help",
        "I read your website. {}",
        "my sister had this too, {}",
        "last time it was fine but {}",
        "I was told it might happen but {}",
        "I had the treatment yesterday, {}",
        "can I move my appointment? {}",
        "sorry to bother you, I know you're closed, {}",
    ],
)
def test_what_else_a_frightened_person_says_does_not_hide_an_emergency(around):
    hidden = [
        text
        for text, _ in table(EMERGENCIES)
        if (flag := check(around.format(text))) is None or flag.level != Level.EMERGENCY
    ]

    assert not hidden


DATA_SET = yaml.safe_load((resources.files("faq") / "content/en/redflags.yaml").read_text(encoding="utf-8"))


def blocks():
    for group in DATA_SET["groups"]:
        yield group["signs"]
        yield group.get("unless", "")
    for frame in DATA_SET["frames"].values():
        yield frame["signs"]
    yield from DATA_SET["now"].values()
    yield DATA_SET["harmless"]


def test_the_data_names_only_what_exists():
    frames, lists, now = DATA_SET["frames"], DATA_SET["apply"], DATA_SET["now"]

    assert {group["kind"] for group in DATA_SET["groups"]} == set(KINDS)
    assert {group.get("frames", group["level"]) for group in DATA_SET["groups"]} <= set(lists)
    assert {name for names in lists.values() for name in names.split()} <= set(frames)
    assert {name for frame in frames.values() for name in frame["yields"].split()} <= set(now)
    assert {frame["stands"] for frame in frames.values()} == {"before", "after", "anywhere"}


@pytest.mark.parametrize("block", list(blocks()), ids=lambda block: block[:30])
def test_every_sign_is_well_formed(block):
    line = re.sub(r"\s*\|\s*", "|", block)

    assert not [
        word for word in re.split(r"[\s;+&|-]+|\.\.", line) if word and not re.fullmatch(r"\^?[\w.]+\*?\$?", word)
    ]
    assert "||" not in line
    assert "--" not in line


@pytest.mark.parametrize("block", [frame["signs"] for frame in DATA_SET["frames"].values()] + [DATA_SET["harmless"]])
def test_only_the_signs_of_a_group_reach_across_the_text(block):
    assert "&" not in block


def load(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines() if line.strip()]


def test_exam_red_flags_written_apart_from_the_patterns():
    rows = load("red_flags.jsonl")
    found = [(row, check(row["text"])) for row in rows]
    missed = [row["text"] for row, flag in found if flag is None]
    urgent = [(row, flag) for row, flag in found if row["level"] == Level.EMERGENCY]
    graded_down = [row["text"] for row, flag in urgent if flag is None or flag.level != Level.EMERGENCY]
    recall = 1 - len(missed) / len(rows)
    graded = 1 - len(graded_down) / len(urgent)

    assert recall >= 0.99, f"recall {recall:.2%} of {len(rows)}; missed: {missed}"
    assert graded >= 0.97, f"emergencies called so {graded:.2%} of {len(urgent)}; not: {graded_down}"


def test_exam_messages_that_are_no_red_flags():
    rows = load("not_red_flags.jsonl")
    flagged = [row["text"] for row in rows if check(row["text"])]
    rate = len(flagged) / len(rows)

    assert rate <= 0.03, f"false alarms {rate:.2%} of {len(rows)}: {flagged}"
