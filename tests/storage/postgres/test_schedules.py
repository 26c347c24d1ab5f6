"""On PostgreSQL, too, any schedule derives what a rebuild gives."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, given, settings

from memoryos.storage.postgres import PostgresStore
from tests.updating.test_schedules import Life, Schedule, same_as_rebuilt, steps


def test_any_interleaving_gives_what_a_rebuild_gives(postgres_uri: str) -> None:
    users = itertools.count()

    @settings(
        max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(steps)
    def live(schedule: Schedule) -> None:
        life = Life(lambda: PostgresStore(postgres_uri), f"tom-{next(users)}")
        try:
            for step in schedule:
                life.do(step)
            same_as_rebuilt(life)
        finally:
            life.close()

    live()
