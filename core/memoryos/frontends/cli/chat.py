"""`memoryos chat`: talk, and look into the memory while talking."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from memoryos.errors import InvalidInput, MemoryOSError
from memoryos.frontends.cli.console import complain, emit_line, out, plain, shown
from memoryos.frontends.cli.editing import print_receipt
from memoryos.frontends.cli.inspection import print_profile, print_recall, print_segments
from memoryos.frontends.cli.options import (
    DEFAULT_TIMEOUT,
    Assistant,
    BaseUrl,
    Db,
    Embedder,
    Json,
    Model,
    Session,
    Timeout,
    User,
    Window,
    chat_model,
    chosen,
    opened,
)

if TYPE_CHECKING:
    from memoryos.memory.memory import Memory

_HELP = """\
/recall QUESTION   what is remembered on it, and why
/profile           what is known about you
/heat              the segments of mid-term memory, hottest first
/explain ID        where a fact comes from
/forget            the last turn; or: /forget page ID, knowledge ID, session, everything
/help              this
/quit              end (also Ctrl-D)"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Begin here")(chat)


def chat(
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    session: Session = "default",
    model: Model = None,
    base_url: BaseUrl = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    context_window: Window = None,
    embedder: Embedder = None,
    json: Json = False,
) -> None:
    """Talk to a model that remembers; without a model, to the memory, which quotes itself.

    Any OpenAI-compatible endpoint: --model NAME with OPENAI_API_KEY, or a local --base-url.
    Everything that is said is remembered. Type /help for what else you can do. With --json each
    line of the input is a message, and each line of the output its answer as JSON.
    """
    talker = chat_model(model, base_url, timeout, context_window)
    mode = "background" if talker else "inline"
    with opened(db, exists=False, embedder=embedder, model=talker, promotion=mode) as engine:
        memory = chosen(engine, user, assistant, session, new=True)
        if json:
            _answer_lines(memory)
            return
        who = plain(memory.scope.user_id)
        talks = f"with {talker.name}" if talker else "with no model: I answer by quoting my memory"
        out.print(shown(f"Memory of {who}, {talks}. /help says what you can type.", "bright_black"))
        _Chat(memory, engine.config.heat_threshold).run()


def _answer_lines(memory: Memory) -> None:
    """Answer each line of the input with one line of JSON."""
    for line in sys.stdin:
        said = line.strip()
        if said:
            emit_line({"user": said, "agent": memory.respond(said)})


class _Chat:
    """A conversation under way."""

    def __init__(self, memory: Memory, threshold: float) -> None:
        self._memory = memory
        self._commands: dict[str, Callable[[str], None]] = {
            "/recall": self._recall,
            "/profile": lambda _: print_profile(memory),
            "/heat": lambda _: print_segments(memory.segments(), threshold),
            "/explain": lambda id_: out.print(shown(memory.explain(id_).text), soft_wrap=True),
            "/forget": self._forget,
            "/help": lambda _: out.print(_HELP, markup=False),
        }

    def run(self) -> None:
        """Read and answer until the end of the input."""
        _line_editing()
        while True:
            try:
                line = input("you> ").strip()
            except EOFError:
                out.print()
                return
            except KeyboardInterrupt:
                out.print("\n/quit or Ctrl-D ends.", style="bright_black")
                continue
            if line in ("/quit", "/exit"):
                return
            if line:
                self._answer(line)

    def _answer(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        try:
            if not line.startswith("/"):
                self._talk(line)
            elif command in self._commands:
                self._commands[command](rest.strip())
            else:
                raise InvalidInput(f"there is no {command}; /help says what there is")
        except MemoryOSError as error:
            complain(error)
        except KeyboardInterrupt:
            out.print("\n(stopped)", style="yellow")

    def _talk(self, said: str) -> None:
        out.print(Text("memoryos> ", style="bold green"), end="")
        pieces = self._memory.respond_stream(said)
        try:
            for piece in pieces:
                out.print(plain(piece), end="", markup=False, soft_wrap=True)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()  # a stream that was interrupted is journalled as far as it came
            out.print()

    def _recall(self, question: str) -> None:
        if not question:
            raise InvalidInput("say what to recall: /recall QUESTION")
        print_recall(self._memory.recall(question))

    def _forget(self, rest: str) -> None:
        words = shlex.split(rest) if rest.count('"') % 2 == 0 else rest.split()
        kind, id_ = [*words, "", ""][:2]
        what: dict[str, str | bool]
        if not kind:
            newest = self._memory.pages(self._memory.session_id, newest_first=True, limit=1)
            if not newest:
                raise InvalidInput("nothing was said yet in this conversation")
            what = {"page_id": newest[0].id}
            out.print(shown(f"the last turn: {newest[0].user_input}"), soft_wrap=True)
        elif kind in ("page", "knowledge") and id_:
            what = {f"{kind}_id": id_}
        elif kind == "session":
            what = {"session": id_ or self._memory.session_id}
        elif kind == "everything":
            what = {"everything": True}
        else:
            raise InvalidInput("/forget, /forget page ID, knowledge ID, session or everything")
        try:
            sure = input("forget this for good? [y/N] ").strip().lower()
        except EOFError:
            sure = ""
        if sure in ("y", "yes"):
            print_receipt(self._memory.forget(**what))  # type: ignore[arg-type]  # one of its names
        else:
            out.print("nothing was forgotten")


def _line_editing() -> None:
    """Give `input` history and editing keys, where the platform has them."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401, PLC0415  # importing it is what does it
