//! A future that comes to its end, also when nobody waits for it any more.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures::future::BoxFuture;

/// Goes on in a task of its own when it is dropped before it is done. Until then it has none: handing each to one, and its answer
/// back, takes two changes of the thread where little else goes on.
pub(super) struct Finished<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> Finished<T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<T: Send + 'static> Future for Finished<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        let answer = std::task::ready!(future.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(answer)
    }
}

impl<T: Send + 'static> Drop for Finished<T> {
    fn drop(&mut self) {
        // Without a runtime there is nothing that could finish it, nor anybody who would use the connection next.
        if let (Some(future), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::oneshot, time::timeout};

    use super::*;

    #[tokio::test]
    async fn what_is_given_up_comes_to_its_end_all_the_same() {
        let ((go, gone), (done, was_done)) = (oneshot::channel::<()>(), oneshot::channel());
        let work = Finished::new(async move {
            let _ = gone.await;
            let _ = done.send(7);
        });
        assert!(timeout(Duration::from_millis(1), work).await.is_err(), "nothing lets it go on yet");
        go.send(()).unwrap();
        assert_eq!(timeout(Duration::from_secs(10), was_done).await.unwrap(), Ok(7));
    }

    #[tokio::test]
    async fn what_is_waited_for_gives_its_answer_and_is_not_done_again() {
        assert_eq!(Finished::new(async { 7 }).await, 7);
    }
}
