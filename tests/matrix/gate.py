"""A port in front of the Identity Center that can refuse connections for a while."""

import asyncio
import socket

import relay


class Gate:
    def __init__(self, loop, port):
        self.loop = loop
        self.behind = port
        self.connections = set()
        # Bound for the whole of the time, so that nobody else gets the port while it refuses. It never listens.
        self.place = socket.socket()
        self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.place.bind(("127.0.0.1", 0))
        self.port = self.place.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.open()

    def open(self):
        listening = asyncio.start_server(self.serve, "127.0.0.1", self.port, backlog=128)
        self.server = asyncio.run_coroutine_threadsafe(listening, self.loop).result()

    def shut(self):
        """From now on it refuses, and what is open breaks."""
        asyncio.run_coroutine_threadsafe(self.close(), self.loop).result()

    async def close(self):
        self.server.close()
        for writer in self.connections:
            writer.transport.abort()

    async def serve(self, reader, writer):
        self.connections.add(writer)
        await relay.pass_on(reader, writer, self.behind)
        self.connections.discard(writer)
