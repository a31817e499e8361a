"""Serving a web application on one address while a context is open."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.applications import Starlette


class _Server(uvicorn.Server):
    """Leaves signals to the program, which stops it after the inbox is safe."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextlib.asynccontextmanager
async def listening(listen: str, app: Starlette) -> AsyncIterator[None]:
    """Serve `app` at HOST:PORT; raises OSError where that cannot be listened on."""
    host, _, port = listen.rpartition(":")
    config = uvicorn.Config(
        app, host=host, port=int(port), log_config=None, access_log=False, lifespan="off", server_header=False
    )
    server = _Server(config)
    bound = socket.create_server((host, int(port)))  # from here on, connections wait until they are served
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
