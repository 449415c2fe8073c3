"""What the control plane asks for, carried out by the media thread between two packets."""
from native.session cimport Worker

# All that wait.
cdef void obey_all(Worker *worker) noexcept nogil
