"""aioquic's HTTP/3 and WebTransport (draft 02) as endpoints of the interop cases: the environment says what to do."""

import asyncio
import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlparse

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DatagramReceived, DataReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StreamReset

ROLE = os.environ.get("ROLE")
TEST_CASE = os.environ.get("TESTCASE")
REQUESTS = os.environ.get("REQUESTS", "").split()
IS_SESSION = os.environ.get("PROTOCOLS", "") != ""
# Requests at a time.
PARALLEL = 1 if TEST_CASE == "qpack" else 100
# Seconds until a request by datagram is repeated.
REPETITION = 0.3
# CLOSE_WEBTRANSPORT_SESSION, as a capsule.
CLOSE_SESSION = 0x2843


def report(event, **facts):
    print(json.dumps({"event": event, **facts}, separators=(",", ":")), flush=True)


def read(path):
    return (Path(os.environ["WWW"]) / path).read_bytes()


def save(path, content):
    name = Path(os.environ["DOWNLOADS"]) / path
    name.parent.mkdir(parents=True, exist_ok=True)
    name.write_bytes(content)


def configure(is_client):
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=is_client)
    if IS_SESSION:
        configuration.max_datagram_frame_size = 65536
    if os.environ.get("SSLKEYLOGFILE"):
        configuration.secrets_log_file = open(f"{os.environ['SSLKEYLOGFILE']}-peer", "a")
    return configuration


