"""What the media thread knows: calls, their legs, who hears whom, and the messages between the planes.

All of it is allocated and freed by the control plane and touched only by the media thread in between, save for the counters,
which anybody may read (word by word, at most one packet old).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, int16_t, int32_t
from libc.string cimport memcpy, memset

from native.chime cimport Chime
from native.codec cimport Codec, KINDS, Kind
from native.dtmf cimport KeyPress
from native.endpoint cimport Endpoint
from native.history cimport History
from native.includes.atomics cimport add_relaxed, prefetch, publish
from native.includes.net cimport epoll_event
from native.mix cimport Gain, MOST_RAMP_SAMPLES
from native.playout cimport Playout
from native.queue cimport Ring
from native.reception cimport Reception
from native.rehear cimport Rehearing
from native.reports cimport Quality, Reports
from native.resample cimport Resampler
from native.rtp cimport MOST_SAMPLES, REFUSALS_END, Refusal, TimeScale
from native.source cimport Source
from native.srtp cimport SECURE_ROOM, Secure
from native.tap cimport TAP_DELAY, Tap
from native.tones cimport Tones

cdef enum:
    MAX_LEGS = 8                # of one call: two parties and six supervisors
    PACKET_BYTES = 2048         # largest datagram taken; longer ones are cut by the kernel and refused
    KEPT_SAMPLES = 960          # of G.711: the longest packet
    BATCH = 256                 # sockets served between two looks at the commands
    NS_PER_NARROW = 125000      # at 8 kHz, the rate of taps and history

cdef enum Role:
    CALLER = 0
    ADVISOR = 1
    SUPERVISOR = 2

cdef struct Edge:               # one source as one listener hears it
    Gain gain
    Playout playout             # unused while the source sets the listener's pace

cdef struct Negotiated:         # from SDP
    Kind kind
    uint8_t payload_type
    uint8_t noise_payload_type  # of comfort noise: as agreed, else its static number
    int event_payload_type      # -1: none
    int most_bytes              # of a payload
    int clock_khz               # RTP ticks per ms
    bint sends                  # we may send to this leg
    bint receives               # we expect packets from it
    bint muxed                  # RTCP on the RTP port, both ways
    # each packet looks at those above
    int rate                    # of its samples: source.NARROW or WIDE
    int khz                     # the same [samples per ms]
    int bits_per_second         # at most, towards this leg; 0: no limit (Opus)
    int event_clock_khz
    int frame                   # the far side's packet time [samples]
    bint takes_noise            # comfort noise was agreed
    bint relays_reports         # the far side is sent the other party's RTCP while its packets are relayed
    Endpoint remote

cdef struct Gift:               # memory for what a leg needs beyond a voice at 8 kHz; what is NULL or has no state, it has or needs not
    int16_t *wide               # ring of a voice at 16 kHz
    Resampler up
    Resampler down

cdef enum:
    SOURCE_WORDS = 4            # of 64 bits, that an Endpoint fills
    LINE = 64                   # bytes that a core brings from memory at once

cdef struct Sounds

cdef struct Leg:
    # What a relayed packet needs of the leg that it is from and of the one that it goes to is in the four lines that `fetch` names:
    # with thousands of legs each line more is a wait for memory. `legmemory.lines` tells where things are.
    # line 0: every packet's, and every sweep's
    int64_t heard_ns            # last accepted packet; 0: none yet
    Leg *relays_to              # its sound, G.711, goes to this leg as it is, to no other, and is not decoded; NULL: anything else
    History *keeps              # where its payloads go as they are; NULL: nowhere, or it is no G.711
    Call *call
    int fd                      # connected once latched, so that the kernel filters and routes once
    bint connected              # `media` holds
    bint locked                 # to its source (RFC 7362: symmetric RTP, with a lock)
    bint silent                 # StreamSilent was said
    int refusals                # not yet told to the control plane
    int metered_ms              # in `energy`
    float energy                # mean squares by the ms since the last sweep
    Role role
    # line 1: sent
    uint32_t ssrc
    uint16_t out_sequence       # highest sent
    uint16_t sequence_offset
    uint32_t timestamp_offset   # where both have one clock
    uint32_t out_timestamp
    int out_ticks               # that the last packet sent takes
    uint32_t anchor_ssrc
    bint anchored               # the offsets fit the pacer's stream
    bint spoken                 # something was sent
    int64_t emitted_ns          # when it was sent
    int64_t sent                # [packets]
    int64_t sent_bytes          # of payload, under this ssrc
    int last_bytes              # of the packet relayed last; 0: the voice holds it
    uint32_t last_timestamp
    # line 2, and a little of the next: received
    Reception reception
    Codec *codec                # of `media`; NULL before
    Leg *pacer                  # whose packets set the pace; NULL: nobody is to be heard
    bint pure                   # the pacer alone, untouched: relay
    bint passes_keys            # telephone-events go on to the other party
    float power                 # mean square between the last two sweeps that heard it [sample units squared]
    int stray_fd                # the same port unconnected: hears what the connected one no longer does
    int64_t look_ns             # when a report, its quality or a keep-alive is due at the earliest
    # line 4, and on: what may come, and how it is opened and closed
    Secure secure               # the media thread's; each direction under its own keys, or plain
    uint8_t *last_payload       # of G.711, KEPT_SAMPLES: a voice can begin where the relay left off; `codec` keeps others'
    Negotiated media
    # else
    Tones *tones                # listens for keys in the audio; NULL: not where this leg is
    bint muffled                # a key sounds in it now that is for nobody else: silent in its voices (all codecs but G.711)
    KeyPress press
    int64_t overlaid            # [packets] of those sent: mixed, not relayed
    # overlay
    int64_t late                # [packets] of the pacer that came after their place was filled
    TimeScale pace              # the pacer's timestamps on this leg's clock, where that is another
    bint made                   # the last packet was made here: the far decoder stands where our encoder does
    bint repacked               # its codec has no packets as long as the pacer's: the clock cuts anew
    int64_t settle_ns           # until when to overlay nothing, so that the far decoder can go over to the pacer's packets; 0: no need
    bint mixes                  # more than one voice: kept flowing by the clock when the pacer is silent
    bint ramping
    bint timed                  # the clock sets the pace
    bint crossfade              # the pacer takes the pace back: join its playout to its packet
    int pacer_run               # packets from the pacer since the clock took over
    int mixing_index            # place in Worker.mixing, -1: not there
    int64_t due_ns              # next frame by the clock
    int tail_left               # of `tail` still to be given [samples]
    int64_t tail_ns             # when it was closed
    uint32_t key_in             # timestamp of the press that is being passed, as it came
    uint32_t key_out            # and as it is sent to an overlaid leg
    Rehearing rehearing         # hears the past in the place of the mix
    Chime chime                 # tells an advisor that somebody has joined
    Endpoint remote             # where we send
    Endpoint candidate          # a source that SDP did not announce, being watched
    int candidate_packets       # of it in a row
    uint32_t candidate_ssrc     # of the last of them
    uint16_t candidate_sequence
    # seldom
    int rtcp_fd                 # on the port above; unconnected
    Reports reports             # RTCP
    Endpoint rtcp_announced     # where SDP wants reports; length 0: on the port above `media.remote`
    Endpoint rtcp_remote        # where the far side's come from; length 0: none came
    int64_t reports_heard       # [packets]
    int64_t round_trip_ns       # of `reports`, for whoever asks: -1: unknown
    bint told                   # the far side has reported: the next two hold
    int64_t told_lost           # [packets]
    int64_t told_jitter         # [clock ticks]
    int64_t sent_before         # of `sent`, under earlier ssrcs [packets]
    int64_t measure_ns          # when its quality is told next
    int id
    int slot                    # place in its call
    int port
    int index                   # place in Worker.legs
    int64_t source_version      # of the next
    int64_t told_source[SOURCE_WORDS]      # the Endpoint that it is locked to, for whoever asks; length 0: to none
    int64_t retired             # set by the media thread when it has let go
    Secure stated               # what was asked for last: the control plane's own copy
    int64_t refused[REFUSALS_END]
    int64_t reported[REFUSALS_END]          # of those, told to the control plane
    int64_t reported_ns[REFUSALS_END]
    Endpoint last_foreign
    TimeScale tap_time          # its timestamps on the tap's clock
    # at length: in memory of its own (`last_payload`, too), so that the legs' own lies close together
    int16_t *tail               # MOST_RAMP_SAMPLES of what was just closed to this leg, fading out: only sound that it has already heard
    Edge *edges                 # talk path: how this leg hears the others, by source slot
    Source *source              # decoded, while somebody hears more than its packets
    Sounds *sounds              # where these are
    # the control plane's own
    Codec *codecs[<int>KINDS]   # that it has had
    Gift given
    int given_rate              # of the codec it was connected with; -1: none yet
    int given_khz               # its samples per ms
    int given_clock_khz         # and RTP ticks

cdef struct Sounds:
    uint8_t last_payload[KEPT_SAMPLES]
    int16_t tail[MOST_RAMP_SAMPLES]
    Edge edges[MAX_LEGS]
    Source source

cdef struct Call:
    int id
    int64_t began_ns            # first packet; 0: none yet
    int64_t retired
    bint decodes                # somebody hears a mix or a tap is open: keep the voices
    Tap *tap
    History *history            # what was said lately; NULL: not kept
    Leg *legs[MAX_LEGS]         # by slot, NULL: free

cdef enum CommandKind:
    ADD_LEG
    CONNECT_LEG
    SET_TALK_PATH
    REMOVE_LEG
    REMOVE_CALL
    ATTACH_TAP
    DETACH_TAP
    REHEAR
    CHIME
    STOP

cdef struct Command:
    CommandKind kind
    Call *call
    Leg *leg
    Tap *tap
    Negotiated media
    Endpoint rtcp
    Secure secure
    double seconds              # REHEAR: how far back; 0: back to the present
    uint32_t ssrc               # to go on under where new keys ask for it
    Codec *codec                # CONNECT_LEG: for media.kind
    Gift gifts[MAX_LEGS]        # CONNECT_LEG: by slot
    float gains[MAX_LEGS][MAX_LEGS]         # [source][listener]

cdef enum EventKind:
    LATCHED
    SILENT
    RESUMED
    KEY
    REFUSED
    QUALITY

cdef struct Event:
    EventKind kind
    int leg
    int value                   # KEY: event code; REFUSED: reason; SILENT: [ms]; QUALITY: RTP ticks per ms
    int count                   # KEY: duration so far [ms]; REFUSED: packets
    Endpoint source
    Quality quality             # QUALITY

cdef struct Worker:
    int epoll
    int command_fd
    int event_fd
    int timer_fd                # wakes the loop for the clock: a timer that stands costs less than a time limit in each wait
    Ring commands
    Ring events
    int64_t rtp_timeout_ns
    bint latch_nat_only         # an unannounced source may only have a leg whose announced address a NAT hides
    int64_t keepalive_ns        # silence towards a leg after which it gets an empty packet; 0: never
    bint reports                # RTCP is sent
    int64_t now_ns
    Leg **legs                  # all, in no order
    int leg_count
    Leg **mixing                # those whose `mixes` is set
    int mixing_count
    int capacity                # of both arrays
    int64_t period_ns           # of the timer
    int64_t next_tick_ns
    int64_t next_sweep_ns
    int swept                   # legs looked at in this sweep
    bint stopping
    uint8_t packet[PACKET_BYTES]
    uint8_t sealed[PACKET_BYTES + SECURE_ROOM]          # a packet as it goes out to a secured leg
    int16_t pcm[MOST_SAMPLES]   # of the packet being served
    epoll_event ready[BATCH]
    # counters
    int64_t received            # [packets]
    int64_t sent                # [packets]
    int64_t events_dropped      # messages that the control plane was too slow to take
    int64_t wakeups

# Tell the control plane. When it does not keep up the message is dropped and counted, never a packet.
cdef void post(Worker *self, const Event *event) noexcept nogil

cdef inline void refuse(Leg *leg, Refusal reason) noexcept nogil:
    """Count a packet that is dropped."""
    add_relaxed(&leg.refused[<int>reason], 1)
    leg.refusals += 1

cdef inline void fetch(const Leg *leg) noexcept nogil:
    """Have the memory brought that the next packet from or to this leg needs: it is there when the system call before that returns."""
    prefetch(leg)
    prefetch(&leg.ssrc)
    prefetch(&leg.reception)
    prefetch(&leg.secure)

cdef inline void fetch_kept(const Leg *leg) noexcept nogil:
    """And where 20 ms of G.711 that are relayed will be kept."""
    prefetch(leg.last_payload)
    prefetch(leg.last_payload + LINE)
    prefetch(leg.last_payload + 2 * LINE)

cdef inline void tell_source(Leg *leg) noexcept nogil:
    """Whoever asks is told which source the leg is locked to."""
    cdef int64_t words[SOURCE_WORDS]
    memset(words, 0, sizeof(words))
    if leg.locked:
        memcpy(words, &leg.remote, sizeof(Endpoint))
    publish(&leg.source_version, leg.told_source, words, SOURCE_WORDS)

cdef inline int64_t call_time(const Worker *worker, const Call *call) noexcept nogil:
    """Now [samples at 8 kHz since the call's media began]."""
    return (worker.now_ns - call.began_ns) // NS_PER_NARROW

cdef inline int64_t past_end(const Worker *worker, const Call *call) noexcept nogil:
    """Up to here all is in the history that will be, but for what is later than a tap would wait."""
    return max(<int64_t>0, call_time(worker, call) - TAP_DELAY)
