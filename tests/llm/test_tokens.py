"""Token counts: exact with a table, never too few without one."""

from __future__ import annotations

import gzip
import hashlib
import logging
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path
from string import ascii_letters

import pytest
import tiktoken_ext.openai_public as published
from hypothesis import given
from hypothesis import strategies as st

from memoryos.llm import tokens
from memoryos.llm.tokens import estimate_tokens, fit_tokens, token_counter

TEXTS = {
    "english": "I went to a support group yesterday, and it was so powerful! Can't wait for more.",
    "german": "Die Straßenbahnhaltestelle am Donaudampfschifffahrtsgesellschaftsplatz war zu.",
    "french": "L'année dernière, j'ai déménagé à Besançon, où l'on mange très bien, n'est-ce pas ?",
    "spanish": "¿Cómo estás? Mañana iré al médico porque me duele muchísimo la cabeza.",
    "polish": "Zażółć gęślą jaźń, wszyscy przyjaciele spotykają się w piątek wieczorem.",
    "vietnamese": "Tôi thích uống cà phê sữa đá vào buổi sáng, còn buổi tối thì đi dạo quanh hồ.",
    "turkish": "Öğleden sonra arkadaşlarımla görüşeceğim, çünkü İstanbul'da hava güzelmiş.",
    "russian": "Вчера я ходил в группу поддержки, и это было очень трогательно.",
    "greek": "Χθες πήγα σε μια ομάδα υποστήριξης και ήταν πολύ συγκινητικό.",
    "hebrew": "אתמול הלכתי לקבוצת תמיכה וזה היה מרגש מאוד.",
    "arabic": "ذهبت أمس إلى مجموعة دعم وكانت مؤثرة للغاية.",
    "hindi": "कल मैं एक सहायता समूह में गया और यह बहुत प्रभावशाली था।",
    "tamil": "நேற்று நான் ஒரு ஆதரவு குழுவிற்குச் சென்றேன், அது மிகவும் சக்தி வாய்ந்தது.",
    "thai": "เมื่อวานฉันไปกลุ่มสนับสนุนและมันทรงพลังมาก",
    "georgian": "გუშინ დამხმარე ჯგუფში წავედი და ძალიან ძლიერი იყო.",
    "amharic": "ትናንት ወደ ድጋፍ ቡድን ሄጄ ነበር",
    "chinese": "昨天我去了一个支持小组，感觉非常有力量。我住在上海，喜欢下围棋。",
    "japanese": "昨日はサポートグループに行きました。とても感動的でした。",
    "korean": "어제 지원 모임에 갔는데 정말 감동적이었어요. 서울에 살고 있습니다.",
    "emoji": "👍🏽🎉🥳👨‍👩‍👧‍👦❤️‍🔥🇩🇪 great 😂😂😂 ok",
    "digits": "3.14159265358979 2025-11-22T14:05:26Z +1 (555) 123-4567 98765432109876543210",
    "hexadecimal": "53aa51172d142c89d9012cce15ae4d6c 123e4567-e89b-12d3-a456-426614174000",
    "base64": "U29tZSByYW5kb20gYnl0ZXMgdGhhdCBhcmUgZW5jb2RlZCBpbiBiYXNlNjQgKHJlYWxseSE/KQ==",
    "address": "https://www.example.com/a/b?q=Xy7_zQ&utm_source=news&id=kd83hDKe9#part-2",
    "code": "def f(x: int) -> dict[str, Any]:\n\treturn {k: v**2 for k, v in zip(a, b)}  # noqa\n",
    "styles": ".a{margin:0 auto!important}@media(max-width:600px){.b>li:nth-child(2n+1)::after{}}",
    "blanks": "a\n\n\n   b\t\t\tc      \n        d",
    "mathematics": "∑_{i=0}^{n} α_i · √x ≤ ∫ f(x) dx ⇒ ∀ε>0 ∃δ",
    "camel": "getHTTPResponseCodeFromURLConnectionFactoryBean XMLParserImpl",
    "capitals": "THIS IS ALL CAPS SHOUTING ABOUT QUIXOTIC XYLOPHONES AND JAZZ",
    "names": "Szczepankowski Nguyen Llanfairpwllgwyngyll Krzysztof Mbeki zxcvbnm",
    "special": "<|endoftext|> <|im_start|>system",
    "json": '{"topics":[{"pages":[1,2],"summary":"…","keywords":["a"]}]}',
}
MODELS = ("gpt-4o-mini", "gpt-4")


