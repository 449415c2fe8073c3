/* What the media thread asks the kernel for with every packet, without what libc puts around it: in a process of several threads each of
 * its own calls can be cancelled, which costs two locked instructions before and two after, 4 % of a relayed packet. Nobody cancels here.
 * Sanitizers watch libc's calls, so under them those are made. */
#ifndef GATEWAY_SYSTEMCALLS_H
#define GATEWAY_SYSTEMCALLS_H
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
static inline ssize_t take_packet(int fd, void *buffer, size_t size) { return recv(fd, buffer, size, 0); }
static inline ssize_t give_packet(int fd, const void *packet, size_t size) { return send(fd, packet, size, MSG_NOSIGNAL); }
static inline int wait_for_events(int epoll, struct epoll_event *events, int most, int timeout_ms) {
    return epoll_wait(epoll, events, most, timeout_ms);
}
#else
static inline ssize_t take_packet(int fd, void *buffer, size_t size) { return syscall(SYS_recvfrom, fd, buffer, size, 0, NULL, NULL); }
static inline ssize_t give_packet(int fd, const void *packet, size_t size) {
    return syscall(SYS_sendto, fd, packet, size, MSG_NOSIGNAL, NULL, 0);
}
static inline int wait_for_events(int epoll, struct epoll_event *events, int most, int timeout_ms) {
    return (int)syscall(SYS_epoll_pwait, epoll, events, most, timeout_ms, NULL, 0);
}
#endif
#endif
