"""A port in front of the Identity Center that can refuse connections for a while."""

import asyncio
import socket

import relay


class Gate:
    def __init__(self, loop, port):
        self.loop = loop
        self.behind = port
        self.connections = set()
        # Bound for the whole of the time: nobody else gets the port while it refuses.
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.open()

    def open(self):
        self.socket.listen(128)
        listening = asyncio.start_server(self.serve, sock=self.socket.dup())
        self.server = asyncio.run_coroutine_threadsafe(listening, self.loop).result()

    def shut(self):
        """From now on it refuses, and what is open breaks."""
        asyncio.run_coroutine_threadsafe(self.close(), self.loop).result()

    async def close(self):
        self.server.close()
        # What is closed there is a copy of it: the socket itself would listen on.
        self.socket.shutdown(socket.SHUT_RDWR)
        for writer in self.connections:
            writer.transport.abort()

    async def serve(self, reader, writer):
        self.connections.add(writer)
        await relay.pass_on(reader, writer, self.behind)
        self.connections.discard(writer)
