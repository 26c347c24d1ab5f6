"""The per-scope index: what is found, from any thread, however it was filled."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memoryos.config import RankingConfig
from memoryos.embedders.hashing import HashingEmbedder
from memoryos.retrieval.index import ScopeIndex, lexical, scope_index
from memoryos.storage.codec import pack_vectors
from memoryos.storage.columns import IndexColumns, VectorColumns
from memoryos.text.terms import page_terms, query_terms

EMBEDDER = HashingEmbedder(64)
RANKING = RankingConfig().for_embedder(EMBEDDER.name)
DAY = 86_400.0
MAY = datetime(2023, 5, 8, 12, tzinfo=timezone.utc).timestamp()

TEXTS = [
    "Tom: My dog is called Rex.",
    "Tom: The weather in Lisbon is lovely.",
    "Tom: I work as a data scientist in San Francisco.",
    "Tom: Ana and I went hiking in the mountains.",
    "Tom: I bought a violin for my daughter.",
    "Tom: We had pasta for dinner.",
    "Tom: The report is due soon.",
    "Tom: He plays chess on Sundays.",
]


@dataclass(frozen=True)
class Row:
    seq: int
    session: int
    timestamp: float
    terms: bytes
    vector: bytes | None
    first: int = 0


def columns_of(rows: Sequence[Row]) -> IndexColumns:
    names = ("seq", "session", "timestamp", "terms", "first")
    return IndexColumns.of(*([getattr(r, name) for r in rows] for name in names))


def extend(index: ScopeIndex, rows: Sequence[Row]) -> None:
    known = {r.seq: r.vector for r in rows if r.vector is not None}
    index.extend(columns_of(rows), lambda: [VectorColumns.of([*known], [*known.values()])])


def set_late(index: ScopeIndex, seqs: Sequence[int], vectors: np.ndarray) -> None:
    blobs = [pack_vectors(vector[np.newaxis]) for vector in vectors]
    index.set_vectors([VectorColumns.of(list(seqs), blobs)])


def row(i: int, text: str, session: int = 0, seq: int | None = None) -> Row:
    vector = pack_vectors(EMBEDDER.embed_documents([text]))
    return Row(2 * i if seq is None else seq, session, MAY + i * DAY, page_terms(text), vector)


def filled(texts=TEXTS, sessions=None) -> ScopeIndex:
    index = ScopeIndex(64, RANKING)
    places = sessions or range(100, 100 + len(texts))
    extend(index, [row(i, text, s) for i, (text, s) in enumerate(zip(texts, places, strict=True))])
    return index


def search(index: ScopeIndex, query: str, k: int = 3, **kwargs):
    return index.search(query, EMBEDDER.embed_query(query), k, now=MAY + 30 * DAY, **kwargs)


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("What is my dog called?", 0),
        ("Where do I work?", 2),
        ("What did I buy?", 4),
        ("mountans hikng", 3),  # misspelt: only the vectors know
    ],
)
def test_the_page_that_answers_comes_first(query, position):
    hits = search(filled(), query)
    assert hits[0].seq == 2 * position
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_the_reasons_say_why():
    first = search(filled(), "what is my dog Rex called")[0]
    assert first.reasons[0].startswith("words: ")
    assert set(first.reasons[0].removeprefix("words: ").split(", ")) == {"dog", "rex", "called"}
    assert first.reasons[1].startswith("meaning 0.")
    assert search(filled(), "umbrella")[-1].reasons == ()


def test_words_alone_find_it_when_there_is_no_vector():
    hits = filled().search("my dog", None, 2, now=MAY)
    assert hits[0].seq == 0
    assert not any(reason.startswith("meaning") for reason in hits[0].reasons)


def test_a_page_that_shares_nothing_scores_below_one_that_does():
    hits = search(filled(), "dog", k=8)
    assert hits[0].score > 2
    assert all(hit.score < 1 for hit in hits[1:])


def test_when_nothing_matches_no_page_stands_out():
    scores = [hit.score for hit in filled().search("umbrella", None, 8, now=MAY)]
    assert scores == [0] * 8
    assert [hit.score for hit in filled(TEXTS[:1]).search("dog", None, 8, now=MAY)] == [0]


def test_neighbours_of_a_match_in_its_session_are_carried_along():
    apart = search(filled(), "dog", k=8)
    together = search(filled(sessions=[1] * 8), "dog", k=8)
    assert together[1].seq == 2
    assert "next to a strong match" in together[1].reasons
    assert together[1].score > apart[1].score


def test_sessions_that_interleave_keep_their_own_chains():
    index = filled(sessions=[1, 2, 1, 2, 1, 2, 1, 2])
    assert search(index, "dog")[1].seq == 4  # the next of session 1, not the next by seq


def test_a_date_in_the_question_brings_the_pages_of_that_day():
    index = filled()
    hits = search(index, "What did I say on 13 May 2023?")
    assert hits[0].seq == 10
    assert "date: 13 May 2023" in hits[0].reasons
    yesterday = index.search("yesterday", None, 1, now=MAY + 4 * DAY)
    assert yesterday[0].seq == 6


def test_only_allowed_pages_come_back_scored_as_before():
    index = filled()
    every = {hit.seq: hit.score for hit in search(index, "my dog", k=8)}
    hits = search(index, "my dog", k=8, allowed=np.array([2, 3, 6, 99]))
    assert {hit.seq: hit.score for hit in hits} == {seq: every[seq] for seq in (2, 6)}
    assert search(index, "my dog", allowed=np.array([], np.int64)) == []


def test_an_empty_index_and_a_k_of_zero_find_nothing():
    index = ScopeIndex(64, RANKING)
    assert search(index, "dog") == []
    assert index.nearest(np.ones(64, np.float32), 3) == []
    assert (index.last_seq, len(index)) == (-1, 0)
    assert search(filled(), "dog", k=0) == []


def test_a_question_without_words_is_no_error():
    assert len(search(filled(), "???")) == 3
    assert len(search(filled(), "the of and")) == 3


def test_seqs_must_rise():
    index = filled()
    for seqs in ([14], [20, 20]):
        with pytest.raises(ValueError, match="increasing"):
            extend(index, [row(0, "x", seq=seq) for seq in seqs])
    assert len(index) == 8


def test_vectors_that_arrive_late_count_from_then_on():
    late = ScopeIndex(64, RANKING)
    extend(late, [replace(row(i, text, 100 + i), vector=None) for i, text in enumerate(TEXTS)])
    assert late.nearest(EMBEDDER.embed_query("Rex"), 3) == []
    assert search(late, "dog")[0].seq == 0
    vectors = EMBEDDER.embed_documents(TEXTS)
    set_late(late, [0, 2, 4, 5], vectors[[0, 1, 2, 7]])  # 5 is no page: passed over
    assert {hit.seq for hit in late.nearest(EMBEDDER.embed_query("Rex"), 9)} == {0, 2, 4}
    set_late(late, range(6, 16, 2), vectors[3:])
    same(late, filled())


def test_late_vectors_reach_a_block_that_came_from_the_store():
    texts = [f"{TEXTS[i % 8]} number {i}" for i in range(1100)]
    whole, late = ScopeIndex(64, RANKING), ScopeIndex(64, RANKING)
    rows = [row(i, text, i // 9) for i, text in enumerate(texts)]
    extend(whole, rows)
    extend(late, [replace(r, vector=None) if r.seq == 8 else r for r in rows])
    set_late(late, [8], EMBEDDER.embed_documents(texts[4:5]))
    same(late, whole)


def test_nearest_goes_by_cosine_alone():
    index = filled()
    query = EMBEDDER.embed_query("My dog is called Rex.")
    hits = index.nearest(query, 2, allowed=np.array([0, 2, 4]))
    assert hits[0].seq == 0
    expected = float(EMBEDDER.embed_query(TEXTS[0]) @ query)
    assert hits[0].score == pytest.approx(expected, abs=2e-3)


def test_a_replaced_page_is_returned_no_more():
    index = filled()
    extend(index, [replace(row(9, "Tom: My dog is called Max.", 100), first=0)])
    extend(index, [replace(row(10, "Tom: My dog is called Leo.", 100), first=18)])
    seqs = {hit.seq for hit in search(index, "dog called", k=20)}
    assert (18 in seqs, 20 in seqs, len(seqs), len(index)) == (False, True, 9, 9)
    assert 18 not in {hit.seq for hit in index.nearest(EMBEDDER.embed_query("dog"), 20)}


def test_an_index_of_mostly_replaced_pages_is_worn():
    index = filled()
    for i in range(9, 138):
        assert not index.needs_rebuild
        extend(index, [replace(row(i, TEXTS[0], 100), first=0 if i == 9 else 18)])
    extend(index, [replace(row(138, TEXTS[0], 100), first=18)])
    assert index.needs_rebuild
    assert len(index) == 9


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 2), st.integers(0, 3), st.booleans()),
        min_size=2,
        max_size=50,
    ),
    st.lists(st.integers(1, 12), max_size=12),
)
def test_replaced_pages_leave_nothing_behind(made, chunks):
    """An index that saw pages before they were replaced answers like one filled afterwards."""
    rows, standing = [], {}
    for i, (text, session, back, pending) in enumerate(made):
        fresh = row(i, TEXTS[text] + " again" * back, session, seq=i + 1)
        if pending:
            fresh = replace(fresh, vector=None)
        older = [seq for seq, other in standing.items() if other.session == session]
        if back and len(older) >= back:  # the page that stands `back` from the session's end
            old = standing.pop(older[-back])
            fresh = replace(fresh, first=old.first or old.seq)
        rows.append(fresh)
        standing[fresh.seq] = fresh
    whole = ScopeIndex(64, RANKING)
    extend(whole, list(standing.values()))
    steps = ScopeIndex(64, RANKING)
    start = 0
    for size in [*chunks, len(rows)]:
        chunk = rows[start : start + size]
        gone = {other.first or other.seq: other.seq for other in chunk}
        # What was replaced within the chunk is gone from the store when it is read.
        extend(steps, [r for r in chunk if gone[r.first or r.seq] == r.seq])
        start += size
    same(steps, whole)


def same(a: ScopeIndex, b: ScopeIndex) -> None:
    """Assert that two indexes answer alike."""
    assert (len(a), a.last_seq) == (len(b), b.last_seq)
    for query in ("my dog Rex", "Where do I work?", "chess in May 2023", "umbrella"):
        ours, theirs = search(a, query, 10), search(b, query, 10)
        assert [hit.reasons for hit in ours] == [hit.reasons for hit in theirs]
        assert [hit.score for hit in ours] == pytest.approx([h.score for h in theirs], abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 3), st.booleans()), min_size=1, max_size=120
    ),
    st.lists(st.integers(1, 40), max_size=8),
)
def test_it_does_not_matter_in_what_portions_pages_come(pages, portions):
    rows = [
        row(i, f"{TEXTS[which]} note {i}", session) for i, (which, session, _) in enumerate(pages)
    ]
    at_once, step_by_step = ScopeIndex(64, RANKING), ScopeIndex(64, RANKING)
    extend(at_once, rows)
    rest = rows
    for portion in portions:
        extend(step_by_step, rest[:portion])
        rest = rest[portion:]
    extend(step_by_step, rest)
    same(at_once, step_by_step)


def test_columns_and_rows_build_the_same_index():
    texts = [f"{TEXTS[i % 8]} number {i}" for i in range(3000)]
    rows = [row(i, text, i // 7) for i, text in enumerate(texts)]
    by_rows, by_columns = ScopeIndex(64, RANKING), ScopeIndex(64, RANKING)
    for start in range(0, 3000, 250):
        extend(by_rows, rows[start : start + 250])
    seqs = [row.seq for row in rows]
    whole = VectorColumns.of(seqs, [row.vector or b"" for row in rows])
    by_columns.extend(columns_of(rows), lambda: [whole])
    same(by_rows, by_columns)
    assert by_columns.nbytes > 3000 * 64 * 4


def test_what_came_in_bulk_is_sorted_once_it_was_searched(monkeypatch):
    monkeypatch.setattr(lexical, "_MANY", 100)
    monkeypatch.setattr(lexical, "_TAIL", 50)
    index = ScopeIndex(64, RANKING)
    texts = [f"{TEXTS[i % 8]} note {i}" for i in range(200)]
    extend(index, [row(i, text, i // 9) for i, text in enumerate(texts)])
    assert index._now.lexical.heap.size
    go, real = Event(), scope_index.compacted

    def waiting(snapshot):
        assert go.wait(10)
        return real(snapshot)

    monkeypatch.setattr(scope_index, "compacted", waiting)
    search(index, "my dog Rex", 10)
    [sorter] = [t for t in threading.enumerate() if t.name == "memoryos-sort"]
    extend(index, [row(200, "Tom: My dog Rex is old.", 90)])  # meanwhile
    second = search(index, "my dog Rex", 10)
    assert [t for t in threading.enumerate() if t.name == "memoryos-sort"] == [sorter]
    go.set()
    sorter.join(10)
    now = index._now.lexical
    assert (now.heap.size, bool(now.tail.size)) == (0, True)
    assert search(index, "my dog Rex", 10) == second
    assert {400} < {hit.seq for hit in second}


def test_a_writer_may_sort_what_a_thread_is_sorting(monkeypatch):
    monkeypatch.setattr(lexical, "_MANY", 100)
    monkeypatch.setattr(lexical, "_TAIL", 50)
    index = ScopeIndex(64, RANKING)
    rows = [row(i, f"{TEXTS[i % 8]} note {i}", i // 9) for i in range(300)]
    extend(index, rows[:100])
    go, real = Event(), scope_index.compacted

    def waiting(snapshot):
        assert go.wait(10)
        return real(snapshot)

    monkeypatch.setattr(scope_index, "compacted", waiting)
    search(index, "my dog Rex")
    [sorter] = [t for t in threading.enumerate() if t.name == "memoryos-sort"]
    extend(index, rows[100:])
    heap = index._now.lexical.heap
    go.set()
    sorter.join(10)
    assert index._now.lexical.heap is heap
    assert heap.size
    whole = ScopeIndex(64, RANKING)
    extend(whole, rows)
    same(index, whole)
    for thread in threading.enumerate():
        if thread.name == "memoryos-sort":
            thread.join(10)
    assert not index._now.lexical.heap.size


def test_it_is_sorted_at_once_where_no_thread_can_be_had(monkeypatch):
    def none_left(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(lexical, "_MANY", 100)
    monkeypatch.setattr(lexical, "_TAIL", 50)
    monkeypatch.setattr(threading.Thread, "start", none_left)
    index = ScopeIndex(64, RANKING)
    extend(index, [row(i, f"{TEXTS[i % 8]} note {i}", i // 9) for i in range(200)])
    unsorted = search(index, "my dog Rex")
    assert not index._now.lexical.heap.size
    assert search(index, "my dog Rex") == unsorted


sentences = st.lists(
    st.lists(st.sampled_from("dog cat violin chess hike pasta paris rain book tea".split()),
             min_size=2, max_size=8).map(" ".join),
    min_size=1, max_size=30, unique=True,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(sentences, st.data())
def test_a_page_with_a_word_of_its_own_is_found_first_by_its_text(texts, data):
    chosen = data.draw(st.integers(0, len(texts) - 1))
    texts = [text + " unicorn" if i == chosen else text for i, text in enumerate(texts)]
    index = filled(texts, sessions=[i // 6 for i in range(len(texts))])
    assert search(index, texts[chosen])[0].seq == 2 * chosen


def test_readers_see_whole_pages_while_one_thread_adds():
    index = filled()
    done = Event()

    def read() -> int:
        searches = 0
        while not done.is_set():
            size = len(index)
            hits = search(index, "zebra number", k=10)
            assert search(index, "my dog Rex", k=1)[0].seq == 0
            assert len(hits) >= min(size, 10)
            assert all(np.isfinite(hit.score) for hit in hits)
            searches += 1
        return searches

    with ThreadPoolExecutor(3) as readers:
        reading = [readers.submit(read) for _ in range(3)]
        try:
            for i in range(10, 1500):
                extend(index, [row(i, f"zebra number {i}", session=i % 3)])
        finally:
            done.set()
        assert all(future.result() for future in reading)
    assert len(index) == 1498


def test_a_question_as_long_as_a_page_costs_a_bounded_number_of_lookups():
    index = filled([*TEXTS, " ".join(f"word{i}" for i in range(500))])
    question = " ".join(f"word{i}" for i in range(500))
    assert len(query_terms(question)) == 500
    first = search(index, question)[0]
    assert first.seq == 16
    assert len(first.reasons[0].split(", ")) == 32


def test_a_word_in_every_page_tells_nothing():
    reasons = search(filled([f"Tom: {text}" for text in TEXTS * 10]), "Tom plays chess")[0].reasons
    assert reasons[0] in {"words: chess, plays", "words: plays, chess"}
