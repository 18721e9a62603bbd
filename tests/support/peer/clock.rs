//! The time at which racing processes start, and the time at which one of them dies.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
}

/// Waits, without sleeping, for a time since 1970.
pub(crate) fn until(start: Duration) {
    while now() < start {
        std::thread::yield_now();
    }
}

/// A timer that kills this process (SIGKILL), wherever it is then, unless it is dropped before.
pub(crate) struct Timer(Option<libc::timer_t>);

impl Timer {
    /// So long after `start`; never if that is 0.
    pub(crate) fn kill_at(start: Duration, after: Duration) -> Self {
        if after.is_zero() {
            return Self(None);
        }
        // SAFETY: zeros are a `sigevent`.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        (event.sigev_notify, event.sigev_signo) = (libc::SIGEV_SIGNAL, libc::SIGKILL);
        let mut timer = std::ptr::null_mut();
        // SAFETY: reads one `sigevent` and writes one `timer_t`.
        let made = unsafe { libc::timer_create(libc::CLOCK_REALTIME, &raw mut event, &raw mut timer) };
        assert_eq!(made, 0, "timer_create");
        let at = start + after;
        // SAFETY: zeros are an `itimerspec`.
        let mut when: libc::itimerspec = unsafe { std::mem::zeroed() };
        when.it_value.tv_sec = at.as_secs().try_into().expect("soon");
        when.it_value.tv_nsec = at.subsec_nanos().into();
        // SAFETY: the timer was made just now, and one `itimerspec` is read.
        let set =
            unsafe { libc::timer_settime(timer, libc::TIMER_ABSTIME, &raw const when, std::ptr::null_mut()) };
        assert_eq!(set, 0, "timer_settime");
        Self(Some(timer))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(timer) = self.0 {
            // SAFETY: made by `timer_create`, and deleted once.
            unsafe { libc::timer_delete(timer) };
        }
    }
}
