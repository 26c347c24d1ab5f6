"""The store for many machines: PostgreSQL with pgvector, every key beginning with the scope."""

from memoryos.errors import MissingExtra

try:
    import pgvector
    import procrastinate
    import psycopg
    import psycopg_pool
except ImportError as error:
    raise MissingExtra.of("A store on PostgreSQL", "postgres") from error

from memoryos.storage.postgres.store import PostgresStore

__all__ = ["PostgresStore"]

del pgvector, procrastinate, psycopg, psycopg_pool