@pytest.fixture
def forgetful(monkeypatch, tmp_path):
    """No tables anywhere, nothing loaded, no warning given yet."""
    monkeypatch.setattr(tokens, "_folders", lambda: iter([tmp_path]))
    monkeypatch.setattr(tokens, "_shipped", lambda _name: None)
    monkeypatch.setattr(tokens, "_loaded", {})
    monkeypatch.setattr(tokens, "_fetching", {})
    monkeypatch.setattr(tokens, "_warned", False)
    return tmp_path


@pytest.fixture(scope="session")
def exact():
    """tiktoken itself, on the tables that llama-index-core ships."""
    counters = [token_counter(model) for model in MODELS]
    assert all(tokens._local(name) for name in ("cl100k_base", "o200k_base")), (
        "llama-index-core, which the dev extra installs, ships the tables"
    )
    return counters


def test_the_patterns_are_tiktokens_own(monkeypatch):
    monkeypatch.setattr(published, "load_tiktoken_bpe", lambda *_, **__: {})
    for name, table in tokens._TABLES.items():
        assert getattr(published, name)()["pat_str"] == table.pattern


@pytest.mark.parametrize("name", TEXTS)
def test_counts_are_tiktokens(name, exact):
    for model, encoding in zip(MODELS, ("o200k_base", "cl100k_base"), strict=True):
        loaded = tokens._local(encoding)
        assert token_counter(model)(TEXTS[name]) == len(loaded.encode_ordinary(TEXTS[name]))


def test_a_bare_install_counts_exactly(monkeypatch, tmp_path, exact):
    """The table that the package ships is tiktoken's: no cache, no llama-index-core, no network."""
    monkeypatch.setattr(tokens, "_folders", lambda: iter([tmp_path]))
    monkeypatch.setattr(tokens, "_loaded", {})
    bare = token_counter(None)
    assert {name: bare(text) for name, text in TEXTS.items()} == {
        name: exact[1](text) for name, text in TEXTS.items()
    }
    table = gzip.decompress(Path(tokens.__file__).with_name("cl100k_base.gz").read_bytes())
    assert hashlib.sha256(table).hexdigest() == tokens._TABLES["cl100k_base"].sha256


def test_known_counts(exact):
    assert [count("hello world") for count in exact] == [2, 2]
    assert [count("") for count in exact] == [0, 0]
    assert token_counter("openai/gpt-4o")("hello world") == 2
    assert token_counter(None)("hello world") == 2


