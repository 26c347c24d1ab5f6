"""The REST API: each verb, its errors, idempotency, streaming."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient

from memoryos import Engine
from memoryos.frontends.web import web_app
from memoryos.frontends.web.api.table import OPERATIONS
from memoryos.llm import OpenAIChat
from memoryos.testing.openai_server import Drop, OpenAIServer
from tests.frontends.web.conftest import BASE, Client, Served

TOM = {"user_id": "tom"}


def test_a_turn_is_journalled_and_recalled(client: Client) -> None:
    made = client()
    turn = {
        "user_input": "I moved to Porto.",
        "agent_response": "How is it?",
        "timestamp": "2025-07-01T12:00:00+02:00",
        "metadata": {"mood": "good", "n": 1},
    }
    added = made.post("/api/pages", params={**TOM, "session_id": "s"}, json=turn)
    assert added.status_code == 201
    page = added.json()
    assert page["user_input"] == turn["user_input"]
    assert page["session_id"] == "s"
    assert page["metadata"] == turn["metadata"]
    assert made.get("/api/page", params={**TOM, "page_id": page["id"]}).json() == page
    found = made.post("/api/recall", params=TOM, json={"query": "Where did I move?", "k": 3})
    assert page["id"] in [item["page"]["id"] for item in found.json()["pages"]]
    assert 0 <= found.json()["relevance"] <= 1


def test_messages(client: Client, engine: Engine) -> None:
    messages = [
        {"role": "user", "content": "Hi", "name": "Tom"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
    ]
    got = client().post("/api/messages", params={"user_id": "new"}, json={"messages": messages})
    assert [page["user_input"] for page in got.json()["pages"]] == ["Hi", "Bye"]
    assert [page.agent_response for page in engine.memory("new").pages()] == ["Hello", ""]


def test_the_journal_is_read_part_by_part(client: Client, engine: Engine) -> None:
    made, seen, up_to = client(), [], None
    while True:
        asked = {**TOM, "limit": 5, **({"up_to_seq": up_to} if up_to is not None else {})}
        part = made.get("/api/pages", params=asked).json()
        seen += [page["id"] for page in part["pages"]]
        up_to = part["up_to_seq"]
        if up_to is None:
            break
    assert seen == [page.id for page in engine.memory("tom").pages(newest_first=True)]
    some = made.get("/api/pages", params={**TOM, "of_session": "travel"}).json()["pages"]
    assert [page["user_input"] for page in some] == ["I flew to Lisbon."]
    oldest = made.get("/api/pages", params={**TOM, "newest_first": "false", "limit": 1}).json()
    assert oldest["pages"][0]["id"] == seen[-1]
    asked = {**TOM, "since": "2025-05-20", "before": "2025-05-22"}
    assert len(made.get("/api/pages", params=asked).json()["pages"]) == 2


def test_recall_takes_what_the_verb_takes(client: Client) -> None:
    asked = {"query": "Lisbon", "k": 5, "max_tokens": 50, "where": {"session_id": "intro"}}
    asked["min_relevance"] = 0
    found = client().post("/api/recall", params=TOM, json=asked).json()
    assert {item["page"]["session_id"] for item in found["pages"]} <= {"intro"}
    assert found["prompt_tokens"] <= 50
    assert set(found["pages"][0]) >= {"page", "score", "relevance", "reasons"}
    asked |= {"query": "asdf qwer", "min_relevance": None}
    nothing = client().post("/api/recall", params=TOM, json=asked).json()
    assert (nothing["pages"], nothing["prompt"]) == ([], "")


def test_knowledge_is_stated_put_right_and_explained(client: Client) -> None:
    made = client()
    stated = {"text": "Tom is allergic to peanuts", "owner": "user", "attribute": "allergy"}
    fact = made.post("/api/remember", params=TOM, json=stated)
    assert fact.status_code == 201
    wrong = fact.json()["id"]
    right = made.post(
        "/api/correct", params=TOM, json={"knowledge_id": wrong, "text": "Tom eats peanuts"}
    ).json()
    known = made.get("/api/knowledge", params=TOM).json()["knowledge"]
    assert right["id"] in [item["id"] for item in known]
    assert wrong not in [item["id"] for item in known]
    explained = made.get("/api/explain", params={**TOM, "knowledge_id": right["id"]}).json()
    assert [item["id"] for item in explained["superseded"]] == [wrong]
    assert made.post("/api/restore", params=TOM, json={"knowledge_id": wrong}).json()["id"] == wrong
    assert made.get("/api/profile", params=TOM).json()["user"]


def test_forgetting_gives_a_receipt(client: Client, engine: Engine) -> None:
    made = client()
    receipt = made.post("/api/forget", params=TOM, json={"session": "travel"}).json()
    assert receipt["erased"]["pages"] == 1
    assert made.get("/api/receipts", params=TOM).json()["receipts"] == [receipt]
    assert engine.memory("tom").sessions() == ["intro"]
    assert made.post("/api/forget", params=TOM, json={}).status_code == 422
    both = {"session": "intro", "everything": True}
    assert made.post("/api/forget", params=TOM, json=both).status_code == 422


@pytest.mark.parametrize("name", ["segments", "sessions", "stats", "usage", "receipts", "profile"])
def test_what_a_memory_tells(client: Client, engine: Engine, name: str) -> None:
    answer = client().get(f"/api/{name}", params=TOM)
    assert answer.status_code == 200
    found = answer.json().get(name, answer.json())
    assert found is not None
    if name == "stats":
        assert found["pages"] == engine.memory("tom").stats().pages


def test_health_and_readiness(client: Client, engine: Engine) -> None:
    made = client()
    assert made.get("/api/health").json()["status"] == "ok"
    assert made.get("/api/ready").status_code == 200
    assert made.get("/api/scopes").json()["scopes"][0].keys() == {"user_id", "assistant_id"}
    engine.close()
    assert made.get("/api/health").status_code == 200
    answer = made.get("/api/ready")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 503


WRONG = {
    "no user": ("/api/stats", {}, None, 422),
    "an unknown parameter": ("/api/stats", {**TOM, "x": "1"}, None, 422),
    "an unknown member": ("/api/recall", TOM, {"query": "x", "kk": 1}, 422),
    "a text for a number": ("/api/recall", TOM, {"query": "x", "k": "1"}, 422),
    "an empty text": ("/api/pages", TOM, {"user_input": " "}, 422),
    "NUL": ("/api/pages", TOM, {"user_input": "a\x00b"}, 422),
    "half a character": ("/api/pages", TOM, '{"user_input": "\\ud800"}', 422),
    "no JSON": ("/api/pages", TOM, "{", 400),
    "NaN": ("/api/pages", TOM, '{"user_input": "x", "metadata": {"a": NaN}}', 400),
    "a name twice": ("/api/pages", TOM, '{"user_input": "x", "user_input": "y"}', 400),
    "deep JSON": ("/api/pages", TOM, "[" * 100_000, 400),
    "not UTF-8": ("/api/pages", TOM, b'{"user_input": "\xff"}', 400),
    "a list": ("/api/pages", TOM, "[]", 422),
    "no time": ("/api/pages", TOM, {"user_input": "x", "timestamp": "yesterday"}, 422),
    "no such page": ("/api/page", {**TOM, "page_id": "none"}, None, 404),
    "no such fact": ("/api/restore", TOM, {"knowledge_id": "none"}, 404),
    "too long an id": ("/api/stats", {"user_id": "x" * 1001}, None, 422),
    "an id that is not UTF-8": ("/api/stats?user_id=%ff", None, None, 422),
    "too many": ("/api/pages", {**TOM, "limit": "1001"}, None, 422),
    "no such verb": ("/api/nothing", TOM, None, 404),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_a_problem(client: Client, what: str) -> None:
    path, asked, body, status = WRONG[what]
    made = client()
    if body is None:
        answer = made.get(path, params=asked)
    else:
        content = body if isinstance(body, (str, bytes)) else json.dumps(body)
        json_head = {"Content-Type": "application/json"}
        answer = made.post(path, params=asked, content=content, headers=json_head)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == {"type", "title", "status", "detail"}
    assert answer.json()["status"] == status


def test_a_form_is_no_json(client: Client) -> None:
    """A page elsewhere can send a form without being asked, JSON it cannot."""
    made = client()
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        body = json.dumps({"user_input": "x"})
        answer = made.post("/api/pages?user_id=tom", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 415


def test_another_method_is_refused_with_the_right_ones(client: Client) -> None:
    answer = client().put("/api/pages?user_id=tom")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) >= {"GET", "POST"}


def test_a_request_sent_again_is_not_done_again(client: Client, engine: Engine) -> None:
    made, head = client(), {"Idempotency-Key": "key-1"}
    turn = {"user_input": "Once only."}
    first = made.post("/api/pages", params=TOM, json=turn, headers=head)
    again = made.post("/api/pages", params=TOM, json=turn, headers=head)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert engine.memory("tom").stats().pages == 23
    other = made.post("/api/pages", params=TOM, json={"user_input": "Another."}, headers=head)
    assert other.status_code == 422
    elsewhere = made.post("/api/pages", params={"user_id": "ana"}, json=turn, headers=head)
    assert elsewhere.status_code == 201
    assert "idempotency-replayed" not in elsewhere.headers


def test_a_turn_sent_again_to_another_process_is_not_stored_again(
    client: Client, engine: Engine
) -> None:
    head, turn = {"Idempotency-Key": "key-2"}, {"user_input": "Once only."}
    ids = {
        client().post("/api/pages", params=TOM, json=turn, headers=head).json()["id"] for _ in "ab"
    }
    assert len(ids) == 1
    assert engine.memory("tom").stats().pages == 23


def test_a_failure_is_not_kept(client: Client) -> None:
    made, head = client(), {"Idempotency-Key": "key-3"}
    wrong = {"knowledge_id": "none"}
    for _ in range(2):
        answer = made.post("/api/restore", params=TOM, json=wrong, headers=head)
        assert answer.status_code == 404
        assert "idempotency-replayed" not in answer.headers


def test_many_at_once_under_one_key_are_one(client: Client, engine: Engine) -> None:
    made, head = client(), {"Idempotency-Key": "key-4"}

    def remember(_: int) -> int:
        body = {"text": "Tom likes tea"}
        return made.post("/api/remember", params=TOM, json=body, headers=head).status_code

    with ThreadPoolExecutor(8) as threads:
        codes = set(threads.map(remember, range(16)))
    assert codes <= {201, 409}
    found = [k for k in engine.memory("tom").knowledge() if k.text == "Tom likes tea"]
    assert len(found) == 1


def test_an_answer_without_a_model_quotes(client: Client, engine: Engine) -> None:
    answer = client().post("/api/respond", params=TOM, json={"query": "Did I fly to Lisbon?"})
    assert "Lisbon" in answer.json()["text"]
    assert engine.memory("tom").pages(newest_first=True, limit=1)[0].user_input.startswith("Did I")


def events(text: str) -> list[tuple[str, dict[str, str]]]:
    found = []
    for event in text.strip().split("\n\n"):
        name, data = event.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_an_answer_is_streamed(engine: Engine, tmp_path) -> None:
    with OpenAIServer("In Porto, by the river.") as server:
        model = OpenAIChat("m", api_key="k", base_url=server.url, max_retries=0)
        uri = f"sqlite:///{tmp_path / 'streamed.db'}"
        with (
            Engine.open(uri, {"promotion": "manual"}, model) as spoken,
            TestClient(web_app(spoken), BASE) as made,
        ):
            asked = {"query": "Where do I live?", "stream": True}
            answer = made.post("/api/respond", params=TOM, json=asked)
            assert answer.headers["content-type"].startswith("text/event-stream")
            told = events(answer.text)
            assert "".join(data["text"] for name, data in told if name == "piece") == (
                "In Porto, by the river."
            )
            assert told[-1] == ("done", {})
            assert spoken.memory("tom").pages()[0].agent_response == "In Porto, by the river."
            head = {"Idempotency-Key": "k"}
            refused = made.post("/api/respond", params=TOM, json=asked, headers=head)
            assert refused.status_code == 400


def test_a_stream_that_breaks_says_so(tmp_path) -> None:
    model = OpenAIChat("m", api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with (
        Engine.open(f"sqlite:///{tmp_path / 'b.db'}", {"promotion": "manual"}, model) as engine,
        TestClient(web_app(engine), BASE) as made,
    ):
        asked = {"query": "Where do I live?"}
        assert made.post("/api/respond", params=TOM, json=asked).status_code == 502
        told = events(made.post("/api/respond", params=TOM, json={**asked, "stream": True}).text)
        assert [name for name, _ in told] == ["problem"]


def test_a_stream_that_breaks_midway_keeps_what_was_said(tmp_path) -> None:
    with OpenAIServer(Drop("It was a long", after_pieces=2)) as server:
        model = OpenAIChat("m", api_key="k", base_url=server.url, max_retries=0)
        uri = f"sqlite:///{tmp_path / 'b.db'}"
        with (
            Engine.open(uri, {"promotion": "manual"}, model) as engine,
            TestClient(web_app(engine), BASE) as made,
        ):
            asked = {"query": "Tell me", "stream": True}
            told = events(made.post("/api/respond", params=TOM, json=asked).text)
            assert [name for name, _ in told] == ["piece", "piece", "problem"]
            page = engine.memory("tom").pages()[0]
            assert page.agent_response == "".join(data["text"] for _, data in told[:2])
            assert page.metadata["incomplete"] is True


def test_who_leaves_a_stream_leaves_an_incomplete_turn(served: Served, tmp_path) -> None:
    with OpenAIServer("word " * 100_000) as server:
        model = OpenAIChat("m", api_key="k", base_url=server.url, max_retries=0)
        uri = f"sqlite:///{tmp_path / 'l.db'}"
        with Engine.open(uri, {"promotion": "manual"}, model) as engine:
            address = served(of=engine).removeprefix("http://")
            connection = http.client.HTTPConnection(address, timeout=20)
            body = json.dumps({"query": "Tell me", "stream": True})
            json_head = {"Content-Type": "application/json"}
            connection.request("POST", "/api/respond?user_id=tom", body, json_head)
            answer = connection.getresponse()
            assert answer.read(30).startswith(b"event: piece")
            answer.close()
            connection.close()
            for _ in range(200):
                if pages := engine.memory("tom").pages():
                    break
                time.sleep(0.05)
            assert pages[0].metadata["incomplete"] is True
            assert len(pages[0].agent_response) < 500_000


def test_the_document_is_valid_and_whole(client: Client) -> None:
    document = client().get("/api/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    told = {
        (path, method.upper()) for path, methods in document["paths"].items() for method in methods
    }
    assert told == {(operation.path, operation.method) for operation in OPERATIONS}
    whole = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in whole, name


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "\u00e9", "\t"])
def test_keys_that_cannot_be_are_refused(client: Client, engine: Engine, key: str) -> None:
    head = {"Idempotency-Key": key.encode("latin-1")}
    made = client()
    answer = made.post("/api/pages", params=TOM, json={"user_input": "Hi"}, headers=head)
    assert answer.status_code == 422
    assert engine.memory("tom").stats().pages == 22
