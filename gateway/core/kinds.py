"""Every kind of event that is published (`core.events.News`). A new one is added here, and described for
integrators in docs/asyncapi.yaml and docs/api.md; a test holds the code and both files against this.
"""

from __future__ import annotations

KINDS = frozenset(
    {
        "call.ringing",
        "call.answered",
        "call.held",
        "call.resumed",
        "call.changed",
        "call.ended",
        "call.refused",
        "call.rerouted",
        "call.talk",
        "talk.levels",
        "supervisor.rung",
        "supervisor.joined",
        "supervisor.mode",
        "supervisor.past",
        "supervisor.left",
        "supervisor.missed",
        "supervision.refused",
        "supervision.unrecorded",
        "feed.started",
        "feed.ended",
        "alert.raised",
        "alert.repeated",
        "alert.escalated",
        "alert.rung",
        "alert.acknowledged",
        "alert.also_acknowledged",
        "alert.restored",
        "alert.resolved",
        "alert.refused",
        "duty.changed",
        "help.raised",
        "help.answered",
        "help.closed",
        "help.refused",
        "audit.started",
        "audit.marked",
        "audit.finished",
        "drill.raised",
        "trunk.up",
        "trunk.down",
        "stream.silent",
        "stream.resumed",
        "stream.elsewhere",
        "stream.quality",
    }
)
