//! SIGINT while checks run: what is known by then is still printed.

use std::sync::mpsc::Sender;

/// Sends `message` when the user interrupts, until the result is dropped.
#[cfg(unix)]
pub(super) fn on_interrupt<T: Send + 'static>(sender: Sender<T>, message: T) -> impl Drop {
    use tokio::sync::oneshot;
    let (guard, ended) = oneshot::channel::<()>();
    // Without another thread the system ends the process, as it does elsewhere.
    let _ = std::thread::Builder::new().spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            tokio::select! {
                Ok(()) = tokio::signal::ctrl_c() => {
                    // All may be done by then.
                    let _ = sender.send(message);
                }
                _ = ended => {}
            }
        });
    });
    guard
}

/// The system ends the process.
#[cfg(not(unix))]
pub(super) fn on_interrupt<T>(sender: Sender<T>, _message: T) -> Sender<T> {
    sender
}
