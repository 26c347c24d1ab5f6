"""The pages in a real browser: all pages, keyboard only, two widths, light and dark, hostile texts.

Needs Debian's chromium (`apt-get install chromium`); the variable CHROMIUM names another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from memoryos import Engine
from memoryos.frontends.web import WebSettings
from memoryos.frontends.web.site import url
from memoryos.frontends.web.views import PAGES
from tests.frontends.web.conftest import TOKEN, Served
from tests.frontends.web.test_hostile import TEXTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab that collects what goes wrong in it."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
    yield opened
    context.close()
    assert not [line for line in wrong if "status of 4" not in line]


def paths(engine: Engine, user: str = "tom", assistant: str = "assistant") -> list[str]:
    """Every page of a memory, with something on it."""
    memory = engine.memory(user, assistant)
    first = memory.pages()[0]
    known = memory.knowledge(status="all")
    ids = {
        "/page": first.id,
        "/segment": first.segment_id,
        "/entry": known[0].id if known else "none",
    }
    scope = {"user": user, "assistant": assistant}
    return [
        url(
            path,
            scope if path not in ("/", "/doctor") else {},
            id=ids.get(path),
            q="Where does Tom work?" if path == "/recall" else None,
            why=first.id if path == "/recall" else None,
        )
        for path in PAGES
        if not path.startswith("/job")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1400])
def test_every_page_fits_and_can_be_read_by_all(
    browser: Browser, served: Served, engine: Engine, scheme: str, width: int
) -> None:
    base = served()
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width < 500
    )
    tab = context.new_page()
    findings = []
    for path in [*paths(engine), "/nowhere"]:
        tab.goto(base + path)
        scrolled = tab.evaluate("document.documentElement.scrollWidth")
        assert scrolled <= width, (path, scrolled)
        for details in tab.locator("details").all():
            details.evaluate("element => element.open = true")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path
        violations = Axe().run(tab).response["violations"]
        findings += [(path, v["id"], v["impact"], v["nodes"][0]["html"][:90]) for v in violations]
    context.close()
    assert not [found for found in findings if found[2] in SERIOUS], findings
    assert len(findings) == 0, findings


def test_the_keyboard_is_enough(page: Page, served: Served, engine: Engine) -> None:
    """From the list to a fact, and to its correction, without a mouse."""
    fact = engine.memory("tom").remember("Tom keeps ants")
    page.goto(served())
    page.keyboard.press("Tab")
    expect(page.get_by_text("To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    press_until(page, "tom")
    page.keyboard.press("Enter")
    page.wait_for_url("**/memory?**")
    press_until(page, fact.text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/entry?**")
    press_until(page, "What is true instead")
    page.keyboard.press("Control+A")
    page.keyboard.type("Tom keeps bees")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Corrected")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tom keeps bees")
    press_until(page, "Forget it")
    page.keyboard.press("Enter")
    press_until(page, "Yes, forget it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("nothing of it is left")


def press_until(page: Page, label: str, most: int = 200) -> None:
    """Press Tab until what bears the label has the focus; it must be seen to have it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "() => { const e = document.activeElement; const l = e.labels && e.labels[0];"
            " return [(l || e).innerText || '', getComputedStyle(e).outlineStyle]; }"
        )
        if found[0].strip().startswith(label):
            assert found[1] != "none", f"{label}: the focus cannot be seen"
            return
    raise AssertionError(f"{label!r} is not reached")


def test_search_as_you_type_and_older_turns(page: Page, served: Served, engine: Engine) -> None:
    tom = engine.memory("tom")
    for number in range(40):
        tom.add(f"More, number {number}.")
    base = served()
    page.goto(base)
    page.get_by_role("searchbox").press_sequentially("ana")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    assert page.url.endswith("q=ana")
    page.goto(f"{base}/timeline?user=tom")
    page.get_by_role("link", name="Older turns").click()
    expect(page.locator("article.turn")).to_have_count(60)
    page.get_by_role("link", name="Older turns").click()
    expect(page.locator("article.turn")).to_have_count(62)
    expect(page.get_by_role("link", name="Older turns")).to_have_count(0)


