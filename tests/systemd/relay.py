"""TLS in front of the Identity Center, at any address of this machine."""

import asyncio
import contextlib
import ssl
import threading
import urllib.parse

import trustme


@contextlib.contextmanager
def relay(url, address):
    """The `https` URL at `address` that leads to `url`, and the certificate of its authority. Ends with the block."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(address).configure_cert(context)
    target = urllib.parse.urlsplit(url)

    async def pass_on(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader, writer):
        there = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))

    loop = asyncio.new_event_loop()
    # Bound to none of the addresses: this one may come and go.
    server = loop.run_until_complete(asyncio.start_server(serve, "0.0.0.0", 0, ssl=context))
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"https://{address}:{port}", authority.cert_pem.bytes().decode()
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
