"""What is looked at in every leg ten times a second: silence, refusals to tell, reports that are due."""
from libc.string cimport memset

from native cimport rtp
from native.includes.atomics cimport store_float
from native.legreports cimport sweep_reports
from native.session cimport Event, Leg, REFUSED, SILENT, Worker, post

cdef enum:
    REPORT_NS = 1000000000      # between two reports of one refusal on one leg


cdef void report_refusals(Worker *worker, Leg *leg) noexcept nogil:
    cdef Event event
    cdef int reason
    for reason in range(1, <int>rtp.REFUSALS_END):
        if leg.refused[reason] == leg.reported[reason] or worker.now_ns - leg.reported_ns[reason] < REPORT_NS:
            continue
        memset(&event, 0, sizeof(Event))
        event.kind = REFUSED
        event.leg = leg.id
        event.value = reason
        event.count = <int>(leg.refused[reason] - leg.reported[reason])
        if reason == rtp.FOREIGN_SOURCE:
            event.source = leg.last_foreign
        leg.refusals -= <int>(leg.refused[reason] - leg.reported[reason])
        leg.reported[reason] = leg.refused[reason]
        leg.reported_ns[reason] = worker.now_ns
        post(worker, &event)


cdef void on_sweep(Worker *worker, Leg *leg) noexcept nogil:
    cdef Event event
    if leg.metered_ms:
        store_float(&leg.power, leg.energy / leg.metered_ms)
        leg.energy = leg.metered_ms = 0
    if leg.heard_ns and not leg.silent and worker.now_ns - leg.heard_ns > worker.rtp_timeout_ns:
        leg.silent = True
        store_float(&leg.power, 0)
        memset(&event, 0, sizeof(Event))
        event.kind = SILENT
        event.leg = leg.id
        event.value = <int>((worker.now_ns - leg.heard_ns) // 1000000)
        post(worker, &event)
    if leg.refusals:
        report_refusals(worker, leg)
    sweep_reports(worker, leg)
