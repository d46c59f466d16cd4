//! A Redis server as the cache that processes share.
//!
//! The crate `redis` reads addresses and speaks the protocol; the bytes go through sockets of our own, so that a call has
//! one deadline whatever the server does, and an answer one limit. Connections are made when they are needed, kept
//! for the next call, and belong to their process. One that broke while it lay idle, as after a restart of the server,
//! is replaced within the same call.

use super::latch::Latch;
use super::remote::Remote;
use crate::error::{Error, ErrorKind, Result};
use redis::{Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Parser, Value, cmd};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Idle connections that are kept.
const IDLE: usize = 16;
/// Bytes of an answer beside the value in it.
const AROUND: usize = 1 << 16;
/// What `SCAN` may answer at a time, and how long clearing may take.
const SCANNED: usize = 16 << 20;
const CLEARING: Duration = Duration::from_secs(60);

pub(super) struct Redis {
    info: ConnectionInfo,
    /// The address as messages show it: without user and password.
    shown: String,
    timeout: Duration,
    idle: Latch<Vec<Wire>>,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redis({})", self.shown)
    }
}

enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

struct Wire {
    socket: Socket,
    /// Holds what came behind the last answer.
    parser: Parser,
    process: u32,
}

/// A socket until a deadline, for so many bytes.
struct Bounded<'a> {
    socket: &'a mut Socket,
    deadline: Instant,
    left: usize,
}

impl Bounded<'_> {
    fn time(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(left),
        }
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let most = out.len().min(self.left);
        let out = &mut out[..most];
        let time = Some(self.time()?);
        let n = match self.socket {
            Socket::Tcp(socket) => {
                socket.set_read_timeout(time)?;
                socket.read(out)?
            }
            #[cfg(unix)]
            Socket::Unix(socket) => {
                socket.set_read_timeout(time)?;
                socket.read(out)?
            }
        };
        self.left -= n;
        Ok(n)
    }
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let time = Some(self.time()?);
        match self.socket {
            Socket::Tcp(socket) => {
                socket.set_write_timeout(time)?;
                socket.write(bytes)
            }
            #[cfg(unix)]
            Socket::Unix(socket) => {
                socket.set_write_timeout(time)?;
                socket.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why a call failed.
enum Failure {
    /// Without any word of an address or a value.
    Wire(String),
    /// The server refuses to store anything just now, and says why in one word.
    NoRoom(String),
    TooLong,
    Timeout,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Timeout,
            io::ErrorKind::InvalidData => Self::TooLong,
            io::ErrorKind::UnexpectedEof => Self::Wire("it closed the connection".to_owned()),
            kind => Self::Wire(kind.to_string()),
        }
    }
}

impl Wire {
    fn connect(info: &ConnectionInfo, deadline: Instant) -> Result<Self, Failure> {
        let left = || {
            let left = deadline.saturating_duration_since(Instant::now());
            match left.is_zero() {
                true => Err(Failure::Timeout),
                false => Ok(left),
            }
        };
        let socket = match info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let mut last = Failure::Wire("its name has no address".to_owned());
                let mut socket = None;
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, left()?) {
                        Ok(connected) => {
                            socket = Some(connected);
                            break;
                        }
                        Err(error) => last = error.into(),
                    }
                }
                let socket = socket.ok_or(last)?;
                socket.set_nodelay(true)?;
                Socket::Tcp(socket)
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                Socket::Unix(std::os::unix::net::UnixStream::connect(path)?)
            }
            _ => return Err(Failure::Wire("its kind of address is unknown".to_owned())),
        };
        let mut wire = Self {
            socket,
            parser: Parser::new(),
            process: std::process::id(),
        };
        let settings = info.redis_settings();
        if let Some(password) = settings.password() {
            let mut auth = cmd("AUTH");
            if let Some(user) = settings.username() {
                auth.arg(user);
            }
            wire.call(auth.arg(password), AROUND, deadline)?;
        }
        if settings.db() != 0 {
            wire.call(cmd("SELECT").arg(settings.db()), AROUND, deadline)?;
        }
        Ok(wire)
    }

    fn call(&mut self, cmd: &Cmd, most: usize, deadline: Instant) -> Result<Value, Failure> {
        let mut through = Bounded {
            socket: &mut self.socket,
            deadline,
            left: most,
        };
        through.write_all(&cmd.get_packed_command())?;
        match self.parser.parse_value(&mut through) {
            Ok(Value::ServerError(error)) => {
                // The word in front, such as OOM; what follows may quote the command.
                let word = error.code().chars().filter(char::is_ascii_alphanumeric);
                let word: String = word.take(32).collect();
                Err(match word.as_str() {
                    "OOM" | "MISCONF" | "READONLY" | "NOREPLICAS" => Failure::NoRoom(word),
                    _ => Failure::Wire(format!("it answered {word}")),
                })
            }
            Ok(value) => Ok(value),
            // The parser says nothing of what the socket said.
            Err(_) if through.left == 0 => Err(Failure::TooLong),
            Err(_) if Instant::now() >= deadline => Err(Failure::Timeout),
            Err(error) if error.is_io_error() => {
                Err(Failure::Wire("it closed the connection".to_owned()))
            }
            Err(_) => Err(Failure::Wire(
                "what it answers is not the protocol".to_owned(),
            )),
        }
    }
}

