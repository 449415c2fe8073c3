"""The media thread: one epoll loop over the legs' sockets."""
from native.session cimport Worker

# Serve until STOP. Called once, without the GIL, on a thread of its own; everything it needs is in `worker`.
cdef void run(Worker *worker) noexcept nogil
