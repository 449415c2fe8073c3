/* RTP load for one device under test: N calls of S legs, each leg a socket that sends 160-byte packets every 20 ms and counts what comes.
 *
 *   load CALLS LEGS SECONDS CPU [SUITE]
 *
 * Prints its ports (one line, call by call), reads the device's ports from standard input in the same order, warms up for a second, says
 * "go" (the device's CPU time is read then), sends for SECONDS, says "stop", waits for stragglers and prints one line of JSON:
 * sent and received packets by leg; of those sent after "go", how many came relayed (payload untouched) to legs 0 and 1, and their
 * transit times [us]. A payload is A-law silence but for a mark and the number of its packet. With a SUITE all of it is SRTP (sealed.h).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "sealed.h"

enum { PACKET = 172, MAGIC = 0x5a17c0de };
#define FRAME_NS 20000000LL

static int64_t now_ns(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }
static int by_value(const void *a, const void *b) { float x = *(const float *)a, y = *(const float *)b; return (x > y) - (x < y); }

struct leg { int fd; uint16_t sequence; uint32_t timestamp; long sent, received; srtp_t own, theirs; };

static const char *suite; static int per_call, measuring;
static int over;                      /* the engine's clock goes on by itself, and what it makes answers nothing that was sent */
static int64_t *sent_ns; static long slots;  /* when each packet was sent; 0: before "go" */
static float *transit; static long transits, relayed[2];
static struct sealed *sealed; static struct arrival *aside; static long arrivals, arrivals_most;

/* Judge a packet that came to a leg at a time: relayed, and how late, or made by the device. */
static void judge(int number, const uint8_t *packet, ssize_t n, int64_t at_ns) {
    uint32_t magic, slot;
    if (number % per_call > 1 || n != PACKET) return;
    memcpy(&magic, packet + 12, 4); memcpy(&slot, packet + 16, 4);
    if (magic != MAGIC || slot >= slots || sent_ns[slot] == 0) return;
    relayed[number % per_call]++; transit[transits++] = (at_ns - sent_ns[slot]) / 1000.0f;
    sent_ns[slot] = 0;                /* it counts once */
}

static void receive(struct leg *legs, int number) {
    uint8_t packet[2048];
    ssize_t n;
    while ((n = recv(legs[number].fd, packet, sizeof packet, MSG_DONTWAIT)) > 0) {
        if (measuring && !over) legs[number].received++;
        if (!suite) {
            if (measuring) judge(number, packet, n, now_ns());
        } else if (n <= SEALED_MOST && arrivals < arrivals_most) {
            struct arrival *one = &aside[arrivals++];
            one->leg = number; one->at_ns = now_ns(); one->packet.length = n; memcpy(one->packet.bytes, packet, n);
        }
    }
}

/* The next packet of a leg, the slot's; its length is PACKET. */
static void make(struct leg *leg, int number, uint32_t slot, uint8_t *packet) {
    uint16_t sequence = htons(leg->sequence++); uint32_t timestamp = htonl(leg->timestamp), ssrc = htonl(number + 1), magic = MAGIC;
    memset(packet, 0xd5, PACKET);
    packet[0] = 0x80; packet[1] = 8;
    leg->timestamp += 160;
    memcpy(packet + 2, &sequence, 2); memcpy(packet + 4, &timestamp, 4); memcpy(packet + 8, &ssrc, 4);
    memcpy(packet + 12, &magic, 4); memcpy(packet + 16, &slot, 4);
}

