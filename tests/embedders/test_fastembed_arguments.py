"""What FastEmbedEmbedder makes of its arguments, before any model is loaded."""

from __future__ import annotations

import pytest

from memoryos.embedders import FastEmbedEmbedder
from memoryos.embedders.resolve import resolve_embedder
from memoryos.errors import InvalidInput, MissingExtra


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: object())


@pytest.fixture
def folder(tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json", "model.onnx"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(MissingExtra, match=r"\[fastembed\]"):
        resolve_embedder("fastembed:all-MiniLM-L6-v2")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("all-MiniLM-L6-v2", "fastembed:sentence-transformers/all-MiniLM-L6-v2"),
        (" BAAI/bge-small-en-v1.5 ", "fastembed:BAAI/bge-small-en-v1.5"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_by_name(given, name):
    assert FastEmbedEmbedder(given).name == resolve_embedder(f"fastembed:{given}").name == name


@pytest.mark.usefixtures("installed")
def test_other_document_prefixes_are_other_vectors():
    assert (
        FastEmbedEmbedder("intfloat/e5", document_prefix="").name
        != FastEmbedEmbedder("intfloat/e5").name
    )


@pytest.mark.parametrize("wrong", ["", "  ", None, 3, b"x", "./nowhere", "/nowhere", "~/no/where"])
@pytest.mark.usefixtures("installed")
def test_wrong_names_and_folders(wrong):
    with pytest.raises(InvalidInput, match="name_or_folder"):
        FastEmbedEmbedder(wrong)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": True}, {"pooling": "max"}])
@pytest.mark.usefixtures("installed")
def test_wrong_options(options):
    with pytest.raises(InvalidInput, match=next(iter(options))):
        FastEmbedEmbedder("all-MiniLM-L6-v2", **options)


@pytest.mark.usefixtures("installed")
def test_a_folder_that_lacks_something(folder):
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(InvalidInput, match="lacks tokenizer_config"):
        FastEmbedEmbedder(folder)


@pytest.mark.usefixtures("installed")
def test_which_of_several_models_in_a_folder(folder):
    assert FastEmbedEmbedder(folder)._file == "model.onnx"
    (folder / "model.onnx").rename(folder / "a.onnx")
    assert FastEmbedEmbedder(folder)._file == "a.onnx"
    (folder / "b.onnx").write_text("")
    with pytest.raises(InvalidInput, match=r"a\.onnx, b\.onnx"):
        FastEmbedEmbedder(folder)
