"""HTTP and WebSocket for people's tools: the API of docs/api.md on FastAPI and uvicorn, in the gateway's own
asyncio loop.

`server` starts and stops it; `routes` is HTTP; `audio` and `events` are the two WebSockets; `socket` is the
connection below them. Decides nothing about calls: that is `core.control.Control`'s.
"""