class Endpoint(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = None
        self.heads = {}
        self.bodies = defaultdict(bytes)
        self.waiting = {}
        self.sessions = {}
        self.streams = defaultdict(bytes)
        self.missing = {}
        self.session_end = None

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic, enable_webtransport=IS_SESSION)
        elif isinstance(event, StreamReset) and event.stream_id in self.waiting:
            self.waiting.pop(event.stream_id).set_exception(ConnectionError(f"reset with {event.error_code}"))
        elif isinstance(event, ConnectionTerminated):
            for waiting in (*self.waiting.values(), *self.missing.values()):
                if not waiting.done():
                    waiting.set_exception(ConnectionError(f"{event.error_code} {event.reason_phrase}"))
            self.end_session()
        if self.http is not None:
            for each in self.http.handle_event(event):
                self.http_event_received(each)
            self.transmit()

    def http_event_received(self, event):
        if isinstance(event, HeadersReceived):
            self.heads.setdefault(event.stream_id, dict(event.headers))
            if self.heads[event.stream_id].get(b":protocol") == b"webtransport":
                self.accept_session(event.stream_id)
        elif isinstance(event, DataReceived):
            self.bodies[event.stream_id] += event.data
        elif isinstance(event, WebTransportStreamDataReceived):
            self.streams[event.stream_id] += event.data
            if event.stream_ended:
                self.stream_ended(event.stream_id, event.session_id)
            return
        elif isinstance(event, DatagramReceived):
            self.message_received(event.stream_id, event.data, self.send_datagram)
            return
        if event.stream_ended:
            if event.stream_id in self.sessions:
                self.end_session(event.stream_id)
            elif event.stream_id in self.waiting:
                self.waiting.pop(event.stream_id).set_result(None)
            elif ROLE == "server":
                self.answer(event.stream_id)
        elif event.stream_id in self.waiting and IS_SESSION:
            self.waiting.pop(event.stream_id).set_result(None)

    # HTTP/3

    def answer(self, stream_id):
        head = self.heads.pop(stream_id)
        body = self.bodies.pop(stream_id, b"")
        name = Path(head[b":path"].decode()).name
        status, content = b"200", b""
        if head[b":method"] == b"PUT":
            save(name, body)
        else:
            try:
                content = read(name)
            except OSError:
                status = b"404"
        headers = [
            (b":status", status),
            (b"content-length", str(len(content)).encode()),
            (b"content-type", b"text/html" if name.endswith(".html") else b"application/octet-stream"),
            (b"x-interop", b"the same in each of the answers"),
        ]
        self.http.send_headers(stream_id, headers)
        self.http.send_data(stream_id, content, end_stream=True)

    def request(self, url, method=b"GET", extra=(), body=b"", end_stream=True):
        stream_id = self._quic.get_next_available_stream_id()
        headers = [
            (b":method", method),
            (b":scheme", b"https"),
            (b":authority", url.netloc.encode()),
            (b":path", url.path.encode()),
            *extra,
        ]
        waiting = self._loop.create_future()
        self.waiting[stream_id] = waiting
        self.http.send_headers(stream_id, headers, end_stream=end_stream and not body)
        if body:
            self.http.send_data(stream_id, body, end_stream=True)
        self.transmit()
        return stream_id, waiting

    async def fetch(self, url):
        name = Path(url.path).name
        if TEST_CASE == "upload":
            stream_id, waiting = self.request(url, b"PUT", body=read(name))
        else:
            extra = [(b"x-interop", b"the same in each of the requests")] if TEST_CASE == "qpack" else []
            stream_id, waiting = self.request(url, extra=extra)
        await waiting
        status = self.heads.pop(stream_id)[b":status"]
        content = self.bodies.pop(stream_id, b"")
        if not status.startswith(b"2"):
            raise ConnectionError(f"{url.path} was answered with {status}")
        if TEST_CASE != "upload":
            save(name, content)

    # WebTransport

    def accept_session(self, stream_id):
        head = self.heads[stream_id]
        endpoint = head[b":path"].decode().strip("/")
        self.http.send_headers(stream_id, [(b":status", b"200"), (b"sec-webtransport-http3-draft", b"draft02")])
        self.sessions[stream_id] = endpoint
        asyncio.ensure_future(self.serve_session(stream_id, endpoint))

    async def serve_session(self, session_id, endpoint):
        names = [path.split("/", 1)[1] for path in REQUESTS if path.startswith(f"{endpoint}/")]
        if names:
            await self.request_all(session_id, names)
            self.close_session(session_id)

    async def open_session(self, url):
        extra = [(b":protocol", b"webtransport"), (b"sec-webtransport-http3-draft02", b"1")]
        stream_id, waiting = self.request_session(url, extra)
        await waiting
        status = self.heads[stream_id][b":status"]
        if not status.startswith(b"2"):
            raise ConnectionError(f"{url.path} was answered with {status}")
        self.session_end = self._loop.create_future()
        return stream_id

    def request_session(self, url, extra):
        stream_id = self._quic.get_next_available_stream_id()
        self.sessions[stream_id] = url.path.strip("/")
        waiting = self._loop.create_future()
        self.waiting[stream_id] = waiting
        headers = [
            (b":method", b"CONNECT"),
            (b":scheme", b"https"),
            (b":authority", url.netloc.encode()),
            (b":path", url.path.encode()),
            *extra,
        ]
        self.http.send_headers(stream_id, headers)
        self.transmit()
        return stream_id, waiting

    def close_session(self, session_id, code=0, reason=b""):
        value = code.to_bytes(4, "big") + reason
        capsule = (0x4000 | CLOSE_SESSION).to_bytes(2, "big") + bytes([len(value)]) + value
        self.http.send_data(session_id, capsule, end_stream=True)
        self.transmit()

    def end_session(self, stream_id=None):
        capsule = self.bodies.pop(stream_id, b"")
        if len(capsule) >= 7:
            report(
                "session-closed",
                endpoint=self.sessions[stream_id],
                closeCode=int.from_bytes(capsule[3:7], "big"),
                reason=capsule[7:].decode(),
            )
        if stream_id is not None and ROLE == "server":
            self._quic.send_stream_data(stream_id, b"", end_stream=True)
        if self.session_end is not None and not self.session_end.done():
            self.session_end.set_result(None)

    def stream_ended(self, stream_id, session_id):
        message = self.streams.pop(stream_id)
        if stream_id in self.waiting:
            self.streams[stream_id] = message
            self.waiting.pop(stream_id).set_result(None)
        elif stream_id & 2:
            self.message_received(session_id, message, self.send_stream)
        else:
            content = read(f"{self.sessions[session_id]}/{name_in(message)}")
            self._quic.send_stream_data(stream_id, content, end_stream=True)

    def send_stream(self, session_id, message):
        stream_id = self.http.create_webtransport_stream(session_id, is_unidirectional=True)
        self._quic.send_stream_data(stream_id, message, end_stream=True)

    def send_datagram(self, session_id, message):
        self.http.send_datagram(session_id, message)

    def message_received(self, session_id, message, send):
        endpoint = self.sessions[session_id]
        if message.startswith(b"PUSH "):
            head, content = message[5:].split(b"\n", 1)
            waiting = self.missing.pop(head.decode(), None)
            if waiting is not None:
                save(f"{endpoint}/{head.decode()}", content)
                waiting.set_result(None)
            return
        name = name_in(message)
        send(session_id, f"PUSH {name}\n".encode() + read(f"{endpoint}/{name}"))

    async def request_all(self, session_id, names):
        kind = TEST_CASE.split("-")[1]
        if kind == "bidirectional":
            await asyncio.gather(*[self.fetch_stream(session_id, name) for name in names])
            return
        waiting = [self._loop.create_future() for _ in names]
        self.missing.update(zip(names, waiting, strict=True))
        send = self.send_stream if kind == "unidirectional" else self.send_datagram
        while self.missing:
            for name in list(self.missing):
                send(session_id, f"GET {name}".encode())
            self.transmit()
            if kind == "unidirectional":
                await asyncio.gather(*waiting)
            else:
                await asyncio.wait(waiting, timeout=REPETITION)

    async def fetch_stream(self, session_id, name):
        stream_id = self.http.create_webtransport_stream(session_id)
        waiting = self._loop.create_future()
        self.waiting[stream_id] = waiting
        self._quic.send_stream_data(stream_id, f"GET {name}".encode(), end_stream=True)
        self.transmit()
        await waiting
        save(f"{self.sessions[session_id]}/{name}", self.streams.pop(stream_id))


