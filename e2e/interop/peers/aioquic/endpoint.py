"""aioquic as an endpoint of the interop runner: the environment says what to do, facts are lines of JSON on standard output."""

import asyncio
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlparse

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import (
    ConnectionTerminated,
    DatagramFrameReceived,
    HandshakeCompleted,
    StreamDataReceived,
)
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import CipherSuite

UNSUPPORTED = 127
RESERVED_VERSION = 0x1A2A3A4A
# Seconds.
SESSION_TIMEOUT = 10
# Seconds until a request by datagram is repeated.
REPETITION = 0.2

ROLE = os.environ.get("ROLE")
TEST_CASE = os.environ.get("TESTCASE")


def report(event, **facts):
    print(json.dumps({"event": event, **facts}, separators=(",", ":")), flush=True)


def folder(name):
    return Path(os.environ[name])


def configure(is_client):
    configuration = QuicConfiguration(alpn_protocols=["hq-interop"], is_client=is_client)
    if TEST_CASE == "chacha20":
        configuration.cipher_suites = [CipherSuite.CHACHA20_POLY1305_SHA256]
    if TEST_CASE == "datagrams":
        configuration.max_datagram_frame_size = 65535
    if TEST_CASE == "v2":
        configuration.supported_versions = [QuicProtocolVersion.VERSION_2, QuicProtocolVersion.VERSION_1]
        if is_client:
            configuration.original_version = QuicProtocolVersion.VERSION_1
    if TEST_CASE == "versionnegotiation" and is_client:
        configuration.supported_versions = [RESERVED_VERSION, QuicProtocolVersion.VERSION_1]
        configuration.original_version = RESERVED_VERSION
    if os.environ.get("SSLKEYLOGFILE"):
        configuration.secrets_log_file = open(f"{os.environ['SSLKEYLOGFILE']}-peer", "a")
    return configuration


def answer_to(request):
    method, path = request.split()[:2]
    if method != b"GET":
        raise ValueError(f"Not a request: {request!r}")
    return path, (folder("WWW") / Path(path.decode()).name).read_bytes()


class Server(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._requests = {}

    def quic_event_received(self, event):
        if isinstance(event, HandshakeCompleted):
            report("connected", alpn=event.alpn_protocol, earlyDataAccepted=event.early_data_accepted)
        elif isinstance(event, StreamDataReceived):
            request = self._requests.pop(event.stream_id, b"") + event.data
            if event.end_stream:
                self._quic.send_stream_data(event.stream_id, answer_to(request)[1], end_stream=True)
                self.transmit()
            else:
                self._requests[event.stream_id] = request
        elif isinstance(event, DatagramFrameReceived):
            path, content = answer_to(event.data)
            self._quic.send_datagram_frame(path + b"\r\n" + content)
            self.transmit()
        elif isinstance(event, ConnectionTerminated):
            report("closed", code=event.error_code, reason=event.reason_phrase)


async def run_server():
    configuration = configure(is_client=False)
    configuration.load_cert_chain(folder("CERTS") / "cert.pem", folder("CERTS") / "priv.key")
    tickets = {}
    await serve(
        "127.0.0.1",
        int(os.environ["PORT"]),
        configuration=configuration,
        create_protocol=Server,
        retry=TEST_CASE == "retry",
        session_ticket_fetcher=lambda label: tickets.pop(label, None),
        session_ticket_handler=lambda ticket: tickets.__setitem__(ticket.ticket, ticket),
    )
    report("listening", address=f"127.0.0.1:{os.environ['PORT']}")
    await asyncio.Event().wait()


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._urls = {}
        self._chunks = {}
        self._missing = {}
        self._done = asyncio.get_running_loop().create_future()

    async def download(self, urls):
        self._missing = {url.path: url for url in urls}
        if TEST_CASE == "datagrams":
            await self._download_datagrams()
        else:
            for url in urls:
                stream_id = self._quic.get_next_available_stream_id()
                self._urls[stream_id] = url
                self._quic.send_stream_data(stream_id, f"GET {url.path}\r\n".encode(), end_stream=True)
            self.transmit()
        await self._done

    async def _download_datagrams(self):
        while not self._done.done():
            for path in self._missing:
                self._quic.send_datagram_frame(f"GET {path}\r\n".encode())
            self.transmit()
            await asyncio.wait([self._done], timeout=REPETITION)

    def _save(self, path, content):
        url = self._missing.pop(path, None)
        if url is None:
            return
        (folder("DOWNLOADS") / Path(url.path).name).write_bytes(content)
        if not self._missing and not self._done.done():
            self._done.set_result(None)

    def quic_event_received(self, event):
        if isinstance(event, HandshakeCompleted):
            report("connected", alpn=event.alpn_protocol, resumed=event.session_resumed)
        elif isinstance(event, StreamDataReceived) and event.stream_id in self._urls:
            chunks = self._chunks.setdefault(event.stream_id, [])
            chunks.append(event.data)
            if event.end_stream:
                self._save(self._urls.pop(event.stream_id).path, b"".join(chunks))
        elif isinstance(event, DatagramFrameReceived):
            path, _, content = event.data.partition(b"\r\n")
            self._save(path.decode(), content)
        elif isinstance(event, ConnectionTerminated) and not self._done.done():
            self._done.set_exception(ConnectionError(f"{event.error_code}: {event.reason_phrase}"))

    async def migrate(self):
        """As `test_migration` of aioquic's own examples/interop.py, but for the other id, which is that of the first packet."""
        await self.ping()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Doorstep(self), local_addr=("::", 0))
        self._transport = transport
        self._quic.change_connection_id()
        await self.ping()
        report("migrated")


class Doorstep(asyncio.DatagramProtocol):
    """Hands what comes to another socket to the client."""

    def __init__(self, client):
        self._client = client

    def datagram_received(self, data, addr):
        self._client.datagram_received(data, addr)


class Downloader:
    def __init__(self):
        self._ticket = None
        self._given = asyncio.Event()

    def _keep(self, ticket):
        self._ticket = ticket
        self._given.set()

    async def download(self, urls, awaits_session=False):
        configuration = configure(is_client=True)
        configuration.load_verify_locations(str(folder("CERTS") / "ca.pem"))
        configuration.server_name = "localhost"
        configuration.session_ticket = self._ticket
        is_early = TEST_CASE == "zerortt" and self._ticket is not None
        async with connect(
            urls[0].hostname,
            urls[0].port,
            configuration=configuration,
            create_protocol=Client,
            session_ticket_handler=self._keep,
            wait_connected=not is_early,
        ) as client:
            if awaits_session:
                await asyncio.wait_for(self._given.wait(), SESSION_TIMEOUT)
            if TEST_CASE == "keyupdate":
                await client.ping()
                client.request_key_update()
            if TEST_CASE == "connectionmigration":
                await asyncio.gather(client.download(urls), client.migrate())
            else:
                await client.download(urls)
        report("closed", code=0)


async def run_client():
    urls = [urlparse(word) for word in os.environ["REQUESTS"].split()]
    downloader = Downloader()
    if TEST_CASE in ("resumption", "zerortt"):
        await downloader.download(urls[:1], awaits_session=True)
        await downloader.download(urls[1:])
    elif TEST_CASE in ("multiconnect", "handshakeloss"):
        for url in urls:
            await downloader.download([url])
    else:
        await downloader.download(urls)


def main():
    run = {"client": run_client, "server": run_server}.get(ROLE)
    if run is None:
        print(f"ROLE={ROLE} TESTCASE={TEST_CASE} is not supported", file=sys.stderr)
        sys.exit(UNSUPPORTED)
    asyncio.run(run())


main()
