"""A gateway before an MLflow server, as a team has one: with a certificate of its own, or asking for a token."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OWN_HEADERS = {"host", "connection", "transfer-encoding", "content-length", "accept-encoding"}


class Gateway(ThreadingHTTPServer):
    """Forwards requests to a server; with a token, only those that have it."""

    daemon_threads = True

    def __init__(self, server: str, token: str | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.server, self.token = urlsplit(server).netloc, token


class Handler(BaseHTTPRequestHandler):
    server: Gateway
    protocol_version = "HTTP/1.1"

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status, headers, content = 401, {}, b"no token"
        if self.server.token is None or self.headers["authorization"] == f"Bearer {self.server.token}":
            connection = http.client.HTTPConnection(self.server.server, timeout=60)
            kept = {name: value for name, value in self.headers.items() if name.lower() not in OWN_HEADERS}
            connection.request(self.command, self.path, body or None, kept)
            answer = connection.getresponse()
            status, headers, content = answer.status, dict(answer.getheaders()), answer.read()
            connection.close()
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def gateway(server: str, *, token: str | None = None, certificate: Path | None = None) -> Iterator[str]:
    """Yield the address of a gateway; with a certificate, it speaks HTTPS."""
    made = Gateway(server, token)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        made.socket = context.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http{'s' if certificate else ''}://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


def make_certificate(path: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 with its private key, as PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "newsdesk tests")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path