def test_progress_is_told_and_ends_in_the_result(page: Page, served: Served) -> None:
    base = served()
    page.goto(f"{base}/files?user=tom")
    page.get_by_role("button", name="What would change?").click()
    expect(page.get_by_role("status")).to_contain_text("A rebuild would change", timeout=20_000)
    page.goto(f"{base}/files?user=tom")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "memory.jsonl"
    page.goto(f"{base}/files?user=copy")
    page.get_by_label("File", exact=True).set_input_files(download.value.path())
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status")).to_contain_text("22 new turns for copy", timeout=20_000)


def test_log_in_and_out(page: Page, served: Served) -> None:
    base = served(WebSettings(token=TOKEN))
    page.goto(f"{base}/timeline?user=tom&q=Lisbon")
    page.get_by_label("Token").fill("wrong-token-of-nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/timeline?user=tom&q=Lisbon")
    expect(page.locator("article.turn").first).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.goto(f"{base}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_without_scripts_all_is_there(browser: Browser, served: Served, engine: Engine) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    base = served()
    for path in paths(engine):
        tab.goto(base + path)
        expect(tab.get_by_role("heading", level=1).first).to_be_attached()
    tab.goto(f"{base}/recall?user=tom")
    tab.get_by_label("Question").fill("Lisbon")
    tab.get_by_role("button", name="Recall").click()
    expect(tab.locator("p.reasons").first).to_be_visible()
    context.close()


@pytest.mark.parametrize("what", TEXTS)
def test_no_hostile_text_acts(page: Page, served: Served, engine: Engine, what: str) -> None:
    """No script runs, nothing is asked for elsewhere, and the page keeps its shape."""
    text = TEXTS[what]
    short = text[:500]
    memory = engine.memory(short, session_id=short)
    for number in range(10):
        memory.add(text, short, metadata={short[:50]: short}, key=str(number))
        memory.add(f"My name is {short[:50]} and I live in {short[:50]}.", "Ok")
    memory.flush()
    base = served()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in paths(engine, short):
        page.goto(base + path, timeout=60_000)
        assert page.locator("main").count() == 1, path
        assert page.locator("script").count() == 2, path
        assert page.evaluate("document.documentElement.scrollWidth") <= 1400, path
    assert all(url.startswith(base) for url in asked)


def test_another_sites_page_gets_nothing(browser: Browser, served: Served, engine: Engine) -> None:
    """A page of another origin, in the same browser, cannot read, frame or change a memory."""
    base = served()
    context = browser.new_context()
    tab = context.new_page()
    tab.route("http://evil.test/**", lambda route: route.fulfill(body="<p>evil", status=200))
    tab.goto("http://evil.test/")
    tries = """async ([base]) => {
      const got = [];
      for (const mode of ["cors", "no-cors"]) {
        for (const [path, init] of [
          ["/memory?user=tom", {}],
          ["/api/pages?user_id=tom", {method: "POST", body: '{"user_input": "x"}'}],
          ["/forget", {method: "POST", body: new URLSearchParams(
            {user: "tom", way: "everything", what: "tom"})}],
        ]) {
          try { got.push(await (await fetch(base + path, {...init, mode})).text()); }
          catch (error) { got.push(""); }
        }
      }
      return got;
    }"""
    before = engine.memory("tom").stats()
    assert tab.evaluate(tries, [base]) == [""] * 6
    tab.set_content(f'<iframe src="{base}/memory?user=tom"></iframe>')
    tab.wait_for_timeout(500)
    assert "Porto" not in tab.frames[-1].content()
    tab.set_content(
        f'<form action="{base}/forget" method="post"><input name="user" value="tom">'
        '<input name="way" value="everything"><input name="what" value="tom"><button>x</button>'
    )
    tab.get_by_role("button").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Not allowed")
    assert engine.memory("tom").stats() == before
    context.close()
