"""Connections that are passed on, in a thread of their own."""

import asyncio
import contextlib
import threading


@contextlib.contextmanager
def loop():
    """An event loop that turns until the block ends."""
    there = asyncio.new_event_loop()
    thread = threading.Thread(target=there.run_forever, daemon=True)
    thread.start()
    try:
        yield there
    finally:
        there.call_soon_threadsafe(there.stop)
        thread.join()


async def copy(source, sink):
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()


async def pass_on(reader, writer, port):
    """All that comes to a port of this machine and all that comes back, until both have ended."""
    try:
        back, there = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, there), copy(back, writer))
