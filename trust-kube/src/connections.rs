//! [`Connections`]: clients over TLS, bounded in number and in silence.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Clients at a time; each API server has a few connections.
const MAX_CONNECTIONS: usize = 1_000;
/// What a client may take to say hello.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may say nothing: longer than any review, and than the pause between the pings of an API server.
const SILENCE: Duration = Duration::from_secs(60);

/// Clients that said hello.
pub(crate) struct Connections {
    waiting: mpsc::Receiver<(Connection, SocketAddr)>,
    address: SocketAddr,
}

impl Connections {
    /// Accepts clients in a task of its own.
    pub(crate) fn accept(
        listener: TcpListener,
        tls: rustls::ServerConfig,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let address = listener.local_addr()?;
        let (ready, waiting) = mpsc::channel(MAX_CONNECTIONS);
        let accepting = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(tls)), ready));
        Ok((Self { waiting, address }, accepting))
    }
}

/// Shakes hands with each client beside the others: a silent one delays none of them.
async fn accept(listener: TcpListener, tls: TlsAcceptor, ready: mpsc::Sender<(Connection, SocketAddr)>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for example: others are answered meanwhile.
                tracing::warn!(%error, "a connection is not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (tls, ready) = (tls.clone(), ready.clone());
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                let silence = Box::pin(tokio::time::sleep(SILENCE));
                let _ = ready.send((Connection { stream, silence, _permit: permit }, address)).await;
            }
        });
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.waiting.recv().await {
            Some(connection) => connection,
            None => core::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// A client. It holds one of the places until it goes, and goes when it is silent for too long.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    silence: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending => match this.silence.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Poll::Pending => Poll::Pending,
            },
            read => {
                this.silence.as_mut().reset(Instant::now() + SILENCE);
                read
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
