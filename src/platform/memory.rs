//! Memory that is given back, and memory that is kept out of the swap area.
//!
//! The daemon's one thread keeps all its secrets on the heap. So the heap is what is locked: less than a megabyte, and
//! of that only what is in use. To lock all that the process maps, now or later, is out of reach: it counts by its size
//! and not by its use, and past the limit no thread could be started any more.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub use self::heap::{lock_growth, lock_secrets, release_free};

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod heap {
    use std::{
        fs, io,
        ops::Range,
        sync::atomic::{AtomicBool, Ordering},
    };

    use nix::{errno::Errno, libc};

    /// Whether the heap is to be locked.
    static LOCKED: AtomicBool = AtomicBool::new(false);

    /// Keeps what is on the heap, and comes to be there, out of the swap area.
    ///
    /// # Errors
    /// Where the limit of the process (`ulimit -l`) does not allow it.
    pub fn lock_secrets() -> io::Result<()> {
        lock()?;
        LOCKED.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The same for what the heap has grown by, if [`lock_secrets`] was called.
    pub fn lock_growth() {
        if LOCKED.load(Ordering::Relaxed)
            && let Err(error) = lock()
        {
            tracing::debug!("memory that the heap grew by can't be locked: {error}");
        }
    }

    /// Gives memory that is free to the system again: an exchange needs for a moment what an idle daemon doesn't.
    pub fn release_free() {
        if LOCKED.load(Ordering::Relaxed) {
            // The system takes nothing back that is locked.
            drop(each(|start, length| {
                // SAFETY: munlock(2) changes nothing but where the system may keep the pages.
                #[expect(unsafe_code, reason = "it takes an address")]
                unsafe {
                    libc::munlock(start, length)
                }
            }));
        }
        // SAFETY: malloc_trim(3) takes a number and touches nothing but what the allocator holds for itself.
        #[expect(unsafe_code, reason = "no crate has a safe name for it")]
        unsafe {
            libc::malloc_trim(0);
        }
        lock_growth();
    }

    /// Locks the pages that are in use, and each other one as soon as it is.
    fn lock() -> io::Result<()> {
        each(|start, length| {
            // SAFETY: mlock2(2) changes nothing but where the system may keep the pages.
            #[expect(unsafe_code, reason = "it takes an address")]
            unsafe {
                libc::mlock2(start, length, libc::MLOCK_ONFAULT)
            }
        })
    }

    fn each(call: impl Fn(*const libc::c_void, usize) -> libc::c_int) -> io::Result<()> {
        let maps = fs::read_to_string("/proc/self/maps")?;
        for part in maps.lines().filter_map(range) {
            Errno::result(call(std::ptr::without_provenance(part.start), part.len()))?;
        }
        Ok(())
    }

    /// The addresses in a line of `/proc/self/maps` that is a part of the heap.
    fn range(line: &str) -> Option<Range<usize>> {
        let (start, end) = line.strip_suffix(" [heap]")?.split_once(' ')?.0.split_once('-')?;
        Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_heap_is_found_in_the_map_of_the_process() {
            for (line, expected) in [
                ("55f0-5611 rw-p 00000000 00:00 0                          [heap]", Some(0x55f0..0x5611)),
                ("7ffc-7ffd rw-p 00000000 00:00 0                          [stack]", None),
                ("55f0-5611 r-xp 00000000 08:01 17                         /bin/sh", None),
                ("7f00-7f01 rw-p 00000000 00:00 0", None),
                ("", None),
            ] {
                assert_eq!(range(line), expected, "{line}");
            }
            assert!(fs::read_to_string("/proc/self/maps").unwrap().lines().any(|line| range(line).is_some()));
        }
    }
}

/// There is no lock by use here; macOS encrypts its swap area.
///
/// # Errors
/// Always.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn lock_secrets() -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Nothing is locked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn lock_growth() {}

/// Other allocators give it back by themselves, or can't be asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn release_free() {}
