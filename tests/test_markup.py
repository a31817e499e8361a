"""Telegram's HTML as the Bot API reads it: what is kept, how it is counted, and what is refused in which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery import markup
from bot.delivery.markup import Entity, Marked, MarkupError, parse


def spans(html: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the text, and every entity's type with the stretch it covers."""
    marked = parse(html)
    units = marked.text.encode("utf-16-le")
    return marked.text, [
        (entity.type, units[2 * entity.offset : 2 * entity.end].decode("utf-16-le")) for entity in marked.entities
    ]


@pytest.mark.parametrize(
    ("html", "text", "expected"),
    [
        ("plain", "plain", []),
        ("<b>a</b><strong>b</strong>", "ab", [("bold", "a"), ("bold", "b")]),
        ("<i>a</i> <em>b</em>", "a b", [("italic", "a"), ("italic", "b")]),
        ("<u>a</u> <ins>b</ins>", "a b", [("underline", "a"), ("underline", "b")]),
        ("<s>a</s> <strike>b</strike> <del>c</del>", "a b c", [("strikethrough", x) for x in "abc"]),
        ('<tg-spoiler>a</tg-spoiler> <span class="tg-spoiler">b</span>', "a b", [("spoiler", "a"), ("spoiler", "b")]),
        ("<code>a</code>", "a", [("code", "a")]),
        ("<pre>a</pre>", "a", [("pre", "a")]),
        ("<blockquote>a</blockquote>", "a", [("blockquote", "a")]),
        ("<blockquote expandable>a</blockquote>", "a", [("expandable_blockquote", "a")]),
        ("<b>bold <i>both</i></b>", "bold both", [("bold", "bold both"), ("italic", "both")]),
        ("<B>a</b >", "a", [("bold", "a")]),
        ("<b>a</>", "a", [("bold", "a")]),
        ("<b title='x' other>a</b>", "a", [("bold", "a")]),
        ("<b></b>a", "a", []),
        # counted in UTF-16: a flag is four units, an emoji two
        ("🇬🇧 <b>🙂 ok</b> &amp; <i>fine</i>", "🇬🇧 🙂 ok & fine", [("bold", "🙂 ok"), ("italic", "fine")]),
        # a style holds no doubled self, and code holds and is held by no style
        ("<b>a<b>b</b></b>", "ab", [("bold", "ab")]),
        ("<code><b>a</b></code>", "a", [("code", "a")]),
        ("<b>a<code>b</code>c</b>", "abc", [("bold", "a"), ("code", "b"), ("bold", "c")]),
        ("<blockquote>a <code>b</code></blockquote>", "a b", [("blockquote", "a b"), ("code", "b")]),
    ],
)
def test_accepts(html: str, text: str, expected: list[tuple[str, str]]) -> None:
    assert spans(html) == (text, expected)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("&lt;b&gt; &amp; &quot;", '<b> & "'),
        ("&lt no semicolon", "< no semicolon"),
        ("&#65;&#x42;&#128578;", "AB🙂"),
        ("&#55357;&#56898;", "🙂"),  # the halves of a pair, one after the other
        ("a &nbsp; b &copy;", "a &nbsp; b &copy;"),  # unknown names are no characters, and no mistakes
        ("&#0; &#x110000; &", "&#0; &#x110000; &"),
        ("fish & chips", "fish & chips"),
        ("a > b", "a > b"),
    ],
)
def test_reads_characters(html: str, text: str) -> None:
    assert parse(html).text == text


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("<p>a</p>", 'Unsupported start tag "p" at byte offset 0'),
        ("<br>", 'Unsupported start tag "br" at byte offset 0'),
        ("5 < 6 and 7 > 6", 'Unsupported start tag "" at byte offset 2'),
        ("é🙂<h1>", 'Unsupported start tag "h1" at byte offset 6'),  # offsets of refusals are bytes of UTF-8
        ("a <b", "Unclosed start tag at byte offset 2"),
        ("<b>a", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b>a</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b><i>a</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("<b>a</b", "Unclosed end tag at byte offset 4"),
        ("<a href", 'Unclosed start tag "a" at byte offset 0'),
        ("<a href=", 'Unclosed start tag "a" at byte offset 0'),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ("<a =x>", 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=a/b>", "Unexpected end of name token at byte offset 8"),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<tg-emoji emoji-id="x">🙂</tg-emoji>', "Invalid custom emoji identifier specified"),
        (
            "&#xD83D;",
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units",
        ),
        ("a\0<b>b</b>", "Text must not contain null bytes"),
    ],
)
def test_refuses_in_telegrams_words(html: str, problem: str) -> None:
    with pytest.raises(MarkupError) as caught:
        parse(html)
    assert str(caught.value) == f"Bad Request: can't parse entities: {problem}"


