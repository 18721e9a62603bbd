//! The C library's mutex, shared between processes and robust, and its condition variables.

use std::io;
use std::mem::MaybeUninit;

/// Room for either of them.
pub type Words = [u64; 8];

fn checked(error: libc::c_int) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

#[derive(Clone, Copy)]
pub struct Mutex(*mut libc::pthread_mutex_t);

impl Mutex {
    /// The one in these words.
    ///
    /// # Safety
    ///
    /// They are mapped for as long as it is used, and only written by its methods; [`init`](Self::init) is called once, before
    /// all others.
    pub unsafe fn at(words: *mut Words) -> Self {
        const {
            assert!(size_of::<libc::pthread_mutex_t>() <= size_of::<Words>());
            assert!(align_of::<libc::pthread_mutex_t>() <= align_of::<Words>());
        }
        Self(words.cast())
    }

    pub fn init(self) -> io::Result<()> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: initialises the attributes.
        checked(unsafe { libc::pthread_mutexattr_init(attributes.as_mut_ptr()) })?;
        let attributes = attributes.as_mut_ptr();
        // SAFETY: they are initialised.
        checked(unsafe { libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) })?;
        // SAFETY: they are initialised.
        checked(unsafe { libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST) })?;
        // SAFETY: there is room, by `at`, and it is not used yet.
        checked(unsafe { libc::pthread_mutex_init(self.0, attributes) })
    }

    /// Says whether its last holder died.
    pub fn lock(self) -> io::Result<bool> {
        // SAFETY: initialised, by `at`.
        match unsafe { libc::pthread_mutex_lock(self.0) } {
            libc::EOWNERDEAD => {
                // SAFETY: this thread has the lock now.
                checked(unsafe { libc::pthread_mutex_consistent(self.0) })?;
                Ok(true)
            }
            locked => checked(locked).map(|()| false),
        }
    }

    pub fn unlock(self) -> io::Result<()> {
        // SAFETY: initialised, by `at`. One that another thread has is an error.
        checked(unsafe { libc::pthread_mutex_unlock(self.0) })
    }
}

#[derive(Clone, Copy)]
pub struct Condition(*mut libc::pthread_cond_t);

impl Condition {
    /// The one in these words.
    ///
    /// # Safety
    ///
    /// As of [`Mutex::at`].
    pub unsafe fn at(words: *mut Words) -> Self {
        const {
            assert!(size_of::<libc::pthread_cond_t>() <= size_of::<Words>());
            assert!(align_of::<libc::pthread_cond_t>() <= align_of::<Words>());
        }
        Self(words.cast())
    }

    pub fn init(self) -> io::Result<()> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: initialises the attributes.
        checked(unsafe { libc::pthread_condattr_init(attributes.as_mut_ptr()) })?;
        let attributes = attributes.as_mut_ptr();
        // SAFETY: they are initialised.
        checked(unsafe { libc::pthread_condattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) })?;
        // SAFETY: there is room, by `at`, and it is not used yet.
        checked(unsafe { libc::pthread_cond_init(self.0, attributes) })
    }

    /// Waits, with the lock given back meanwhile.
    pub fn wait(self, mutex: Mutex) -> io::Result<()> {
        // SAFETY: both are initialised, by `at`. A lock that another thread has is an error.
        checked(unsafe { libc::pthread_cond_wait(self.0, mutex.0) })
    }

    /// Wakes one that waits.
    pub fn signal(self) -> io::Result<()> {
        // SAFETY: initialised, by `at`.
        checked(unsafe { libc::pthread_cond_signal(self.0) })
    }
}
