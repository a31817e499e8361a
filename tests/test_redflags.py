"""Red flags: what frightened, tired, terse and non-native people type is caught, and what everybody else types is not."""

from pathlib import Path

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


def lines(block):
    return [line.strip() for line in block.strip().splitlines()]


def table(blocks):
    return [(text, kind) for kind, block in blocks.items() for text in lines(block)]
