use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

use super::{Arena, CHUNK_BYTES, SMALL_BYTES_MAX, SPARE_MAX};

/// The system's allocator, which knows what has been taken from it and refuses more than it may give.
struct Counting {
    taken: Cell<usize>,
    most: usize,
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.taken.get() + layout.size() > self.most {
            return ptr::null_mut();
        }
        self.taken.set(self.taken.get() + layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        self.taken.set(self.taken.get() - layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(place, layout) }
    }
}

fn arena(most: usize) -> Arena<Counting> {
    Arena::new(Counting { taken: Cell::new(0), most })
}

impl Arena<Counting> {
    fn taken(&self) -> usize {
        self.source.taken.get()
    }
}

/// What is left is what the arena keeps: spare chunks and the current one.
impl<S> Drop for Arena<S> {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let mut chunk = state.spare;
        // SAFETY: spare chunks are the arena's own, and so is the current one, of which tests leave nothing alive.
        unsafe {
            while !chunk.is_null() {
                let next = (*chunk).next;
                System.dealloc(chunk.cast(), super::CHUNK);
                chunk = next;
            }
            if !state.current.is_null() && (*state.current).live == 0 {
                System.dealloc(state.current.cast(), super::CHUNK);
            }
        }
    }
}

/// A thing in the arena, filled with one byte, so that it can be told whether something was laid over it.
struct Thing<'a> {
    arena: &'a Arena<Counting>,
    place: *mut u8,
    layout: Layout,
    fill: u8,
}

impl<'a> Thing<'a> {
    fn new(arena: &'a Arena<Counting>, size: usize, align: usize, fill: u8) -> Self {
        let layout = Layout::from_size_align(size, align).expect("a valid layout");
        // SAFETY: the size is never zero here.
        let place = unsafe { arena.alloc(layout) };
        assert!(!place.is_null() && place.addr().is_multiple_of(align));
        // SAFETY: the place is `size` bytes long.
        unsafe { place.write_bytes(fill, size) };
        Self { arena, place, layout, fill }
    }

    fn resize(&mut self, size: usize) {
        self.check();
        // SAFETY: the place came from this arena with this layout.
        self.place = unsafe { self.arena.realloc(self.place, self.layout, size) };
        let kept = self.layout.size().min(size);
        self.layout = Layout::from_size_align(size, self.layout.align()).expect("a valid layout");
        for at in 0..kept {
            // SAFETY: both lengths are within the place.
            assert_eq!(unsafe { *self.place.add(at) }, self.fill);
        }
        // SAFETY: the place is `size` bytes long.
        unsafe { self.place.write_bytes(self.fill, size) };
    }

    fn check(&self) {
        // SAFETY: the place is as long as its layout says, and filled.
        let bytes = unsafe { std::slice::from_raw_parts(self.place, self.layout.size()) };
        assert!(bytes.iter().all(|byte| *byte == self.fill), "something was laid over a thing that is alive");
    }
}

impl Drop for Thing<'_> {
    fn drop(&mut self) {
        self.check();
        // SAFETY: the place came from this arena with this layout, and goes back once.
        unsafe { self.arena.dealloc(self.place, self.layout) };
    }
}

/// xorshift: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn nothing_is_laid_over_what_is_alive() {
    let turns = if cfg!(miri) { 400 } else { 60_000 };
    let arena = arena(usize::MAX);
    let mut numbers = Numbers(0x5EED);
    let mut things = Vec::new();
    for turn in 0..turns {
        let size = match numbers.below(20) {
            0 => 1 + numbers.below(3 * SMALL_BYTES_MAX),
            1..4 => 1 + numbers.below(SMALL_BYTES_MAX),
            _ => 1 + numbers.below(200),
        };
        match numbers.below(5) {
            0 | 1 => things.push(Thing::new(&arena, size, 1 << numbers.below(6), turn as u8)),
            2 if !things.is_empty() => drop(things.swap_remove(numbers.below(things.len()))),
            3 if !things.is_empty() => drop(things.pop()),
            4 if !things.is_empty() => {
                let chosen = numbers.below(things.len());
                things[chosen].resize(size);
            }
            _ => {}
        }
        if things.len() > 300 {
            things.truncate(numbers.below(300));
        }
    }
    drop(things);
    assert!(arena.taken() <= (SPARE_MAX + 1) * CHUNK_BYTES, "{} bytes are left", arena.taken());
}

#[test]
fn a_thousand_calls_take_no_more_memory_than_one() {
    let arena = arena(usize::MAX);
    let call = || {
        let things: Vec<_> = (0..2_000).map(|number| Thing::new(&arena, 100, 8, number as u8)).collect();
        drop(things);
        arena.taken()
    };
    let after_one = call();
    for _ in 0..if cfg!(miri) { 2 } else { 1_000 } {
        assert_eq!(call(), after_one);
    }
}

#[test]
fn what_outlives_a_call_keeps_one_chunk_only() {
    let arena = arena(usize::MAX);
    let cached = Thing::new(&arena, 40, 8, 7);
    for _ in 0..50 {
        let things: Vec<_> = (0..3_000).map(|number| Thing::new(&arena, 60, 4, number as u8)).collect();
        drop(things);
    }
    let chunks = (3_000 * 60usize).div_ceil(CHUNK_BYTES) + 2;
    assert!(arena.taken() <= chunks * CHUNK_BYTES, "{} bytes are taken", arena.taken());
    cached.check();
    drop(cached);
}

#[test]
fn what_a_large_call_took_is_given_back() {
    let arena = arena(usize::MAX);
    let chunks = SPARE_MAX + 20;
    let things: Vec<_> = (0..chunks * CHUNK_BYTES / SMALL_BYTES_MAX)
        .map(|_| Thing::new(&arena, SMALL_BYTES_MAX, 1, 1))
        .collect();
    assert!(arena.taken() >= chunks * CHUNK_BYTES);
    drop(things);
    assert!(arena.taken() <= (SPARE_MAX + 1) * CHUNK_BYTES, "{} bytes are left", arena.taken());
}

#[test]
fn the_end_of_memory_is_told_and_survived() {
    let arena = arena(2 * CHUNK_BYTES);
    let layout = Layout::from_size_align(SMALL_BYTES_MAX, 8).expect("a valid layout");
    let mut places = Vec::new();
    loop {
        // SAFETY: the size is not zero.
        let place = unsafe { arena.alloc(layout) };
        if place.is_null() {
            break;
        }
        places.push(place);
    }
    assert_eq!(places.len(), 14, "seven in each of two chunks, whose heads take the place of an eighth");
    for place in places {
        // SAFETY: the place came from this arena with this layout.
        unsafe { arena.dealloc(place, layout) };
    }
    drop(Thing::new(&arena, 100, 8, 3));
}

#[test]
fn zeroed_memory_is_zero_also_where_something_was_before() {
    let arena = arena(usize::MAX);
    drop(Thing::new(&arena, 500, 1, 0xFF));
    let layout = Layout::from_size_align(500, 1).expect("a valid layout");
    // SAFETY: the size is not zero; the place is as long as it says and goes back once.
    unsafe {
        let place = arena.alloc_zeroed(layout);
        assert!(std::slice::from_raw_parts(place, 500).iter().all(|byte| *byte == 0));
        arena.dealloc(place, layout);
    }
}
