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
from memoryos.tiers.mid_term import MOST_OF_CHAIN
from memoryos.tiers.traits import ALIGNMENT, INTERESTS, PERSONALITY, TRAITS
from memoryos.updating.analysts.rules import RuleAnalyst
from memoryos.updating.analysts.summaries import TOPIC_SUMMARY

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
SEGMENT = Segment("s", "", (), 1, 1, 1, NOON, NOON)


def pages(*turns: tuple[str, str], gap: timedelta = timedelta(minutes=1)) -> tuple[Page, ...]:
    return tuple(
        Page(f"p{i}", user, agent, NOON + i * gap, "default", seq=i)
        for i, (user, agent) in enumerate(turns)
    )


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


def test_pages_that_speak_of_one_thing_are_one_chain_and_each_has_a_topic():
    found = RuleAnalyst().consolidate(Batch(pages(*PAINTING)))
    assert chained(found) == [3]
    assert not found.chains[0].continues
    assert [topic.page_ids for topic in found.topics] == [("p0",), ("p1",), ("p2",)]
    assert {"harbor", "painting", "watercolor"} <= set(found.topics[0].keywords)
    assert len(found.topics[0].keywords) <= 8


def test_a_change_of_subject_begins_a_chain():
    assert chained(RuleAnalyst().consolidate(Batch(pages(*PAINTING, *TAXES)))) == [3, 2]
    again = pages(*PAINTING[:2], *TAXES, PAINTING[2])
    assert chained(RuleAnalyst().consolidate(Batch(again))) == [2, 2, 1]


def test_a_page_at_a_time_gives_the_chains_of_a_batch():
    whole = RuleAnalyst().consolidate(Batch(pages(*PAINTING, *TAXES)))
    previous, continues = None, []
    for page in pages(*PAINTING, *TAXES):
        [chain] = RuleAnalyst().consolidate(Batch((page,), previous)).chains
        continues.append(chain.continues)
        previous = page
    assert continues == [False, True, True, False, True]
    assert chained(whole) == [3, 2]


@pytest.mark.parametrize(
    "greeting", ["Hi!", "hello there", "Hola, buenas", "你好", "Thanks a lot!"]
)
def test_a_greeting_summarises_nothing_and_goes_with_what_follows(greeting: str):
    said = pages((greeting, "Hello! How can I help you?"), ("Turbines need sensors.", "They do."))
    found = RuleAnalyst().consolidate(Batch(said))
    assert found.topics[0].summary == ""
    assert found.topics[0].keywords == ()
    assert chained(found) == [2]


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
    assert chain.summary.startswith("The harbor is near Lisbon.\nUser: ")
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
        assert 0 < len(draft.summary) <= MOST_OF_CHAIN
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
    for summary in (found.topics[0].summary, found.chains[0].summary):
        rest = summary.replace("Ana: ", "").replace("Mel: ", "")
        for sentence in (*split(said), *split(answered)):
            rest = rest.replace(sentence, "")
        assert summary.startswith(("Ana: ", "Mel: "))
        assert ("Ana: " in summary) == any(s in summary for s in split(said))
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
    assert all(len(chain.summary) <= MOST_OF_CHAIN for chain in found.chains)
    said = {page.id: {"user": page.user_input, "agent": page.agent_response} for page in batch}
    for fact in found.facts:
        [source] = fact.sources
        start, end = source.span or (0, 0)
        assert fact.text == source.quote == said[source.page_id][fact.owner][start:end] != ""
        assert (fact.kind, fact.attribute, fact.value) == ("statement", None, None)
    assert analyst.consolidate(Batch(batch)) == found
    assert analyst.promote(PromotionRequest(SEGMENT, batch, (), Profile())) == Promotion()


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
    assert time.process_time() - start < 2.0
