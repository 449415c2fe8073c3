"""Pure decisions: calls, talk path, permissions, routing, SDP.

Standard library only; no sockets, no asyncio, no wall clock. Adapters (`sip`, `media`, `feeds`, `alerts`,
`web`) depend on this package, never the other way round, and meet only in `core.events` and `core.ports`.
"""
