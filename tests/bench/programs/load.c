/* RTP load for one device under test: N calls of S legs, each leg a socket that sends 160-byte packets every 20 ms and counts what comes.
 *
 *   load CALLS LEGS SECONDS [CPU]
 *
 * Prints its ports (one line, call by call), reads the device's ports from standard input in the same order, warms up for a second, says
 * "go" (the device's CPU time is read then), sends for SECONDS, says "stop", waits for stragglers and prints one line of JSON:
 * sent and received packets by leg; of those sent after "go", how many came relayed (payload untouched) to legs 0 and 1, and their
 * transit times [us]. A payload is A-law silence but for a mark and the time of sending, which is 0 before "go".
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

enum { PACKET = 172, MAGIC = 0x5a17c0de };
#define FRAME_NS 20000000LL

static int64_t now_ns(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }
static int by_value(const void *a, const void *b) { float x = *(const float *)a, y = *(const float *)b; return (x > y) - (x < y); }

struct leg { int fd; uint16_t sequence; uint32_t timestamp; long sent, received; };

static float *transit; static long transits, transits_most, relayed;
static int measuring, over;      /* over: the engine's clock goes on by itself, and what it makes answers nothing that was sent */

static void receive(struct leg *legs, int number, int per_call) {
    uint8_t packet[2048];
    ssize_t n;
    while ((n = recv(legs[number].fd, packet, sizeof packet, MSG_DONTWAIT)) > 0) {
        if (!measuring) continue;
        if (!over) legs[number].received++;
        if (number % per_call < 2 && n == PACKET) {
            uint32_t magic; int64_t at;
            memcpy(&magic, packet + 12, 4); memcpy(&at, packet + 16, 8);
            if (magic != MAGIC || at == 0) continue;
            relayed++;
            if (transits < transits_most) transit[transits++] = (now_ns() - at) / 1000.0f;
        }
    }
}

int main(int argc, char **argv) {
    int calls = atoi(argv[1]), per_call = atoi(argv[2]), seconds = atoi(argv[3]), total = calls * per_call;
    if (argc > 4) { cpu_set_t set; CPU_ZERO(&set); CPU_SET(atoi(argv[4]), &set); sched_setaffinity(0, sizeof set, &set); }
    struct rlimit most = {65536, 65536}; setrlimit(RLIMIT_NOFILE, &most);
    struct leg *legs = calloc(total, sizeof *legs);
    transits_most = (long)calls * 2 * 50 * (seconds + 1); transit = malloc(transits_most * sizeof *transit);
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
    }
    printf("\n"); fflush(stdout);
    for (int i = 0; i < total; i++) {
        int port; if (scanf("%d", &port) != 1) return 1;
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (connect(legs[i].fd, (void *)&to, sizeof to)) { perror("connect"); return 1; }
    }
    /* legs are spread evenly over the 20 ms, in an order that keeps a call's legs apart */
    int64_t begin = now_ns() + 10000000, measure = begin + 1000000000LL, end = measure + seconds * 1000000000LL;
    long slot = 0, slots = (long)total * 50 * (seconds + 1), late = 0;
    struct epoll_event ready[256];
    while (slot < slots) {
        int64_t due = begin + slot * (FRAME_NS / (double)total), now = now_ns();
        if (!measuring && now >= measure) { measuring = 1; printf("go\n"); fflush(stdout); }
        if (now < due) {
            int n = epoll_wait(epoll, ready, 256, due - now > 2000000 ? 1 : 0);
            for (int i = 0; i < n; i++) receive(legs, ready[i].data.u32, per_call);
            continue;
        }
        if (now - due > 5000000) late++;
        int number = (slot % total) * (long)per_call % total + (slot % total) / calls;
        struct leg *leg = &legs[number];
        uint8_t packet[PACKET]; memset(packet, 0xd5, sizeof packet);
        packet[0] = 0x80; packet[1] = 8;
        uint16_t sequence = htons(leg->sequence++); uint32_t timestamp = htonl(leg->timestamp), ssrc = htonl(number + 1), magic = MAGIC;
        leg->timestamp += 160;
        memcpy(packet + 2, &sequence, 2); memcpy(packet + 4, &timestamp, 4); memcpy(packet + 8, &ssrc, 4);
        memcpy(packet + 12, &magic, 4);
        int64_t at = measuring ? now_ns() : 0; memcpy(packet + 16, &at, 8);
        if (send(leg->fd, packet, PACKET, 0) == PACKET && measuring) leg->sent++;
        slot++;
        if (slot % 8 == 0) { int n = epoll_wait(epoll, ready, 256, 0); for (int i = 0; i < n; i++) receive(legs, ready[i].data.u32, per_call); }
    }
    printf("stop\n"); fflush(stdout);
    int64_t last = now_ns() + 10000000, until = last + 300000000;
    while (now_ns() < until) {
        over = now_ns() > last;
        int n = epoll_wait(epoll, ready, 256, 20); for (int i = 0; i < n; i++) receive(legs, ready[i].data.u32, per_call); }
    (void)end;
    long sent[8] = {0}, received[8] = {0};
    for (int i = 0; i < total; i++) { sent[i % per_call] += legs[i].sent; received[i % per_call] += legs[i].received; }
    qsort(transit, transits, sizeof *transit, by_value);
    printf("{\"late\": %ld, \"sent\": [", late);
    for (int i = 0; i < per_call; i++) printf("%s%ld", i ? ", " : "", sent[i]);
    printf("], \"received\": [");
    for (int i = 0; i < per_call; i++) printf("%s%ld", i ? ", " : "", received[i]);
    printf("], \"relayed\": %ld", relayed);
    printf(", \"transit_p50_us\": %.1f, \"transit_p99_us\": %.1f, \"transit_max_us\": %.1f}\n",
        transits ? transit[transits / 2] : 0, transits ? transit[transits * 99 / 100] : 0, transits ? transit[transits - 1] : 0);
    return 0;
}
