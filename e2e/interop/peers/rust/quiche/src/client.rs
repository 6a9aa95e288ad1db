//! Downloads what `REQUESTS` names, in the way that the case asks for.

use crate::{
    configure,
    driver::{random, Driver},
    file, is_case, report, variable, Failure,
};
use mio::{net::UdpSocket, Events, Interest, Poll, Token};
use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Until a request by datagram is repeated.
const REPETITION: Duration = Duration::from_millis(200);

pub fn download_all() -> Result<(), Failure> {
    let requests = variable("REQUESTS");
    let words: Vec<&str> = requests.split_whitespace().filter_map(|word| word.strip_prefix("https://")).collect();
    let (host, _) = words.first().and_then(|word| word.split_once('/')).ok_or("REQUESTS names nothing")?;
    let remote: SocketAddr = host.parse()?;
    let paths: Vec<String> =
        words.iter().filter_map(|word| word.split_once('/')).map(|(_, path)| format!("/{path}")).collect();
    if is_case("resumption") || is_case("zerortt") {
        let session = Client::new(remote, &paths[..1], None)?.run(true)?;
        Client::new(remote, &paths[1..], session)?.run(false)?;
    } else if is_case("multiconnect") || is_case("handshakeloss") {
        for path in &paths {
            Client::new(remote, std::slice::from_ref(path), None)?.run(false)?;
        }
    } else {
        Client::new(remote, &paths, None)?.run(false)?;
    }
    Ok(())
}

struct Client<'a> {
    driver: Driver,
    sockets: Vec<UdpSocket>,
    poll: Poll,
    remote: SocketAddr,
    paths: &'a [String],
    missing: Vec<&'a String>,
    is_new: bool,
    asked: Option<Instant>,
}

impl<'a> Client<'a> {
    fn new(remote: SocketAddr, paths: &'a [String], session: Option<Vec<u8>>) -> Result<Self, Failure> {
        let socket = UdpSocket::bind("127.0.0.1:0".parse()?)?;
        let id = quiche::ConnectionId::from_vec(random::<16>().to_vec());
        let mut config = configure(true)?;
        let mut connection = quiche::connect(Some("localhost"), &id, socket.local_addr()?, remote, &mut config)?;
        if let Some(session) = session {
            connection.set_session(&session)?;
        }
        let mut client = Self {
            driver: Driver::new(connection),
            sockets: Vec::new(),
            poll: Poll::new()?,
            remote,
            paths,
            missing: paths.iter().collect(),
            is_new: true,
            asked: None,
        };
        client.listen(socket)?;
        Ok(client)
    }

    fn listen(&mut self, mut socket: UdpSocket) -> Result<(), Failure> {
        self.poll.registry().register(&mut socket, Token(self.sockets.len()), Interest::READABLE)?;
        self.sockets.push(socket);
        Ok(())
    }

    /// Runs until all is downloaded and the connection is over; what a later one can go on from, where that is waited for.
    fn run(mut self, awaits_session: bool) -> Result<Option<Vec<u8>>, Failure> {
        let mut events = Events::with_capacity(64);
        let mut buffer = [0; 65_536];
        let mut session = None;
        let mut is_closing = false;
        self.driver.flush(&self.sockets)?;
        while !self.driver.connection.is_closed() {
            let connection = &self.driver.connection;
            // Early data goes behind the ClientHello.
            if self.is_new && (connection.is_established() || connection.is_in_early_data()) {
                self.is_new = false;
                report("connected", ",\"alpn\":\"hq-interop\"");
                if !is_case("datagrams") {
                    for (index, path) in self.paths.iter().enumerate() {
                        self.driver.send(4 * index as u64, format!("GET {path}\r\n").into_bytes());
                    }
                }
            }
            self.driver.issue_ids();
            self.take()?;
            if is_case("connectionmigration") {
                self.migrate()?;
            }
            if awaits_session && session.is_none() {
                session = self.driver.connection.session().map(<[u8]>::to_vec);
            }
            if self.missing.is_empty() && !is_closing && (!awaits_session || session.is_some()) {
                is_closing = true;
                // What closes before it has sent its Finished says nothing at all.
                self.driver.flush(&self.sockets)?;
                self.driver.connection.close(true, 0, b"")?;
            }
            self.driver.flush(&self.sockets)?;
            // The rest of the draining period is nobody's concern.
            if self.driver.connection.is_closed() || (is_closing && self.driver.connection.is_draining()) {
                break;
            }
            let timeout = self.driver.connection.timeout().map_or(REPETITION, |left| left.min(REPETITION));
            if let Err(error) = self.poll.poll(&mut events, Some(timeout)) {
                if error.kind() != std::io::ErrorKind::Interrupted {
                    return Err(error.into());
                }
            }
            for socket in &self.sockets {
                let to = socket.local_addr()?;
                while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    self.driver.receive(&mut buffer[..length], from, to);
                }
            }
            if self.driver.connection.timeout().is_some_and(|left| left.is_zero()) {
                self.driver.connection.on_timeout();
            }
        }
        if !self.missing.is_empty() {
            let error = self.driver.connection.peer_error().or(self.driver.connection.local_error());
            return Err(format!("{} files are missing: {error:?}", self.missing.len()).into());
        }
        report("closed", ",\"code\":0");
        Ok(session)
    }

    /// Takes what has come, and asks for what has not.
    fn take(&mut self) -> Result<(), Failure> {
        for (stream, content) in self.driver.finished() {
            let path = &self.paths[stream as usize / 4];
            fs::write(file("DOWNLOADS", path), content)?;
            self.missing.retain(|each| *each != path);
        }
        for answer in self.driver.datagrams() {
            let end = answer.windows(2).position(|pair| pair == b"\r\n").ok_or("Not an answer")?;
            let path = String::from_utf8_lossy(&answer[..end]).into_owned();
            fs::write(file("DOWNLOADS", &path), &answer[end + 2..])?;
            self.missing.retain(|each| **each != path);
        }
        let is_late = self.asked.is_none_or(|asked| asked.elapsed() >= REPETITION);
        if is_case("datagrams") && self.driver.connection.is_established() && is_late {
            self.asked = Some(Instant::now());
            for path in &self.missing {
                let _ = self.driver.connection.dgram_send(format!("GET {path}\r\n").as_bytes());
            }
        }
        Ok(())
    }

    /// Asks from another socket, once, as soon as the server has issued an id for it, and moves there when it answers.
    fn migrate(&mut self) -> Result<(), Failure> {
        while let Some(event) = self.driver.connection.path_event_next() {
            let quiche::PathEvent::Validated(local, peer) = event else { continue };
            if self.sockets.get(1).is_some_and(|socket| socket.local_addr().is_ok_and(|each| each == local)) {
                self.driver.connection.migrate(local, peer)?;
                report("migrated", &format!(",\"address\":\"{local}\""));
            }
        }
        let connection = &self.driver.connection;
        if self.sockets.len() > 1 || !self.driver.has_heard() || connection.available_dcids() == 0 {
            return Ok(());
        }
        let socket = UdpSocket::bind("127.0.0.1:0".parse()?)?;
        let local = socket.local_addr()?;
        self.listen(socket)?;
        self.driver.connection.probe_path(local, self.remote)?;
        Ok(())
    }
}
