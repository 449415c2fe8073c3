"""The Cython audio core: RTP relay with overlay, mixing, playout, taps. Imports nothing of `gateway`.

`engine.Engine` is the face that Python sees. Everything that runs on the media thread is `nogil`, allocates
nothing and calls nothing of Python: the two planes share a command queue in, an event queue out and tap
rings, all bounded.

    rtp        packets on the wire (RFC 3550 §5.1)          talkpath  who hears whom, who sets the pace
    g711       the codec (ITU-T G.711)                      relay     one packet's way through a call
    reception  loss and jitter of a stream (RFC 3550 §A)    tap       the parties' streams for listeners
    dtmf       telephone-events lifted out (RFC 4733)       queue     rings between the planes
    playout    a source's recent audio and its readers      worker    the media thread
    mix        sums, ramps and saturation                   engine    the Python face
"""
