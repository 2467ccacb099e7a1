"""Proxies that connect through: HTTP's CONNECT, and SOCKS5."""

import base64
import contextlib
import socket
import threading


class Tunnel:
    """A proxy with a login, on a port of loopback. `asked` has the places it was asked for."""

    def __init__(self, user, password):
        self.user, self.password, self.asked = user, password, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets, self.threads = [], []
        self._run(self._accept)

    def _run(self, function, *arguments):
        self.threads.append(threading.Thread(target=function, args=arguments, daemon=True))
        self.threads[-1].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.sockets.append(client)
                self._run(self._serve, client)

    def _serve(self, client):
        with contextlib.suppress(OSError):
            place = self.learn_place(client)
            if place is None:
                client.shutdown(socket.SHUT_WR)
                return
            try:
                server = socket.create_connection(place)
            except OSError:
                self.refuse(client)
                client.shutdown(socket.SHUT_WR)
                return
            self.sockets.append(server)
            self.agree(client)
            self._run(self._pump, client, server)
            self._pump(server, client)

    @staticmethod
    def _pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def learn_place(self, client):
        """Reads the request; returns (host, port), or None after a refusal."""
        raise NotImplementedError

    def agree(self, client):
        """Says that the way is open."""
        raise NotImplementedError

    def refuse(self, client):
        """Says that the server is not there."""
        raise NotImplementedError

    def close(self):
        """Ends it, and all that goes through it."""
        self.listener.shutdown(socket.SHUT_RDWR)
        for each in [self.listener, *self.sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for each in self.threads:
            each.join()
        for each in [self.listener, *self.sockets]:
            each.close()


class ConnectProxy(Tunnel):
    """An HTTP proxy that knows CONNECT (RFC 9110, section 9.3.6)."""

    def learn_place(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        lines = head.decode().split("\r\n")
        self.asked.append(lines[0])
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if f"Proxy-Authorization: Basic {login}" not in lines:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return None
        host, port = lines[0].split()[1].rsplit(":", 1)
        return host, int(port)

    def agree(self, client):
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

    def refuse(self, client):
        client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")


class SocksProxy(Tunnel):
    """A SOCKS5 proxy (RFC 1928) that wants a login (RFC 1929), and takes names alone."""

    @staticmethod
    def _text(client):
        """A text behind its length."""
        size = client.recv(1)[0]
        return client.recv(size, socket.MSG_WAITALL).decode() if size else ""

    def learn_place(self, client):
        assert client.recv(1) == b"\x05"
        methods = client.recv(client.recv(1)[0], socket.MSG_WAITALL)
        if b"\x02" not in methods:
            client.sendall(b"\x05\xff")
            return None
        client.sendall(b"\x05\x02")
        assert client.recv(1) == b"\x01"
        login = (self._text(client), self._text(client))
        known = login == (self.user, self.password)
        client.sendall(b"\x01\x00" if known else b"\x01\x01")
        if not known:
            return None
        assert client.recv(4, socket.MSG_WAITALL) == b"\x05\x01\x00\x03"
        host = self._text(client)
        port = int.from_bytes(client.recv(2, socket.MSG_WAITALL), "big")
        self.asked.append(f"{host}:{port}")
        return host, port

    def agree(self, client):
        client.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")

    def refuse(self, client):
        client.sendall(b"\x05\x05\x00\x01\0\0\0\0\0\0")
