"""What every test runs in: no network, no keys, a fixed clock, a time zone that is not UTC.

The fixtures here are those of more than one folder.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from memoryos import Engine
from memoryos.model import Message, Page

if TYPE_CHECKING:
    from memoryos.llm import OpenAIChat
    from memoryos.testing.openai_server import OpenAIServer

LEAKING = (
    "OPENAI_",
    "AZURE_OPENAI_",
    "LANGCHAIN_",
    "LANGSMITH_",
    "MEMORYOS_",
    "LLAMA_",
    "TIKTOKEN_",
)
"""Prefixes of environment variables that would change what a test does."""

BENCH_DATA = "MEMORYOS_BENCH_DATA"
"""The environment variable that names the folder of LoCoMo and BEAM, for tests that measure."""

LOOPBACK = {None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}

for name in [name for name in os.environ if name.startswith(LEAKING) and name != BENCH_DATA]:
    del os.environ[name]
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TZ"] = "America/Bogota"  # a naive local time is then five hours off, and shows
if hasattr(time, "tzset"):
    time.tzset()

pytest.register_assert_rewrite(  # a contract's asserts show what they compared
    "memoryos.testing.store_contract",
    "memoryos.testing.store_derived",
    "memoryos.testing.store_journal",
    "memoryos.testing.store_documents",
)

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for longer runs of tests that try many examples."""
    parser.addoption(
        "--times",
        type=int,
        default=1,
        metavar="N",
        help="try N times as many examples, in tests that say how many, without their time limits",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--times") > 1:
        for item in items:
            if "examples" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.timeout(0), append=False)


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> int:
    """How many examples a test tries: what it is parametrized with (`indirect`), `--times` N."""
    number: int = request.param * request.config.getoption("--times")
    return number


@pytest.fixture(autouse=True, scope="session")
def no_names_from_outside() -> Iterator[None]:
    """Names outside loopback do not resolve, as on a machine without a network.

    pytest-socket (see addopts) refuses connections; without this a look-up would still go out, and
    its failure would depend on the machine.
    """
    resolve = socket.getaddrinfo

    def only_loopback(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in LOOPBACK:
            raise socket.gaierror(socket.EAI_NONAME, f"tests have no network: {name!r}")
        return resolve(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", only_loopback)
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def dialogue(root: Path) -> Path:
    """A file in LoCoMo's form: two conversations of people whom we invented, and questions."""
    return root / "tests" / "dialogue.json"


@pytest.fixture(scope="session")
def locomo() -> Path:
    """LoCoMo's file, for tests marked `benchdata`; without it they fail."""
    folder = os.environ.get(BENCH_DATA)
    if not folder:
        pytest.fail(f"{BENCH_DATA} is not set: it names the folder that holds locomo10.json")
    path = Path(folder) / "locomo10.json"
    if not path.is_file():
        pytest.fail(f"{BENCH_DATA} is {folder!r}, and there is no {path}")
    return path


@pytest.fixture
def sqlite_uri(tmp_path: Path) -> str:
    """A database file of the test's own."""
    return f"sqlite:///{tmp_path / 'memories.db'}"


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> datetime:
        """Move by timedelta(**delta); return the new time."""
        self.now += timedelta(**delta)
        return self.now


@pytest.fixture
def clock() -> ManualClock:
    """A clock at noon UTC of 2025-06-01."""
    return ManualClock(datetime(2025, 6, 1, 12, tzinfo=timezone.utc))


@pytest.fixture(params=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Engine]:
    """An engine in memory, then one on disk. It works only when told."""
    uri = "sqlite:///:memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/m.db"
    with Engine.open(uri, config={"promotion": "manual"}, clock=clock) as engine:
        yield engine


IN_MEMORY_FILES = Path("/dev/shm")


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """A folder whose files do not wait for a disk, where the machine has one."""
    where = IN_MEMORY_FILES if IN_MEMORY_FILES.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        yield Path(folder)


# ── A language model on loopback, and pages for it ───────────────────────────────────────────────


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A scripted endpoint, at which no call has failed: another test's may have had its port."""
    from memoryos.llm import breaker  # noqa: PLC0415  # as below
    from memoryos.testing.openai_server import OpenAIServer  # noqa: PLC0415  # loads token tables

    breaker._begin_anew()
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def key() -> str:
    """A key that must turn up nowhere."""
    return "sk-test-3f9c1d7a5b2e4860"


@pytest.fixture
def chat(server: OpenAIServer, key: str) -> Iterator[OpenAIChat]:
    """A chat model at the scripted endpoint, as quick to give up as a busy machine allows."""
    from memoryos.llm import OpenAIChat  # noqa: PLC0415  # loads openai

    model = OpenAIChat("gpt-4o-mini", key, server.url, timeout=4.0, max_retries=1)
    yield model
    model.close()


DAY = datetime(2025, 5, 8, 9, tzinfo=timezone.utc)

SAID = (
    ("I moved to Lisbon last spring and I love the light here.", "Lisbon sounds wonderful!"),
    ("I work as a nurse at the Santa Maria hospital.", "That must be demanding."),
    ("I paint watercolours on Sundays to relax.", "What do you paint?"),
    ("Mostly the river, and my sister Ana when she visits.", "She must be patient!"),
    ("Please book nothing on Sunday mornings.", "Noted, Sundays are for painting."),
)


@pytest.fixture
def make_pages() -> Callable[..., tuple[Page, ...]]:
    """Pages to consolidate and promote: of the turns given, else of five."""

    def make(
        *turns: tuple[str, str], user: str = "Tom", agent: str | None = None, day: datetime = DAY
    ) -> tuple[Page, ...]:
        return tuple(
            Page(
                id=f"page-{number}",
                user_input=said,
                agent_response=answered,
                timestamp=day + timedelta(minutes=number),
                session_id="default",
                messages=(
                    Message("user", said, name=user),
                    Message("assistant", answered, name=agent),
                ),
                seq=number,
            )
            for number, (said, answered) in enumerate(turns or SAID, 1)
        )

    return make
