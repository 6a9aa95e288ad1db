//! Serves files until it is told to end.

use crate::{
    answer_to, configure,
    driver::{random, Driver},
    is_case, report, variable, Failure, MAX_DATAGRAM_SIZE,
};
use mio::{net::UdpSocket, Events, Interest, Poll, Token};
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
};

struct Server {
    config: quiche::Config,
    sockets: Vec<UdpSocket>,
    local: SocketAddr,
    drivers: HashMap<usize, Driver>,
    /// Who has which id.
    ids: HashMap<Vec<u8>, usize>,
    connected: HashSet<usize>,
    count: usize,
}

pub fn serve() -> Result<(), Failure> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(64);
    let mut socket = UdpSocket::bind(format!("127.0.0.1:{}", variable("PORT")).parse()?)?;
    poll.registry().register(&mut socket, Token(0), Interest::READABLE)?;
    let local = socket.local_addr()?;
    report("listening", &format!(",\"address\":\"{local}\""));
    let mut server = Server {
        config: configure(false)?,
        sockets: vec![socket],
        local,
        drivers: HashMap::new(),
        ids: HashMap::new(),
        connected: HashSet::new(),
        count: 0,
    };
    let mut buffer = [0; 65_536];
    loop {
        let timeout = server.drivers.values().filter_map(|driver| driver.connection.timeout()).min();
        if let Err(error) = poll.poll(&mut events, timeout) {
            if error.kind() != std::io::ErrorKind::Interrupted {
                return Err(error.into());
            }
        }
        while let Ok((length, from)) = server.sockets[0].recv_from(&mut buffer) {
            server.receive(&mut buffer[..length], from)?;
        }
        server.progress()?;
    }
}

impl Server {
    fn receive(&mut self, bytes: &mut [u8], from: SocketAddr) -> Result<(), Failure> {
        let Ok(header) = quiche::Header::from_slice(bytes, quiche::MAX_CONN_ID_LEN.min(16)) else {
            return Ok(());
        };
        let known = self.ids.get(header.dcid.as_ref()).copied();
        let number = match known {
            Some(number) => Some(number),
            None if header.ty == quiche::Type::Initial || !quiche::version_is_supported(header.version) => {
                self.accept(&header, from)?
            }
            None => None,
        };
        if let Some(driver) = number.and_then(|number| self.drivers.get_mut(&number)) {
            driver.receive(bytes, from, self.local);
        }
        Ok(())
    }

    /// The connection that an Initial packet begins; `None` where something else must come first.
    fn accept(&mut self, header: &quiche::Header, from: SocketAddr) -> Result<Option<usize>, Failure> {
        let mut answer = [0; MAX_DATAGRAM_SIZE];
        if header.ty == quiche::Type::Short {
            return Ok(None);
        }
        if !quiche::version_is_supported(header.version) {
            let length = quiche::negotiate_version(&header.scid, &header.dcid, &mut answer)?;
            self.sockets[0].send_to(&answer[..length], from)?;
            return Ok(None);
        }
        let mut id = random::<16>().to_vec();
        let mut original = None;
        if is_case("retry") {
            let token = header.token.clone().unwrap_or_default();
            let prefix = from.to_string().into_bytes();
            if token.is_empty() {
                let id = quiche::ConnectionId::from_vec(id);
                let token = [prefix, header.dcid.to_vec()].concat();
                let (scid, dcid) = (&header.scid, &header.dcid);
                let length = quiche::retry(scid, dcid, &id, &token, header.version, &mut answer)?;
                self.sockets[0].send_to(&answer[..length], from)?;
                return Ok(None);
            }
            let Some(first) = token.strip_prefix(prefix.as_slice()) else { return Ok(None) };
            original = Some(quiche::ConnectionId::from_vec(first.to_vec()));
            id = header.dcid.to_vec();
        }
        let number = self.count;
        self.count += 1;
        self.ids.insert(id.clone(), number);
        self.ids.insert(header.dcid.to_vec(), number);
        let id = quiche::ConnectionId::from_vec(id);
        let connection = quiche::accept(&id, original.as_ref(), self.local, from, &mut self.config)?;
        self.drivers.insert(number, Driver::new(connection));
        Ok(Some(number))
    }

    fn progress(&mut self) -> Result<(), Failure> {
        for (number, driver) in &mut self.drivers {
            if driver.connection.timeout().is_some_and(|left| left.is_zero()) {
                driver.connection.on_timeout();
            }
            if driver.connection.is_established() && self.connected.insert(*number) {
                let resumed = driver.connection.is_resumed();
                report("connected", &format!(",\"alpn\":\"hq-interop\",\"isResumed\":{resumed}"));
            }
            for id in driver.issue_ids() {
                self.ids.insert(id.to_vec(), *number);
            }
            for (stream, request) in driver.finished() {
                driver.send(stream, answer_to(&request)?.1);
            }
            for request in driver.datagrams() {
                let (path, content) = answer_to(&request)?;
                let _ = driver.connection.dgram_send(&[path.as_bytes(), b"\r\n", &content].concat());
            }
            driver.flush(&self.sockets)?;
            if (driver.connection.is_draining() || driver.connection.is_closed()) && self.connected.remove(number) {
                let error = driver.connection.peer_error().or(driver.connection.local_error());
                let code = error.map_or("null".to_owned(), |error| error.error_code.to_string());
                report("closed", &format!(",\"code\":{code}"));
            }
        }
        self.drivers.retain(|_, driver| !driver.connection.is_closed());
        let drivers = &self.drivers;
        self.ids.retain(|_, number| drivers.contains_key(number));
        Ok(())
    }
}
