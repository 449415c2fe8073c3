"""What is looked at in every leg ten times a second: silence, refusals to tell, reports that are due."""
from native.session cimport Leg, Worker

cdef void on_sweep(Worker *worker, Leg *leg) noexcept nogil
