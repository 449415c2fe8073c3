"""One media thread as the control plane holds it: its worker's memory and the thread that serves it."""
from libc.stdint cimport uint8_t

from native.legmemory cimport LegMemory
from native.session cimport Command, Worker

cdef class Media:
    cdef Worker *worker
    cdef uint8_t *bench                     # for the codecs of its legs (native.opus)
    cdef object thread                      # None: it does not run
    cdef object settled                     # an Event: it has its core and its priority, or
    cdef object refused                     # the OSError that says why not
    cdef readonly str scheduling            # see `take_priority`
    cdef object cpu                         # the core that it is pinned to; None: any
    cdef LegMemory memory                   # of the legs that the thread may touch
    cdef int calls, legs                    # given to it and not yet taken back

    # Start the thread. OSError where it cannot have its core.
    cdef int start(self, str name) except -1
    # RuntimeError where it does not run, EngineBusy where it does not take commands.
    cdef int send(self, Command *command) except -1
    # Ask the thread to end; `join` waits until it has.
    cdef int stop(self) except -1
    cdef int join(self) except -1
