"""A TCP proxy that spoils the connections through it, as networks do."""

import contextlib
import selectors
import socket
import struct
import threading
import time

from .broker import free_port

_TICK_SECONDS = 0.01
_IDLE_SECONDS = 0.002


class _Line:
    """A connection through the proxy: what each of its two ends has sent, and is not written."""

    def __init__(self, near, far):
        self.near, self.far = near, far
        self.waiting = {near: b"", far: b""}  # by the socket that it goes to
        self.swallows = False                 # keeps the near end open, and forwards nothing

    def other(self, end):
        """The end to which the bytes of this one go."""
        return self.far if end is self.near else self.near

    def close(self, reset=False):
        """Ends both connections, by a reset if so wanted."""
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()


class FaultProxy:
    """Forwards connections to a port of the loopback address, until it is told otherwise.

    `pass_on`   forwards, everything that stalled included
    `stall`     forwards nothing and accepts nothing; connections stay
    `slow`      forwards so many bytes each hundredth of a second and direction
    `reset`     breaks all connections; new ones are served
    `half_open` ends connections at the far end alone: at the near one they stay open, and silent
    `refuse`    breaks all connections, and nobody listens until `pass_on`
    """

    def __init__(self, to):
        self.to, self.port, self.connections = to, free_port(), 0
        self._lines, self._lock = [], threading.RLock()
        self._bytes_a_tick, self._ends, self._listener = None, False, None
        self._listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _listen(self):
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
            self._listener.setblocking(False)

    def pass_on(self):
        """Forwards."""
        with self._lock:
            self._bytes_a_tick = None
            self._listen()

    def stall(self):
        """Lets nothing through."""
        self.slow(0)

    def slow(self, bytes_a_tick):
        """Lets so much through in each tick."""
        with self._lock:
            self._bytes_a_tick = bytes_a_tick

    def reset(self):
        """Breaks all connections."""
        with self._lock:
            for line in self._lines:
                line.close(reset=True)
            self._lines.clear()

    def half_open(self):
        """Ends all connections at the far end alone."""
        with self._lock:
            for line in self._lines:
                line.swallows = True
                line.far.close()

    def refuse(self):
        """Breaks all connections and takes none."""
        with self._lock:
            self.reset()
            if self._listener:
                self._listener.close()
                self._listener = None

    def close(self):
        """Ends it."""
        with self._lock:
            self._ends = True
        self._thread.join()
        self.refuse()

    # -- its thread --

    def _serve(self):
        while True:
            with self._lock:
                if self._ends:
                    return
                slow = self._bytes_a_tick is not None
                served = self._bytes_a_tick != 0 and self._turn()
            if slow or not served:
                time.sleep(_TICK_SECONDS if slow else _IDLE_SECONDS)

    def _turn(self):
        """Serves what is ready now, and says whether there was anything."""
        with selectors.DefaultSelector() as selector:
            if self._listener:
                selector.register(self._listener, selectors.EVENT_READ)
            for line in self._lines:
                self._register(selector, line)
            ready = selector.select(0)
        for key, events in ready:
            if key.fileobj is self._listener:
                self._accept()
            else:
                self._move(key.data, key.fileobj, events)
        return bool(ready)

    @staticmethod
    def _register(selector, line):
        ends = (line.near,) if line.swallows else (line.near, line.far)
        for end in ends:
            events = selectors.EVENT_WRITE if line.waiting[end] else 0
            if line.swallows or not line.waiting[line.other(end)]:
                events |= selectors.EVENT_READ
            if events:
                selector.register(end, events, line)

    def _accept(self):
        with contextlib.suppress(OSError):
            near = self._listener.accept()[0]
            try:
                far = socket.create_connection(("127.0.0.1", self.to), 5)
            except OSError:
                near.close()
                return
            for end in (near, far):
                end.setblocking(False)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._lines.append(_Line(near, far))

    def _move(self, line, end, events):
        if line not in self._lines:
            return
        size = self._bytes_a_tick or 65536
        try:
            if events & selectors.EVENT_READ:
                data = end.recv(size)
                if not data:
                    raise ConnectionResetError
                if not line.swallows:
                    line.waiting[line.other(end)] += data
                    end = line.other(end)
            if line.waiting[end] and not line.swallows:
                sent = end.send(line.waiting[end][:size])
                line.waiting[end] = line.waiting[end][sent:]
        except BlockingIOError:
            pass
        except OSError:
            line.close()
            self._lines.remove(line)
