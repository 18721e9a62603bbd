//! Filters of system calls, as a container has: for a process that is to live with what they refuse.

/// What is refused: a system call, or only with this second argument.
pub struct Refused {
    call: u32,
    second: Option<u32>,
}

impl Refused {
    /// The system call, whatever it is asked.
    ///
    /// # Panics
    ///
    /// If the number is not one of a system call.
    pub fn call(number: libc::c_long) -> Self {
        Self { call: u32::try_from(number).expect("a number"), second: None }
    }

    /// The system call, if its second argument is this one.
    ///
    /// # Panics
    ///
    /// If one of the numbers is negative.
    pub fn with_second(number: libc::c_long, argument: libc::c_int) -> Self {
        Self { second: Some(u32::try_from(argument).expect("a number")), ..Self::call(number) }
    }

    /// By its name in the man pages; of futex(2), what locks.
    ///
    /// # Panics
    ///
    /// If it is not known here.
    pub fn named(name: &str) -> Vec<Self> {
        let call = |number| vec![Self::call(number)];
        match name {
            "shmget" => call(libc::SYS_shmget),
            "shmat" => call(libc::SYS_shmat),
            "shmctl" => call(libc::SYS_shmctl),
            "semget" => call(libc::SYS_semget),
            "semtimedop" => call(libc::SYS_semtimedop),
            "semctl" => call(libc::SYS_semctl),
            "msgget" => call(libc::SYS_msgget),
            "msgsnd" => call(libc::SYS_msgsnd),
            "msgrcv" => call(libc::SYS_msgrcv),
            "msgctl" => call(libc::SYS_msgctl),
            "madvise" => call(libc::SYS_madvise),
            "shmdt" => call(libc::SYS_shmdt),
            "membarrier" => call(libc::SYS_membarrier),
            "futex_lock_pi2" => vec![Self::with_second(libc::SYS_futex, libc::FUTEX_LOCK_PI2)],
            "futex(2)" => call(libc::SYS_futex),
            "futex_wake_op" => vec![Self::with_second(libc::SYS_futex, libc::FUTEX_WAKE_OP)],
            "futex" => [libc::FUTEX_LOCK_PI, libc::FUTEX_LOCK_PI2, libc::FUTEX_TRYLOCK_PI]
                .map(|operation| Self::with_second(libc::SYS_futex, operation))
                .into(),
            _ => panic!("{name} is not known here"),
        }
    }
}

/// Has the kernel refuse these calls with this `errno` from now on, in this thread and in what it starts; whether it agrees.
///
/// # Panics
///
/// If there are too many.
pub fn refuse(calls: &[Refused], errno: libc::c_int) -> bool {
    let (load, jump, give) = (0x20, 0x15, 0x06);
    // In `struct seccomp_data`; the lower half of the argument, on a little-endian machine.
    let (number, second) = (0, 24);
    let statement = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let refused = statement(give, 0, 0, libc::SECCOMP_RET_ERRNO | errno.unsigned_abs());
    let mut filter = Vec::new();
    for refuse in calls {
        filter.push(statement(load, 0, 0, number));
        match refuse.second {
            None => filter.push(statement(jump, 0, 1, refuse.call)),
            Some(argument) => filter.extend([
                statement(jump, 0, 3, refuse.call),
                statement(load, 0, 0, second),
                statement(jump, 0, 1, argument),
            ]),
        }
        filter.push(refused);
    }
    filter.push(statement(give, 0, 0, libc::SECCOMP_RET_ALLOW));
    let len = u16::try_from(filter.len()).expect("a few statements");
    let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
    // SAFETY: takes numbers only.
    let private = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: reads the program and its statements, which live until it returns.
    let filtered =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    (private, filtered) == (0, 0)
}
