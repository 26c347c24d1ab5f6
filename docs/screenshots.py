"""Makes the pictures of the page: python docs/screenshots.py [FOLDER].

Needs the extras `ui` and `dev`, and a chromium (the variable CHROMIUM names another than
/usr/bin/chromium). They show the memory that `memoryos demo` leaves.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from memoryos import Engine
from memoryos.frontends.web import WebSettings, web_app

HERE = Path(__file__).parent
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


def main(folder: Path) -> None:
    """Make the pictures of the page, and of a card in a notebook."""
    with tempfile.TemporaryDirectory() as place:
        db = Path(place) / "demo.db"
        command = [sys.executable, "-m", "memoryos", "demo", "--fast", "--db", str(db)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # our own command
        with Engine.open(f"sqlite:///{db}", {"promotion": "manual"}) as engine:
            server = uvicorn.Server(
                uvicorn.Config(web_app(engine, WebSettings()), port=0, log_config=None)
            )
            thread = threading.Thread(target=server.run)
            thread.start()
            while not server.started:
                time.sleep(0.01)
            base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            known = engine.memory("tom").knowledge()
            with sync_playwright() as playwright:
                chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                shoot(browser, f"{base}/memory?user=tom&session=life", folder / "ui-memory.png")
                asked = "user=tom&q=Where+do+I+work%3F&k=3&max_tokens=300"
                shoot(browser, f"{base}/recall?{asked}", folder / "ui-recall.png", scheme="dark")
                entry = f"{base}/entry?user=tom&id={known[-1].id}"
                shoot(browser, entry, folder / "ui-phone.png", width=390, height=780)
                card = Path(place) / "card.html"
                html = engine.memory("tom", session_id="life")._repr_html_()
                card.write_text(f"<body style='font-family:sans-serif'>{html}", "utf-8")
                shoot(browser, card.as_uri(), folder / "notebook-card.png", height=420)
                browser.close()
            server.should_exit = True
            thread.join()


def shoot(
    browser: Browser,
    url: str,
    path: Path,
    scheme: str = "light",
    width: int = 1000,
    height: int = 800,
) -> None:
    """Save what the window shows of a page."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    page.screenshot(path=path)
    context.close()
    with Image.open(path) as picture:  # a third of the size, and nobody sees a difference
        picture.convert("RGB").quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "images")
