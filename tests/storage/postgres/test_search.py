"""A large scope is searched in the server, and what is found is what this process would find."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from memoryos import Engine, Memory
from memoryos.errors import ModelError
from memoryos.model import Scope
from memoryos.retrieval.index import ScopeIndex, ServerIndex, server_index
from memoryos.storage.port import Changes, PageDraft, PageQuery
from memoryos.storage.postgres import PostgresStore, search
from memoryos.storage.postgres.rows import scope_key
from memoryos.storage.search import StaleBlocks
from memoryos.text.terms import page_terms, term_id
from tests.conftest import ManualClock
from tests.storage.postgres.server import BACK_TO_0001, another_database

SERVED = {"promotion": "manual", "search_in_server_from": 1}
LOCAL = {"promotion": "manual"}
WORDS = [f"{a}{b}" for a in "bdfgklmnprstvz" for b in "alto bric cane dome elix fang".split()]
USER = Scope("tom")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that a test's few pages fill."""
    monkeypatch.setattr(search, "BLOCK", 32)


@pytest.fixture
def served(postgres_uri: str, clock: ManualClock) -> Iterator[Engine]:
    with Engine.open(postgres_uri, SERVED, clock=clock) as engine:
        yield engine


@pytest.fixture
def local(served: Engine, postgres_uri: str, clock: ManualClock) -> Iterator[Engine]:
    """The same database, searched in this process."""
    with Engine.open(postgres_uri, LOCAL, clock=clock) as engine:
        yield engine


def turn(chance: random.Random) -> tuple[str, str]:
    # By Zipf: most words are rare.
    weights = [1 / rank for rank in range(1, len(WORDS) + 1)]
    return tuple(" ".join(chance.choices(WORDS, weights, k=12)) for _ in "ab")  # type: ignore[return-value]


def filled(engine: Engine, pages: int = 300, *, vectors: bool = True, seal: bool = True) -> Memory:
    chance = random.Random(0)
    for number in range(0, pages, 50):
        memory = engine.memory("tom", session_id=f"s{number // 100}")
        memory.add_many([turn(chance) for _ in range(min(50, pages - number))])
    updater = engine.modules.consolidator._updater
    if vectors:
        updater.embed(USER)
    if seal:
        updater.arrange(USER)
    return engine.memory("tom")


def questions(number: int = 16) -> list[str]:
    chance = random.Random(1)
    return [" ".join(chance.sample(WORDS, 4)) for _ in range(number)]


def found(engine: Engine, question: str, **kwargs: Any) -> list[tuple[str, float, tuple[str, ...]]]:
    pages = engine.memory("tom").recall(question, **kwargs).pages
    return [(hit.page.id, hit.score, hit.reasons) for hit in pages]


def assert_same(one: Engine, other: Engine, **kwargs: Any) -> None:
    """Assert that both find the same; pages whose scores are this near may change places.

    The server adds up halves, this process whole floats: their scores differ by some thousandths.
    """
    near = 0.01
    for question in questions():
        here, there = found(one, question, **kwargs), found(other, question, **kwargs)
        scores = [score for _, score, _ in here]
        assert scores == pytest.approx([score for _, score, _ in there], abs=near)
        ours, theirs = ({page: (score, why) for page, score, why in hits} for hits in (here, there))
        for page in ours.keys() & theirs.keys():
            assert ours[page][1] == theirs[page][1]
            assert ours[page][0] == pytest.approx(theirs[page][0], abs=near)
        for score, _ in (
            hits[page]
            for hits in (ours, theirs)
            for page in hits
            if page not in ours or page not in theirs
        ):
            assert score == pytest.approx(scores[-1], abs=near)  # a tie at the end of the list


def ids(engine: Engine) -> list[list[str]]:
    return [found_ids(engine, question) for question in questions()]


def index(engine: Engine) -> ScopeIndex | ServerIndex:
    return engine.modules.views.get(USER).index


def rows(engine: Engine, table: str) -> int:
    with psycopg.connect(engine.modules.store._db.address.conninfo) as db:  # type: ignore[attr-defined]
        return db.execute(f"SELECT count(*) FROM memoryos.{table}").fetchone()[0]  # type: ignore[index]