@pytest.mark.parametrize("name", TEXTS)
def test_the_estimate_is_never_under(name, exact):
    text = TEXTS[name]
    pieces = [text, *text.split(), *text.splitlines(), text * 3, text[: len(text) // 2]]
    for piece in pieces:
        assert estimate_tokens(piece) >= max(count(piece) for count in exact), piece


def test_the_estimate_of_prose_is_within_twice(exact):
    prose = TEXTS["english"]
    assert estimate_tokens(prose) <= 2 * exact[0](prose)


@given(st.text(st.characters(codec="utf-8", exclude_characters=ascii_letters), max_size=300))
def test_the_estimate_is_not_under_for_any_script_or_sign(text):
    assert estimate_tokens(text) >= max(token_counter(model)(text) for model in MODELS)


def test_without_a_table_counts_are_estimates_and_one_warning_is_given(forgetful, caplog):
    for model in ("gpt-4o-mini", "gpt-4", "gpt-4o-mini"):
        assert token_counter(model)("hello world") == estimate_tokens("hello world")
    (warning,) = (r for r in caplog.records if r.name == "memoryos.llm.tokens")
    assert warning.levelno == logging.WARNING
    assert "TIKTOKEN_CACHE_DIR" in warning.getMessage()


def test_no_warning_where_no_exactness_was_wanted(forgetful, caplog):
    assert token_counter(None)("hello") == token_counter("qwen2.5:7b")("hello")
    assert not caplog.records


def test_nothing_is_downloaded_unless_it_may(forgetful, monkeypatch):
    asked = []
    monkeypatch.setattr("tiktoken.get_encoding", asked.append)
    token_counter(None, may_download=True)("hello")
    token_counter("gpt-4o-mini")("hello")
    assert asked == []


def test_a_download_that_fails_is_tried_once(forgetful, monkeypatch):
    asked = []

    def fail(name):
        asked.append(name)
        raise OSError("no network")

    monkeypatch.setattr("tiktoken.get_encoding", fail)
    count = token_counter("gpt-4o-mini", may_download=True)
    assert [count("hello"), count("hello")] == [estimate_tokens("hello")] * 2
    assert asked == ["o200k_base"]


def test_a_download_that_hangs_holds_nothing_up_and_is_taken_up_later(
    forgetful, monkeypatch, exact
):
    ready = threading.Event()
    real = token_counter("gpt-4o-mini")

    class Slow:
        def encode_ordinary(self, text):
            return [0] * 77

    def slow(name):
        ready.wait(20)
        return Slow()

    monkeypatch.setattr("tiktoken.get_encoding", slow)
    monkeypatch.setattr(tokens, "DOWNLOAD_SECONDS", 0.05)
    count = token_counter("gpt-4o-mini", may_download=True)
    begun = time.monotonic()
    assert count("hello world") == estimate_tokens("hello world")
    assert time.monotonic() - begun < 15  # the download hangs for twenty
    ready.set()
    tokens._fetching["o200k_base"].join(5)
    assert count("hello world") == 77
    assert real is not count


def test_a_damaged_table_is_no_table(forgetful):
    (forgetful / tokens._TABLES["o200k_base"].file).write_bytes(b"IQ== 0\n")
    assert token_counter("gpt-4o-mini")("hello") == estimate_tokens("hello")


def test_a_counter_can_be_pickled():
    count = pickle.loads(pickle.dumps(token_counter("gpt-4")))
    assert count("hello world") == 2


@pytest.mark.parametrize("text", ["\ud800 alone", "a\ud83d", "\x00"])
def test_text_that_is_no_unicode_counts(text, exact, forgetful):
    assert token_counter("gpt-4o-mini")(text) > 0
    assert estimate_tokens(text) > 0


def test_a_long_text_is_counted_quickly(exact):
    begun = time.thread_time()
    for text in ("a" * 1_000_000, " " * 1_000_000, "word " * 200_000, "字" * 300_000):
        exact[0](text)
        estimate_tokens(text)
        assert 0 < len(fit_tokens(text, 100, exact[0])) < 20_000
    assert exact[0]("word " * 200_000) == 200_001
    assert time.thread_time() - begun < 30


def test_fit(exact):
    count = exact[0]
    text = TEXTS["english"]
    assert fit_tokens(text, 1000, count) == text
    for limit in range(12):
        cut = fit_tokens(text, limit, count)
        assert text.startswith(cut)
        assert count(cut) <= limit
    assert fit_tokens(text, 0, count) == ""


def test_nothing_heavy_is_imported_before_the_first_count():
    code = (
        "import sys; from memoryos.llm.tokens import token_counter; "
        "token_counter('gpt-4o-mini', True);"
        "from memoryos.llm import OpenAIChat; from memoryos.llm.resolve import resolve_chat_model;"
        "from memoryos.embedders import OpenAIEmbedder; OpenAIChat('m'); OpenAIEmbedder('m');"
        "from memoryos.updating.analysts.llm import LLMAnalyst;"
        "print([m for m in ('openai', 'tiktoken', 'pydantic', 'httpx', 'requests', 'torch') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
