//! Just enough of HTTP/1.1 to be scraped.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::terminal::{Terminal, complain};

/// For one connection, from its beginning to its end.
const TIME: Duration = Duration::from_secs(10);

/// Connections at once. One more ends the oldest, so that slow clients keep nobody out.
const CONNECTIONS: usize = 32;

/// Bytes of a request's head.
const HEAD: usize = 8 << 10;

/// Answers each `GET /metrics` with what `body` makes. It does not return but with a failure.
pub(super) fn serve(
    address: SocketAddr,
    terminal: &mut Terminal,
    body: impl Fn() -> String + Send + Sync + 'static,
) -> Outcome {
    let failed = |error| Failure::new(format!("cannot listen at {address}: {error}"));
    let listener = TcpListener::bind(address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    terminal.line(format_args!("http://{address}/metrics"))?;
    terminal.flush()?;
    let body: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(body);
    let mut connections = VecDeque::new();
    loop {
        let accepted = listener.accept().and_then(|(stream, _)| Ok((stream.try_clone()?, stream)));
        let (stream, kept) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                complain(format_args!("cannot accept a connection: {error}"));
                // Of too many open files, say: until one is closed.
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        connections.push_back(kept);
        if connections.len() > CONNECTIONS
            && let Some(oldest) = connections.pop_front()
        {
            // It may be over.
            let _ = oldest.shutdown(Shutdown::Both);
        }
        let body = Arc::clone(&body);
        let answering = move || {
            // It is the client's if it does not listen.
            let _ = answer(&stream, &*body);
            let _ = stream.shutdown(Shutdown::Both);
        };
        if let Err(error) = thread::Builder::new().spawn(answering) {
            complain(format_args!("cannot answer a connection: {error}"));
        }
    }
}

fn answer(stream: &TcpStream, body: &dyn Fn() -> String) -> io::Result<()> {
    let end = Instant::now() + TIME;
    let (status, text, has_body) = match head(stream, end)? {
        Some(head) => match Request::of(&head) {
            Ok(request) => ("200 OK", body(), !request.is_head),
            Err(status) => (status, format!("{status}\n"), true),
        },
        None => ("431 Request Header Fields Too Large", String::new(), true),
    };
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n{allow}Content-Length: {}\r\n\
         Connection: close\r\n\r\n",
        text.len()
    );
    write(stream, head.as_bytes(), end)?;
    if has_body { write(stream, text.as_bytes(), end) } else { Ok(()) }
}

/// What of a request is looked at.
struct Request {
    is_head: bool,
}

impl Request {
    /// A request that is answered, or the status of one that is not.
    fn of(head: &str) -> Result<Self, &'static str> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("400 Bad Request");
        };
        if !version.starts_with("HTTP/1.") {
            return Err("505 HTTP Version Not Supported");
        }
        // A web page whose name leads to this machine is no monitoring system.
        let hosts = lines.filter_map(|line| line.split_once(':'));
        let mut hosts = hosts.filter(|(name, _)| name.eq_ignore_ascii_case("host"));
        if !hosts.all(|(_, host)| is_here(host.trim())) {
            return Err("403 Forbidden");
        }
        let path = target.split('?').next();
        match (method, path) {
            ("GET" | "HEAD", Some("/metrics")) => Ok(Self { is_head: method == "HEAD" }),
            ("GET" | "HEAD", _) => Err("404 Not Found"),
            _ => Err("405 Method Not Allowed"),
        }
    }
}

/// Whether a `Host` is this machine by an address or a name that no other has.
fn is_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The head of a request, up to the empty line; `None` if it is too long.
fn head(mut stream: &TcpStream, end: Instant) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while head.len() < HEAD {
        stream.set_read_timeout(Some(left(end)?))?;
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&part[..read]);
        if let Some(at) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(Some(String::from_utf8_lossy(&head[..at]).into_owned()));
        }
    }
    Ok(None)
}

fn write(mut stream: &TcpStream, mut bytes: &[u8], end: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(left(end)?))?;
        let written = stream.write(bytes)?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// The time that is left, which is not zero: that would be no limit to a socket.
fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_here_if_no_name_server_can_make_it_so() {
        for host in ["localhost", "LocalHost:9464", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:9464"] {
            assert!(is_here(host), "{host}");
        }
        for host in
            ["", "example.org", "127.0.0.1.example.org", "localhost.example.org:80", "10.0.0.1", "[::2]:1"]
        {
            assert!(!is_here(host), "{host}");
        }
    }

    #[test]
    fn a_request_that_is_not_for_the_metrics_gets_a_status() {
        let status = |head: &str| Request::of(head).err();
        assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: localhost:1"), None);
        assert_eq!(status("GET /metrics?x=1 HTTP/1.0"), None);
        assert_eq!(status("GET / HTTP/1.1"), Some("404 Not Found"));
        assert_eq!(status("POST /metrics HTTP/1.1"), Some("405 Method Not Allowed"));
        assert_eq!(status("GET /metrics HTTP/1.1\r\nhost: example.org"), Some("403 Forbidden"));
        assert_eq!(status("GET /metrics HTTP/2"), Some("505 HTTP Version Not Supported"));
        for head in ["", "GET", "GET /metrics", "GET /metrics HTTP/1.1 x", "\0"] {
            assert_eq!(status(head), Some("400 Bad Request"), "{head:?}");
        }
    }
}
