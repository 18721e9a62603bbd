import ctypes as _ctypes
import difflib as _difflib
import os as _os
import struct as _struct
import threading as _threading

_libc = _ctypes.CDLL(None, use_errno=True)
_libc.shmget.argtypes = (_ctypes.c_int, _ctypes.c_size_t, _ctypes.c_int)
_libc.shmat.argtypes = (_ctypes.c_int, _ctypes.c_void_p, _ctypes.c_int)
_libc.shmat.restype = _ctypes.c_void_p
_libc.shmdt.argtypes = (_ctypes.c_void_p,)
_lock = _threading.Lock()


def _stat(shmid):
    with open("/proc/sysvipc/shm") as table:
        names = next(table).split()
        for row in table:
            row = dict(zip(names, map(int, row.split())))
            if row["shmid"] == shmid:
                return row
    raise OSError(f"segment {shmid} is not in this IPC namespace")


def _check(address, size, struct_size, schema, sealed):
    """Refuses a segment of another layout."""
    footer = size - 104
    seal = _ctypes.string_at(address + footer, 104) if footer >= 0 and size % 8 == 0 else b""
    if not seal.endswith(b"SysVseal"):
        if not sealed and size == struct_size:
            return
        raise ValueError(f"the segment has {size} bytes and no seal: it is not of this layout")
    state, version, _, found_size, length = _struct.unpack_from("=IIQQI", seal)
    if version != 2:
        raise ValueError(f"the segment has a seal of version {version}, and this is for version 2")
    text = (found_size + 7) // 8 * 8
    found = _ctypes.string_at(address + text, length) if text + length <= footer else b""
    if found != schema:
        lines = (t.decode(errors="replace").splitlines() for t in (schema, found[:65536]))
        changes = [ascii(line)[1:-1] for line in _difflib.unified_diff(*lines, "this module", "the segment", n=0)]
        raise ValueError("\n".join(["the segment has another layout:"] + changes[:40]))
    # Ready, or ready while another process looks whether it is stale.
    if state != 2 and state & 15 not in (5, 7):
        raise ValueError("the segment is not ready: its creator is still initialising it, or died while it did")


def _attach(key, shmid, read_only, trust, struct_size, schema, sealed):
    """Returns the address of a segment of this layout, and its size."""
    if shmid is None:
        if key is None:
            raise ValueError("a key or a shmid is needed: which segment it is, is not known here")
        shmid = _libc.shmget(_ctypes.c_int(key).value, 0, 0)
        if shmid == -1:
            error = _ctypes.get_errno()
            raise OSError(error, f"shmget of key {key & 0xFFFFFFFF:#010x}: {_os.strerror(error)}")
    address = _libc.shmat(shmid, None, 0o10000 if read_only else 0)
    if address == _ctypes.c_void_p(-1).value:
        error = _ctypes.get_errno()
        raise OSError(error, f"shmat of segment {shmid}: {_os.strerror(error)}")
    try:
        stat = _stat(shmid)
        # Any user can create a segment of any key.
        for uid in (stat["uid"], stat["cuid"]):
            if uid not in (0, _os.geteuid(), *trust):
                raise PermissionError(f"the segment is of the user {uid}: to trust that user, say trust=[{uid}]")
        size = stat["size"]
        if size < struct_size:
            raise ValueError(f"the segment has {size} bytes, and the struct {struct_size}")
        _check(address, size, struct_size, schema, sealed)
    except BaseException:
        _libc.shmdt(address)
        raise
    return address, size


def _fence():
    # Python has no fence. What is before the first release stays before it, and what is after the second acquisition after it.
    for _ in range(2):
        with _lock:
            pass
