"""Postings: found whether they are sorted yet or not, in whatever run."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memoryos.retrieval.index import lexical
from memoryos.retrieval.index.lexical import (
    LexicalSnapshot,
    compacted,
    extended,
    moved,
    postings_of,
)
from memoryos.text.terms import TERM_DTYPE, page_terms, query_terms, term_id


def pack(words: Sequence[str]) -> bytes:
    counts = Counter(map(term_id, words))
    return np.array(sorted(counts.items()), TERM_DTYPE).tobytes()


def packed(blobs: Sequence[bytes]) -> tuple[bytes, np.ndarray]:
    return b"".join(blobs), np.array(list(map(len, blobs)), np.int64)


def test_postings_are_found_whatever_run_they_are_in():
    snapshot = LexicalSnapshot()
    for i in range(1900):
        blob = pack(["all"] * 3 + [f"w{i % 5}", f"only{i}", "x", "y", "z", f"v{i % 2}"])
        snapshot = extended(snapshot, postings_of(*packed([blob]), i)[0])
    assert 1 < len(snapshot.runs) < 6
    assert snapshot.tail.size
    every, fifth, one, none, either = snapshot.find(
        [[term_id(t) for t in g] for g in (["all"], ["w3"], ["only7"], ["nope"], ["v0", "v1", "x"])]
    )
    assert every[0].tolist() == list(range(1900))
    assert set(every[1].tolist()) == {3}
    assert fifth[0].tolist() == list(range(3, 1900, 5))
    assert one[0].tolist() == [7]
    assert none[0].tolist() == []
    assert either[0].tolist() == list(range(1900))
    assert set(either[1].tolist()) == {2}


def test_many_postings_are_sorted_like_few():
    blobs = [pack([f"w{j}" for j in range(i % 50, i % 50 + 40)]) for i in range(2000)]
    postings = postings_of(*packed(blobs), 0)[0]
    (run,) = compacted(extended(LexicalSnapshot(), postings)).runs
    assert run.size == 80_000
    assert np.array_equal(run, np.sort(postings))


BATCHES = st.lists(
    st.tuples(st.integers(1, 25), st.booleans()),  # pages that come together; compacted after them?
    min_size=1,
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(BATCHES, st.integers(2, 60), st.integers(2, 40))
def test_postings_are_found_whether_sorted_or_not(batches, many, tail):
    # Ids that share a half, or the other, with each other.
    ids = [0x0001_0001, 0x0002_0001, 0x0001_0002, 0xFFFF_0001, 7]
    snapshot, pages, expected = LexicalSnapshot(), 0, {i: [] for i in ids}
    with mock.patch.multiple(lexical, _MANY=many, _TAIL=tail):
        for size, settle in batches:
            blobs = []
            for page in range(pages, pages + size):
                words = sorted(i for place, i in enumerate(ids) if page >> place & 1)
                blobs.append(b"".join(struct.pack("<IB", i, 1 + page % 3) for i in words))
                for i in words:
                    expected[i].append((page, 1 + page % 3))
            snapshot = extended(snapshot, postings_of(*packed(blobs), pages)[0])
            pages += size
            if settle:
                snapshot = compacted(snapshot)
                assert not snapshot.heap.size
            held = [*snapshot.runs, snapshot.heap, snapshot.tail]
            assert snapshot.nbytes == 8 * sum(map(len, held))
            found = snapshot.find([[i] for i in [*ids, 8]])
            for i, (rows, counts) in zip(ids, found, strict=False):
                assert list(zip(rows.tolist(), counts.tolist(), strict=True)) == expected[i]
            assert not found[-1][0].size


def test_terms_of_another_format_are_refused():
    with pytest.raises(ValueError, match="page_terms"):
        postings_of(*packed([b"123"]), 0)


def test_postings_move_to_other_rows() -> None:
    blobs = [page_terms(text) for text in ("chess and rex", "chess", "rex")]
    postings, _, _ = postings_of(*packed(blobs), 0)
    snapshot = extended(LexicalSnapshot(), moved(postings, np.array([3, 7, 9])))
    [term] = query_terms("chess")
    rows, counts = snapshot.find([term.ids])[0]
    assert (rows.tolist(), counts.tolist()) == ([3, 7], [1.0, 1.0])
    assert moved(postings[:0], np.zeros(0, np.intp)).size == 0
