//! What a pool closes without being asked by a request.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::error::Error as StdError;
use std::sync::Arc;

use hyper::body::Body;
use hyper::http::uri::Authority;
use tokio::time::{Instant, sleep};

use super::counts::CloseReason;
use super::{Pool, Shared};
use crate::rotate::Reconsidered;
use crate::sync::lock;
use crate::time::seconds;
use crate::tokio_client::{Dial, OpenConnections};

impl<B, D> Pool<B, D>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
    D: Dial,
{
    /// Closes what is due now: connections of what is not published any more, those whose proof has ended by the runtime's
    /// clock, and those that were idle for too long. One that serves requests ends after its last response.
    pub fn close_due(&self) {
        self.0.close_due();
    }

    /// Judges the peers of all open connections by the policy of now, and ends those that fail, also those that serve requests, spread
    /// over 10 s (R11). Their requests fail with the rejection. [`Pool::maintain`] does this whenever another generation is
    /// published. `None`: there is no policy to judge by.
    ///
    /// The connector numbers connections for all that note them: the result may name some of others.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer on.
    pub async fn reconsider(&self) -> Option<Reconsidered> {
        let open = self.0.open.clone();
        open.reconsider(OpenConnections::WINDOW).await
    }

    /// Calls [`Pool::close_due`] whenever something is published or withdrawn, and every second, and [`Pool::reconsider`] for each new
    /// generation: `tokio::spawn(pool.maintain())`.
    /// It ends once all clones of the pool are dropped. One task is enough.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer on.
    pub fn maintain(&self) -> impl Future<Output = ()> + Send + 'static {
        let (pool, connector) = (Arc::downgrade(&self.0), self.0.service.connector().clone());
        async move {
            let (mut tick, mut judged) = (Box::pin(sleep(TICK)), connector.generation());
            poll_fn(|cx| {
                let Some(pool) = pool.upgrade() else { return Poll::Ready(()) };
                // Before it looks: a publication from here on wakes this task again.
                pool.maintaining.wait(cx.waker());
                connector.wake_when_published(cx.waker());
                pool.close_due();
                let published = connector.generation();
                if core::mem::replace(&mut judged, published) != published {
                    let open = pool.open.clone();
                    tokio::spawn(async move { open.reconsider(OpenConnections::WINDOW).await });
                }
                while tick.as_mut().poll(cx).is_ready() {
                    tick.as_mut().reset(Instant::now() + TICK);
                }
                Poll::Pending
            })
            .await;
        }
    }
}

impl<B, D: Dial> Shared<B, D> {
    /// By the clock that judges (V8), in unix seconds.
    pub(super) fn now(&self) -> i64 {
        seconds(self.service.connector().runtime().now())
    }

    fn close_due(&self) {
        let (now, timeout) = (self.now(), self.options.idle_timeout);
        let mut clients = lock(&self.clients);
        let stale = clients.extract_if(|_, client| !client.bound.is_current());
        stale.for_each(|(_, client)| client.close(CloseReason::Superseded));
        clients.retain(|_, client| {
            client.close_untrusted(now);
            client.close_idle(timeout);
            !client.is_unused(timeout)
        });
    }

    pub(super) fn close_stale(&self, authority: &Authority) {
        let mut clients = lock(&self.clients);
        if clients.get(authority).is_some_and(|client| !client.bound.is_current()) {
            clients.remove(authority).into_iter().for_each(|client| client.close(CloseReason::Superseded));
        }
    }
}

impl<B, D> Drop for Shared<B, D> {
    fn drop(&mut self) {
        self.maintaining.wake();
    }
}

const TICK: Duration = Duration::from_secs(1);
