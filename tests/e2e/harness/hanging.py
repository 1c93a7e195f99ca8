"""A file on a disk that does not answer."""

import fcntl
import os
import signal
from contextlib import contextmanager


@contextmanager
def hanging(file):
    """Whoever opens the file waits: this process holds a lease on it (fcntl(2)), which the kernel would take away
    after fs.lease-break-time, 45 s."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    held = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(held)
        signal.signal(signal.SIGIO, before)
