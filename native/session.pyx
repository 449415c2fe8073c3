"""Messages from the media thread to the control plane."""
from libc.stdint cimport uint64_t

from native.includes cimport net
from native.includes.atomics cimport add_relaxed
from native.queue cimport ring_push


cdef void post(Worker *self, const Event *event) noexcept nogil:
    cdef uint64_t one = 1
    if ring_push(&self.events, event):
        net.write(self.event_fd, &one, sizeof(one))
    else:
        add_relaxed(&self.events_dropped, 1)
