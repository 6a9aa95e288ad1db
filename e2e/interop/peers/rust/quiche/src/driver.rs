//! A connection with what its streams are about to send and have brought.

use crate::{Failure, MAX_DATAGRAM_SIZE};
use mio::net::UdpSocket;
use ring::rand::{SecureRandom, SystemRandom};
use std::{collections::HashMap, io::ErrorKind, net::SocketAddr};

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("The system has random numbers");
    bytes
}

#[derive(Default)]
struct Incoming {
    content: Vec<u8>,
    is_finished: bool,
}

pub struct Driver {
    pub connection: quiche::Connection,
    outgoing: HashMap<u64, Vec<u8>>,
    incoming: HashMap<u64, Incoming>,
}

impl Driver {
    pub fn new(connection: quiche::Connection) -> Self {
        Self { connection, outgoing: HashMap::new(), incoming: HashMap::new() }
    }

    /// Sends all of `content` on a stream, and its end.
    pub fn send(&mut self, stream: u64, content: Vec<u8>) {
        self.outgoing.insert(stream, content);
    }

    pub fn receive(&mut self, bytes: &mut [u8], from: SocketAddr, to: SocketAddr) {
        // quiche has drawn its conclusions from an error; what it sends tells them.
        let _ = self.connection.recv(bytes, quiche::RecvInfo { from, to });
    }

    fn is_open(&self) -> bool {
        self.connection.is_established() || self.connection.is_in_early_data()
    }

    /// What streams have brought whole, each once.
    pub fn finished(&mut self) -> Vec<(u64, Vec<u8>)> {
        if !self.is_open() {
            return Vec::new();
        }
        let mut buffer = [0; 65_536];
        let readable: Vec<u64> = self.connection.readable().collect();
        for stream in readable {
            let incoming = self.incoming.entry(stream).or_default();
            while let Ok((length, is_last)) = self.connection.stream_recv(stream, &mut buffer) {
                incoming.content.extend_from_slice(&buffer[..length]);
                incoming.is_finished |= is_last;
            }
        }
        let done: Vec<u64> =
            self.incoming.iter().filter(|(_, each)| each.is_finished).map(|(stream, _)| *stream).collect();
        done.into_iter()
            .filter_map(|stream| self.incoming.remove(&stream).map(|each| (stream, each.content)))
            .collect()
    }

    /// Whether a stream has brought anything: then the handshake is confirmed, as it must be for a move (RFC 9000 section 9).
    pub fn has_heard(&self) -> bool {
        !self.incoming.is_empty()
    }

    /// Datagrams that have come, each once.
    pub fn datagrams(&mut self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 65_536];
        let mut datagrams = Vec::new();
        while let Ok(length) = self.connection.dgram_recv(&mut buffer) {
            datagrams.push(buffer[..length].to_vec());
        }
        datagrams
    }

    /// Issues as many ids as the peer takes; quiche does so only where it is told to.
    pub fn issue_ids(&mut self) -> Vec<quiche::ConnectionId<'static>> {
        let mut issued = Vec::new();
        while self.connection.is_established() && self.connection.scids_left() > 0 {
            let id = quiche::ConnectionId::from_vec(random::<16>().to_vec());
            if self.connection.new_scid(&id, u128::from_be_bytes(random::<16>()), false).is_err() {
                break;
            }
            issued.push(id);
        }
        issued
    }

    /// Hands what there is to streams, and datagrams to the sockets that they leave from.
    pub fn flush(&mut self, sockets: &[UdpSocket]) -> Result<(), Failure> {
        if self.is_open() {
            for (stream, content) in &mut self.outgoing {
                let sent = self.connection.stream_send(*stream, content, true).unwrap_or(0);
                content.drain(..sent);
            }
            self.outgoing.retain(|_, content| !content.is_empty());
        }
        let mut datagram = [0; MAX_DATAGRAM_SIZE];
        while let Ok((length, info)) = self.connection.send(&mut datagram) {
            for socket in sockets.iter().filter(|each| each.local_addr().is_ok_and(|local| local == info.from)) {
                match socket.send_to(&datagram[..length], info.to) {
                    // A full buffer is a lost datagram.
                    Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
