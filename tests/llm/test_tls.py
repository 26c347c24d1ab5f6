"""Encrypted connections, with certificates made for the test."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from memoryos.errors import ModelUnavailable
from memoryos.llm import OpenAIChat, network

HELLO = [{"role": "user", "content": "hello"}]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        """Log nothing."""

    def do_POST(self):
        size = len(self.rfile.read(int(self.headers["content-length"])))
        said = {"message": {"content": f"{size} bytes"}, "finish_reason": "stop"}
        body = json.dumps({"choices": [said]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """An authority that this machine trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    network._ssl_context.cache_clear()
    yield made
    network._ssl_context.cache_clear()


@pytest.fixture
def make_server():
    servers = []

    def make(certificate):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return f"https://localhost:{server.server_address[1]}/v1"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_long_prompt_and_several_calls(authority, make_server):
    model = OpenAIChat("m", "k", make_server(authority.issue_cert("localhost")), timeout=20)
    assert model.complete(HELLO).text.endswith(" bytes")
    assert model.complete([{"role": "user", "content": "x" * 3_000_000}]).text > "3000000"
    model.close()


@pytest.mark.parametrize("wrong", ["another name", "another authority"])
def test_a_certificate_that_is_not_trusted(authority, make_server, wrong):
    certificate = (
        authority.issue_cert("elsewhere.example")
        if wrong == "another name"
        else trustme.CA().issue_cert("localhost")
    )
    model = OpenAIChat("m", "k", make_server(certificate), timeout=20, max_retries=0)
    with pytest.raises(ModelUnavailable, match="certificate that is not trusted"):
        model.complete(HELLO)
    model.close()


def test_a_handshake_that_never_ends_has_a_deadline_and_can_be_closed(authority):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://localhost:{silent.getsockname()[1]}/v1"
        model = OpenAIChat("m", "k", url, timeout=0.5, max_retries=0)
        with pytest.raises(ModelUnavailable, match=r"within 0.5 s"):
            model.complete(HELLO)
        model = OpenAIChat("m", "k", url, timeout=60)
        told = []

        def ask():
            try:
                model.complete(HELLO)
            except ModelUnavailable as error:
                told.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.3)
        begun = time.monotonic()
        model.close()
        thread.join()
        assert time.monotonic() - begun < 30  # of the sixty that a call may take
        assert "was closed during the call" in told[0]
