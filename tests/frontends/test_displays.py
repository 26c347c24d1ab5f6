"""Cards and figures: everything escaped, nothing run, nothing fetched, nothing that overflows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any

import pytest
from matplotlib.colors import to_hex

from memoryos import Engine, Memory, MemoryConfig, Profile, Segment
from memoryos.errors import MissingExtra, install_command

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)"> & "quotes" \u202eabc \x1b[31m'
START = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
ALLOWED = {"div", "style", "h4", "h5", "p", "ul", "li", "small", "span", "i", "bdi", "br"}
ALLOWED |= {"table", "thead", "tbody", "tr", "th", "td"}
VOID = {"br"}


class Reader(HTMLParser):
    """Reads a card as a browser would: its elements, its text, its style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.styles: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], "an element is left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.styles if "style" in self.open else self.words).append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def memory(clock: Any) -> Iterator[Memory]:
    config = MemoryConfig(promotion="inline", short_term_capacity=2, page_out_batch=3)
    with Engine.open("sqlite:///:memory:", config, clock=clock) as engine:
        yield filled(engine.memory("tom"))


def filled(memory: Memory, said: str = "") -> Memory:
    lines = (
        "My name is Tom and I work as a data scientist in Lisbon.",
        "At work I train models on sensor data of turbines.",
        "The sensor data tells when a turbine will fail.",
        "I have a dog called Rex.",
        "I like chess, I play every Thursday.",
    )
    for day, line in enumerate(lines):
        memory.add(f"{line} {said}".strip(), f"I see. {said}".strip(), START + timedelta(days=day))
    for _ in range(6):
        memory.recall("Which sensor data of turbines?")
    memory.flush()
    memory.remember("Tom", attribute="name")
    return memory


def cards(memory: Memory) -> list[str]:
    shown: list[Any] = [
        memory,
        memory.recall("Which sensor data of turbines?"),
        memory.segments()[0],
        memory.profile(),
    ]
    found = [thing._repr_html_() for thing in shown]
    return [*found, memory.forget(everything=True)._repr_html_()]


def test_a_card_says_what_the_memory_holds(memory: Memory) -> None:
    whole, recall, segment, profile, receipt = (Reader(card).text for card in cards(memory))
    assert "Memory of tom with assistant, session default" in whole
    assert "I have a dog called Rex." in whole
    assert "τ = 5" in whole
    assert "name Tom" in whole
    assert "5 pages, 1 session" in whole
    assert "Recall: Which sensor data of turbines?" in recall
    assert "words: " in recall
    assert "2025-06-02" in recall
    assert "L_interaction" in segment
    assert "name Tom" in profile
    assert "Erased: everything" in receipt
    assert "pages 5" in receipt


def test_what_was_said_is_only_ever_text(clock: Any) -> None:
    config = MemoryConfig(promotion="inline", short_term_capacity=2, page_out_batch=3)
    with Engine.open("sqlite:///:memory:", config, clock=clock) as engine:
        found = cards(filled(engine.memory(HOSTILE, HOSTILE, HOSTILE), HOSTILE))
        engine.memory("x").add(HOSTILE, HOSTILE)
        found.append(engine.memory("x").recall(HOSTILE)._repr_html_())
    for card in found:
        read = Reader(card)
        assert read.tags <= ALLOWED
        assert {name for name, _ in read.attributes} <= {"class", "style", "title", "dir"}
        assert not {"\u202e", "\x1b"} & set(card)
    assert "<script>alert(1)</script>" in Reader(found[0]).text


def test_nothing_comes_from_elsewhere(memory: Memory) -> None:
    for card in cards(memory):
        (style,) = Reader(card).styles
        assert "url(" not in style
        assert "@import" not in style
        assert "prefers-color-scheme:dark" in style
        assert "jp-theme-light" in style
        assert "http" not in card


def test_an_empty_memory_has_a_card_too() -> None:
    with Engine.open("sqlite:///:memory:") as engine:
        memory = engine.memory("nobody")
        assert "Nothing is known yet." in memory._repr_html_()
        assert "Nothing is remembered" in memory.recall("anything")._repr_html_()
        assert "There was nothing to erase" in memory.forget(everything=True)._repr_html_()
        assert memory.plot_heat()._repr_png_()[:4] == b"\x89PNG"
        assert memory.plot_segments()._repr_png_()[:4] == b"\x89PNG"
        assert memory.plot_timeline()._repr_png_()[:4] == b"\x89PNG"
    assert "Nothing is known of the user yet." in Profile()._repr_html_()


