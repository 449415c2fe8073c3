"""Live audio to listeners over WebSocket.

`g711`, `frames`, `listener` and `feed` do no I/O: they turn tap frames into messages and decide what a slow
listener loses. `hub` is the thin shell: one 20 ms ticker for every feed of the process. The connection itself
is given in as a `Sink`.

A feed reads the parties' own streams from a tap, never a mix that a whisper is in, and can neither delay nor
disturb the call.
"""
