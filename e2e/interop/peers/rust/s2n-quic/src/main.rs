//! s2n-quic as an endpoint of the interop runner: the environment says what to do, facts are lines of JSON on standard output.

use bytes::Bytes;
use s2n_quic::{
    client::Connect,
    connection,
    provider::{
        datagram::default::{Endpoint as Datagrams, Receiver, Sender},
        endpoint_limits::{ConnectionAttempt, Limiter, Outcome},
        limits::Limits,
        tls::rustls,
    },
    stream::BidirectionalStream,
    Client, Connection, Server,
};
use std::{
    collections::HashMap, env, error::Error, fs, net::SocketAddr, path::PathBuf, process, time::Duration,
};
use tokio::{task::JoinSet, time::timeout};

type Failure = Box<dyn Error + Send + Sync>;

const ALPN: &str = "hq-interop";
const UNSUPPORTED: i32 = 127;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Until a request by datagram is repeated.
const REPETITION: Duration = Duration::from_millis(200);
const QUEUE_LENGTH: usize = 100;

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn file(folder: &str, path: &str) -> PathBuf {
    PathBuf::from(variable(folder)).join(path.rsplit('/').next().unwrap_or_default())
}

fn report(event: &str, facts: &str) {
    println!("{{\"event\":\"{event}\"{facts}}}");
}

fn limits() -> Result<Limits, Failure> {
    Ok(Limits::new().with_max_idle_timeout(IDLE_TIMEOUT)?.with_max_handshake_duration(IDLE_TIMEOUT)?)
}

fn datagrams() -> Result<Datagrams, Failure> {
    Ok(Datagrams::builder().with_send_capacity(QUEUE_LENGTH)?.with_recv_capacity(QUEUE_LENGTH)?.build()?)
}

/// Asks each client for a token in the case for that.
struct Doorkeeper;

impl Limiter for Doorkeeper {
    fn on_connection_attempt(&mut self, _: &ConnectionAttempt) -> Outcome {
        if variable("TESTCASE") == "retry" {
            Outcome::retry()
        } else {
            Outcome::allow()
        }
    }
}

/// The path that a request names, and its file.
fn answer_to(request: &[u8]) -> Result<(String, Vec<u8>), Failure> {
    let text = String::from_utf8_lossy(request);
    let path = text.strip_prefix("GET ").and_then(|rest| rest.split_whitespace().next());
    let path = path.ok_or("Not a request")?;
    Ok((path.to_owned(), fs::read(file("WWW", path))?))
}

async fn serve() -> Result<(), Failure> {
    let certificate = file("CERTS", "cert.pem");
    let key = file("CERTS", "priv.key");
    // Its name says nothing about its form.
    let tls = rustls::Server::builder()
        .with_certificate(fs::read_to_string(certificate)?.as_str(), fs::read_to_string(key)?.as_str())?
        .with_application_protocols([ALPN].iter())?
        .build()?;
    let address: SocketAddr = format!("127.0.0.1:{}", variable("PORT")).parse()?;
    let mut server = Server::builder()
        .with_tls(tls)?
        .with_io(address)?
        .with_limits(limits()?)?
        .with_endpoint_limits(Doorkeeper)?
        .with_datagram(datagrams()?)?
        .start()?;
    report("listening", &format!(",\"address\":\"{address}\""));
    while let Some(connection) = server.accept().await {
        tokio::spawn(serve_connection(connection));
    }
    Ok(())
}

