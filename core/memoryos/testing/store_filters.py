"""Contract of a store's filters: which pages a recall may show, as positions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from memoryos.model import Scope
from memoryos.storage.port import Comparison, Condition, PageFilter, Store
from memoryos.testing.store_samples import NOON, SCOPE, draft, fill, place

_PAGES: list[dict[str, Any] | None] = [
    {"lang": "en", "price": 3},
    {"lang": "es", "price": 4.5},
    {"lang": "zh", "price": "4"},
    None,
    {"lang": None, "paid": True, "price": 10},
    {"lang": ["en"], "price": {"gte": 3}, "paid": False},
    {"lang": "EN", 'qu"ote.d': "x", "": "empty", "price": -2},
    {"lang": "ñandú \U0001f600", "paid": 1},
]


def _in(name: str, *values: Any) -> Condition:
    return Condition(name, "in", values)


def _bound(name: str, comparison: Comparison, bound: float | str) -> Condition:
    return Condition(name, comparison, (bound,))


class FilterContract:
    """Tests of `positions`; a subclass gives the fixture `store`."""

    @pytest.mark.parametrize(
        ("conditions", "matching"),
        [
            ((_in("lang", "en"),), [1]),
            ((_in("lang", "en", "es", "fr"),), [1, 2]),
            ((_in("lang"),), []),
            ((_in("lang", None),), [4, 5]),
            ((_in("lang", None, "zh"),), [3, 4, 5]),
            ((_in("lang", "ñandú \U0001f600"),), [8]),
            ((_in("price", 3.0),), [1]),
            ((_in("price", "4"),), [3]),
            ((_in("paid", True),), [5, 8]),
            ((_in("paid", 0),), [6]),
            ((_in('qu"ote.d', "x"),), [7]),
            ((_in("", "empty"),), [7]),
            ((_in("$", "x"),), []),
            ((Condition("lang", "has", ()),), [1, 2, 3, 6, 7, 8]),
            ((Condition("paid", "has", ()), _bound("price", "gt", 3)), [5]),
            ((Condition("none", "has", ()),), []),
            ((_bound("price", "gte", 3),), [1, 2, 5]),
            ((_bound("price", "gt", 3),), [2, 5]),
            ((_bound("price", "lt", 4.5),), [1, 7]),
            ((_bound("price", "lte", 4.5),), [1, 2, 7]),
            ((_bound("price", "gte", "3"),), [3]),
            ((_bound("lang", "gt", "en"),), [2, 3, 8]),
            ((_bound("paid", "gte", 0),), [8]),
            ((_bound("price", "gte", 3), _bound("price", "lt", 5)), [1, 2]),
            ((_bound("price", "gte", 3), _in("lang", "es")), [2]),
        ],
        ids=str,
    )
    def test_metadata(
        self, store: Store, conditions: tuple[Condition, ...], matching: list[int]
    ) -> None:
        store.append(SCOPE, [draft(f"p{n}", metadata=m) for n, m in enumerate(_PAGES)])
        found = store.positions(SCOPE, PageFilter(metadata=conditions))
        assert found.tolist() == matching

    def test_sessions_times_and_segments(self, store: Store) -> None:
        drafts = [draft(f"p{n}", session="ab"[n % 2], minute=n) for n in range(8)]
        store.append(SCOPE, drafts)
        store.append(Scope("ana"), drafts)
        place(store, SCOPE, {"p1": ("s", "c"), "p4": ("s", "c"), "p5": ("t", "c")})

        def found(after_seq: int = 0, **conditions: Any) -> list[int]:
            return list(store.positions(SCOPE, PageFilter(**conditions), after_seq).tolist())

        assert found() == [1, 2, 3, 4, 5, 6, 7, 8]
        assert found(session_id="a") == [1, 3, 5, 7]
        assert found(3, session_id="a") == [5, 7]
        assert found(segment_id="s") == [2, 5]
        assert found(segment_id="s", session_id="a") == [5]
        assert found(since=NOON + timedelta(minutes=2), before=NOON + timedelta(minutes=5)) == [
            3,
            4,
            5,
        ]
        assert found(8) == found(session_id="c") == found(segment_id="c") == []
        assert store.positions(Scope("nobody"), PageFilter()).tolist() == []

    def test_positions_of_ids(self, store: Store) -> None:
        fill(store)
        store.append(SCOPE, [draft("p1", "new", replaces=1)])
        assert store.positions_of(SCOPE, ["p3", "p1", "p9"]) == {"p3": 3, "p1": 4}
        assert store.positions_of(SCOPE, []) == store.positions_of(Scope("x"), ["p1"]) == {}
