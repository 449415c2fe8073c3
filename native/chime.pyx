"""Two sines, 440 and 620 Hz, for 200 ms at -24 dBFS, rising and falling over 10 ms."""
from libc.math cimport sin
from libc.stdint cimport int32_t

cdef enum:
    LASTS = 3200                # [samples at 16 kHz]
    RAMP = 160

cdef double EACH = 2067         # amplitude of each sine: both together 32768 * 10 ** (-24 / 20) rms
cdef double LOW = 2 * 3.141592653589793 * 440 / 16000       # [radians per sample at 16 kHz]
cdef double HIGH = 2 * 3.141592653589793 * 620 / 16000


cdef void chime_begin(Chime *self) noexcept nogil:
    if self.left == 0:
        self.left = LASTS


cdef void chime_add(Chime *self, int32_t *total, int n, int khz) noexcept nogil:
    cdef int i, at, edge, step = 16 // khz
    for i in range(n):
        if self.left <= 0:
            break
        at = LASTS - self.left
        edge = min(min(at, self.left), RAMP)
        total[i] += <int32_t>(EACH * edge / RAMP * (sin(LOW * at) + sin(HIGH * at)))
        self.left = max(0, self.left - step)
