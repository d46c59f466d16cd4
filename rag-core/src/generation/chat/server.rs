//! A server for the tests, that answers or breaks as a script says. It never waits for a time, only for its client.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A request that came.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub head: String,
    pub body: String,
}

/// The server's end of a connection.
pub(super) struct Peer {
    /// Which request this is, from 0.
    pub number: usize,
    stream: TcpStream,
}

impl Peer {
    /// Sends bytes, if anybody still listens.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.stream.write_all(bytes.as_ref()));
    }

    /// Sends bytes in chunked coding; none end the answer.
    pub fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.send(format!("{:x}\r\n", bytes.len()));
        self.send(bytes);
        self.send("\r\n");
    }

    /// The head of a stream that ends with the connection.
    pub fn head(&mut self) {
        self.send(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
        );
    }

    /// The head of a stream in chunked coding.
    pub fn chunked_head(&mut self) {
        self.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
    }

    /// A whole answer.
    pub fn answer(&mut self, status: &str, headers: &str, body: impl AsRef<[u8]>) {
        let length = body.as_ref().len();
        self.send(format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n"
        ));
        self.send(body);
    }

    /// A whole stream of these pieces.
    pub fn say(&mut self, pieces: &[&str]) {
        self.chunked_head();
        for piece in pieces {
            self.chunk(event(piece));
        }
        self.chunk("data: [DONE]\n\n");
        self.chunk("");
    }

    /// Waits until the client closes the connection, and says whether it did.
    pub fn wait_closed(&mut self) -> bool {
        let mut rest = [0; 1024];
        loop {
            match self.stream.read(&mut rest) {
                Ok(0) | Err(_) => return true,
                Ok(_) => {}
            }
        }
    }
}

/// An event with a piece of text.
pub(super) fn event(piece: &str) -> String {
    let chunk = serde_json::json!({"choices": [{"index": 0, "delta": {"content": piece}}]});
    format!("data: {chunk}\n\n")
}

#[derive(Default)]
struct Inside {
    stopped: AtomicBool,
    seen: Mutex<Vec<Seen>>,
    open: Mutex<Vec<TcpStream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A server on the loopback, until it is killed or dropped.
pub(super) struct Server {
    address: SocketAddr,
    inside: Arc<Inside>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Inside::default());
        let (shared, script) = (Arc::clone(&inside), Arc::new(script));
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let mut open = shared.open.lock().unwrap();
                open.push(stream.try_clone().unwrap());
                let (inside, script) = (Arc::clone(&shared), Arc::clone(&script));
                let serving = std::thread::spawn(move || serve(stream, &inside, &*script));
                shared.threads.lock().unwrap().push(serving);
            }
        });
        Self {
            address,
            inside,
            accepting: Some(accepting),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests that came.
    pub fn seen(&self) -> Vec<Seen> {
        self.inside.seen.lock().unwrap().clone()
    }

    /// Ends it as if it were killed: nobody listens, and all connections are gone.
    pub fn kill(&mut self) {
        let Some(accepting) = self.accepting.take() else {
            return;
        };
        self.inside.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        accepting.join().unwrap();
        for stream in self.inside.open.lock().unwrap().drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
        let threads = std::mem::take(&mut *self.inside.threads.lock().unwrap());
        threads.into_iter().for_each(|t| t.join().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(mut stream: TcpStream, inside: &Inside, script: &dyn Fn(&mut Peer)) {
    let Some(seen) = read(&mut stream) else {
        return;
    };
    let number = {
        let mut all = inside.seen.lock().unwrap();
        all.push(seen);
        all.len() - 1
    };
    let mut peer = Peer { number, stream };
    script(&mut peer);
    // The clone for killing keeps the connection open otherwise.
    drop(peer.stream.shutdown(Shutdown::Both));
}

fn read(stream: &mut TcpStream) -> Option<Seen> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is = name.eq_ignore_ascii_case("content-length");
                is.then(|| value.trim().parse::<usize>().unwrap())
            });
            if bytes.len() >= at + 4 + length.unwrap_or(0) {
                let body = String::from_utf8(bytes[at + 4..].to_vec()).unwrap();
                return Some(Seen { head, body });
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
        }
    }
}
