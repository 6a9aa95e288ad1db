//! quiche as an endpoint of the interop runner: the environment says what to do, facts are lines of JSON on standard output.

mod client;
mod driver;
mod server;

use std::{env, error::Error, fs, path::PathBuf, process};

pub type Failure = Box<dyn Error>;

const UNSUPPORTED: i32 = 127;
const RESERVED_VERSION: u32 = 0x1a2a3a4a;
/// Milliseconds.
const IDLE_TIMEOUT: u64 = 60_000;
/// Datagrams that wait.
const QUEUE_LENGTH: usize = 100;
pub const MAX_DATAGRAM_SIZE: usize = 1350;

pub fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

pub fn is_case(name: &str) -> bool {
    variable("TESTCASE") == name
}

pub fn file(folder: &str, path: &str) -> PathBuf {
    PathBuf::from(variable(folder)).join(path.rsplit('/').next().unwrap_or_default())
}

pub fn report(event: &str, facts: &str) {
    println!("{{\"event\":\"{event}\"{facts}}}");
}

/// The path that a request names, and its file.
pub fn answer_to(request: &[u8]) -> Result<(String, Vec<u8>), Failure> {
    let text = String::from_utf8_lossy(request);
    let path = text.strip_prefix("GET ").and_then(|rest| rest.split_whitespace().next());
    let path = path.ok_or("Not a request")?;
    Ok((path.to_owned(), fs::read(file("WWW", path))?))
}

pub fn configure(is_client: bool) -> Result<quiche::Config, Failure> {
    let is_reserved = is_client && is_case("versionnegotiation");
    let version = if is_reserved { RESERVED_VERSION } else { quiche::PROTOCOL_VERSION };
    let mut config = quiche::Config::new(version)?;
    config.set_application_protos(&[b"hq-interop"])?;
    config.set_max_idle_timeout(IDLE_TIMEOUT);
    config.set_max_recv_udp_payload_size(65_507);
    config.set_max_send_udp_payload_size(MAX_DATAGRAM_SIZE);
    config.set_initial_max_data(1 << 20);
    config.set_initial_max_stream_data_bidi_local(1 << 19);
    config.set_initial_max_stream_data_bidi_remote(1 << 19);
    config.set_initial_max_stream_data_uni(1 << 19);
    config.set_initial_max_streams_bidi(100);
    config.set_initial_max_streams_uni(100);
    config.set_active_connection_id_limit(4);
    config.set_disable_active_migration(false);
    config.enable_pacing(false);
    if is_case("datagrams") {
        config.enable_dgram(true, QUEUE_LENGTH, QUEUE_LENGTH);
    }
    if is_case("zerortt") {
        config.enable_early_data();
    }
    if is_case("mlkem") {
        config.set_curves_list("X25519MLKEM768")?;
    }
    let path = |name: &str| file("CERTS", name).to_string_lossy().into_owned();
    if is_client {
        config.load_verify_locations_from_file(&path("ca.pem"))?;
        config.verify_peer(true);
    } else {
        config.load_cert_chain_from_pem_file(&path("cert.pem"))?;
        config.load_priv_key_from_pem_file(&path("priv.key"))?;
    }
    Ok(config)
}

fn main() {
    let result = match variable("ROLE").as_str() {
        "client" => client::download_all(),
        "server" => server::serve(),
        role => {
            eprintln!("ROLE={role} TESTCASE={} is not supported", variable("TESTCASE"));
            process::exit(UNSUPPORTED);
        }
    };
    if let Err(error) = result {
        eprintln!("{error}");
        process::exit(1);
    }
}
