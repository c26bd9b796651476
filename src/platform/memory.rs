//! Memory that is given back.

/// Gives memory that is free to the system again: an exchange needs for a moment what an idle daemon doesn't.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn release_free() {
    // SAFETY: malloc_trim(3) takes a number and touches nothing but what the allocator holds for itself.
    #[expect(unsafe_code, reason = "no crate has a safe name for it")]
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

/// Other allocators give it back by themselves, or can't be asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn release_free() {}
