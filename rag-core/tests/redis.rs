//! A cache that processes share, against a real server of Redis that is killed, full and started again, and against
//! servers on loopback that answer anything.
#![cfg(feature = "redis")]

use rag_core::ErrorKind;
use rag_core::caching::{
    Cache, CacheOptions, Codec, Key, KeyBuilder, Layer, LayerKind, RemoteStats,
};
use rag_core::clock::ManualClock;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A real server; it ends with the test.
struct Server {
    child: Child,
    port: u16,
    /// Read to its end by a thread, or the server would stop at a full pipe.
    _log: std::thread::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Server {
    /// None where there is no `redis-server`, which is said.
    fn start(port: u16, arguments: &[&str]) -> Option<Self> {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(std::env::temp_dir())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                eprintln!("SKIPPED: redis-server: {error}");
                return None;
            }
        };
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = log
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("Ready to accept"));
        assert!(ready, "redis-server did not start");
        let log = std::thread::spawn(move || log.map_while(Result::ok).for_each(drop));
        Some(Self {
            child,
            port,
            _log: log,
        })
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/2", self.port)
    }
}

struct Process {
    cache: Cache,
    layer: Layer<String>,
    clock: Arc<ManualClock>,
    warnings: Arc<Mutex<Vec<String>>>,
}

fn process(url: &str, timeout_ms: u64) -> Process {
    let clock = Arc::new(ManualClock::new(1000.0));
    let options = CacheOptions::default()
        .remote_timeout_ms(timeout_ms)
        .remote_copy_s(20.0)
        .remote_prefix("test[1]*".to_owned());
    let cache = Cache::new(options)
        .unwrap()
        .with_clock(Arc::clone(&clock) as _);
    let cache = cache.with_redis(url).unwrap();
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&warnings);
    cache.on_warning(Box::new(move |w: &str| {
        heard.lock().unwrap().push(w.to_owned())
    }));
    let layer = cache.shared_layer(LayerKind::Answers, Codec::json(1));
    Process {
        cache,
        layer,
        clock,
        warnings,
    }
}

/// Long enough for a machine that is busy with other things.
const PATIENT_MS: u64 = 10_000;

impl Process {
    fn get(&self, key: &Key) -> Option<String> {
        let found = self.layer.get(key, self.cache.now(), |_| true);
        found.map(|value| (*value).clone())
    }

    fn put(&self, key: &Key, value: &str) {
        self.layer.put(key, value.to_owned(), self.cache.now());
    }

    fn remote(&self) -> RemoteStats {
        self.cache.stats().remote.unwrap()
    }
}

fn key(question: &str) -> Key {
    KeyBuilder::new(Some("shop")).text(question).finish()
}

#[test]
fn processes_share_what_one_of_them_made() {
    let Some(server) = Server::start(free_port(), &[]) else {
        return;
    };
    let (one, two) = (
        process(&server.url(), PATIENT_MS),
        process(&server.url(), PATIENT_MS),
    );
    one.put(&key("why?"), "because \u{1F600}");
    assert_eq!(two.get(&key("why?")).unwrap(), "because \u{1F600}");
    assert_eq!(two.get(&key("how?")), None);
    let large = "x".repeat(3 << 20);
    one.put(&key("how?"), &large);
    assert_eq!(two.get(&key("how?")).unwrap(), large);
    one.layer.remove(&key("why?"), 1000.0);
    assert_eq!(process(&server.url(), PATIENT_MS).get(&key("why?")), None);
    // More entries than one scan shows; another tenant's stay.
    for i in 0..3000 {
        one.put(&key(&format!("what {i}?")), "that");
    }
    let other = KeyBuilder::new(Some("sho")).text("why?").finish();
    one.put(&other, "theirs");
    one.cache.clear_tenant(Some("shop")).unwrap();
    let three = process(&server.url(), PATIENT_MS);
    assert!((0..3000).all(|i| three.get(&key(&format!("what {i}?"))).is_none()));
    assert_eq!(three.get(&other).unwrap(), "theirs");
    one.cache.clear().unwrap();
    assert_eq!(process(&server.url(), PATIENT_MS).get(&other), None);
    for process in [one, two, three] {
        let remote = process.remote();
        assert!(remote.up && remote.errors == 0, "{remote:?}");
    }
}

