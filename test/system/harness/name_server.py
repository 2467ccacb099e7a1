"""A name server that answers questions for SRV records, and a resolver that asks it."""

import contextlib
import random
import socket
import struct
import threading

SRV = 33


def _name(text):
    labels = [label.encode() for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


class NameServer:
    """Answers on port 53 of a loopback address of its own: root alone may have that port.

    `records`: {name: [(priority, weight, port, host)]}. Other names do not exist.
    """

    def __init__(self, folder):
        self.records, self.asked = {}, []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:
            self.address = f"127.{random.randrange(2, 255)}.{random.randrange(255)}.53"
            with contextlib.suppress(OSError):
                self._socket.bind((self.address, 53))
                break
        self.configuration = folder / "resolv.conf"
        self.configuration.write_text(f"nameserver {self.address}\nsearch local.test\n")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def command(self, *words):
        """A command that runs with this server as its resolver."""
        return ("unshare", "-m", "sh", "-c",
                'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh",
                str(self.configuration), *map(str, words))

    def _serve(self):
        while True:
            question, client = self._socket.recvfrom(512)
            if not question:
                return
            self._socket.sendto(self._answer(question), client)

    def _answer(self, question):
        place, labels = 12, []
        while size := question[place]:
            labels.append(question[place + 1:place + 1 + size].decode())
            place += 1 + size
        kind = struct.unpack_from("!H", question, place + 1)[0]
        asked = question[12:place + 5]
        name = ".".join(labels).lower()
        self.asked.append(name)
        found = self.records.get(name, []) if kind == SRV else []
        code = 0 if name in self.records else 3
        answer = question[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(found), 0, 0) + asked
        for priority, weight, port, host in found:
            data = struct.pack("!HHH", priority, weight, port) + _name(host)
            answer += struct.pack("!HHHIH", 0xC00C, SRV, 1, 60, len(data)) + data
        return answer

    def close(self):
        """Ends it."""
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()