int main(int argc, char **argv) {
    if (argc < 5) { fprintf(stderr, "load CALLS LEGS SECONDS CPU [SUITE]\n"); return 2; }
    int calls = atoi(argv[1]), seconds = atoi(argv[3]), total = calls * atoi(argv[2]);
    per_call = atoi(argv[2]); suite = argc > 5 ? argv[5] : NULL;
    cpu_set_t set; CPU_ZERO(&set); CPU_SET(atoi(argv[4]), &set); sched_setaffinity(0, sizeof set, &set);
    setpriority(PRIO_PROCESS, 0, -20);   /* where the user may: what else runs here is not to be taken for the device's delay */
    struct rlimit most = {65536, 65536}; setrlimit(RLIMIT_NOFILE, &most);
    if (suite) srtp_init();
    struct leg *legs = calloc(total, sizeof *legs);
    slots = (long)total * 50 * (seconds + 1);
    sent_ns = calloc(slots, sizeof *sent_ns); transit = malloc(slots * sizeof *transit);
    int epoll = epoll_create1(0);
    for (int i = 0; i < total; i++) {
        struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof local; int size = 262144;
        legs[i].fd = socket(AF_INET, SOCK_DGRAM, 0);
        setsockopt(legs[i].fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        if (bind(legs[i].fd, (void *)&local, sizeof local)) { perror("bind"); return 1; }
        getsockname(legs[i].fd, (void *)&local, &length);
        printf("%d ", ntohs(local.sin_port));
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i}; epoll_ctl(epoll, EPOLL_CTL_ADD, legs[i].fd, &event);
        if (suite) { legs[i].own = session(suite, i, 0); legs[i].theirs = session(suite, i, 1); }
    }
    printf("\n"); fflush(stdout);
    for (int i = 0; i < total; i++) {
        int port; if (scanf("%d", &port) != 1) return 1;
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (connect(legs[i].fd, (void *)&to, sizeof to)) { perror("connect"); return 1; }
    }
    /* legs are spread evenly over the 20 ms, in an order that keeps a call's legs apart */
#define LEG_OF(slot) ((slot) % total * (long)per_call % total + (slot) % total / calls)
    uint8_t packet[PACKET];
    if (suite) {
        sealed = malloc(slots * sizeof *sealed); arrivals_most = slots + slots / 10; aside = malloc(arrivals_most * sizeof *aside);
        memset(aside, 1, arrivals_most * sizeof *aside);   /* so that the kernel gives the memory now */
        for (long slot = 0; slot < slots; slot++) {
            int number = LEG_OF(slot); make(&legs[number], number, slot, packet); seal(legs[number].own, &sealed[slot], packet, PACKET);
        }
    }
    int64_t begin = now_ns() + 10000000, measure = begin + 1000000000LL;
    long slot = 0, late = 0;
    struct epoll_event ready[256];
    while (slot < slots) {
        int64_t due = begin + slot * (FRAME_NS / (double)total), now = now_ns();
        if (!measuring && now >= measure) { measuring = 1; printf("go\n"); fflush(stdout); }
        if (now < due) {
            int n = epoll_wait(epoll, ready, 256, due - now > 2000000 ? 1 : 0);
            for (int i = 0; i < n; i++) receive(legs, ready[i].data.u32);
            continue;
        }
        if (now - due > 5000000) late++;
        int number = LEG_OF(slot);
        struct leg *leg = &legs[number];
        const uint8_t *bytes = packet; size_t length = PACKET;
        if (suite) { bytes = sealed[slot].bytes; length = sealed[slot].length; }
        else make(leg, number, slot, packet);
        if (measuring) sent_ns[slot] = now_ns();
        if (send(leg->fd, bytes, length, 0) == (ssize_t)length && measuring) leg->sent++;
        slot++;
        if (slot % 8 == 0) { int n = epoll_wait(epoll, ready, 256, 0); for (int i = 0; i < n; i++) receive(legs, ready[i].data.u32); }
    }
    printf("stop\n"); fflush(stdout);
    int64_t last = now_ns() + 10000000, until = last + 300000000;
    while (now_ns() < until) {
        over = now_ns() > last;
        int n = epoll_wait(epoll, ready, 256, 20);
        for (int i = 0; i < n; i++) receive(legs, ready[i].data.u32);
    }
    for (long i = 0; i < arrivals; i++) judge(aside[i].leg, aside[i].packet.bytes, opened(legs[aside[i].leg].theirs, &aside[i].packet), aside[i].at_ns);
    long sent[8] = {0}, received[8] = {0};
    for (int i = 0; i < total; i++) { sent[i % per_call] += legs[i].sent; received[i % per_call] += legs[i].received; }
    qsort(transit, transits, sizeof *transit, by_value);
    printf("{\"late\": %ld, \"sent\": [", late);
    for (int i = 0; i < per_call; i++) printf("%s%ld", i ? ", " : "", sent[i]);
    printf("], \"received\": [");
    for (int i = 0; i < per_call; i++) printf("%s%ld", i ? ", " : "", received[i]);
    printf("], \"relayed\": [%ld, %ld]", relayed[0], relayed[1]);
    printf(", \"transit_p50_us\": %.1f, \"transit_p99_us\": %.1f, \"transit_max_us\": %.1f}\n",
        transits ? transit[transits / 2] : 0, transits ? transit[transits * 99 / 100] : 0, transits ? transit[transits - 1] : 0);
    return 0;
}