def test_a_long_text_is_cut_and_a_long_list_counted(clock: Any) -> None:
    segment = Segment("s1", "word " * 1000, ("k" * 500,), 1, 0, 1, START, START, evicted=True)
    assert len(Reader(segment._repr_html_()).text) < 1200
    with Engine.open("sqlite:///:memory:", {"short_term_capacity": 30}, clock=clock) as engine:
        memory = engine.memory("tom")
        memory.add_many([(f"line {number}", "yes") for number in range(20)])
        assert "and 12 more" in memory._repr_html_()


def test_heat_is_rounded_down_so_that_tau_means_tau() -> None:
    segment = Segment("s1", "s", ("k",), 1, 0, 1, START, START, heat=4.999)
    assert "4.9" in Reader(segment._repr_html_()).text


def legend_of(axes: Any) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [entry.get_text() for entry in legend.get_texts()]


def test_the_figures_show_segments_threshold_and_sources(memory: Memory) -> None:
    (axes,) = memory.plot_segments().axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [segment.name for segment in memory.segments()]
    assert "τ = 5" in legend_of(axes)
    (axes,) = memory.plot_timeline().axes
    assert sorted(t.get_text() for t in axes.get_yticklabels()) == sorted(names)
    assert legend_of(axes) == ["source of what is known"]


def test_heat_is_seen_crossing_tau_on_an_axis_of_dates(memory: Memory) -> None:
    (axes,) = memory.plot_heat().axes
    told = legend_of(axes)
    assert {*(segment.name for segment in memory.segments()), "τ = 5", "promoted"} <= set(told)
    stars = [line for line in axes.lines if line.get_marker() == "*" and len(line.get_xdata())]
    assert stars
    assert all(heat >= 5 for line in stars for heat in line.get_ydata())
    times = [time for line in axes.lines[:-3] for time in line.get_xdata()]
    assert min(times) >= START  # dates, and no numbers of steps
    colours = {line.get_label(): line.get_color() for line in axes.lines}
    (bars,) = memory.plot_segments().axes
    first = memory.segments()[0]
    assert to_hex(bars.patches[0].get_facecolor()) == colours[first.name]


def test_heat_history_ends_where_the_heat_is(memory: Memory) -> None:
    history = memory.heat_history()
    for segment in memory.segments():
        points = history[segment.id]
        assert points[-1].what == "now"
        assert points[-1].heat == pytest.approx(segment.heat, abs=1e-6)
        assert sum(point.what == "page" for point in points) == segment.pages
    assert any(point.what == "promotion" for points in history.values() for point in points)


def test_the_evicted_are_shown_with_their_end(clock: Any) -> None:
    config = MemoryConfig(promotion="inline", mid_term_capacity=1)
    with Engine.open("sqlite:///:memory:", config, clock=clock) as engine:
        memory = engine.memory("tom")
        memory.add("I bake rye bread.", "", START)
        memory.add("My telescope shows Saturn.", "", START + timedelta(days=9))
        memory.add("The telescope shows Saturn's rings.", "", START + timedelta(days=10))
        assert len(memory.segments()) == 1
        (gone,) = [s for s in memory.segments(evicted=True) if s.evicted]
        assert memory.heat_history()[gone.id][-1].what == "eviction"
        assert "evicted" in legend_of(memory.plot_heat().axes[0])


def test_a_card_shows_at_once_what_was_just_said(tmp_path: Any) -> None:
    with Engine.open(tmp_path / "m.db", {"promotion": "background"}) as engine:
        memory = engine.memory("tom")
        memory.add("I keep bees on a roof in Ghent.", "I see.")
        card = Reader(memory._repr_html_()).text
    assert card.count("I keep bees on a roof in Ghent.") == 2  # short term, and what was said
    assert "What was said" in card


def test_a_figure_with_mathematics_in_a_keyword_is_drawn(clock: Any) -> None:
    with Engine.open("sqlite:///:memory:", {"short_term_capacity": 1}, clock=clock) as engine:
        memory = engine.memory("tom")
        for number in range(4):
            memory.add(f"$x_{number}$ costs $\\frac$ dollars", "$")
        memory.flush()
        assert memory.plot_heat()._repr_png_()
        assert memory.plot_segments()._repr_png_()
        assert memory.plot_timeline()._repr_png_()


WITHOUT_MATPLOTLIB = """
import sys
sys.modules["matplotlib"] = None
from memoryos import Engine
from memoryos.errors import MissingExtra, install_command
with Engine.open("sqlite:///:memory:") as engine:
    memory = engine.memory("tom")
    memory._repr_html_()
    for plot in (memory.plot_heat, memory.plot_segments, memory.plot_timeline):
        try:
            plot()
        except MissingExtra as error:
            print(error)
"""


def test_without_matplotlib_a_plot_names_the_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MATPLOTLIB], capture_output=True, text=True, check=False
    )
    line = f"A plot needs an extra: {install_command('notebooks')}"
    assert done.stdout.splitlines() == [line] * 3, done.stderr
    assert issubclass(MissingExtra, ImportError)
