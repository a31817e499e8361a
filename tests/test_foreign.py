"""Somebody writes in another language: an emergency is heard, and nothing else is guessed at."""

import unicodedata
from importlib import resources

import pytest
import yaml

from bot.asking import Asker
from bot.clock import MovableClock
from bot.config import load_clinic
from faq import abroad, content
from faq.content import packaged
from faq.foreign import is_foreign
from faq.matcher import Matcher, Phrase
from faq.reader import Reader
from faq.redflags import KINDS, Level, check
from tests.story import MONDAY
from tests.test_redflags import EMERGENCIES, HARMLESS, SAME_DAY, lines, load, table

STATED = """
    A nie mogę oddychać
    A nie moge oddychac
    A mój język puchnie
    B nic nie widzę na lewe oko
    C moja warga jest biała
    I boli mnie w klatce piersiowej
    I ona zemdlała
    I POMOCY!!!
    I wezwijcie karetkę
    D+ mam wysoką gorączkę
    D leci ropa z policzka
    A ich bekomme keine luft
    A Ich kann nicht atmen
    A meine Zunge ist geschwollen
    B ich kann auf dem linken auge nichts sehen
    C meine Lippe ist ganz weiß
    I ich habe starke Schmerzen in der Brust
    I Hilfe!
    D die stelle ist heiß und rot
    A je ne peux pas respirer
    A J'arrive pas à respirer
    A j’étouffe
    A ma langue est gonflée
    B je ne vois plus rien
    C ma lèvre est toute blanche
    I j'ai mal à la poitrine
    I elle s'est évanouie
    I au secours
    A no puedo respirar
    A se me hincha la lengua, tengo la lengua hinchada
    B no veo nada con el ojo izquierdo
    C tengo el labio blanco
    I me duele mucho el pecho
    I ayuda!!
    A não consigo respirar
    A nao consigo respirar
    A a minha língua está inchada
    B não vejo nada
    C meu lábio está branco
    I estou com dor no peito
    A non riesco a respirare
    A mi si gonfia la lingua, ho la lingua gonfia
    B non vedo più niente
    C il labbro è diventato bianco
    I aiuto!
    I ho dolore al petto
    A ik krijg geen lucht
    A mijn tong is gezwollen
    B ik kan niets meer zien
    C mijn lip is blauw
    I ik heb pijn op de borst
    A не могу дышать
    A у меня опух язык
    B я ничего не вижу
    C губа побелела
    I боль в груди
    I помогите!!!
    I вызовите скорую
    D идет гной
    A не можу дихати
    A язик набряк
    B нічого не бачу
    C губа посиніла
    I допоможіть
    A nu pot să respir
    A nu pot sa respir
    A mi s-a umflat limba
    B nu mai văd cu ochiul stâng
    C buza mea este albă
    I am dureri în piept
    I ajutor!
    A nefes alamıyorum
    A nefes alamiyorum
    A dilim şişti
    B göremiyorum
    C dudağım bembeyaz
    I göğsüm çok ağrıyor
    I imdat
    A لا أستطيع التنفس
    A لا استطيع التنفس
    A لساني متورم
    B لا أرى شيئا
    C شفتي بيضاء
    I ألم في صدري
    I ساعدوني
    I إسعاف
    A نمی‌توانم نفس بکشم
    A زبانم ورم کرده
    B چشمم نمی‌بیند
    C لبم سفید شده
    I کمک
    I درد قفسه سینه دارم
    A 无法呼吸
    A 我呼吸困难
    A 舌头肿了
    B 我看不见了
    C 嘴唇发白
    I 胸口痛
    I 救命
    D 伤口流脓
    A tôi không thở được
    A toi khong tho duoc
    A lưỡi tôi bị sưng
    B tôi không nhìn thấy gì
    C môi tôi trắng bệch
    I tôi bị đau ngực
    I cứu tôi với
    A मुझे सांस नहीं आ रही
    A मेरी जीभ सूज गई है
    B मुझे दिखाई नहीं दे रहा
    C मेरा होंठ सफेद हो गया
    I सीने में दर्द है
    I बचाओ
    A nem kapok levegőt
    A feldagadt a nyelvem, a nyelvem feldagadt
    B nem látok semmit
    C az ajkam fehér lett
    I fáj a mellkasom
    I segítség!
    A nemůžu dýchat
    A nemuzu dychat
    A mám oteklý jazyk
    B nic nevidím
    C ret je úplně bílý
    I bolí mě na hrudi
    I pomoc!
    A не мога да дишам
    A езикът ми е подут
    B не виждам нищо
    C устната ми побеля
    I болят ме гърдите
    I помощ!
    A δεν μπορώ να αναπνεύσω
    A πρήστηκε η γλώσσα μου
    B δεν βλέπω τίποτα
    C το χείλος μου άσπρισε
    I πόνος στο στήθος
    I βοήθεια!
    A jag kan inte andas
    A min tunga är svullen, tungan är svullen
    B jag kan inte se
    C läppen är helt vit
    I jag har ont i bröstet
    I hjälp!
    A negaliu kvėpuoti
    A liežuvis ištino
    B nieko nematau
    C lūpa pabalo
    I skauda krūtinę
    I padėkite!
    I 🚑
    I 🆘🆘
"""
"""A kind, and what states it."""
ASKED = """
    czy to boli
    jestem w ciąży
    ile kosztuje zabieg
    czy mogę przyjść w piątek, muszę kupić ropę
    dzień dobry, chciałabym umówić wizytę
    tut es weh
    was kostet eine Behandlung
    ich bin schwanger
    können Sie mir bei der Auswahl helfen
    ça fait mal ?
    combien ça coûte
    je suis enceinte
    je voudrais un rendez-vous
    duele mucho?
    cuánto cuesta
    estoy embarazada
    necesito ropa cómoda?
    quanto custa
    estou grávida
    sono incinta
    doet het pijn
    wat kost het
    ik ben zwanger
    это больно?
    сколько стоит
    я беременна
    запишите меня на пятницу
    це боляче?
    скільки коштує
    sunt însărcinată
    acıyor mu
    ne kadar
    هل هو مؤلم
    كم السعر
    أنا حامل
    قیمت چنده
    من باردارم
    多少钱
    我怀孕了
    có đau không
    giá bao nhiêu
    tôi đang mang thai
    कितना खर्च आएगा
    क्या दर्द होता है
    mennyibe kerül
    terhes vagyok
    kolik to stojí
    bolí to
    jsem těhotná
    колко струва
    боли ли
    πόσο κοστίζει
    hur mycket kostar det
    gör det ont
    jag är gravid
    kiek kainuoja
    ar skauda
    esu nėščia
"""
ENGLISH = """
    dysport price
    bocouture or azzalure
    profhilo vs jalupro
    u ok hun
    whats ur insta
    cheers luv
    gonna pop in l8r ta
    Siobhan Ní Bhriain
    Priya Raghunathan
    Nguyen Van Anh 07700 900123
    my name is Agnieszka Wiśniewska
    anna.kowalska@example.com
    café near you?
    👍👍
    ok
    gracias
    asap pls
    wat is mezotherapy
"""


