//! The HTTP client against sockets that misbehave.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trust_gate::{Deadline, Http, HttpRequest, HttpResponse, Reach, Transport, TransportError};

fn http() -> Http {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    Http::new(tls).unwrap()
}

/// Answers each connection, once its request is there, as `answer` does.
fn serve(answer: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = [0; 4096];
            let _ = connection.read(&mut request);
            answer(&mut connection);
        }
    });
    url
}

fn ask(
    url: &str,
    reach: Reach,
    max_len: u64,
    patience: Duration,
) -> (Result<HttpResponse, TransportError>, Duration) {
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let request = HttpRequest::get(url.parse().unwrap(), max_len, reach);
    let http = http();
    let answer = runtime.block_on(async { http.send(request, Deadline::after(patience)).await });
    // A thread that still resolves a name is not waited for.
    runtime.shutdown_background();
    (answer, start.elapsed())
}

fn local(url: &str) -> Result<HttpResponse, TransportError> {
    ask(url, Reach::Private, 100, Duration::from_secs(5)).0
}

#[test]
fn a_whole_answer_is_read_with_its_headers() {
    let url = serve(|to| to.write_all(b"HTTP/1.1 200 OK\r\nX-Y: z\r\nContent-Length: 2\r\n\r\nok").unwrap());
    let answer = local(&url).unwrap();
    assert_eq!((answer.status, answer.header("x-y"), &answer.body[..]), (200, Some("z"), &b"ok"[..]));
    // A redirect is an answer like any other.
    let url = serve(|to| {
        to.write_all(b"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n").unwrap()
    });
    assert_eq!(local(&url).unwrap().status, 307);
}

#[test]
fn what_ends_early_or_never_is_no_answer() {
    let truncated = serve(|to| to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nsome").unwrap());
    let problem = local(&truncated).unwrap_err();
    assert!(
        matches!(&problem, TransportError::Broken { problem } if problem.contains("ended early")),
        "{problem}"
    );
    let garbage = serve(|to| to.write_all(b"\x00\xff no HTTP").unwrap());
    assert!(matches!(local(&garbage), Err(TransportError::Broken { .. })));
    let closed = serve(|_| {});
    assert!(matches!(local(&closed), Err(TransportError::Broken { .. })));
    // Nobody listens there.
    let url = format!("http://{}/", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let problem = local(&url).unwrap_err();
    assert!(
        matches!(&problem, TransportError::Broken { problem } if problem.contains("could not be made")),
        "{problem}"
    );
    // A certificate that no authority vouches for, or no TLS at all.
    let plain = serve(|to| to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap());
    assert!(matches!(local(&plain.replace("http:", "https:")), Err(TransportError::Broken { .. })));
}

#[test]
fn a_deadline_is_kept_whatever_drips() {
    let drip = serve(|to| {
        let _ = to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        while to.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let silent = serve(|_| std::thread::sleep(Duration::from_secs(3)));
    for url in [drip, silent] {
        let (answer, time) = ask(&url, Reach::Private, 1000, Duration::from_millis(300));
        assert_eq!(answer, Err(TransportError::TimedOut));
        assert!(time < Duration::from_millis(2000), "{time:?}"); // with the time to build a client
    }
}

#[test]
fn a_body_is_read_up_to_its_limit() {
    let said = serve(|to| to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n").unwrap());
    let endless = serve(|to| {
        let _ = to.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while to
            .write_all(b"400\r\n")
            .and_then(|()| to.write_all(&[b'x'; 0x400]))
            .and_then(|()| to.write_all(b"\r\n"))
            .is_ok()
        {}
    });
    for url in [said, endless] {
        assert_eq!(local(&url), Err(TransportError::TooLong { limit: 100 }));
    }
    // An error says what it likes, and some of it is kept.
    let chatty = serve(|to| {
        let _ = to
            .write_all(b"HTTP/1.1 500 X\r\nContent-Length: 200000\r\n\r\n")
            .and_then(|()| to.write_all(&[b'x'; 200_000]));
    });
    let answer = local(&chatty).unwrap();
    assert!(answer.status == 500 && answer.body.len() <= 64 << 10);
}

#[test]
fn only_public_addresses_are_reached() {
    let url = serve(|to| to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap());
    let public = |url: &str| ask(url, Reach::Public, 100, Duration::from_secs(5)).0;
    assert!(matches!(public(&url), Err(TransportError::NotPublic { .. })));
    let unknown = public("http://no-such-host.invalid/").unwrap_err();
    assert!(matches!(unknown, TransportError::Broken { .. } | TransportError::TimedOut), "{unknown}");
}