@pytest.mark.parametrize(
    ("html", "entity"),
    [
        ('<a href="https://Example.com">x</a>', Entity("text_link", 0, 1, url="https://example.com/")),
        ('<a href="example.com/a?b=1&amp;c=2">x</a>', Entity("text_link", 0, 1, url="http://example.com/a?b=1&c=2")),
        ("<a>example.com</a>", Entity("text_link", 0, 11, url="http://example.com/")),
        ('<a href="tg://user?id=42">x</a>', Entity("text_mention", 0, 1, user_id=42)),
        ('<a href="tg://resolve?domain=a">x</a>', Entity("text_link", 0, 1, url="tg://resolve?domain=a")),
        (
            '<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>',
            Entity("custom_emoji", 0, 2, custom_emoji_id="5368324170671202286"),
        ),
        ('<pre><code class="language-python">x</code></pre>', Entity("pre", 0, 1, language="python")),
        ('<code class="language-python">x</code>', Entity("code", 0, 1)),
    ],
)
def test_keeps_what_a_tag_says(html: str, entity: Entity) -> None:
    assert parse(html).entities == (entity,)


def test_a_link_to_nowhere_leaves_its_words() -> None:
    assert parse('<a href="nowhere">x</a>') == Marked("x")


@pytest.mark.parametrize(
    ("html", "text", "expected"),
    [
        ("  a  \n\n", "a", []),
        ("\n <b> a </b> \n", "a", [("bold", "a")]),
        ("a\r\nb\tc", "a\nb c", []),
        ("a\r\n<b>b\r\nc</b> d", "a\nb\nc d", [("bold", "b\nc")]),
        ("a\u202eb <b>c</b>", "ab c", [("bold", "c")]),
        ("a<b> \n </b>b", "a \n b", []),
        ("<b>  </b>", "", []),
        ('<a href="a.bc"> </a>x', " x", [("text_link", " ")]),  # a link is kept however empty it looks
        ("   ", "", []),
    ],
)
def test_trims_and_cleans(html: str, text: str, expected: list[tuple[str, str]]) -> None:
    assert spans(html) == (text, expected)


def test_entities_are_those_of_the_bot_api() -> None:
    dicts = [entity.as_dict() for entity in parse('<a href="tg://user?id=7">A</a> <a href="a.bc">B</a>').entities]
    assert dicts == [
        {"type": "text_mention", "offset": 0, "length": 1, "user": {"id": 7, "is_bot": False, "first_name": ""}},
        {"type": "text_link", "offset": 2, "length": 1, "url": "http://a.bc/"},
    ]


@given(st.text())
def test_what_is_escaped_parses_to_itself(text: str) -> None:
    tame = markup.tidy(markup.isolated(text).replace("\0", " "))
    assert parse(markup.escape(text).replace("\0", " ")) == tame
    assert parse(f"<b>{markup.escape(tame.text)}</b>").text == markup.isolated(tame.text)


@pytest.mark.parametrize(
    ("text", "isolated"),
    [
        ("Anna", "Anna"),
        ("\u0633\u0644\u0627\u0645 12", "\u2068\u0633\u0644\u0627\u0645 12\u2069"),
        ("x\u2069y\u202e", "\u2068xy\u202e\u2069"),  # what would close the isolation is taken out
        ("\u2067x", "\u2068\u2067x\u2069\u2069"),  # and what it leaves open is closed
        ("a\n\u05d0\nb", "a\n\u2068\u05d0\u2069\nb"),  # a line has its own direction
    ],
)
def test_what_turns_the_direction_of_writing_is_isolated(text: str, isolated: str) -> None:
    assert markup.isolated(text) == isolated


@given(st.text(alphabet=st.sampled_from("a\u05d0\u2066\u2067\u2068\u2069\u202e\u202c\n"), max_size=20))
def test_isolation_is_closed_on_each_line_and_twice_is_as_good_as_once(text: str) -> None:
    for line in markup.isolated(text).split("\n"):
        depth = 0
        for char in line:
            depth += (char in "\u2066\u2067\u2068") - (char == "\u2069")
            assert depth >= 0
        assert depth == 0 or line == text
    assert markup.isolated(text).replace("\u2068", "").replace("\u2069", "") == text.replace("\u2068", "").replace(
        "\u2069", ""
    )


@given(st.text(alphabet=st.sampled_from(list("<>/b&#;=\"' a🙂")), max_size=30))
def test_any_text_parses_or_is_refused(html: str) -> None:
    try:
        marked = parse(html)
    except MarkupError:
        return
    assert all(e.offset >= 0 and e.length > 0 and e.end <= markup.length(marked.text) for e in marked.entities)


@pytest.mark.parametrize(("text", "units"), [("", 0), ("abc", 3), ("é", 1), ("🙂", 2), ("🇬🇧", 4), ("a\u0301", 2)])
def test_counts_utf16_units(text: str, units: int) -> None:
    assert markup.length(text) == units


@pytest.mark.parametrize(("text", "blank"), [("", True), (" \n\u200b\u2800", True), ("\u200ba", False), ("🙂", False)])
def test_knows_what_shows_nothing(text: str, blank: bool) -> None:
    assert markup.is_blank(text) is blank


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "URL host is empty"),
        ("not-a-url", "Wrong HTTP URL"),
        ("ftp://example.com", "Unsupported URL protocol"),
        ("javascript:alert(1)", "Wrong HTTP URL"),
        ("https://exa mple.com", "Wrong HTTP URL"),
        ("https://example.com:port", "Wrong HTTP URL"),
        ("tg://", "URL host is empty"),
        ("tg://a b", "Unallowed characters in URL host"),
    ],
)
def test_refuses_urls(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}$"):
        markup.checked_url(url)
