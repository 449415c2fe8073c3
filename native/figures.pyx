"""Figures of legs and events of the media threads, in Python's words."""
from libc.math cimport log10
from libc.stdint cimport int64_t, uint32_t

from native.endpoint cimport Endpoint, endpoint_text
from native.includes cimport net
from native.includes.atomics cimport load_float, load_int, load_relaxed, look_up
from native.reception cimport lost
from native.reports cimport Quality
from native.rtp cimport REFUSALS_END
from native.session cimport Event, KEY, LATCHED, Leg, MAX_LEGS, QUALITY, REFUSED, RESUMED, SILENT, SOURCE_WORDS

from native.rtp import REFUSALS

KEYS = "0123456789*#ABCD"
EVENT_NAMES = {LATCHED: "latched", SILENT: "silent", RESUMED: "resumed", KEY: "key", REFUSED: "refused", QUALITY: "quality"}


cdef dict quality_facts(const Quality *quality, double ticks_per_ms):
    """Facts for the E-model. far_*: what the far side says of what it was sent; None where it has said nothing lately."""
    return {
        "expected": quality.expected,
        "lost": quality.lost,
        "jitter_ms": quality.jitter / ticks_per_ms,
        "rtt_ms": quality.round_trip_ns / 1e6 if quality.round_trip_ns >= 0 else None,
        "far_loss": quality.far_fraction_lost / 256.0 if quality.told else None,
        "far_jitter_ms": quality.far_jitter / ticks_per_ms if quality.told else None,
        "far_discarded": quality.far_discard / 256.0 if quality.far_voip else None,
    }


cdef tuple event_facts(const Event *event):
    value = event.value
    if event.kind == KEY:
        value = KEYS[event.value]
    elif event.kind == REFUSED:
        value = REFUSALS[event.value]
    elif event.kind == QUALITY:
        value = quality_facts(&event.quality, event.value)
    return EVENT_NAMES[event.kind], event.leg, value, event.count, endpoint_text(&event.source)


cdef double level_db(float power):
    return 10 * log10(power / <double>FULL_SCALE) if is_heard(power) else -96.0


cdef dict leg_figures(const Leg *leg):
    cdef uint32_t memory[16]
    cdef net.socklen_t size = sizeof(memory)
    cdef int reason
    cdef int64_t round_trip_ns = load_relaxed(&leg.round_trip_ns)
    cdef bint told = load_int(&leg.told)
    refused = {REFUSALS[reason]: load_relaxed(&leg.refused[reason]) for reason in range(1, <int>REFUSALS_END)}
    if net.getsockopt(leg.fd, net.SOL_SOCKET, net.SO_MEMINFO, memory, &size) == 0 and size >= 36:
        refused["receive_buffer"] = memory[8]                           # SK_MEMINFO_DROPS
    cdef Endpoint source
    look_up(&leg.source_version, leg.told_source, &source, SOURCE_WORDS)
    return {
        "port": leg.port,
        "received": load_relaxed(&leg.reception.received),
        "received_bytes": load_relaxed(&leg.reception.received_bytes),
        "lost": lost(&leg.reception),
        "out_of_order": load_relaxed(&leg.reception.out_of_order),
        "duplicates": load_relaxed(&leg.reception.duplicates),
        "restarts": load_relaxed(&leg.reception.restarts),
        "jitter_ms": load_float(&leg.reception.jitter) / max(leg.given_clock_khz, 1),
        "sent": load_relaxed(&leg.sent),
        "rtt_ms": round_trip_ns / 1e6 if round_trip_ns >= 0 else None,
        "reports_heard": load_relaxed(&leg.reports_heard),
        "remote_lost": load_relaxed(&leg.told_lost) if told else None,
        "remote_jitter_ms": load_relaxed(&leg.told_jitter) / <double>max(leg.given_clock_khz, 1) if told else None,
        "overlaid": load_relaxed(&leg.overlaid),
        "late": load_relaxed(&leg.late),
        "made_up_ms": load_relaxed(&leg.source.made_up) // max(leg.given_khz, 1),
        "unreadable": load_relaxed(&leg.source.unreadable),
        "underruns": sum([load_relaxed(&leg.edges[slot].playout.underruns) for slot in range(MAX_LEGS)]),
        "level_db": level_db(load_float(&leg.power)),
        "refused": {name: count for name, count in refused.items() if count},
        "source": endpoint_text(&source),
        "paced_by_clock": bool(load_int(&leg.timed)),
    }
