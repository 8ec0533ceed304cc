//! The engine that compiles and runs plugins, and the ticker that lets it look at the time.

use parking_lot::Mutex;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;
use wasmtime::{Cache, CacheConfig, EngineWeak};

/// How often a running guest looks whether its time is up. A tick costs the guest a syscall, so not oftener;
/// the slice of a call on an HTTP thread is two of them, so not more seldom.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// Ticks without any call after which the ticker sleeps until the next one.
const IDLE_TICKS: u32 = 100;

/// What a guest may use of the thread's stack. A tokio worker has 2 MiB.
const STACK_BYTES_MAX: usize = 512 << 10;

/// The engine and its ticker. The ticker ends with the last clone of the `Arc` around this.
pub(super) struct Engine {
    pub wasmtime: wasmtime::Engine,
    /// Whether it counts what guests do.
    pub is_metered: bool,
    ticker: Ticker,
}

/// More than any call takes.
const FUEL: u64 = u64::MAX / 2;

impl Engine {
    pub fn new() -> wasmtime::Result<Engine> {
        Engine::with(false, None)
    }

    /// For those who write plugins. Metered, its guests are slower by a third, as what they do is counted: the same on every
    /// machine. With a directory, what was compiled once is read the next time: wasmtime believes what it finds there, so it
    /// has to be the user's own. Where it is not, or cannot be written, everything is compiled.
    pub fn of_workshop(is_metered: bool, cache: Option<&Path>) -> wasmtime::Result<Engine> {
        let cache = cache.filter(|directory| is_private(directory)).and_then(|directory| {
            let mut config = CacheConfig::new();
            config.with_directory(directory);
            Cache::new(config).ok()
        });
        Engine::with(is_metered, cache)
    }

    fn with(is_metered: bool, cache: Option<Cache>) -> wasmtime::Result<Engine> {
        let mut config = wasmtime::Config::new();
        config
            // Every synchronous call would otherwise set up and tear down a task: 520 ns instead of 172.
            .concurrency_support(false)
            .epoch_interruption(true)
            .consume_fuel(is_metered)
            .max_wasm_stack(STACK_BYTES_MAX)
            // A verdict must not depend on the machine that came to it.
            .cranelift_nan_canonicalization(true)
            .wasm_relaxed_simd(false)
            .cache(cache);
        let wasmtime = wasmtime::Engine::new(&config)?;
        let ticker = Ticker::start(wasmtime.weak());
        Ok(Engine { wasmtime, is_metered, ticker })
    }

    /// Fills up what a call may use, where that is counted.
    pub fn fill<T>(&self, store: &mut wasmtime::Store<T>) {
        if self.is_metered {
            // It fails only where nothing is counted.
            let _ = store.set_fuel(FUEL);
        }
    }

    /// What was used since it was filled up. None: it is not counted.
    pub fn used<T>(&self, store: &wasmtime::Store<T>) -> Option<u64> {
        store.get_fuel().ok().filter(|_| self.is_metered).map(|left| FUEL.saturating_sub(left))
    }

    /// Keeps the epoch moving as long as the guard lives.
    pub fn tick_while_running(&self) -> Running<'_> {
        self.ticker.shared.running.fetch_add(1, Ordering::SeqCst);
        // Either this sees that the ticker sleeps, or the ticker sees the call: both orders are sequential.
        if self.ticker.shared.asleep.load(Ordering::SeqCst) {
            self.ticker.thread.unpark();
        }
        Running { shared: &self.ticker.shared }
    }
}

/// Makes a directory, and says whether nobody but the user of this process can write there.
fn is_private(directory: &Path) -> bool {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    let metadata = made.and_then(|()| directory.metadata());
    metadata.is_ok_and(|metadata| {
        metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
    })
}

/// A guest is running.
pub(super) struct Running<'e> {
    shared: &'e Shared,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.shared.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    asleep: AtomicBool,
    stopped: AtomicBool,
}

/// A plain OS thread: a timer of the runtime that guests block would come too late.
struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Ticker {
    fn start(engine: EngineWeak) -> Ticker {
        let shared = Arc::new(Shared::default());
        let ticking = shared.clone();
        let handle = std::thread::Builder::new()
            .name("plugin-ticker".into())
            .spawn(move || tick(&engine, &ticking))
            .expect("the operating system gives a thread");
        Ticker { shared, thread: handle.thread().clone(), handle: Mutex::new(Some(handle)) }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.thread.unpark();
        if let Some(handle) = self.handle.lock().take() {
            let _ = handle.join();
        }
    }
}

fn tick(engine: &EngineWeak, shared: &Shared) {
    let mut idle = 0;
    while !shared.stopped.load(Ordering::SeqCst) {
        if idle < IDLE_TICKS {
            std::thread::park_timeout(TICK);
        } else {
            shared.asleep.store(true, Ordering::SeqCst);
            if shared.running.load(Ordering::SeqCst) == 0 && !shared.stopped.load(Ordering::SeqCst) {
                std::thread::park();
            }
            shared.asleep.store(false, Ordering::SeqCst);
        }
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
        idle = if shared.running.load(Ordering::SeqCst) == 0 { idle.saturating_add(1) } else { 0 };
    }
}
