"""Who hears whom in one call, and for each listener who sets the pace."""
from native.session cimport Call, Leg, MAX_LEGS, Negotiated, Worker

# Head for another table of gains [source][listener], from the next packet on.
cdef void set_talk_path(Worker *worker, Call *call, const float gains[MAX_LEGS][MAX_LEGS]) noexcept nogil
# Think again how this leg is to be served: after its gains, its media or its call's legs changed.
cdef void plan(Worker *worker, Leg *leg) noexcept nogil
cdef void plan_call(Worker *worker, Call *call) noexcept nogil
# The leg's media is about to change to another codec.
cdef void leave_codec(Worker *worker, Leg *leg) noexcept nogil
# The leg's media has changed to another codec, from `before`: its streams begin anew, what is heard goes on.
cdef void change_codec(Worker *worker, Leg *leg, const Negotiated *before) noexcept nogil
# Cut every path from and to a leg that goes, with its last sound faded for those who heard it.
cdef void leave(Worker *worker, Leg *leg) noexcept nogil
# A supervisor presses a key: shut their way to the caller now. It is opened again by the next table, if that has it.
cdef void hush(Worker *worker, Leg *supervisor) noexcept nogil
