//! The allocator of a guest: allocation is an addition, and freeing the last one of a chunk empties it.
//!
//! Nearly everything a guest allocates lives no longer than the call it was allocated for. So small things are laid
//! one after the other into chunks, of which each only counts how many of its things are alive; when none is, the
//! whole chunk is empty again. What lives longer (a setting read once, a cache) keeps one chunk from being
//! reused, and nothing else. Large things go to the system's allocator, so that a chunk never holds just one
//! of them, and so do chunks beyond a few that are kept spare: what a large call took is given back.
//!
//! This is the one place with unsafe code of ours in the SDK: a global allocator cannot be written without.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};

/// Chunks are as long as WebAssembly's pages and begin at a multiple of their length, so that a thing's
/// address tells its chunk.
const CHUNK_BYTES: usize = 64 << 10;

/// What is larger goes to the system's allocator: an eighth of a chunk bounds what is lost at a chunk's end.
const SMALL_BYTES_MAX: usize = CHUNK_BYTES / 8;

/// What is aligned to more than this goes to the system's allocator. The alignment of a chunk's head.
const ALIGN_MAX: usize = 16;

/// Empty chunks that are kept: 1 MiB, what a batch of a thousand records needs.
const SPARE_MAX: usize = 16;

const CHUNK: Layout = match Layout::from_size_align(CHUNK_BYTES, CHUNK_BYTES) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

/// The allocator. `System` is where chunks and large things come from.
pub struct Arena<Source = System> {
    state: UnsafeCell<State>,
    source: Source,
}

struct State {
    /// The chunk that is being filled.
    current: *mut Head,
    /// Where in it the next thing goes, as an address; never before its head's end.
    top: usize,
    /// Empty chunks, linked by their heads.
    spare: *mut Head,
    spares: usize,
}

/// What a chunk begins with.
#[repr(C, align(16))]
struct Head {
    /// How many things in the chunk are alive.
    live: usize,
    /// The next spare chunk, while this is one.
    next: *mut Head,
}

#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
#[global_allocator]
static ARENA: Arena = Arena::new(System);

// SAFETY: without atomics a WebAssembly module has one thread, so nothing is ever shared between two.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
unsafe impl Sync for Arena {}

impl<Source> Arena<Source> {
    pub const fn new(source: Source) -> Self {
        let state = State { current: ptr::null_mut(), top: 0, spare: ptr::null_mut(), spares: 0 };
        Self { state: UnsafeCell::new(state), source }
    }
}

fn is_small(layout: Layout) -> bool {
    layout.size() <= SMALL_BYTES_MAX && layout.align() <= ALIGN_MAX
}

/// The head of the chunk that a small thing lies in.
fn head_of(address: usize) -> *mut Head {
    // The thing's own pointer may be good for the thing alone: the chunk's was exposed when it was made.
    ptr::with_exposed_provenance_mut(address & !(CHUNK_BYTES - 1))
}

impl State {
    /// Where a thing would go in the current chunk, and where the next one after it; none if it does not fit.
    #[inline]
    fn place(&self, size: usize, align: usize) -> Option<(usize, usize)> {
        let start = (self.top + align - 1) & !(align - 1);
        let end = start + size;
        let chunk_end = self.current.addr() + CHUNK_BYTES;
        (!self.current.is_null() && end <= chunk_end).then_some((start, end))
    }

    fn rewind(&mut self) {
        self.top = self.current.addr() + size_of::<Head>();
    }
}

impl<Source: GlobalAlloc> Arena<Source> {
    /// A place for a small thing.
    ///
    /// # Safety
    ///
    /// Nobody else has the state borrowed: callers are the allocator's own functions, which do not call each
    /// other while they hold it, on one thread.
    #[inline]
    unsafe fn take(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let state = unsafe { &mut *self.state.get() };
        let placed = match state.place(layout.size(), layout.align()) {
            Some(placed) => Some(placed),
            // SAFETY: `state` is borrowed, and `refill` only touches the source and heads of chunks.
            None if unsafe { self.refill(state) } => state.place(layout.size(), layout.align()),
            None => None,
        };
        let Some((start, end)) = placed else { return ptr::null_mut() };
        state.top = end;
        // SAFETY: `place` found room, so there is a current chunk, and its head is ours alone.
        unsafe { (*state.current).live += 1 };
        ptr::with_exposed_provenance_mut(start)
    }

