"""Alerts and call states over MQTT, for wallboards, hardware buttons and other software (docs/api.md).

`topics`, `commands`, `outbox`, `backoff` are pure; `publisher` is the connection to the broker; `embedded` is
a broker of our own for the demo and the tests. Nothing here can delay a call: a broker that is down or slow
costs a queue of alerts and nothing else.
"""