def name_in(message):
    word, _, name = message.decode().partition(" ")
    if word != "GET":
        raise ValueError(f"Not a request: {message[:40]!r}")
    return name.strip()


async def run_server():
    configuration = configure(is_client=False)
    certs = Path(os.environ["CERTS"])
    configuration.load_cert_chain(certs / "cert.pem", certs / "priv.key")
    port = int(os.environ["PORT"])
    await serve("127.0.0.1", port, configuration=configuration, create_protocol=Endpoint)
    report("listening", address=f"127.0.0.1:{port}")
    await asyncio.Future()


async def run_client():
    urls = [urlparse(request) for request in REQUESTS]
    configuration = configure(is_client=True)
    configuration.load_verify_locations(Path(os.environ["CERTS"]) / "ca.pem")
    configuration.server_name = "localhost"
    async with connect(urls[0].hostname, urls[0].port, configuration=configuration, create_protocol=Endpoint) as client:
        if IS_SESSION:
            await play_session(client, urls)
        else:
            places = asyncio.Semaphore(PARALLEL)

            async def fetch(url):
                async with places:
                    await client.fetch(url)

            await asyncio.gather(*[fetch(url) for url in urls])


async def play_session(client, urls):
    endpoint = urls[0].path.strip("/").split("/")[0]
    names = [url.path.strip("/").split("/", 1)[1] for url in urls if "/" in url.path.strip("/")]
    session_id = await client.open_session(urls[0]._replace(path=f"/{endpoint}"))
    client.sessions[session_id] = endpoint
    if names:
        await client.request_all(session_id, names)
    if TEST_CASE == "transfer":
        await client.session_end
    else:
        client.close_session(session_id)
        await asyncio.sleep(0.1)


try:
    asyncio.run(run_server() if ROLE == "server" else run_client())
except (ConnectionError, OSError, TimeoutError) as error:
    print(error, file=sys.stderr)
    sys.exit(1)
