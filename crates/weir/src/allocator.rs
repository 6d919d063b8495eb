//! How freed memory is treated by a program that answers a question and ends.
//!
//! glibc gives what was freed back to the kernel as soon as there are 128 KiB of it at the end of a heap, and takes large
//! pieces from the kernel one by one. The columns of one row group after the other are just such pieces, and every page
//! that comes from the kernel is cleared and mapped first: that was two fifths of a small question's processor time.
//! The daemon, which stays, gives back what it does not need.

#![expect(unsafe_code, reason = "mallopt has no safe wrapper")]

/// Pieces up to here come from the heap; the greatest number glibc takes.
#[cfg(target_env = "gnu")]
const HEAP_BYTES: libc::c_int = 32 << 20;

/// Memory that was freed stays with the process until it ends. Other allocators than glibc's are left as they are.
pub(crate) fn keep_what_is_freed() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in
        [(libc::M_MMAP_THRESHOLD, HEAP_BYTES), (libc::M_TRIM_THRESHOLD, libc::c_int::MAX)]
    {
        // SAFETY: mallopt takes two numbers and sets how later calls of malloc and free behave; it may be called at any
        // time and by any thread, and one it does not know it refuses.
        let _taken = unsafe { libc::mallopt(parameter, value) };
    }
}