async fn serve_connection(connection: Connection) {
    report("connected", &format!(",\"alpn\":\"{ALPN}\""));
    let (handle, mut acceptor) = connection.split();
    if variable("TESTCASE") == "datagrams" {
        tokio::spawn(serve_datagrams(handle));
    }
    let end = loop {
        match acceptor.accept_bidirectional_stream().await {
            Ok(Some(stream)) => drop(tokio::spawn(serve_stream(stream))),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    match end {
        Some(connection::Error::Application { error, .. }) => report("closed", &format!(",\"code\":{}", *error)),
        // NO_ERROR of the application is an end without an error.
        None => report("closed", ",\"code\":0"),
        Some(error) => report("closed", &format!(",\"error\":\"{error}\"")),
    }
}

async fn serve_stream(mut stream: BidirectionalStream) -> Result<(), Failure> {
    let request = read_all(&mut stream).await?;
    stream.send(Bytes::from(answer_to(&request)?.1)).await?;
    stream.close().await?;
    Ok(())
}

async fn read_all(stream: &mut BidirectionalStream) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    while let Some(chunk) = stream.receive().await? {
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

async fn next_datagram(handle: &connection::Handle) -> Result<Bytes, Failure> {
    Ok(std::future::poll_fn(|context| {
        match handle.datagram_mut(|receiver: &mut Receiver| receiver.poll_recv_datagram(context)) {
            Ok(polled) => polled.map_err(|error| Failure::from(error.to_string())),
            Err(error) => std::task::Poll::Ready(Err(Failure::from(error.to_string()))),
        }
    })
    .await?)
}

fn send_datagram(handle: &connection::Handle, content: Vec<u8>) -> Result<(), Failure> {
    let sent = handle.datagram_mut(|sender: &mut Sender| sender.send_datagram(Bytes::from(content)));
    sent.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    Ok(())
}

async fn serve_datagrams(handle: connection::Handle) -> Result<(), Failure> {
    loop {
        let (path, content) = answer_to(&next_datagram(&handle).await?)?;
        send_datagram(&handle, [path.as_bytes(), b"\r\n", &content].concat())?;
    }
}

/// Downloads `paths` over one connection.
async fn download(client: &Client, address: SocketAddr, paths: &[String]) -> Result<(), Failure> {
    let connect = Connect::new(address).with_server_name("localhost");
    let connection = client.connect(connect).await?;
    report("connected", &format!(",\"alpn\":\"{ALPN}\""));
    let handle = connection.handle();
    if variable("TESTCASE") == "datagrams" {
        download_datagrams(&handle, paths).await?;
    } else {
        let mut downloads = JoinSet::new();
        for path in paths.iter().cloned() {
            let mut handle = handle.clone();
            downloads.spawn(async move {
                let mut stream = handle.open_bidirectional_stream().await?;
                stream.send(Bytes::from(format!("GET {path}\r\n"))).await?;
                stream.finish()?;
                let content = read_all(&mut stream).await?;
                fs::write(file("DOWNLOADS", &path), content)?;
                Ok::<(), Failure>(())
            });
        }
        while let Some(result) = downloads.join_next().await {
            result??;
        }
    }
    handle.close(0u32.into());
    report("closed", ",\"code\":0");
    Ok(())
}

async fn download_datagrams(handle: &connection::Handle, paths: &[String]) -> Result<(), Failure> {
    let mut missing: HashMap<String, ()> = paths.iter().map(|path| (path.clone(), ())).collect();
    while !missing.is_empty() {
        for path in missing.keys() {
            send_datagram(handle, format!("GET {path}\r\n").into_bytes())?;
        }
        while !missing.is_empty() {
            let Ok(answer) = timeout(REPETITION, next_datagram(handle)).await else { break };
            let answer = answer?;
            let end = answer.windows(2).position(|pair| pair == b"\r\n").ok_or("Not an answer")?;
            let path = String::from_utf8_lossy(&answer[..end]).into_owned();
            if missing.remove(&path).is_some() {
                fs::write(file("DOWNLOADS", &path), &answer[end + 2..])?;
            }
        }
    }
    Ok(())
}

async fn download_all() -> Result<(), Failure> {
    let authority = fs::read_to_string(file("CERTS", "ca.pem"))?;
    let tls = rustls::Client::builder()
        .with_certificate(authority.as_str())?
        .with_application_protocols([ALPN].iter())?
        .build()?;
    // Sessions are kept by the configuration.
    let mut client = Client::builder()
        .with_tls(tls)?
        .with_io("127.0.0.1:0")?
        .with_limits(limits()?)?
        .with_datagram(datagrams()?)?
        .start()?;
    let requests = variable("REQUESTS");
    let words: Vec<&str> = requests.split_whitespace().filter_map(|word| word.strip_prefix("https://")).collect();
    let (host, _) = words.first().and_then(|word| word.split_once('/')).ok_or("REQUESTS names nothing")?;
    let address: SocketAddr = host.parse()?;
    let paths: Vec<String> =
        words.iter().filter_map(|word| word.split_once('/')).map(|(_, path)| format!("/{path}")).collect();
    match variable("TESTCASE").as_str() {
        "resumption" => {
            download(&client, address, &paths[..1]).await?;
            download(&client, address, &paths[1..]).await?;
        }
        "multiconnect" | "handshakeloss" => {
            for path in &paths {
                download(&client, address, std::slice::from_ref(path)).await?;
            }
        }
        _ => download(&client, address, &paths).await?,
    }
    client.wait_idle().await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let result = match variable("ROLE").as_str() {
        "client" => download_all().await,
        "server" => serve().await,
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
