//! The threads that judge what takes longer than an HTTP thread may.

use crate::verdict::Failure;
use parking_lot::{Condvar, Mutex};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Whether a job's turn came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    InTime,
    TooLate,
}

type Work = Box<dyn FnOnce(Turn) + Send>;

/// Where jobs are handed in; outlives the threads.
pub(super) struct Queue {
    /// As in the state, for those who look often.
    closed: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    jobs_max: usize,
    /// A job that waited longer is too late: its producer has most likely given up.
    wait_max: Duration,
    /// Threads that one plugin may hold, so that one that loops leaves the others theirs.
    share: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    busy: HashMap<Arc<str>, usize>,
    closed: bool,
}

struct Job {
    plugin: Arc<str>,
    queued: Instant,
    work: Work,
}

/// The threads; dropped, they end after the jobs that they are at, and the waiting ones fail.
pub(super) struct Judges {
    pub queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Judges {
    pub fn start(threads: usize, jobs_max: usize, wait_max: Duration) -> Judges {
        // With one, a plugin that loops would hold them all.
        let threads = threads.max(2);
        let queue = Arc::new(Queue {
            state: Mutex::default(),
            closed: AtomicBool::new(false),
            changed: Condvar::new(),
            jobs_max,
            wait_max,
            share: (threads / 2).max(1),
        });
        let threads = (0..threads)
            .map(|number| {
                let queue = queue.clone();
                std::thread::Builder::new()
                    .name(format!("plugin-judge-{number}"))
                    .spawn(move || queue.serve())
                    .expect("the operating system gives a thread")
            })
            .collect();
        Judges { queue, threads }
    }
}

impl Drop for Judges {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.queue.state.lock();
            state.closed = true;
            self.queue.closed.store(true, Ordering::Relaxed);
            std::mem::take(&mut state.jobs)
        };
        self.queue.changed.notify_all();
        drop(waiting);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Queue {
    /// The work is dropped unrun when the threads end first.
    pub fn submit(&self, plugin: &Arc<str>, work: Work) -> Result<(), Failure> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Failure::Draining);
        }
        // Half for one plugin at the most: what it cannot keep up with must not take the places of others.
        let own = state.jobs.iter().filter(|job| job.plugin == *plugin).count();
        if state.jobs.len() >= self.jobs_max || own >= self.jobs_max.div_ceil(2) {
            return Err(Failure::JudgesBusy);
        }
        state.jobs.push_back(Job { plugin: plugin.clone(), queued: Instant::now(), work });
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Whether the gateway is going away: what is not judged yet is not judged any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Why a job that was dropped unrun, or that panicked, gave no answer.
    pub fn failure(&self) -> Failure {
        if self.state.lock().closed { Failure::Draining } else { Failure::JudgingPanicked }
    }

    fn serve(&self) {
        while let Some(job) = self.next() {
            let turn = if job.queued.elapsed() > self.wait_max { Turn::TooLate } else { Turn::InTime };
            // A panic is a mistake of the gateway's own: it costs its request, not the thread.
            if catch_unwind(AssertUnwindSafe(|| (job.work)(turn))).is_err() {
                tracing::error!(plugin = &*job.plugin, "judging panicked");
            }
            self.release(&job.plugin);
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            let free = state
                .jobs
                .iter()
                .position(|job| state.busy.get(&job.plugin).is_none_or(|busy| *busy < self.share));
            if let Some(job) = free.and_then(|at| state.jobs.remove(at)) {
                *state.busy.entry(job.plugin.clone()).or_default() += 1;
                return Some(job);
            }
            self.changed.wait(&mut state);
        }
    }

    fn release(&self, plugin: &Arc<str>) {
        let mut state = self.state.lock();
        if let Some(busy) = state.busy.get_mut(plugin) {
            *busy -= 1;
            if *busy == 0 {
                state.busy.remove(plugin);
            }
        }
        drop(state);
        // A job that waited for this plugin's share may be any thread's.
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    const WAIT_MAX: Duration = Duration::from_secs(60);

    /// A job that tells when it runs and then waits until it may end.
    fn held(queue: &Queue, plugin: &str) -> (Receiver<()>, SyncSender<()>) {
        let (began, begun) = sync_channel(1);
        let (let_go, wait) = sync_channel::<()>(1);
        let work = Box::new(move |_| {
            let _ = began.send(());
            let _ = wait.recv();
        });
        queue.submit(&plugin.into(), work).unwrap();
        (begun, let_go)
    }

    #[test]
    fn a_plugin_that_never_ends_leaves_half_of_the_threads_to_others() {
        let judges = Judges::start(2, 10, WAIT_MAX);
        let (loops_once, end_once) = held(&judges.queue, "loops");
        let (loops_twice, end_twice) = held(&judges.queue, "loops");
        loops_once.recv().unwrap();
        let (other, end_other) = held(&judges.queue, "other");
        other.recv().unwrap();
        assert!(loops_twice.try_recv().is_err(), "one plugin holds both threads");
        drop((end_once, end_other));
        loops_twice.recv().unwrap();
        drop(end_twice);
    }

    #[test]
    fn a_full_queue_refuses_and_a_closed_one_says_that_it_drains() {
        let judges = Judges::start(1, 1, WAIT_MAX);
        let (begun, end) = held(&judges.queue, "a");
        begun.recv().unwrap();
        let (waiting, end_waiting) = held(&judges.queue, "a");
        assert_eq!(judges.queue.submit(&"a".into(), Box::new(|_| {})), Err(Failure::JudgesBusy));
        let queue = judges.queue.clone();
        drop((end, end_waiting));
        drop(judges);
        assert_eq!(queue.submit(&"a".into(), Box::new(|_| {})), Err(Failure::Draining));
        // Either its turn came before the end or it was dropped: it never hangs.
        let _ = waiting.recv();
    }

    #[test]
    fn a_panic_costs_its_own_job_only_and_is_told_apart_from_busy_judges() {
        let judges = Judges::start(1, 10, WAIT_MAX);
        judges.queue.submit(&"a".into(), Box::new(|_| panic!("boom"))).unwrap();
        let (begun, end) = held(&judges.queue, "a");
        begun.recv().unwrap();
        assert_eq!(judges.queue.failure(), Failure::JudgingPanicked);
        let queue = judges.queue.clone();
        drop(end);
        drop(judges);
        assert_eq!(queue.failure(), Failure::Draining);
    }

    #[test]
    fn a_job_that_waited_too_long_is_told_so() {
        let judges = Judges::start(1, 10, Duration::ZERO);
        let (tell, told) = sync_channel(1);
        judges.queue.submit(&"a".into(), Box::new(move |turn| tell.send(turn).unwrap())).unwrap();
        assert_eq!(told.recv(), Ok(Turn::TooLate));
    }
}
