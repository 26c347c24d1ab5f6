"""Each page tells what the memory tells, and its forms do what the verbs do."""

from __future__ import annotations

import json
import re
import threading
import time
from datetime import datetime, timezone
from html import unescape

import pytest

from memoryos import Engine
from memoryos.errors import NotFound
from memoryos.frontends.web.identity import Identity
from memoryos.frontends.web.jobs import MOST_WAITING, Jobs, new_folder
from memoryos.frontends.web.text import marked, preview, shown
from memoryos.model import Scope
from memoryos.ports import Call
from tests.frontends.web.conftest import Client, ended, form_key

TOM = {"user": "tom", "assistant": "assistant"}


def words(html: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def known(engine: Engine):
    return engine.memory("tom").knowledge("user")[0]


def test_the_first_page_lists_memories_by_their_last_turn(client: Client) -> None:
    seen = words(client().get("/").text)
    assert "2 memories" in seen
    assert seen.index("ana with assistant") < seen.index("tom with assistant 22 2")
    assert "2025-06-01 10:00" in seen


def test_memories_are_searched_by_name(client: Client) -> None:
    made = client()
    assert "tom with" not in words(made.get("/?q=ANA").text)
    part = made.get("/?q=to", headers={"HX-Request": "true"}).text
    assert "tom" in part
    assert "<html" not in part
    assert "has “zz” in its name" in words(made.get("/?q=zz").text)


def test_many_memories_stand_on_several_pages(client: Client, engine: Engine) -> None:
    for number in range(60):
        engine.memory(f"user {number:02}").add("Hello")
    made = client()
    seen = [re.findall(r"user=(user%20\d\d)&", made.get(f"/?number={n}").text) for n in (1, 2, 3)]
    assert len({*seen[0], *seen[1], *seen[2]}) == 60


def test_three_tiers(client: Client, engine: Engine) -> None:
    seen = words(client().get("/memory", params=TOM).text)
    assert "I flew to Lisbon." in seen  # short term of the newest session
    segment = engine.memory("tom").segments()[0]
    assert ", ".join(segment.keywords[:6]) in seen
    assert f"{segment.pages} turns" in seen
    assert known(engine).text in seen


def test_short_term_of_another_session(client: Client) -> None:
    seen = words(client().get("/memory", params={**TOM, "session": "intro"}).text)
    short = seen[seen.index("Short term") : seen.index("Mid term")]
    assert "day 21." in short
    assert "day 15." in short
    assert "day 14." not in short  # seven turns
    assert "I flew" not in short


def test_heat_is_drawn_against_tau(client: Client, engine: Engine) -> None:
    segment = engine.memory("tom").segments()[0]
    page = client().get("/segment", params={**TOM, "id": segment.id}).text
    assert f"Heat {int(segment.heat * 10) / 10:.1f} of 5" in page
    assert "in 30 days" in page
    assert page.count('<article class="turn">') == segment.pages


def test_the_timeline_is_read_to_its_end(client: Client, engine: Engine) -> None:
    tom = engine.memory("tom")
    for number in range(50):
        tom.add(f"More, number {number}.")
    made, path, seen = client(), "/timeline?user=tom", []
    while path:
        text = made.get(path, headers={"HX-Request": "true"}).text
        seen += re.findall(r'href="/page\?[^"]*id=([\w-]+)"', text)
        more = re.search(r'hx-get="([^"]+)"', text)
        path = unescape(more[1]) if more else ""
    assert seen == [page.id for page in tom.pages(newest_first=True)]


@pytest.mark.parametrize(
    ("filters", "turns"),
    [
        ({"session": "travel"}, 1),
        ({"since": "2025-05-20"}, 3),
        ({"before": "2025-05-03"}, 2),
        ({"name": "mood", "value": "bad"}, 10),
        ({"session": "intro", "since": "2025-05-20", "name": "mood", "value": "good"}, 1),
        ({"q": "Lisbon", "session": "travel"}, 1),
        ({"session": "none"}, 0),
    ],
)
def test_the_timeline_is_filtered(client: Client, filters: dict[str, str], turns: int) -> None:
    page = client().get("/timeline", params={**TOM, **filters}).text
    assert page.count('<article class="turn">') == turns


def test_a_turn_whole(client: Client, engine: Engine) -> None:
    page = engine.memory("tom").pages()[3]
    seen = words(client().get("/page", params={**TOM, "id": page.id}).text)
    assert page.user_input in seen
    assert "mood bad" in seen
    assert f"before it {engine.memory('tom').pages()[2].user_input}" in seen


def test_an_entry_shows_its_quotes_in_their_turns(client: Client, engine: Engine) -> None:
    item = known(engine)
    text = client().get("/entry", params={**TOM, "id": item.id}).text
    assert item.text in words(text)
    quote = item.sources[0].quote.rstrip(".")
    assert any(quote in unescape(mark) for mark in re.findall(r"<mark>(.*?)</mark>", text))


def test_correct_and_restore(client: Client, engine: Engine) -> None:
    made, old = client(), known(engine)
    body = {**TOM, "form_key": form_key(made), "id": old.id, "text": "Tom is a beekeeper"}
    corrected = made.post("/correct", data=body)
    seen = words(made.get(corrected.headers["location"]).text)
    assert "Corrected" in seen
    assert f"What it replaced “{old.text}”" in seen
    seen = words(made.get("/entry", params={**TOM, "id": old.id}).text)
    assert "What replaced it Tom is a beekeeper" in seen
    assert old.id not in {item.id for item in engine.memory("tom").knowledge()}
    restored = made.post("/restore", data={**TOM, "form_key": form_key(made), "id": old.id})
    assert "Restored" in words(made.get(restored.headers["location"]).text)
    assert old.id in {item.id for item in engine.memory("tom").knowledge()}


def test_remember(client: Client, engine: Engine) -> None:
    made = client()
    body = {**TOM, "form_key": form_key(made), "text": "Tom is allergic to peanuts"}
    done = made.post("/remember", data={**body, "owner": "user", "attribute": "allergy"})
    assert "Tom is allergic to peanuts" in words(made.get(done.headers["location"]).text)
    found = [k for k in engine.memory("tom").knowledge() if "peanuts" in k.text]
    assert [k.attribute for k in found] == ["allergy"]
    assert made.post("/remember", data={**body, "text": " "}).status_code == 422


def test_what_is_known_is_searched(client: Client, engine: Engine) -> None:
    made, item = client(), known(engine)
    word = item.text.split()[-1]
    assert item.text in words(made.get("/knowledge", params={**TOM, "q": word}).text)
    assert "0 entries" in words(made.get("/knowledge", params={**TOM, "q": "zzz"}).text)
    assert item.text not in words(made.get("/knowledge", params={**TOM, "owner": "agent"}).text)
    assert made.get("/knowledge", params={**TOM, "status": "wrong"}).status_code == 422


@pytest.mark.parametrize("way", ["page_id", "knowledge_id", "session", "before", "everything"])
def test_forgetting_shows_the_receipt(client: Client, engine: Engine, way: str) -> None:
    tom, made = engine.memory("tom"), client()
    what = {
        "page_id": tom.pages()[0].id,
        "knowledge_id": known(engine).id,
        "session": "travel",
        "before": "2025-05-05",
        "everything": "tom",
    }[way]
    body = {**TOM, "form_key": form_key(made), "way": way, "what": what}
    done = made.post("/forget", data=body)
    seen = words(made.get(done.headers["location"]).text)
    receipt = tom.receipts()[-1]
    assert receipt.id in seen
    assert "nothing of it is left" in seen
    left = {"page_id": 21, "knowledge_id": 22, "session": 21, "before": 18, "everything": 0}
    assert tom.stats().pages == left[way]
    assert receipt.id in words(made.get("/receipts", params=TOM).text)


def test_everything_is_forgotten_only_by_name(client: Client, engine: Engine) -> None:
    made = client()
    body = {**TOM, "form_key": form_key(made), "way": "everything", "what": "Tom"}
    assert made.post("/forget", data=body).status_code == 422
    assert engine.memory("tom").stats().pages == 22


def test_recall_shows_ranks_reasons_and_the_prompt(client: Client, engine: Engine) -> None:
    asked = {**TOM, "q": "When did I fly to Lisbon?", "k": "3", "max_tokens": "300"}
    page = client().get("/recall", params=asked).text
    seen = words(page)
    found = engine.memory("tom").recall(asked["q"], 3, 300, visit=False)
    assert page.count('<p class="reasons">') == len(found.pages)
    assert found.pages[0].reasons[0] in seen
    prompt = unescape(re.search(r'<pre class="prompt"[^>]*>(.*?)</pre>', page, re.DOTALL)[1])
    assert "Lisbon" in prompt
    assert f"{found.count_tokens(prompt):,} tokens" in seen


def test_why_not_this_turn(client: Client, engine: Engine) -> None:
    tom, made = engine.memory("tom"), client()
    asked = {**TOM, "q": "data scientist Porto", "k": "1"}
    ranked = tom.recall(asked["q"], 30, visit=False).pages
    first, last = ranked[0].page.id, ranked[-1].page.id
    seen = words(made.get("/recall", params={**asked, "why": first}).text)
    assert "It stands at place 1" in seen
    seen = words(made.get("/recall", params={**asked, "why": last}).text)
    assert f"It stands at place {len(ranked)}" in seen
    assert "A greater k would bring it" in seen
    seen = words(made.get("/recall", params={**asked, "why": last, "session": "travel"}).text)
    assert ("The filters leave it out" in seen) == (tom.page(last).session_id != "travel")
    assert made.get("/recall", params={**asked, "why": "none"}).status_code == 404


def test_the_ledger(client: Client, engine: Engine) -> None:
    for day, outcome in ((1, "ok"), (1, "ModelUnavailable"), (2, "ok")):
        at = datetime(2025, 7, day, tzinfo=timezone.utc)
        call = Call("consolidate", "small-model", 1000, 50, 1.5, outcome, at)
        engine.store.log_call(Scope("tom"), call)
    made = client()
    seen = words(made.get("/calls", params=TOM).text)
    assert "3 calls 1 failed 3,000 prompt tokens" in seen
    assert "2025-07-01 2 1 2,000 100 3.0" in seen
    seen = words(made.get("/calls", params={**TOM, "failures": "1"}).text)
    assert "ModelUnavailable" in seen
    assert "small-model 1,000 50 1.50 ok" not in seen


def test_export_and_import(client: Client, engine: Engine) -> None:
    made = client()
    job = made.post("/export", data={**TOM, "form_key": form_key(made)}).headers["location"]
    assert "Download" in ended(made, job)
    events = made.get(job.replace("/job", "/job/events"))
    assert events.headers["content-type"].startswith("text/event-stream")
    assert '"state": "done"' in events.text
    file = made.get(job.replace("/job", "/job/file"))
    assert json.loads(file.text.splitlines()[0])["pages"] == 22
    body = {"user": "copy", "form_key": form_key(made)}
    job = made.post("/import", data=body, files={"file": ("memory.jsonl", file.content)})
    assert "22 new turns for copy" in words(ended(made, job.headers["location"]))
    assert engine.memory("copy").stats().pages == 22
    body = {"user": "copy", "form_key": form_key(made)}
    wrong = made.post("/import", data=body, files={"file": ("x", b"\x00\xff nonsense")})
    assert "It failed" in words(ended(made, wrong.headers["location"]))


def test_what_is_asked_for_too_often_is_refused(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(Engine, "doctor", lambda *_, **__: go_on.wait(20))
    made = client()
    body = {"form_key": form_key(made)}
    codes = [made.post("/examine", data=body).status_code for _ in range(MOST_WAITING + 1)]
    go_on.set()
    assert codes == [303] * MOST_WAITING + [503]


def test_the_server_ends_while_a_job_runs(client: Client, engine: Engine) -> None:
    """A job stops where it next tells its progress; its files go."""
    jobs = Jobs()
    stopped = threading.Event()

    def work(_job, progress) -> None:
        try:
            while True:
                progress(0, 1)
                time.sleep(0.01)
        finally:
            stopped.set()

    folder = new_folder()
    job = jobs.start("export", "x", work, Identity(), folder=folder)
    jobs.close()
    assert stopped.wait(5)
    assert not folder.exists()
    assert job.state in ("running", "failed")


def test_rebuild_tells_what_it_changes(client: Client, engine: Engine) -> None:
    made = client()
    body = {**TOM, "form_key": form_key(made)}
    for path, said in (("/rebuild/look", "would change"), ("/rebuild", "Rebuilt")):
        job = made.post(path, data=body).headers["location"]
        assert said in words(ended(made, job))
    assert engine.memory("tom").stats().pages == 22


def test_the_doctor(client: Client) -> None:
    made = client()
    for path in ("/examine", "/repair"):
        job = made.post(path, data={"form_key": form_key(made)}).headers["location"]
        assert re.search(r"(Healthy|Not healthy)\. 2 memories, 23 turns", words(ended(made, job)))


def test_what_waits_is_filed(client: Client, engine: Engine) -> None:
    ana = engine.memory("ana")
    for number in range(20):
        ana.add(f"Bees and honey, day {number}.")
    made = client()
    waiting = ana.stats().waiting
    job = made.post("/flush", data={"user": "ana", "form_key": form_key(made)}).headers["location"]
    assert "Done" in words(ended(made, job))
    assert ana.stats().waiting < waiting


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/page?user=tom&id=none", 404),
        ("/segment?user=tom&id=none", 404),
        ("/entry?user=tom&id=none", 404),
        ("/memory", 422),
        ("/timeline?user=tom&since=tomorrow", 422),
        ("/timeline?user=tom&up_to=-1", 422),
        ("/timeline?user=tom&name=mood", 422),
        ("/recall?user=tom&q=x&k=0", 422),
        ("/recall?user=tom&q=x&k=99999999999999999999999", 422),
        ("/recall?user=tom&q=%00", 422),
        ("/?number=x", 422),
        ("/nowhere", 404),
        ("/job?id=none", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
        (f"/memory?user={'x' * 1001}", 422),
    ],
)
def test_what_does_not_work_is_said(client: Client, path: str, status: int) -> None:
    answer = client().get(path)
    assert answer.status_code == status
    assert "<h1>" in answer.text


@pytest.mark.parametrize("user", ["a/b", "..", "a?b=c&d", "ü ☕", "../../etc/passwd", "x" * 1000])
def test_any_text_is_an_id(client: Client, engine: Engine, user: str) -> None:
    page = engine.memory(user, session_id=f"{user[:900]}#s").add("Hello", "There")
    made = client()
    listed = made.get("/", params={"q": user}).text
    link = unescape(re.search(r'href="(/memory\?[^"]+)"', listed)[1])
    assert "Hello" in made.get(link).text
    whole = made.get("/page", params={"user": user, "id": page.id}).text
    back = unescape(re.search(r'href="(/timeline\?[^"]*session=[^"]+)"', whole)[1])
    assert "Hello" in made.get(back).text


def test_quotes_are_marked_where_they_stand() -> None:
    assert marked("I <b> live in Porto.", ["live in  porto"]) == (
        "I &lt;b&gt; <mark>live in Porto</mark>."
    )
    assert marked("abc", ["x", ""]) == "abc"
    assert marked("aXbXc", ["aX", "Xb"]) == "<mark>aXb</mark>Xc"
    long = "word " * 1000 + "needle" + " word" * 1000
    cut = marked(long, ["needle"], 200)
    assert "<mark>needle</mark>" in cut
    assert len(cut) < 400
    assert cut.startswith("[…]")
    assert cut.endswith("[…]")
    assert len(marked(long, [long, long[:3000]], 200)) < 500  # nor does a long quote lengthen it


def test_hidden_signs_are_shown() -> None:
    text = shown("a\x1b[31mb\u202ec\u2066d\U000e0041e\x00\x85f\ud800")
    assert not re.search("[\x1b\x00\x85\u202e\u2066\U000e0041\ud800]", text)
    assert 'title="RIGHT-TO-LEFT OVERRIDE">U+202E<' in text
    assert len(shown("\u202e" * 100_000)) < 500_000
    assert shown("👨\u200d👩 می\u200cخواهم") == "👨\u200d👩 می\u200cخواهم"
    assert preview("x" * 5000) == "x" * 700 + " […]"


def test_gone_pages_are_said(client: Client, engine: Engine) -> None:
    tom = engine.memory("tom")
    gone = tom.pages()[0].id
    tom.forget(page_id=gone)
    assert client().get("/page", params={**TOM, "id": gone}).status_code == 404
    with pytest.raises(NotFound):
        tom.page(gone)
