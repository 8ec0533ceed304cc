//! The queue in front of a log's writer thread, and the natural batching of group commit: while one sync runs,
//! the next group gathers.

use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::committer::Committer;
use super::error::{AppendError, OpenError};
use super::frame::Frames;
use super::{Appended, Config};

/// How often an idle log looks whether segments have grown too old.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60);

type Answer = Result<Appended, AppendError>;

/// The answer to an append; dropping it does not take the append back.
#[derive(Debug)]
#[must_use = "an append counts only once it is acknowledged"]
pub struct Acknowledgement(Waiting);

#[derive(Debug)]
enum Waiting {
    /// Known at once; polled again after it was taken, it is `Closed`.
    Ready(Answer),
    Queued(oneshot::Receiver<Answer>),
}

impl Acknowledgement {
    pub(super) fn ready(answer: Answer) -> Self {
        Self(Waiting::Ready(answer))
    }

    /// Blocks until the answer is there; not for threads of an async runtime.
    ///
    /// # Errors
    /// As [`super::Log::append`].
    pub fn wait(self) -> Result<Appended, AppendError> {
        match self.0 {
            Waiting::Ready(answer) => answer,
            Waiting::Queued(receiver) => receiver.blocking_recv().unwrap_or(Err(AppendError::Closed)),
        }
    }
}

impl Future for Acknowledgement {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        match &mut self.0 {
            Waiting::Ready(answer) => Poll::Ready(std::mem::replace(answer, Err(AppendError::Closed))),
            Waiting::Queued(receiver) => {
                // A writer that died without an answer has acknowledged nothing.
                let answer = ready!(Pin::new(receiver).poll(context)).unwrap_or(Err(AppendError::Closed));
                self.0 = Waiting::Ready(Err(AppendError::Closed));
                Poll::Ready(answer)
            }
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frames>,
    replies: VecDeque<oneshot::Sender<Answer>>,
    /// Bytes that wait, those of the group being written among them.
    bytes: u64,
    closed: bool,
}

#[derive(Debug)]
struct Gate {
    queue: Mutex<Queue>,
    arrived: Condvar,
    commit_bytes_max: u64,
    commit_records_max: u32,
    queue_bytes_max: u64,
    append_bytes_max: u64,
    idle: Option<Duration>,
}

/// The writer's thread, as its owner sees it.
#[derive(Debug)]
pub(super) struct Writer {
    gate: Arc<Gate>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        committer: Committer,
        config: &Config,
        lock: Option<Arc<File>>,
    ) -> Result<Self, OpenError> {
        let gate = Arc::new(Gate {
            queue: Mutex::default(),
            arrived: Condvar::new(),
            commit_bytes_max: config.commit_bytes_max,
            commit_records_max: config.commit_records_max,
            queue_bytes_max: config.queue_bytes_max,
            append_bytes_max: config.append_bytes_max(),
            idle: config.retention_age.map(|_| RETENTION_INTERVAL),
        });
        let theirs = Arc::clone(&gate);
        let work = move || {
            let closing = CloseOnExit(&theirs);
            run(&theirs, committer);
            drop(closing);
            // The directory stays locked until the last write is done.
            drop(lock);
        };
        let thread = Builder::new().name("sluicegate-log".to_owned()).spawn(work);
        let thread = thread.map_err(|error| OpenError::Thread(error.to_string()))?;
        Ok(Self { gate, thread: Some(thread) })
    }

    pub(super) fn append(&self, frames: Frames) -> Acknowledgement {
        let (bytes, limit) = (frames.bytes(), self.gate.queue_bytes_max);
        let mut queue = self.gate.queue.lock();
        let refusal = if queue.closed {
            Some(AppendError::Closed)
        } else if bytes > self.gate.append_bytes_max {
            Some(AppendError::TooLarge { bytes, limit: self.gate.append_bytes_max })
        } else if queue.bytes + bytes > limit {
            Some(AppendError::Overloaded { queued: queue.bytes, limit })
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return Acknowledgement::ready(Err(refusal));
        }
        let (reply, answer) = oneshot::channel();
        queue.bytes += bytes;
        queue.frames.push_back(frames);
        queue.replies.push_back(reply);
        drop(queue);
        self.gate.arrived.notify_one();
        Acknowledgement(Waiting::Queued(answer))
    }

    pub(super) fn queued_bytes(&self) -> u64 {
        self.gate.queue.lock().bytes
    }

    /// Whether appends are taken: not closed, and the thread lives.
    pub(super) fn is_open(&self) -> bool {
        !self.gate.queue.lock().closed
    }

    pub(super) fn close(&mut self) {
        self.gate.queue.lock().closed = true;
        self.gate.arrived.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("log writer panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Refuses what would never be answered, however the writer ends.
struct CloseOnExit<'a>(&'a Gate);

impl Drop for CloseOnExit<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.closed = true;
        queue.frames.clear();
        queue.replies.clear();
        queue.bytes = 0;
    }
}

fn run(gate: &Gate, mut committer: Committer) {
    let mut frames = Vec::new();
    let mut replies = Vec::new();
    loop {
        match gate.gather(&mut frames, &mut replies) {
            Gathered::Group => {}
            Gathered::Idle => {
                committer.retain();
                continue;
            }
            Gathered::Closed => break,
        }
        let bytes: u64 = frames.iter().map(Frames::bytes).sum();
        let answers = committer.commit(&mut frames);
        frames.clear();
        gate.queue.lock().bytes -= bytes;
        for (reply, answer) in replies.drain(..).zip(answers) {
            // Whoever does not wait any more has lost nothing.
            drop(reply.send(answer));
        }
    }
    committer.close();
}

enum Gathered {
    Group,
    Idle,
    Closed,
}

impl Gate {
    /// Waits for appends and takes as many as one sync may cover, at least one.
    fn gather(&self, frames: &mut Vec<Frames>, replies: &mut Vec<oneshot::Sender<Answer>>) -> Gathered {
        let mut queue = self.queue.lock();
        while queue.frames.is_empty() {
            if queue.closed {
                return Gathered::Closed;
            }
            match self.idle {
                Some(idle) if self.arrived.wait_for(&mut queue, idle).timed_out() => return Gathered::Idle,
                Some(_) => {}
                None => self.arrived.wait(&mut queue),
            }
        }
        let (mut bytes, mut records) = (0, 0);
        let mut fits = |next: &Frames| {
            bytes += next.bytes();
            records += next.count();
            bytes <= self.commit_bytes_max && records <= self.commit_records_max
        };
        let fitting = queue.frames.iter().take_while(|next| fits(next)).count().max(1);
        frames.extend(queue.frames.drain(..fitting));
        replies.extend(queue.replies.drain(..fitting));
        Gathered::Group
    }
}
