//! The connection: TCP that looks at a [`Watch`] while it waits, TLS on top of it where the address says so.
//!
//! A connection serves one call and is closed with it, also when that is given up; so the server sees at once that
//! nobody listens. Looking up a name and connecting cannot be given up, so a thread does both; it ends by itself
//! when the system is done, within the time for a connection but for the look-up.

use super::watch::Watch;
use crate::error::{Error, ErrorKind, Result};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, RustlsConnector,
    Transport,
};
use ureq::{Agent, Error as HttpError};

/// Bytes of each buffer of a connection; heads of answers must fit in.
const BUFFER: usize = 32 << 10;

/// What all connections of a model share.
#[derive(Debug)]
pub(super) struct Wires {
    config: Config,
    tls: Arc<RustlsConnector>,
    connect: Duration,
}

impl Wires {
    pub fn new(connect: Duration, ca_file: Option<&str>) -> Result<Self> {
        let mut tls = TlsConfig::builder();
        if let Some(file) = ca_file {
            tls = tls.root_certs(RootCerts::Specific(Arc::new(certificates(file)?)));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A server that is not where it was said to be gets neither key nor prompt.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .tls_config(tls.build())
            .user_agent(concat!("ragcore/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections(0)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_response_header_size(BUFFER)
            .build();
        Ok(Self {
            config,
            tls: Arc::new(RustlsConnector::default()),
            connect,
        })
    }

    /// What calls over connections that look at `watch`.
    pub fn agent(&self, watch: &Arc<Watch>) -> Agent {
        let dial = Dial {
            watch: Arc::clone(watch),
            timeout: self.connect,
        };
        let connector = dial.chain(Tls(Arc::clone(&self.tls)));
        Agent::with_parts(self.config.clone(), connector, NoLookUp)
    }
}

fn certificates(file: &str) -> Result<Vec<ureq::tls::Certificate<'static>>> {
    let path = Path::new(file);
    let pem = std::fs::read(path).map_err(|e| Error::io("cannot read", path, e))?;
    let items = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = items.collect();
    if found.is_empty() {
        let message = format!(
            "ca_file {} holds no certificate; give a file of certificates in PEM",
            path.display()
        );
        return Err(Error::new(ErrorKind::InvalidArgument, message).with_file(path));
    }
    Ok(found)
}

/// Names are looked up where the connection is made.
#[derive(Debug)]
struct NoLookUp;

impl Resolver for NoLookUp {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, HttpError> {
        Ok(self.empty())
    }
}

/// Makes connections.
#[derive(Debug)]
struct Dial {
    watch: Arc<Watch>,
    timeout: Duration,
}

impl Connector for Dial {
    type Out = Wire;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> std::result::Result<Option<Wire>, HttpError> {
        let authority = details.uri.authority().ok_or(HttpError::HostNotFound)?;
        let secure = details.uri.scheme() == Some(&Scheme::HTTPS);
        let port = authority
            .port_u16()
            .unwrap_or(if secure { 443 } else { 80 });
        let address = format!("{}:{port}", authority.host());
        let stream = self.stream(address)?;
        stream.set_nodelay(true)?;
        Ok(Some(Wire {
            stream,
            buffers: LazyBuffers::new(BUFFER, BUFFER),
            watch: Arc::clone(&self.watch),
        }))
    }
}

impl Dial {
    fn stream(&self, address: String) -> io::Result<TcpStream> {
        let (send, receive) = sync_channel(1);
        let end = Instant::now() + self.timeout;
        std::thread::Builder::new()
            .name("ragcore-dial".to_owned())
            .spawn(move || drop(send.send(dial(&address, end))))?;
        loop {
            let late = || io::Error::from(io::ErrorKind::TimedOut);
            let left = self.watch.left().map_err(|_| late())?;
            let rest = end.saturating_duration_since(Instant::now());
            match receive.recv_timeout(left.min(rest)) {
                Ok(made) => return made,
                Err(RecvTimeoutError::Timeout) if rest.is_zero() => return Err(late()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the thread that connects is gone"));
                }
            }
        }
    }
}

/// Tries all addresses of a name in turn.
fn dial(address: &str, end: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
    let found: Vec<SocketAddr> = match address.to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(_) => return Err(last),
    };
    for (i, address) in found.iter().enumerate() {
        let rest = end.saturating_duration_since(Instant::now());
        // One that does not answer leaves time for those behind it.
        let share = rest / u32::try_from(found.len() - i).unwrap_or(u32::MAX);
        if share.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// TLS whose settings and tickets all connections share.
#[derive(Debug)]
struct Tls(Arc<RustlsConnector>);

impl Connector<Wire> for Tls {
    type Out = Either<Wire, Box<dyn Transport>>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<Wire>,
    ) -> std::result::Result<Option<Self::Out>, HttpError> {
        match chained {
            Some(wire) if details.needs_tls() => {
                let made = self.0.connect(details, Some(wire))?;
                Ok(made.map(|made| Either::B(Box::new(made) as Box<dyn Transport>)))
            }
            chained => Ok(chained.map(Either::A)),
        }
    }
}

/// A connection that blocks for moments only.
struct Wire {
    stream: TcpStream,
    buffers: LazyBuffers,
    watch: Arc<Watch>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// How long to block, or the error that ends the call; why it did, the watch says again.
    fn left(&self) -> io::Result<Duration> {
        let left = self.watch.left();
        left.map_err(|_| io::Error::other("the call was given up"))
    }
}

/// Whether a socket only said that nothing happened yet.
fn is_waiting(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(
        &mut self,
        amount: usize,
        _: NextTimeout,
    ) -> std::result::Result<(), HttpError> {
        let mut sent = 0;
        while sent < amount {
            self.stream.set_write_timeout(Some(self.left()?))?;
            match self.stream.write(&self.buffers.output()[sent..amount]) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(n) => sent += n,
                Err(error) if is_waiting(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> std::result::Result<bool, HttpError> {
        loop {
            self.stream.set_read_timeout(Some(self.left()?))?;
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(n) => {
                    self.buffers.input_appended(n);
                    return Ok(n > 0);
                }
                Err(error) if is_waiting(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        false
    }
}