# ── the same answers ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seal", [True, False])
@pytest.mark.parametrize("vectors", [True, False])
def test_the_same_is_found(served: Engine, local: Engine, vectors: bool, seal: bool) -> None:
    filled(served, vectors=vectors, seal=seal)
    assert rows(served, "blocks") == (9 if seal else 0)
    assert_same(served, local)
    assert isinstance(index(served), ServerIndex)
    assert isinstance(index(local), ScopeIndex)


def test_pages_that_come_later_are_found(served: Engine, local: Engine) -> None:
    memory = filled(served)
    assert_same(served, local)
    memory.add("A quokka lives here", "Does it?")
    assert found(served, "quokka")[0][2][0] == "words: quokka"
    assert_same(served, local)
    served.modules.consolidator._updater.embed(USER)
    assert_same(served, local)


def test_only_allowed_pages_are_found(served: Engine, local: Engine) -> None:
    filled(served)
    assert_same(served, local, where={"session_id": "s1"})
    assert found(served, WORDS[0], where={"session_id": "none"}) == []


def test_a_replaced_page_is_found_in_its_new_version_only(served: Engine, local: Engine) -> None:
    memory = filled(served)
    memory.add("the quokka of old", "yes", key="k")
    for _ in range(2):
        memory.add_many([("filler words", "and more") for _ in range(40)])
    served.modules.consolidator._updater.arrange(USER)
    served.modules.views.clear()
    assert len(found(served, "quokka")) == 10
    [old] = [page for page in memory.pages() if "quokka" in page.text]
    draft_of(served, old.id, "the wombat of new")
    for engine in (served, local):
        texts = [hit.page.text for hit in engine.memory("tom").recall("quokka wombat").pages]
        assert "the wombat of new" in texts[0]
        assert not any("quokka" in text for text in texts)
    served.modules.views.clear()
    local.modules.views.clear()
    assert_same(served, local)


def draft_of(engine: Engine, page_id: str, text: str) -> None:
    """Put a new text in a page's place, as adapters do with a message that was changed."""
    [page] = engine.store.pages(USER, PageQuery(ids=[page_id]))
    draft = PageDraft(
        id=page.id,
        user_input=text,
        agent_response="",
        timestamp=page.timestamp,
        session_id=page.session_id,
        metadata={},
        messages=(),
        terms=page_terms(text),
        replaces=page.seq,
    )
    engine.store.append(USER, [draft])


def test_an_erased_page_leaves_no_words(served: Engine, local: Engine) -> None:
    memory = filled(served)
    assert_same(served, local)
    sealed = rows(served, "blocks")
    memory.forget(page_id=memory.pages()[40].id)
    assert rows(served, "blocks") == sealed - 1
    assert_same(served, local)
    served.modules.consolidator._updater.arrange(USER)
    assert rows(served, "blocks") == sealed
    served.modules.views.clear()
    assert_same(served, local)
    memory.forget(everything=True)
    assert rows(served, "blocks") == rows(served, "postings") == 0
    assert found(served, WORDS[0]) == []
    served.modules.consolidator._updater.arrange(USER)
    assert rows(served, "postings") == 0
    memory.add("A quokka again", "yes")
    assert len(found(served, "quokka")) == 1


def test_no_posting_of_an_erased_word_is_left(served: Engine, postgres_uri: str) -> None:
    memory = filled(served, 50, seal=False)
    page = memory.add("A quokka lives here", "Does it?")
    memory.add_many([("filler words", "and more") for _ in range(40)])
    memory.flush()
    held = "SELECT count(*) FROM memoryos.postings WHERE term = %s"
    with psycopg.connect(postgres_uri, autocommit=True) as db:
        of_quokka = (term_id("quokka"),)
        assert db.execute(held, of_quokka).fetchone() == (1,)
        memory.forget(page_id=page.id)
        assert db.execute(held, of_quokka).fetchone() == (0,)
        memory.flush()
        assert db.execute(held, of_quokka).fetchone() == (0,)
    assert rows(served, "blocks") == 2


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_same_is_found(
    served: Engine, local: Engine, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_index, "_GROWN", 0)  # the mean vector is always that of now
    chance = random.Random(seed)
    memory = filled(served, 100)
    updater = served.modules.consolidator._updater
    for number in range(30):
        pages = memory.pages()
        kind = chance.choice(["add", "replace", "replace", "erase", "embed", "arrange", "forget"])
        if kind == "add":
            added = served.memory("tom", session_id=chance.choice(["s0", "s9"]))
            added.add_many([turn(chance) for _ in range(chance.randrange(1, 30))])
        elif kind == "replace":
            draft_of(served, chance.choice(pages).id, " ".join(turn(chance)))
        elif kind == "erase":
            memory.forget(page_id=chance.choice(pages).id)
        elif kind == "embed":
            updater.embed(USER)
        elif kind == "arrange":
            updater.arrange(USER)
        else:
            served.modules.views.clear()
        local.modules.views.clear()
        question = " ".join(chance.sample(WORDS, 4))
        assert found_ids(served, question) == found_ids(local, question), (number, kind)