def stated() -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in (line.split(" ", 1) for line in lines(STATED))]


def without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


@pytest.fixture(scope="module")
def reader() -> Reader:
    phrases = [Phrase(*phrase) for phrase in content.load([packaged()], "en").phrases()]
    return Reader({"en": Matcher.fit(phrases)}, (), default="en")


@pytest.mark.parametrize(("kind", "text"), stated())
def test_a_plain_emergency_is_heard_in_its_language(kind: str, text: str) -> None:
    assert {abroad.kind(one) for one in (text, text.upper(), without_accents(text))} == {kind}


def test_it_is_heard_by_the_reader_at_its_level(reader: Reader) -> None:
    for kind, text in stated():
        assert reader.read(text, "en").level == (Level.SAME_DAY if kind == "D" else Level.EMERGENCY), text


@pytest.mark.parametrize("text", lines(ASKED))
def test_a_question_in_another_language_is_no_emergency_and_is_not_guessed_at(reader: Reader, text: str) -> None:
    assert check(text) is None
    understood = reader.read(text, "en")
    assert (understood.route, understood.topic, understood.suggestions) == ("staff", None, ())
    assert understood.foreign


def test_the_reply_says_what_to_do_and_offers_a_person() -> None:
    clinic = load_clinic(None)
    asker = Asker(clinic, MovableClock(MONDAY))
    shown = asker.shown("czy to boli")
    assert shown.startswith("I only understand English.")
    assert clinic.emergency in shown
    assert clinic.urgent_phone in shown
    assert "[Ask the clinic]" in shown
    assert asker.ask("nie mogę oddychać")["route"] == "urgent"


@pytest.mark.parametrize("text", lines(ENGLISH))
def test_slang_names_and_brands_are_not_foreign(text: str) -> None:
    assert not is_foreign(text)


def test_hardly_any_english_is_taken_for_foreign() -> None:
    texts = [text for text, _, _ in content.load([packaged()], "en").phrases()]
    texts += [row["text"] for name in ("red_flags.jsonl", "not_red_flags.jsonl") for row in load(name)]
    assert sum(map(is_foreign, texts)) < 0.005 * len(texts)


def test_what_is_said_in_english_is_none_of_the_phrases_of_others() -> None:
    texts = [text for text, _ in (*table(EMERGENCIES), *table(SAME_DAY))] + lines(HARMLESS)
    texts += [text for text, route, _ in content.load([packaged()], "en").phrases() if route != "urgent"]
    texts += [row["text"] for row in load("not_red_flags.jsonl")]
    assert [text for text in texts if abroad.kind(text)] == []


def test_the_phrases_name_kinds_that_exist() -> None:
    file = resources.files("faq") / "content" / "redflags.any.yaml"
    languages = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert len(languages) > 22
    assert {kind for kinds in languages.values() for kind in kinds} <= set(KINDS)


@pytest.mark.parametrize("text", ["", "🚑 on the way to you?", "\0", "=", "*", "nie " * 1000])
def test_odd_texts_state_nothing(text: str) -> None:
    assert abroad.kind(text) is None
