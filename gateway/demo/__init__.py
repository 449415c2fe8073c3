"""`gateway demo`: the whole story live on this machine, and the proof of it from the recorded sound.

`director` runs it · `stage` starts and stops what is needed · `cast` is what the people can do · `story` is
what they do · `play` lets the user do it · `evidence`, `hearing`, `audible` and `verdict` prove it · `show`,
`picture`, `levels`, `prompt` and `report` show it. The gateway is a process of its own, reached as by anyone:
by SIP, RTP, HTTP, WebSocket and MQTT.
"""

from __future__ import annotations


def run(once: bool) -> int:
    """Tell the story, then stay up for the user to try things; `once`: tell it, check every step, and end.

    Blocks; main thread only. The exit code: 0 as it should be, 1 something failed, 130 interrupted.
    """
    from gateway.demo.director import perform

    return perform(once)