def found_ids(engine: Engine, question: str) -> list[str]:
    return [page for page, *_ in found(engine, question)]


def test_a_block_unsealed_during_a_search_is_read_again(served: Engine, local: Engine) -> None:
    filled(served)
    view = index(served)
    assert isinstance(view, ServerIndex)
    before = ids(served)
    with psycopg.connect(served.modules.store._db.address.conninfo) as db:  # type: ignore[attr-defined]
        db.execute("DELETE FROM memoryos.blocks WHERE block = 3")
        db.execute("DELETE FROM memoryos.postings WHERE block = 3")
    with pytest.raises(StaleBlocks):
        view.search(WORDS[5], None, 3, now=0.0)
    assert ids(served) == before
    assert index(served) is not view


def test_new_terms_take_the_place_of_the_old(served: Engine) -> None:
    filled(served)
    head = served.store.head(USER)
    assert served.store.commit(USER, head, Changes(terms={40: page_terms("quokka")}))
    assert found(served, "quokka")[0][2][0] == "words: quokka"
    served.modules.consolidator._updater.arrange(USER)
    served.modules.views.clear()
    assert found(served, "quokka")[0][2][0] == "words: quokka"


def test_a_failing_embedder_costs_rank_only(
    served: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(served)

    def fail(query: str) -> Any:
        raise ModelError("down")

    monkeypatch.setattr(served.modules.retriever._embedder, "embed_query", fail)
    [first, *_] = found(served, WORDS[80])
    assert first[2] == (f"words: {WORDS[80]}",)


def test_small_scopes_and_two_stages_stay_in_the_process(
    postgres_uri: str, clock: ManualClock
) -> None:
    for config in (
        {"search_in_server_from": 301},
        {"search_in_server_from": 1, "retrieval": "two_stage"},
    ):
        with Engine.open(postgres_uri, LOCAL | config, clock=clock) as engine:
            if not engine.store.head(USER).last_seq:
                filled(engine)
            assert isinstance(index(engine), ScopeIndex)
    with Engine.open(postgres_uri, LOCAL | {"search_in_server_from": 301}, clock=clock) as engine:
        assert isinstance(index(engine), ScopeIndex)
        engine.memory("tom").add("The page that makes it large", "yes")
        assert isinstance(index(engine), ServerIndex)


def test_the_doctor_finds_a_block_out_of_step(served: Engine) -> None:
    filled(served).flush()
    assert not served.doctor().findings
    with psycopg.connect(served.modules.store._db.address.conninfo) as db:  # type: ignore[attr-defined]
        db.execute("DELETE FROM memoryos.postings WHERE block = 3 AND term % 2 = 0")
    [finding] = served.doctor(repair=True).findings
    assert finding.what == "terms"
    assert finding.repaired
    assert not served.doctor().findings
    assert rows(served, "blocks") == 8


def test_consolidation_seals(served: Engine) -> None:
    filled(served, seal=False)
    assert rows(served, "blocks") == 0
    served.memory("tom").flush()
    assert rows(served, "blocks") == 9


def test_a_rebuild_with_another_embedder(served: Engine, postgres_uri: str, clock: Any) -> None:
    filled(served, 100)
    served.memory("tom").flush()
    served.close()
    with Engine.open(
        postgres_uri, SERVED, embedder="hashing-64", clock=clock, new_embedder=True
    ) as engine:
        engine.memory("tom").rebuild()
        assert index(engine).dimension == 64  # type: ignore[union-attr]
        with Engine.open(postgres_uri, LOCAL, embedder="hashing-64", clock=clock) as local:
            assert_same(engine, local)


# ── HNSW ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "NEAR_FROM", 200)


@pytest.mark.usefixtures("near")
def test_hnsw_finds_nearly_the_same(served: Engine, local: Engine) -> None:
    filled(served)
    assert served.store.search.has_near(USER, 384)  # type: ignore[attr-defined]
    shared = total = 0
    for question in questions():
        here = [page_id for page_id, *_ in found(served, question)]
        there = [page_id for page_id, *_ in found(local, question)]
        shared += len(set(here) & set(there))
        total += len(there)
    assert index(served)._sample.near  # type: ignore[union-attr]
    assert shared / total > 0.97
    assert_same(served, local, where={"session_id": "s1"})


@pytest.mark.usefixtures("near")
def test_an_index_that_is_not_whole_is_made_again(
    served: Engine, postgres_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(served)
    here = served.store
    assert isinstance(here, PostgresStore)
    with psycopg.connect(postgres_uri) as db:
        db.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE '%near%'"
        )
    assert not here.search.has_near(USER, 384)
    served.modules.consolidator._updater.arrange(USER)
    assert here.search.has_near(USER, 384)
    monkeypatch.setattr(search, "NEAR_FROM", 1000)
    served.modules.consolidator._updater.arrange(USER)
    assert not here.search.has_near(USER, 384)


@pytest.mark.usefixtures("near")
def test_vectors_of_another_length_pass_by_the_index(
    served: Engine, postgres_uri: str, clock: Any
) -> None:
    filled(served)
    served.memory("tom").flush()
    served.close()
    with Engine.open(
        postgres_uri, SERVED, embedder="hashing-64", clock=clock, new_embedder=True
    ) as engine:
        engine.memory("tom").rebuild()
        engine.modules.consolidator._updater.arrange(USER)
        here: Any = engine.store
        assert here.search.has_near(USER, 64)
        assert not here.search.has_near(USER, 384)


# ── plans ────────────────────────────────────────────────────────────────────────────────────────


def plan(engine: Engine, name: str, arguments: dict[str, Any]) -> str:
    statement = search._TEXTS[name].replace("{dimension}", "384")
    with psycopg.connect(engine.modules.store._db.address.conninfo) as db:  # type: ignore[attr-defined]
        db.execute("ANALYZE memoryos.vectors, memoryos.postings, memoryos.blocks")
        # The tables of a test are so small that to read them whole is cheap.
        db.execute("SET enable_seqscan = off")
        found = db.execute(f"EXPLAIN {statement}", {"scope": scope_key(USER), **arguments})
        return "\n".join(line for (line,) in found)


@pytest.mark.usefixtures("near")
def test_plans_go_by_the_indexes(served: Engine) -> None:
    for user in ("ann", "bob"):
        chance = random.Random(2)
        served.memory(user).add_many([turn(chance) for _ in range(300)])
        served.modules.consolidator._updater.embed(Scope(user))
    filled(served, 1500)
    words = plan(served, "postings", {"terms": [1, 2], "blocks": list(range(40))})
    assert "postings_pkey" in words
    assert re.search(r"Index Cond: .*scope = .*block = .*term = ", words)
    target = "[" + ",".join(["0.1"] * 384) + "]"
    exact = plan(served, "products", {"target": target, "dimension": 384})
    assert "vectors_pkey" in exact
    some = plan(served, "products_of", {"target": target, "dimension": 384, "seqs": [3, 4, 5]})
    assert "vectors_pkey" in some
    hnsw = plan(served, "nearest", {"target": target, "limit": 10})
    assert f"vectors_near_{scope_key(USER).hex}_384" in hnsw


# ── an older database ────────────────────────────────────────────────────────────────────────────


def test_an_upgraded_database(clock: ManualClock) -> None:
    uri = another_database()
    with Engine.open(uri, LOCAL, clock=clock) as old:
        filled(old, seal=False)
        before = ids(old)
        address = old.store._db.address.conninfo  # type: ignore[attr-defined]
    with psycopg.connect(address) as db:
        db.execute(BACK_TO_0001)
    with Engine.open(uri, SERVED, clock=clock) as engine:
        engine.modules.consolidator._updater.embed(USER)  # cuts the pages into passages
        assert ids(engine) == before
        engine.modules.consolidator._updater.arrange(USER)
        engine.modules.views.clear()
        assert ids(engine) == before
        assert rows(engine, "blocks") == 9