#[test]
fn a_password_is_sent_and_never_shown() {
    let Some(server) = Server::start(free_port(), &["--requirepass", "hunter2"]) else {
        return;
    };
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", server.port);
    let good = process(&url("hunter2"), PATIENT_MS);
    good.put(&key("why?"), "because");
    assert!(good.remote().up);
    assert!(!format!("{:?}", good.cache).contains("hunter2"));
    let bad = process(&url("hunter3"), PATIENT_MS);
    bad.put(&key("why?"), "because");
    assert!(!bad.remote().up);
    let warnings = bad.warnings.lock().unwrap();
    assert!(
        warnings[0].contains("WRONGPASS") && !warnings[0].contains("hunter3"),
        "{warnings:?}"
    );
}

#[test]
fn a_server_that_is_killed_is_done_without_and_found_again() {
    let port = free_port();
    let Some(server) = Server::start(port, &[]) else {
        return;
    };
    let one = process(&server.url(), PATIENT_MS);
    one.put(&key("why?"), "because");
    let url = server.url();
    drop(server);
    for i in 0..20 {
        one.put(&key(&format!("what {i}?")), "that");
        assert_eq!(one.get(&key(&format!("what {i}?"))).unwrap(), "that");
    }
    assert!(!one.remote().up && one.remote().errors == 1);
    assert_eq!(one.warnings.lock().unwrap().len(), 1);
    assert_eq!(one.cache.clear().unwrap_err().kind(), ErrorKind::Upstream);
    let Some(_server) = Server::start(port, &[]) else {
        return;
    };
    one.clock.advance(2.0);
    one.put(&key("how?"), "so");
    assert!(one.remote().up);
    assert_eq!(process(&url, PATIENT_MS).get(&key("how?")).unwrap(), "so");
}

#[test]
fn a_restart_costs_no_call() {
    let port = free_port();
    let Some(server) = Server::start(port, &[]) else {
        return;
    };
    let one = process(&server.url(), PATIENT_MS);
    one.put(&key("why?"), "because");
    drop(server);
    let Some(_server) = Server::start(port, &[]) else {
        return;
    };
    one.put(&key("how?"), "so");
    assert_eq!(one.remote().errors, 0, "the idle connection was replaced");
}

#[test]
fn a_full_server_is_said_to_be_full_and_still_read_from() {
    let full = ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"];
    let Some(server) = Server::start(free_port(), &full) else {
        return;
    };
    let one = process(&server.url(), PATIENT_MS);
    one.put(&key("why?"), "because");
    for i in 0..200 {
        one.put(&key(&format!("what {i}?")), &"x".repeat(40_000));
    }
    let remote = one.remote();
    assert!(remote.full && remote.up && remote.errors == 1, "{remote:?}");
    assert!(one.warnings.lock().unwrap()[0].contains("OOM"));
    let two = process(&server.url(), PATIENT_MS);
    assert_eq!(two.get(&key("why?")).unwrap(), "because");
    one.cache.clear().unwrap();
    one.clock.advance(2.0);
    one.put(&key("how?"), "so");
    assert!(!one.remote().full);
}

#[test]
fn many_threads_share_few_connections() {
    let Some(server) = Server::start(free_port(), &[]) else {
        return;
    };
    let (one, two) = (
        process(&server.url(), PATIENT_MS),
        process(&server.url(), PATIENT_MS),
    );
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (one, two) = (&one, &two);
            scope.spawn(move || {
                for i in 0..50 {
                    let key = key(&format!("{thread} {i}"));
                    one.put(&key, &format!("answer {thread} {i}"));
                    assert_eq!(two.get(&key).unwrap(), format!("answer {thread} {i}"));
                }
            });
        }
    });
    assert_eq!((one.remote().errors, two.remote().errors), (0, 0));
}

