/* The least that an RTP relay can do: epoll, receive, rewrite the header, send. No checks, no counters, no third party.
 *
 *   minimal_relay CALLS
 *
 * Reads the far sides' ports (two a call) from standard input, prints its own, relays until standard input ends.
 * Sockets are connected and there is one a leg, as in the engine.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct leg { int fd; struct leg *other; uint32_t ssrc; uint16_t offset; uint32_t shift; };

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    int calls = atoi(argv[1]), total = calls * 2;
    struct rlimit most = {65536, 65536}; setrlimit(RLIMIT_NOFILE, &most);
    struct leg *legs = calloc(total, sizeof *legs);
    int epoll = epoll_create1(0);
    for (int i = 0; i < total; i++) {
        struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof local; int port;
        if (scanf("%d", &port) != 1) return 1;
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        legs[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (bind(legs[i].fd, (void *)&local, sizeof local) || connect(legs[i].fd, (void *)&to, sizeof to)) { perror("socket"); return 1; }
        getsockname(legs[i].fd, (void *)&local, &length);
        legs[i].other = &legs[i ^ 1]; legs[i].ssrc = htonl(0x1000 + i); legs[i].offset = 7 * i; legs[i].shift = 1000 * i;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &legs[i]}; epoll_ctl(epoll, EPOLL_CTL_ADD, legs[i].fd, &event);
        printf("%d ", ntohs(local.sin_port));
    }
    printf("\n"); fflush(stdout);
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL}; epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &input);
    struct epoll_event ready[256];
    uint8_t packet[2048];
    for (;;) {
        int n = epoll_wait(epoll, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            struct leg *leg = ready[i].data.ptr, *to;
            if (leg == NULL) { if (read(0, packet, 1) <= 0) return 0; continue; }
            ssize_t length = recv(leg->fd, packet, sizeof packet, 0);
            if (length < 12) continue;
            to = leg->other;
            uint16_t sequence; uint32_t timestamp;
            memcpy(&sequence, packet + 2, 2); sequence = htons(ntohs(sequence) + to->offset); memcpy(packet + 2, &sequence, 2);
            memcpy(&timestamp, packet + 4, 4); timestamp = htonl(ntohl(timestamp) + to->shift); memcpy(packet + 4, &timestamp, 4);
            memcpy(packet + 8, &to->ssrc, 4);
            send(to->fd, packet, length, MSG_NOSIGNAL);
        }
    }
}