impl Redis {
    pub(super) fn new(url: &str, timeout_ms: u64) -> Result<Self> {
        // An address may hold a password, so no message repeats it.
        let scheme = url.split("://").next().unwrap_or_default();
        if matches!(scheme, "rediss" | "valkeys") {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "redis must be an address without TLS here; use redis:// within a trusted network or through a tunnel",
            ));
        }
        let info = url.into_connection_info().map_err(|_| {
            Error::invalid(
                "redis must be an address such as redis://user:password@host:6379/0 or unix:///path/to/socket, got something else",
            )
        })?;
        let shown = match info.addr() {
            ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
            ConnectionAddr::Unix(path) => path.display().to_string(),
            _ => "redis".to_owned(),
        };
        Ok(Self {
            info,
            shown,
            timeout: Duration::from_millis(timeout_ms),
            idle: Latch::new(Vec::new),
        })
    }

    fn take_idle(&self) -> Option<Wire> {
        let process = std::process::id();
        loop {
            let wire = self.idle.lock().pop()?;
            // A parent's connection is the parent's alone: two who read from it would mix up their answers.
            if wire.process == process {
                return Some(wire);
            }
        }
    }

    fn call(&self, cmd: &Cmd, most: usize) -> Result<Value> {
        let deadline = Instant::now() + self.timeout;
        self.try_call(cmd, most, deadline).map_err(|failure| {
            let at = &self.shown;
            match failure {
                Failure::Wire(what) => {
                    Error::new(ErrorKind::Upstream, format!("redis at {at}: {what}"))
                }
                Failure::NoRoom(word) => Error::new(
                    ErrorKind::DiskFull,
                    format!("redis at {at} stores nothing: it answered {word}"),
                ),
                Failure::TooLong => Error::new(
                    ErrorKind::Upstream,
                    format!("redis at {at}: an answer of more than {most} bytes"),
                ),
                Failure::Timeout => Error::new(
                    ErrorKind::Timeout,
                    format!(
                        "redis at {at}: no answer within {} ms",
                        self.timeout.as_millis()
                    ),
                ),
            }
        })
    }

    fn try_call(&self, cmd: &Cmd, most: usize, deadline: Instant) -> Result<Value, Failure> {
        if let Some(mut wire) = self.take_idle() {
            match wire.call(cmd, most, deadline) {
                // It may have broken long ago. Every command that is sent here may be sent twice.
                Err(Failure::Wire(_)) => {}
                answer => return self.put_back(wire, answer),
            }
        }
        let mut wire = Wire::connect(&self.info, deadline)?;
        let answer = wire.call(cmd, most, deadline);
        self.put_back(wire, answer)
    }

    /// Keeps the connection if its next answer will be that of its next question.
    fn put_back(&self, wire: Wire, answer: Result<Value, Failure>) -> Result<Value, Failure> {
        if matches!(answer, Ok(_) | Err(Failure::NoRoom(_))) {
            let mut idle = self.idle.lock();
            if idle.len() < IDLE {
                idle.push(wire);
                return answer;
            }
        }
        answer
    }

    fn unexpected<T>(&self) -> Result<T> {
        Err(Error::new(
            ErrorKind::Upstream,
            format!("redis at {}: an answer to something else", self.shown),
        ))
    }
}

impl Remote for Redis {
    fn get(&self, key: &str, most: usize) -> Result<Option<Vec<u8>>> {
        match self.call(cmd("GET").arg(key), most.saturating_add(AROUND))? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes).filter(|bytes| bytes.len() <= most)),
            _ => self.unexpected(),
        }
    }

    fn put(&self, key: &str, value: &[u8], lifetime_s: f64) -> Result<()> {
        // A cast saturates, and Redis refuses 0.
        let ms = ((lifetime_s * 1e3) as u64).max(1);
        match self.call(cmd("SET").arg(key).arg(value).arg("PX").arg(ms), AROUND)? {
            Value::Okay => Ok(()),
            _ => self.unexpected(),
        }
    }

    fn remove(&self, key: &str) -> Result<()> {
        match self.call(cmd("DEL").arg(key), AROUND)? {
            Value::Int(_) => Ok(()),
            _ => self.unexpected(),
        }
    }

    fn clear_prefix(&self, prefix: &str) -> Result<()> {
        let end = Instant::now() + CLEARING;
        let mut pattern = String::new();
        for c in prefix.chars() {
            if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('*');
        let mut cursor = b"0".to_vec();
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(&cursor[..]).arg("MATCH").arg(&pattern);
            scan.arg("COUNT").arg(1000);
            let Value::Array(answer) = self.call(&scan, SCANNED)? else {
                return self.unexpected();
            };
            let mut answer = answer.into_iter();
            let (Some(Value::BulkString(next)), Some(Value::Array(keys))) =
                (answer.next(), answer.next())
            else {
                return self.unexpected();
            };
            let mut unlink = cmd("UNLINK");
            let mut any = false;
            for key in keys {
                // Whatever the server made of the pattern.
                if let Value::BulkString(key) = key
                    && key.starts_with(prefix.as_bytes())
                {
                    unlink.arg(key);
                    any = true;
                }
            }
            if any {
                self.call(&unlink, AROUND)?;
            }
            if next == b"0" {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!(
                        "redis at {} could not be cleared within a minute; clear again",
                        self.shown
                    ),
                ));
            }
            cursor = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_without_being_repeated() {
        for (url, kind) in [
            ("", ErrorKind::InvalidArgument),
            ("host", ErrorKind::InvalidArgument),
            ("http://u:hunter2@host", ErrorKind::InvalidArgument),
            ("redis://u:hunter2@host:99999", ErrorKind::InvalidArgument),
            ("redis://u:hunter2@host/x", ErrorKind::InvalidArgument),
            ("rediss://u:hunter2@host", ErrorKind::Unsupported),
        ] {
            let error = Redis::new(url, 100).unwrap_err();
            assert_eq!(error.kind(), kind, "{url}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let redis = Redis::new("redis://u:hunter2@host:7000/3", 100).unwrap();
        assert_eq!(format!("{redis:?}"), "Redis(host:7000)");
    }
}