    /// Begins another chunk; false if there is no memory for one. The one before is left to its things.
    ///
    /// # Safety
    ///
    /// `state` is this arena's.
    #[cold]
    unsafe fn refill(&self, state: &mut State) -> bool {
        let chunk = match NonNull::new(state.spare) {
            Some(spare) => {
                // SAFETY: spare chunks are empty and ours, and each one's head says which is next.
                state.spare = unsafe { (*spare.as_ptr()).next };
                state.spares -= 1;
                spare.as_ptr()
            }
            None => {
                // SAFETY: the layout's size is not zero.
                let chunk = unsafe { self.source.alloc(CHUNK) }.cast::<Head>();
                if chunk.is_null() {
                    return false;
                }
                chunk.expose_provenance();
                chunk
            }
        };
        // SAFETY: the chunk is ours, aligned to its length and longer than a head.
        unsafe { chunk.write(Head { live: 0, next: ptr::null_mut() }) };
        state.current = chunk;
        state.rewind();
        true
    }

    /// Takes back the place of a small thing.
    ///
    /// # Safety
    ///
    /// As [`Arena::take`], from which the place came, with this size, and has not been taken back before.
    #[inline]
    unsafe fn give_back(&self, place: *mut u8, size: usize) {
        // SAFETY: as the caller promises.
        let state = unsafe { &mut *self.state.get() };
        let address = place.addr();
        let head = head_of(address);
        // SAFETY: the place lies in a chunk of ours, and chunks with live things are never released.
        let live = unsafe {
            (*head).live -= 1;
            (*head).live
        };
        if live == 0 {
            if head == state.current {
                state.rewind();
            } else {
                // SAFETY: nothing in the chunk is alive, and it is not the current one.
                unsafe { self.retire(state, head) };
            }
        } else if address + size == state.top {
            state.top = address;
        }
    }

    /// Keeps an empty chunk for later, or gives it back if there are enough.
    ///
    /// # Safety
    ///
    /// `state` is this arena's, and the chunk is one of its own, empty and not the current one.
    #[cold]
    unsafe fn retire(&self, state: &mut State, chunk: *mut Head) {
        if state.spares == SPARE_MAX {
            // SAFETY: it was allocated with this layout, and nothing points into it any more.
            return unsafe { self.source.dealloc(chunk.cast(), CHUNK) };
        }
        // SAFETY: as the caller promises, the head is ours alone.
        unsafe { (*chunk).next = state.spare };
        state.spare = chunk;
        state.spares += 1;
    }

    /// Makes the last small thing larger or smaller where it is; false if it is not the last, or does not fit.
    ///
    /// # Safety
    ///
    /// As [`Arena::give_back`].
    #[inline]
    unsafe fn stretch(&self, place: *mut u8, old: usize, new: usize) -> bool {
        // SAFETY: as the caller promises.
        let state = unsafe { &mut *self.state.get() };
        let address = place.addr();
        let last = address + old == state.top;
        let fits = last && address + new <= state.current.addr() + CHUNK_BYTES;
        if fits {
            state.top = address + new;
        }
        fits
    }
}

// SAFETY: places do not overlap: in a chunk each begins where the one before ended, and `top` goes back only over a
// thing that is no more, or when nothing in the chunk is alive. They are aligned, since `place` rounds up. They stay
// valid, since a chunk is reused or released only when nothing in it is alive. The source keeps the same promises
// for what goes to it, and a layout alone tells which of the two a place came from.
unsafe impl<Source: GlobalAlloc> GlobalAlloc for Arena<Source> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_small(layout) {
            // SAFETY: nothing of ours holds the state here.
            return unsafe { self.take(layout) };
        }
        // SAFETY: the caller's promise is the source's.
        unsafe { self.source.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        if is_small(layout) {
            // SAFETY: nothing of ours holds the state here, and small places are from `take`.
            return unsafe { self.give_back(place, layout.size()) };
        }
        // SAFETY: the caller's promise is the source's, and places that are not small are from it.
        unsafe { self.source.dealloc(place, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !is_small(layout) {
            // SAFETY: the caller's promise is the source's.
            return unsafe { self.source.alloc_zeroed(layout) };
        }
        // SAFETY: nothing of ours holds the state here.
        let place = unsafe { self.take(layout) };
        if !place.is_null() {
            // SAFETY: the place is as long as the layout says.
            unsafe { place.write_bytes(0, layout.size()) };
        }
        place
    }

    #[inline]
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size, rounded up to the alignment, is no overflow.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_small(layout), is_small(wanted)) {
            // SAFETY: the caller's promise is the source's, and places that are not small are from it.
            (false, false) => return unsafe { self.source.realloc(place, layout, size) },
            // SAFETY: nothing of ours holds the state here, and small places are from `take`.
            (true, true) if unsafe { self.stretch(place, layout.size(), size) } => return place,
            _ => {}
        }
        // SAFETY: the two places are different ones, each at least as long as what is copied; the old one is
        // the caller's to give back, with the layout it came with.
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                place.copy_to_nonoverlapping(moved, layout.size().min(size));
                self.dealloc(place, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests;
