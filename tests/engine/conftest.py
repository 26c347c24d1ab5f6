"""Failing asserts of the contract classes show what they compared."""

import pytest

pytest.register_assert_rewrite(
    "memoryos.testing.store_contract",
    "memoryos.testing.store_derived",
    "memoryos.testing.store_journal",
)
