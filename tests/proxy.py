"""A way to a server that can be cut: what listens here passes on to it, until it is broken off."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from sqlalchemy.engine import make_url


class Proxy:
    """Passes connections on, each in two threads of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = ""
        self._held: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._listen()

    @classmethod
    @contextlib.contextmanager
    def of(cls, url: str) -> Iterator["Proxy"]:
        """Stand before a database; `url` is its address by this way."""
        address = make_url(url)
        proxy = cls(address.host or "", address.port or 5432)
        proxy.url = address.set(port=proxy.port).render_as_string(hide_password=False)
        try:
            yield proxy
        finally:
            proxy.break_off()

    def break_off(self) -> None:
        """Cut all connections, and take no new one."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def hold(self) -> None:
        """Let the connections there are stay open and say nothing any more; a new one works."""
        self._held |= self._open

    def restore(self) -> None:
        """Take connections again, at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listen()

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._server)
                self._open |= {near, far}
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                if source not in self._held:
                    target.sendall(block)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()
        self._open.discard(source)
