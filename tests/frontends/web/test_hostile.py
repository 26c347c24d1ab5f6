"""Texts that were made to break out, in every place where a memory holds text, on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from memoryos import Engine
from memoryos.frontends.web import web_app
from memoryos.frontends.web.views import PAGES
from tests.frontends.web.conftest import BASE, ended, form_key

TEXTS = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"' onmouseover=alert(1) autofocus onfocus='alert(1)",
    "image": "<img src=x onerror=alert(1)><svg/onload=alert(1)>",
    "closing": "</textarea></title></pre></style></script><script>alert(1)</script>",
    "template": "{{ 7*7 }}{% raw %}${7*7}<%= 7*7 %>",
    "link": "javascript:alert(1)//https://evil.example/?<base href=//evil.example>",
    "htmx": '<div hx-get="/forget" hx-trigger="load" data-hx-on="x">x</div>',
    "bidi": "abc \u202eevil\u2066 \u2067 txt.exe \u202c",
    "ansi": "\x1b[31mred\x1b]0;title\x07 \x9b2J \x08\x7f",
    "invisible": "a\u200b\u2060\ufeff\U000e0049\U000e0067\u00adb",
    "combining": "Z" + "\u0351" * 500,
    "entity": "&lt;script&gt;&#x3c;script&#x3e;&amp;",
    "comment": "--><!--<![CDATA[<script>alert(1)</script>]]>",
    "newlines": "a\r\nSet-Cookie: x=1\r\n\r\n<html>\u2028\u2029",
    "long": "x" * 1_000_000,
}
_RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff]")
_OURS = {"/static/htmx.min.js", "/static/page.js"}


class Reader(HTMLParser):
    """Finds what could act in a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.acting: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        allowed = {"hx-get", "hx-trigger", "hx-target", "hx-swap", "hx-replace-url"}
        if tag == "script" and given.get("src") not in _OURS:
            self.acting.append(f"<script {given}>")
        if tag in ("iframe", "object", "embed", "base", "style", "img", "math"):
            self.acting.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith(("on", "style", "data-hx")) or (
                name.startswith("hx-") and name not in allowed
            ):
                self.acting.append(f"{tag} {name}")
            if name in ("href", "src", "action", "hx-get") and not (value or "").startswith(
                ("/", "#")
            ):
                self.acting.append(f"{tag} {name}={value}")


def acting(html: str) -> list[str]:
    reader = Reader()
    reader.feed(html)
    return reader.acting


@pytest.fixture(scope="module", params=TEXTS)
def seen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Every page of a memory that holds one hostile text wherever it can.

    In ids, turns, names, metadata, facts.
    """
    text = TEXTS[request.param]
    path: Path = tmp_path_factory.mktemp("hostile") / "memories.db"
    short = text[:900].replace("\x00", "")
    with Engine.open(f"sqlite:///{path}", {"promotion": "manual"}) as engine:
        memory = engine.memory(short, short, short)
        for number in range(16):
            memory.add(text, text[:3000], metadata={short[:100]: short}, key=f"{number}")
            memory.add(f"My name is {short[:60]} and I live in {short[:60]}.", "Ok")
        memory.flush()
        if hasattr(memory, "remember"):
            memory.remember(short, owner="user", attribute=short[:40])
        with TestClient(web_app(engine), BASE) as client:
            return dict(pages_of(short, engine, client))


def pages_of(short: str, engine: Engine, client: TestClient) -> Iterator[tuple[str, str]]:
    memory = engine.memory(short, short, short)
    scope = {"user": short, "assistant": short}
    first = memory.pages()[0]
    known = memory.knowledge(status="all")
    ids = {
        "/page": first.id,
        "/segment": first.segment_id or "",
        "/entry": known[-1].id if known else "none",
    }
    for path in PAGES:
        if not path.startswith("/job"):
            parameters = {**scope, "id": ids.get(path, ""), "q": short, "session": short}
            if path in ("/memory", "/calls", "/files"):
                del parameters["q"]
            yield path, client.get(path, params=parameters).text
    yield "error", client.get("/page", params={**scope, "id": short}).text
    yield "nowhere", client.get("/nowhere", params={"q": short}).text
    body = {**scope, "form_key": form_key(client), "way": "page_id", "what": first.id}
    yield "receipt", client.post("/forget", data=body).text
    job = client.post("/export", data={**scope, "form_key": form_key(client)})
    yield "job", ended(client, str(job.url))


def test_nothing_acts_and_nothing_hides(seen: dict[str, str]) -> None:
    assert len(seen) == len(PAGES) + 2
    for path, html in seen.items():
        assert html.count("</html>") == 1, path
        assert not acting(html), path
        body = re.sub(r'value="[^"]*"', "", html)  # a field gives back what was written in it
        body = re.sub(r"<textarea[^>]*>.*?</textarea>", "", body, flags=re.DOTALL)
        assert not _RAW.search(body), path
        assert len(html) < 2_100_000, path  # one page shows one turn of a megabyte whole


def test_lists_stay_short(seen: dict[str, str]) -> None:
    for path, html in seen.items():
        if path != "/page":
            assert len(html) < 700_000, (path, len(html))


def test_the_reader_sees() -> None:
    """What this file relies on finds what it shall."""
    for text in ("<script>x</script>", "<a onclick=x>", "<img src=x>", '<a href="javascript:x">'):
        assert acting(text)
    assert not acting('<a href="/x">&lt;script&gt;</a>')
