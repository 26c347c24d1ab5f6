"""The rule-based analyst: chains, topics, summaries, traits; any text, in time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoryos.model import Chain, Message, Page, Profile, Segment
from memoryos.ports import Batch, Consolidation, Promotion, PromotionRequest
from memoryos.text.sentences import own_voice, spans, split
from memoryos.tiers.traits import ALIGNMENT, INTERESTS, PERSONALITY, TRAITS
from memoryos.updating.analysts.patterns.trait_words import CHINESE_TOPICS, STATEMENTS, TOPIC_WORDS
from memoryos.updating.analysts.rules import RuleAnalyst
from memoryos.updating.analysts.summaries import CHAIN_SUMMARY, TOPIC_SUMMARY

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
SEGMENT = Segment("s", "", (), 1, 1, 1, NOON, NOON)


def pages(*turns: tuple[str, str], gap: timedelta = timedelta(minutes=1)) -> tuple[Page, ...]:
    return tuple(
        Page(f"p{i}", user, agent, NOON + i * gap, "default", seq=i)
        for i, (user, agent) in enumerate(turns)
    )


def promote(*turns: tuple[str, str]) -> Promotion:
    return RuleAnalyst().promote(PromotionRequest(SEGMENT, pages(*turns), (), Profile()))


def chained(found: Consolidation) -> list[int]:
    return [len(chain.page_ids) for chain in found.chains]


PAINTING = (
    ("I started a watercolor painting of the harbor.", "Which colors do you use for the harbor?"),
    ("Mostly blue and grey colors.", "Blue suits a watercolor of a harbor well."),
    ("The painting of the harbor is nearly done.", "Show it when the painting is dry."),
)
TAXES = (
    ("Hello, which form do I need for my tax return?", "Form 1040 covers a personal tax return."),
    ("Can I deduct my office from the tax return?", "Home office costs are deductible there."),
)


def test_pages_that_speak_of_one_thing_are_one_chain_and_one_topic():
    found = RuleAnalyst().consolidate(Batch(pages(*PAINTING)))
    assert chained(found) == [3]
    assert not found.chains[0].continues
    [topic] = found.topics
    assert topic.page_ids == ("p0", "p1", "p2")
    assert {"harbor", "painting", "watercolor"} <= set(topic.keywords)
    assert len(topic.keywords) <= 8


def test_a_change_of_subject_begins_a_chain_and_a_topic():
    found = RuleAnalyst().consolidate(Batch(pages(*PAINTING, *TAXES)))
    assert chained(found) == [3, 2]
    assert [topic.page_ids for topic in found.topics] == [("p0", "p1", "p2"), ("p3", "p4")]
    assert "tax" in found.topics[1].keywords


def test_a_subject_come_back_to_is_the_same_topic_in_a_new_chain():
    found = RuleAnalyst().consolidate(Batch(pages(*PAINTING[:2], *TAXES, PAINTING[2])))
    assert chained(found) == [2, 2, 1]
    assert [topic.page_ids for topic in found.topics] == [("p0", "p1", "p4"), ("p2", "p3")]


def test_after_a_long_pause_little_in_common_is_not_enough():
    turns = (("Let's talk about my garden.", "Gladly."), ("And the weather?", "Sunny."))
    assert chained(RuleAnalyst().consolidate(Batch(pages(*turns)))) == [2]
    late = pages(*turns, gap=timedelta(days=2))
    assert chained(RuleAnalyst().consolidate(Batch(late))) == [1, 1]


@pytest.mark.parametrize(
    "opening", ["By the way, taxes are due.", "Por cierto, hay impuestos.", "顺便问一下，税。"]
)
def test_an_announced_change_of_subject_begins_a_chain(opening: str):
    turns = (("My sourdough bread rose well overnight.", "Lovely bread."), (opening, "Right."))
    assert chained(RuleAnalyst().consolidate(Batch(pages(*turns)))) == [1, 1]


def test_a_chain_goes_on_from_the_page_before_and_says_what_it_said():
    first, *rest = pages(*PAINTING)
    before = Chain("c", "default", (first.id,), "The harbor is near Lisbon.", "rules", NOON)
    found = RuleAnalyst().consolidate(Batch(tuple(rest), first, before))
    [chain] = found.chains
    assert chain.continues
    assert chain.page_ids == ("p1", "p2")
    assert chain.summary.startswith("The harbor is near Lisbon. ")
    assert "nearly done" in chain.summary
    unrelated = RuleAnalyst().consolidate(Batch(pages(*TAXES), first, before))
    assert not unrelated.chains[0].continues
    assert "Lisbon" not in unrelated.chains[0].summary


def test_a_chain_summary_stays_bounded_however_long_the_chain():
    summary = ""
    previous = None
    analyst = RuleAnalyst()
    for i in range(40):
        page = Page(
            f"p{i}",
            f"The harbor painting has reached layer number {i} of blue paint today.",
            "A fine layer of blue paint on that harbor painting.",
            NOON,
            "default",
            seq=i,
        )
        chain = Chain("c", "default", ("p",), summary, "rules", NOON) if previous else None
        [draft] = analyst.consolidate(Batch((page,), previous, chain)).chains
        assert 0 < len(draft.summary) <= CHAIN_SUMMARY
        summary, previous = draft.summary, page
    assert "layer number 39" in summary


def test_summaries_are_whole_sentences_of_the_pages_with_their_speakers():
    said = "I painted the harbor. It took me three weeks of evenings. Nobody knew."
    answered = "That harbor painting is splendid! How long did the harbor take?"
    page = Page(
        "p",
        said,
        answered,
        NOON,
        "default",
        messages=(Message("user", said, name="Ana"), Message("assistant", answered, name="Mel")),
    )
    found = RuleAnalyst().consolidate(Batch((page,)))
    allowed = {f"Ana: {s}" for s in split(said)} | {f"Mel: {s}" for s in split(answered)}
    for summary in (found.topics[0].summary, found.chains[0].summary):
        rest = summary
        for sentence in sorted(allowed, key=len, reverse=True):
            rest = rest.replace(sentence, "")
        assert summary
        assert rest.strip() == ""
    assert not {"ana", "mel"} & set(found.topics[0].keywords)


def test_a_page_without_text_still_has_a_chain_and_a_topic():
    tool = Message("tool", "42 degrees in Lisbon", tool_call_id="t")
    empty = Page("p1", "", "", NOON, "default", messages=(tool,))
    bare = Page("p2", "", "", NOON, "default")
    found = RuleAnalyst().consolidate(Batch((*pages(PAINTING[0]), empty, bare)))
    assert sorted(i for t in found.topics for i in t.page_ids) == ["p0", "p1", "p2"]
    assert [i for c in found.chains for i in c.page_ids] == ["p0", "p1", "p2"]
    alone = RuleAnalyst().consolidate(Batch((empty,)))
    assert alone.topics[0].page_ids == ("p1",)
    assert "Lisbon" in alone.topics[0].summary
    assert RuleAnalyst().consolidate(Batch((bare,))).topics[0].summary == ""


def test_an_empty_batch_has_nothing():
    assert RuleAnalyst().consolidate(Batch(())) == Consolidation((), ())


def test_a_batch_of_many_subjects_has_a_few_topics():
    subjects = "harbor tax bread chess violin train glacier contract".split()
    turns = [(f"Hello, tell me of {word} and {word}s.", f"A {word} indeed.") for word in subjects]
    found = RuleAnalyst().consolidate(Batch(pages(*turns)))
    assert len(found.topics) <= 5
    assert sorted(i for t in found.topics for i in t.page_ids) == [f"p{i}" for i in range(8)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("I met Dr. Lee in St. Louis. Fine.", ["I met Dr. Lee in St. Louis.", "Fine."]),
        ("It costs 3.50 euros… really.", ["It costs 3.50 euros…", "really."]),
        ("¡Hola! ¿Qué tal?", ["¡Hola!", "¿Qué tal?"]),
        ("我住在北京。你呢？好", ["我住在北京。", "你呢？", "好"]),
        ("a\nb\r\n\nc", ["a", "b", "c"]),
        ("", []),
        ("...", ["..."]),
    ],
)
def test_sentences_are_split(text: str, sentences: list[str]):
    assert split(text) == sentences


# ── Traits ────────────────────────────────────────────────────────────────────────────────────


def test_there_are_ninety_dimensions_in_three_groups():
    assert len(TRAITS) == 90
    assert set(TRAITS.values()) == {PERSONALITY, ALIGNMENT, INTERESTS}
    assert TRAITS["Extraversion"] == PERSONALITY
    assert TRAITS["Helpfulness"] == ALIGNMENT
    assert TRAITS["Science Interest"] == INTERESTS


def test_a_topic_come_back_to_again_and_again_is_an_interest():
    science = (
        ("How does quantum entanglement work?", "…"),
        ("Which telescope shows distant galaxies?", "…"),
        ("I read about a physics experiment.", "…"),
    )
    [trait] = promote(*science).traits
    assert (trait.name, trait.level) == ("Science Interest", "medium")
    assert "“quantum”" in trait.reason
    assert [source.page_id for source in trait.sources] == ["p0", "p1", "p2"]
    assert trait.sources[0].quote == "How does quantum entanglement work?"
    assert promote(*science[:2]).traits == ()
    assert promote(*(("A telescope?", "…"),) * 5).traits == ()
    assert promote(*science, *science).traits[0].level == "high"


def test_what_only_the_agent_speaks_of_is_no_interest_of_the_user():
    agent = "Physics, telescopes, a telescope, galaxies and quantum experiments."
    assert promote(*(("Fine.", agent),) * 4).traits == ()


@pytest.mark.parametrize(
    ("said", "name", "level"),
    [
        ("I always plan everything in advance.", "Need for Order", "high"),
        ("I'm very organized.", "Conscientiousness", "high"),
        ("I'm an introvert.", "Extraversion", "low"),
        ("Soy muy tímida.", "Extraversion", "low"),
        ("我很内向。", "Extraversion", "low"),
        ("I love trying new things.", "Openness", "high"),
        ("I prefer short answers.", "Conciseness", "high"),
        ("I'm not religious.", "Religious Interest", "low"),
    ],
)
def test_plain_statements_show_traits(said: str, name: str, level: str):
    traits = {trait.name: trait for trait in promote((said, "")).traits}
    assert traits[name].level == level
    assert traits[name].sources[0].quote == said
    assert said in traits[name].reason


@pytest.mark.parametrize(
    "said",
    [
        "I'm not an introvert.",
        "My sister is very organized.",
        "If I'm organized, I win.",
        "Am I an introvert?",
        "She said: I'm an introvert.",
        "I was always the organized one.",
    ],
)
def test_other_statements_do_not(said: str):
    assert promote((said, "I'm an introvert.")).traits == ()


def test_every_trait_that_rules_may_draft_is_a_dimension():
    drafted = {*TOPIC_WORDS, *CHINESE_TOPICS, *(name for name, _, _ in STATEMENTS)}
    assert drafted <= set(TRAITS)


# ── Any text, in time ─────────────────────────────────────────────────────────────────────────

WORDS = st.sampled_from(
    (
        "I I'm My my live in love like am a nurse Rome Ana sister dog named is called and , . ! ? :"
        " ; \" ' ` > « » 「 \n me llamo vivo en soy gusta mi perro 我 叫 住在 喜欢 不 是 。 ，"
        " ？ \x00 \ud800 \u200b {value} {who} %s years old 34 99999 ... — born 1990"
        " no longer because"
    ).split(" ")
)
TEXT = st.one_of(
    st.text(st.characters(codec=None), max_size=80),
    st.lists(WORDS, max_size=40).map(" ".join),
    st.lists(WORDS, max_size=40).map("".join),
)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=6), st.booleans())
def test_any_text_is_read_without_an_error_and_nothing_is_invented(
    turns: list[tuple[str, str]], people: bool
):
    batch = tuple(
        Page(
            f"p{i}",
            user,
            agent,
            NOON,
            "default",
            seq=i,
            messages=(Message("user", user, name="A\x00"), Message("assistant", agent, name=""))
            if people
            else (),
        )
        for i, (user, agent) in enumerate(turns)
    )
    analyst = RuleAnalyst()
    found = analyst.consolidate(Batch(batch))
    ids = [page.id for page in batch]
    assert sorted(i for topic in found.topics for i in topic.page_ids) == ids
    assert [i for chain in found.chains for i in chain.page_ids] == ids
    assert all(len(topic.summary) <= TOPIC_SUMMARY for topic in found.topics)
    assert all(len(chain.summary) <= CHAIN_SUMMARY for chain in found.chains)
    request = PromotionRequest(SEGMENT, batch, (), Profile())
    promotion = analyst.promote(request)
    said = {page.id: (page.user_input, page.agent_response) for page in batch}
    for fact in promotion.facts:
        for source in fact.sources:
            assert any(source.quote in side for side in said[source.page_id])
        assert fact.value is None or any(fact.value in source.quote for source in fact.sources)
    assert (analyst.consolidate(Batch(batch)), analyst.promote(request)) == (found, promotion)


@given(TEXT)
def test_masking_keeps_every_place(text: str):
    plain = own_voice(text)
    assert len(plain) == len(text)
    places = [place for sentence in spans(plain) for place in (sentence.start, sentence.end)]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        " ",
        ".",
        "?",
        "'",
        '"',
        ": ",
        "\n",
        "I ",
        "I am a ",
        "my my ",
        "I love ",
        ", ",
        "'a ",
        "! ",
        "…",
        "I live in A ",
        "I love a-a'a/a ",
        "my sister ",
        "soy ",
        "me gusta ",
        "我",
        "我喜欢",
        "，",
        "。",
        "《",
        "`",
        "I'm ",
        "> \n",
        "« ",
        "A: ",
        "and I am ",
        "I was born in a a ",
        "\u0300",
        "😀",
        "\x00",
        "34 years ",
        "I love a, a, ",
    ],
)
@pytest.mark.parametrize("sentence", [None, 590])
def test_a_megabyte_of_anything_is_read_in_time(unit: str, sentence: int | None):
    if sentence:  # as many sentences as long as are read
        unit = unit * (sentence // len(unit)) + ". "
    text = unit * (1_000_000 // len(unit))
    page = Page("p", text, text, NOON, "default")
    analyst = RuleAnalyst()
    start = time.process_time()
    analyst.consolidate(Batch((page,)))
    analyst.promote(PromotionRequest(SEGMENT, (page,), (), Profile()))
    assert time.process_time() - start < 2.0
