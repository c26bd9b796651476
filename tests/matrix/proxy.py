"""A proxy that pretends to be AWS, with the certificate of an authority of its own."""

import asyncio
import ssl

import relay
import trustme


class Proxy:
    """Takes each host to a port of this machine, and no other host anywhere."""

    def __init__(self, loop, ports, bundle):
        """`ports` by host; clients that are to believe it read the certificates in `bundle`, which is written here."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(bundle)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*ports).configure_cert(self.tls)
        self.ports = ports
        self.refused = []
        listening = asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=128)
        server = asyncio.run_coroutine_threadsafe(listening, loop).result()
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def serve(self, reader, writer):
        try:
            host = await self.asked(reader)
            if port := self.ports.get(host):
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.start_tls(self.tls)
                await relay.pass_on(reader, writer, port)
            else:
                self.refused.append(host)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def asked(self, reader):
        """The host of `CONNECT host:443 HTTP/1.1`."""
        request, *_ = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = request.split(" ")
        return target.removesuffix(":443") if method == "CONNECT" else request
