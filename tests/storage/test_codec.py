"""How a record's vector is stored."""

from __future__ import annotations

import numpy as np
import pytest

from memoryos.embedders import StaticEmbedder
from memoryos.storage.codec import from_blob, to_blob
from memoryos.storage.vectors import embed_all


@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 383, 384])
def test_a_records_vector_comes_back_as_it_is_rounded(dimension: int) -> None:
    vector = np.random.default_rng(dimension).normal(size=dimension).astype(np.float32)
    vector /= np.linalg.norm(vector)
    blob = to_blob(vector)
    again = from_blob(blob)
    assert len(blob) <= dimension + 2
    assert again == pytest.approx(vector, abs=0.01)
    assert from_blob(to_blob(again)).tolist() == again.tolist()
    assert from_blob(vector.tobytes()).tolist() == vector.tolist()  # of a former version


def test_a_vector_just_made_is_the_one_that_is_stored() -> None:
    """Else what is compared would depend on what another process has stored already."""
    for vector in embed_all(StaticEmbedder(), ["I live in Porto.", "My cat is called Rex."]):
        assert from_blob(to_blob(vector)).tolist() == vector.tolist()
