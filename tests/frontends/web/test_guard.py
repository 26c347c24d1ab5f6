"""What may not pass: other names, other sites' pages, no token, others' memories, long bodies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos.frontends.web import WebSettings, read_tokens
from memoryos.frontends.web.api.table import OPERATIONS
from memoryos.frontends.web.views import CHANGES, PAGES, REQUESTS
from tests.frontends.web.conftest import ANAS, BASE, GUARDED, TOKEN, TOMS, Client, form_key

TURN = {"user_input": "Hello"}
WHOSE = {"user": "tom", "assistant": "assistant"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8765", "", "[::2]:8765"],
)
def test_another_name_is_refused(client: Client, host: str) -> None:
    """A page elsewhere whose name is pointed at this machine (DNS rebinding) gets nothing."""
    made = client()
    for path in ("/", "/memory?user=tom", "/api/stats?user_id=tom", "/api/health", "/nowhere"):
        answer = made.get(path, headers={"Host": host})
        assert answer.status_code == 421, path
        assert "Porto" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "LOCALHOST:1", "[::1]:8765"])
def test_loopback_has_several_names(client: Client, host: str) -> None:
    assert client().get("/api/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_another_sites_page_changes_nothing(
    client: Client, engine: Engine, headers: dict[str, str]
) -> None:
    before = engine.memory("tom").stats()
    made = client()
    body = {"form_key": form_key(made), **WHOSE, "way": "everything", "what": "tom"}
    for path in (*CHANGES, *REQUESTS):
        assert made.post(path, data=body, headers=headers).status_code == 403, path
    for path in {o.path for o in OPERATIONS if o.method == "POST"}:
        answer = made.post(path, json=TURN, params={"user_id": "tom"}, headers=headers)
        assert answer.status_code == 403, path
    assert engine.memory("tom").stats() == before


@pytest.mark.parametrize("key", [None, "", "0" * 64, "é"])
def test_a_form_that_is_not_ours_changes_nothing(
    client: Client, engine: Engine, key: str | None
) -> None:
    before = engine.memory("tom").stats()
    body = {**WHOSE, "way": "everything", "what": "tom", **({"form_key": key} if key else {})}
    made = client()
    for path in (*CHANGES, *REQUESTS):
        assert made.post(path, data=body).status_code == 403, path
    assert engine.memory("tom").stats() == before


def test_a_form_key_is_of_one_browser(client: Client) -> None:
    made = client(GUARDED)
    cookies = {}
    for token in (TOMS, ANAS):
        made.cookies.clear()
        key = form_key(made, "/login")
        entered = made.post("/login", data={"form_key": key, "token": token})
        assert entered.status_code == 303
        cookies[token] = dict(made.cookies)
    toms_key = form_key(made, "/knowledge?user=ana")  # the browser is now Ana's
    made.cookies.clear()
    made.cookies.update(cookies[TOMS])
    body = {"form_key": toms_key, **WHOSE, "way": "session", "what": "intro"}
    assert made.post("/forget", data=body).status_code == 403


def test_no_page_without_a_token(client: Client) -> None:
    made = client(GUARDED)
    for path in (*PAGES, "/job/events"):
        answer = made.get(path, params={"user": "tom", "q": "Porto"})
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")
        assert "Porto" not in answer.text


def test_no_form_without_a_token(client: Client, engine: Engine) -> None:
    before = engine.memory("tom").stats()
    made = client(GUARDED)
    for path in (*CHANGES, *set(REQUESTS) - {"/login"}):
        answer = made.post(path, data={**WHOSE, "way": "everything", "what": "tom"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path
    assert engine.memory("tom").stats() == before


@pytest.mark.parametrize(
    "headers",
    [{}, bearer("wrong-token-of-nobody"), {"Authorization": f"Basic {TOKEN}"}, bearer("")],
    ids=str,
)
def test_no_verb_without_a_token(client: Client, headers: dict[str, str]) -> None:
    made = client(GUARDED)
    for operation in OPERATIONS:
        answer = made.request(
            operation.method, operation.path, params={"user_id": "tom"}, headers=headers
        )
        assert (answer.status_code == 401) != operation.open, operation.name
        if not operation.open:
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"


def test_the_browsers_cookie_opens_no_api(client: Client) -> None:
    made = client(GUARDED)
    made.post("/login", data={"form_key": form_key(made, "/login"), "token": TOKEN})
    assert made.get("/memory?user=tom").status_code == 200
    assert made.get("/api/stats?user_id=tom").status_code == 401


def test_the_cookie_is_not_the_token_and_scripts_do_not_see_it(client: Client) -> None:
    made = client(GUARDED)
    answer = made.post("/login", data={"form_key": form_key(made, "/login"), "token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    left = made.post("/logout", data={"form_key": form_key(made, "/")})
    assert left.status_code == 303
    assert made.get("/memory?user=tom").status_code == 303


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "/\r\nX: y"]
)
def test_a_login_leads_nowhere_else(client: Client, wanted: str) -> None:
    made = client(GUARDED)
    body = {"form_key": form_key(made, "/login"), "token": TOKEN, "next": wanted}
    assert made.post("/login", data=body).headers["location"] == "/"


def test_a_login_leads_to_where_one_wanted(client: Client) -> None:
    made = client(GUARDED)
    asked = made.get("/timeline?user=tom&q=caf%C3%A9").headers["location"]
    page = made.get(asked).text
    assert 'value="/timeline?user=tom&amp;q=caf%C3%A9"' in page


def test_a_users_token_opens_no_other_memory(client: Client, engine: Engine) -> None:
    page_id = engine.memory("ana").pages()[0].id
    made = client(GUARDED, **bearer(TOMS))
    for path in set(PAGES) - {"/", "/doctor", "/job", "/job/file"}:
        answer = made.get(path, params={"user": "ana", "id": page_id, "q": "bees", "why": page_id})
        assert answer.status_code == 404, path
        assert "Oslo" not in answer.text
        own = made.get(path, params={"user": "tom", "id": page_id, "q": "bees"})
        assert "Oslo" not in own.text  # nor does another's id say anything in one's own


def test_a_users_token_lists_no_other_and_does_not_examine(client: Client) -> None:
    made = client(GUARDED, **bearer(TOMS))
    assert "ana" not in made.get("/").text
    assert made.get("/doctor").status_code == 403
    assert made.get("/api/scopes").json() == {
        "scopes": [{"user_id": "tom", "assistant_id": "assistant"}]
    }
    assert made.get("/api/stats").json()["pages"] == 22  # its user need not be said
    assert made.get("/api/stats?user_id=ana").status_code == 403


def test_a_users_token_imports_into_no_other_memory(client: Client, engine: Engine) -> None:
    made = client(GUARDED, **bearer(TOMS))
    mem0 = json.dumps([{"memory": "Likes tea", "user_id": "ana"}, {"memory": "x", "user_id": "b"}])
    answer = made.post(
        "/import",
        data={"form_key": form_key(made, "/files"), "user": "tom"},
        files={"file": ("m.json", mem0)},
    )
    assert answer.status_code == 422
    assert {scope.user_id for scope in engine.scopes()} == {"tom", "ana"}


def test_a_job_is_seen_by_who_began_it(client: Client) -> None:
    made = client(GUARDED, **bearer(TOMS))
    began = made.post("/export", data={"form_key": form_key(made, "/files"), "user": "tom"})
    where = began.headers["location"]
    assert made.get(where).status_code == 200
    for path in (where, where.replace("/job", "/job/events"), where.replace("/job", "/job/file")):
        assert made.get(path, headers=bearer(ANAS)).status_code == 404


def test_read_only_pages_change_nothing(client: Client, engine: Engine) -> None:
    before = engine.memory("tom").stats()
    made = client(WebSettings(read_only=True))
    body = {"form_key": form_key(made), **WHOSE, "way": "everything", "what": "tom"}
    for path in CHANGES:
        assert made.post(path, data=body).status_code == 403, path
    assert engine.memory("tom").stats() == before


def test_a_read_only_api_changes_nothing(client: Client) -> None:
    made = client(WebSettings(read_only=True))
    for operation in OPERATIONS:
        if operation.changes:
            answer = made.post(operation.path, json=TURN, params={"user_id": "tom"})
            assert answer.status_code == 403, operation.name


def test_looking_heats_nothing(client: Client, engine: Engine) -> None:
    tom = engine.memory("tom")
    before = [(segment.id, segment.visits) for segment in tom.segments()]
    made = client(WebSettings(read_only=True))
    for path in ("/recall", "/timeline"):
        assert "Porto" in made.get(path, params={"user": "tom", "q": "data scientist"}).text
    assert [(segment.id, segment.visits) for segment in tom.segments()] == before
    tom.recall("data scientist")
    assert [(segment.id, segment.visits) for segment in tom.segments()] != before


def test_long_bodies_are_refused(client: Client) -> None:
    made = client(WebSettings(most_body_bytes=1000, most_upload_bytes=3000))
    body = json.dumps({"user_input": "x" * 2000})
    json_head = {"Content-Type": "application/json"}
    path = "/api/pages?user_id=tom"
    assert made.post(path, content=body, headers=json_head).status_code == 413
    pieces = (body[start : start + 100].encode() for start in range(0, len(body), 100))
    assert made.post(path, content=pieces, headers=json_head).status_code == 413  # length untold
    assert made.post("/remember", data={"text": "x" * 2000}).status_code == 413
    assert made.post("/import", files={"file": ("a", "x" * 4000)}).status_code == 413


@pytest.mark.parametrize("path", ["/", "/memory?user=tom", "/nowhere", "/static/page.js", "/api/x"])
def test_every_answer_forbids_scripts_from_elsewhere(client: Client, path: str) -> None:
    headers = client().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert ("static" in path) or headers["cache-control"] == "no-store"


def test_a_failure_tells_nothing_and_has_its_heads(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("memoryos.memory.inspection.Inspection._records", broken)
    made = client(raising=False)
    for path in ("/memory?user=tom", "/api/stats?user_id=tom"):
        answer = made.get(path)
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::"])
def test_no_token_no_other_machine(host: str) -> None:
    with pytest.raises(InvalidInput, match="token"):
        WebSettings(host=host)
    assert WebSettings(host=host, token=TOKEN).hosts >= {"localhost"}


@pytest.mark.parametrize("token", ["short", "x" * 15, "with a blank in it!", "nön-ascii-token-x"])
def test_weak_tokens_are_refused(token: str) -> None:
    with pytest.raises(InvalidInput, match="token"):
        WebSettings(token=token)


def test_tokens_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text(json.dumps({"tom": TOMS, "ana": [ANAS, "another-token-of-ana"]}))
    assert read_tokens(file) == {TOMS: "tom", ANAS: "ana", "another-token-of-ana": "ana"}
    for wrong in ('["x"]', '{"tom": 1}', '{"": "x"}', "{", json.dumps({"a": TOMS, "b": TOMS})):
        file.write_text(wrong)
        with pytest.raises(InvalidInput) as refused:
            read_tokens(file)
        assert TOMS not in str(refused.value)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_tokens(tmp_path / "none.json")


def test_a_name_can_be_allowed(client: Client) -> None:
    made = client(WebSettings(allowed_hosts=("memory.example",)))
    answer = made.post(
        "/api/pages?user_id=tom",
        json=TURN,
        headers={"Host": "memory.example", "Origin": "https://memory.example"},
    )
    assert answer.status_code == 201
    assert BASE.startswith("http://127")