/// A server that does to each connection whatever `serve` does, until the test is over.
struct Fake {
    port: u16,
    over: Option<Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Fake {
    fn start(serve: impl Fn(TcpStream, &Receiver<()>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (over, is_over) = channel();
        let thread = std::thread::spawn(move || {
            for socket in listener.incoming() {
                if is_over.try_recv() != Err(std::sync::mpsc::TryRecvError::Empty) {
                    return;
                }
                serve(socket.unwrap(), &is_over);
            }
        });
        Self {
            port,
            over: Some(over),
            thread: Some(thread),
        }
    }

    fn process(&self, timeout_ms: u64) -> Process {
        process(&format!("redis://127.0.0.1:{}", self.port), timeout_ms)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        drop(self.over.take());
        // Wakes it if it waits for a connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let thread = self.thread.take().unwrap();
        assert!(thread.join().is_ok() || std::thread::panicking());
    }
}

#[test]
fn whatever_a_server_answers_it_is_a_miss() {
    let nested = "*1\r\n".repeat(100_000);
    let mut long = b"$20000000\r\n".to_vec();
    long.resize(12 << 20, b'x');
    let answers: Vec<Vec<u8>> = [
        "garbage\r\n",
        "\0\0\0\0",
        "",
        "\r\n",
        ":1\r\n",
        "+OK\r\n",
        "-ERR no\r\n",
        "-\r\n",
        "$5\r\nhello\r\n",
        "$99999999999999\r\nx",
        "*9223372036854775807\r\n:1\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "%4611686018427387000\r\n",
        "=-1\r\n",
        "|-1\r\n",
        ">1\r\n:1\r\n",
        nested.as_str(),
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "-OOM no room\r\n",
        "$5\r\nhelloXX",
    ]
    .iter()
    .map(|answer| answer.as_bytes().to_vec())
    .chain([long, vec![0xff; 100], b"+\xff\xfe\r\n".to_vec()])
    .collect();
    for answer in answers {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(30)]).into_owned();
        let fake = Fake::start(move |mut socket, _| {
            let mut command = [0; 4096];
            let _ = socket.read(&mut command);
            let _ = socket.write_all(&answer);
        });
        let one = fake.process(PATIENT_MS);
        assert_eq!(one.get(&key("why?")), None, "{shown}");
        one.clock.advance(100.0);
        one.put(&key("why?"), "because");
        assert_eq!(one.get(&key("why?")).unwrap(), "because", "{shown}");
        one.clock.advance(100.0);
        let cleared = one.cache.clear();
        assert!(cleared.is_err(), "{shown}");
        assert_eq!(one.get(&key("why?")), None, "{shown}");
    }
}

#[test]
fn a_server_that_says_nothing_or_a_byte_now_and_then_is_given_up() {
    for drips in [false, true] {
        let fake = Fake::start(move |mut socket, over| {
            let mut command = [0; 4096];
            let _ = socket.read(&mut command);
            let _ = socket.write_all(b"$1000000\r\n");
            // Each byte comes sooner than the deadline, all of them much later.
            while over.recv_timeout(Duration::from_millis(2))
                == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                if drips && socket.write_all(b"x").is_err() {
                    return;
                }
                let mut closed = [0];
                socket.set_nonblocking(true).unwrap();
                if matches!(socket.read(&mut closed), Ok(0)) {
                    return;
                }
                socket.set_nonblocking(false).unwrap();
            }
        });
        let one = fake.process(50);
        assert_eq!(one.get(&key("why?")), None);
        assert!(!one.remote().up);
        let warnings = one.warnings.lock().unwrap();
        assert!(
            warnings[0].contains("no answer within 50 ms"),
            "{warnings:?}"
        );
    }
}

#[test]
fn an_answer_to_another_question_is_not_taken() {
    // A server that is one answer behind, as if it had sent one too many.
    let Some(server) = Server::start(free_port(), &[]) else {
        return;
    };
    let one = process(&server.url(), PATIENT_MS);
    one.put(&key("why?"), "because");
    one.put(&key("how?"), "so");
    let port = server.port;
    let fake = Fake::start(move |mut socket, _| {
        let mut behind = TcpStream::connect(("127.0.0.1", port)).unwrap();
        behind.write_all(b"SELECT 2\r\n").unwrap();
        let mut answer = vec![0; 1 << 16];
        let n = behind.read(&mut answer).unwrap();
        assert_eq!(&answer[..n], b"+OK\r\n");
        let mut late = b"$-1\r\n".to_vec();
        let mut command = vec![0; 1 << 16];
        while let Ok(n) = socket.read(&mut command) {
            if n == 0 || behind.write_all(&command[..n]).is_err() {
                return;
            }
            let n = behind.read(&mut answer).unwrap();
            if socket.write_all(&late).is_err() {
                return;
            }
            late = answer[..n].to_vec();
        }
    });
    let behind = fake.process(PATIENT_MS);
    assert_eq!(behind.get(&key("why?")), None);
    assert_eq!(behind.get(&key("how?")), None);
    assert_eq!(behind.layer.stats().garbled, 1, "the answer to why");
}

#[cfg(unix)]
#[test]
fn a_socket_of_the_machine_does_as_well() {
    let path = std::env::temp_dir().join(format!("ragcore-redis-{}.sock", std::process::id()));
    let shown = path.display().to_string();
    let Some(_server) = Server::start(free_port(), &["--unixsocket", &shown]) else {
        return;
    };
    let url = format!("unix://{shown}");
    process(&url, PATIENT_MS).put(&key("why?"), "because");
    assert_eq!(
        process(&url, PATIENT_MS).get(&key("why?")).unwrap(),
        "because"
    );
    let _ = std::fs::remove_file(path);
}
