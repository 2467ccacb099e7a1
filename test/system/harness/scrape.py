"""HTTP requests to a broker's http_listener, and Prometheus' text as numbers."""

import http.client
import re
import socket

from .broker import DEADLINE_SECONDS

SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def request(port, path, method="GET", headers=None, host="127.0.0.1"):
    """Status, header fields and body of one request."""
    connection = http.client.HTTPConnection(host, port, timeout=DEADLINE_SECONDS)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def request_unix(path, target):
    """The whole answer to a request over a unix socket."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(DEADLINE_SECONDS)
        stream.connect(str(path))
        stream.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while part := stream.recv(65536):
            answer += part
    return answer.decode()


def samples(text):
    """The samples of a text: {'name{label="value"}': number}."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        key = name + (f"{{{labels}}}" if labels else "")
        assert key not in found, f"{key} is there twice"
        found[key] = float(value)
    return found


def scrape(port):
    """All samples of a broker."""
    status, _, body = request(port, "/metrics")
    assert status == 200, body
    return samples(body)
