"""A source's recent audio (Voice), and one listener's place in it (Playout): a jitter buffer without a queue.

Each source is decoded once, into its own ring by RTP time. Each listener reads it with a cursor of its own, so no listener can starve,
flush or delay another, and a listener that stalls leaves nothing behind.
"""
from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t

cdef enum:
    VOICE_SAMPLES = 4096        # 512 ms at 8 kHz; a power of two
    VOICE_MASK = VOICE_SAMPLES - 1
    FADE_SAMPLES = 40           # 5 ms over which audio that breaks off is faded
    GUARD_SAMPLES = 16          # 2 ms kept between a reader and the newest sample

cdef struct Voice:
    int16_t pcm[VOICE_SAMPLES]
    int64_t end                 # one beyond the newest sample, counted from the stream's begin [samples]
    uint32_t end_timestamp      # RTP timestamp that the next packet in order has
    uint32_t ssrc
    bint started
    int64_t arrived_ns          # when the newest packet came
    int64_t end_before          # `end` until then
    int64_t gap_at              # where the last loss was filled with silence [samples, as `end`]
    int gap                     # and how much of it [samples]

cdef struct Playout:
    int64_t cursor              # next sample to read [samples of the voice]
    int64_t opened              # first sample that this listener may have: what came before was not meant for it [samples of the voice]
    bint synced                 # reading; else waiting for the source to bring a whole frame
    int starved                 # silence given since the voice ran out [samples]
    int fade_in                 # still to be faded in [samples]
    int least                   # least slack seen in this window [samples]
    int window                  # reads in this window so far
    int trim                    # samples to be left out (> 0) or stretched in (< 0), one a read
    int64_t underruns           # times that the voice ran out

# Add n samples of a packet. Gaps up to 60 ms become silence, longer ones and new streams are joined on; late packets go to their place.
cdef void voice_write(Voice *self, uint32_t timestamp, uint32_t ssrc, const int16_t *pcm, int n, int64_t now_ns) noexcept nogil

# From now on this listener may hear: nothing that was said before will reach it, not even as an echo.
cdef void playout_open(Playout *self, const Voice *voice) noexcept nogil
# Wait for fresh audio: forget what was not read.
cdef void playout_reset(Playout *self, const Voice *voice) noexcept nogil
# Go on from the newest sample, as a listener that has heard everything so far; what breaks off is faded, not cut.
cdef void playout_follow(Playout *self, const Voice *voice) noexcept nogil
# The next n samples as this listener hears them, n <= MOST_SAMPLES; silence where the source has none. Always writes n.
cdef void playout_read(Playout *self, const Voice *voice, int16_t *pcm, int n, int64_t now_ns) noexcept nogil
