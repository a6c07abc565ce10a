/* http: HTTP/1.1 requests over connections kept alive, from one thread, cheap enough that the server is
 * what gets measured.
 *
 *   http -p PORT -c CONNECTIONS -t SECONDS [-w WARM_SECONDS] [-1] FILE
 *
 * FILE holds requests, each its length (4 bytes, little end first) and then its bytes. A connection
 * sends the file's next request as soon as its last one is answered; after the last comes the first
 * again, or with -1 the end. Answers need a Content-Length (or are 204 or 304). One line of JSON comes
 * out: requests, answered (the warm-up's too), seconds, microseconds of p50, p99 and the slowest, bytes
 * of the bodies, statuses.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    int fd;
    char *buf;
    size_t len, cap, need; /* need: the whole answer's length, once its head is read */
    int status;
    uint64_t sent;
} Conn;

static const char **requests;
static uint32_t *lengths;
static size_t count, next_request;
static int once;
static uint32_t *taken; /* microseconds of each answer */
static size_t ntaken, capacity;
static uint64_t bodies, answered, statuses[600];

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void fail(const char *what) {
    fprintf(stderr, "http: %s\n", what);
    exit(1);
}
static void load(const char *path) {
    int fd = open(path, O_RDONLY);
    struct stat s;
    if (fd < 0 || fstat(fd, &s)) fail("cannot read the requests");
    const char *p = mmap(NULL, s.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    const char *end = p + s.st_size;
    size_t room = 0;
    while (p < end) {
        uint32_t n;
        memcpy(&n, p, 4);
        if (count == room) {
            room = room ? room * 2 : 1024;
            requests = realloc(requests, room * sizeof *requests);
            lengths = realloc(lengths, room * sizeof *lengths);
        }
        requests[count] = p + 4, lengths[count++] = n, p += 4 + n;
    }
    if (!count) fail("there are no requests");
}
/* Whether there was one to send. */
static int ask(Conn *c) {
    if (next_request == count) {
        if (once) return 0;
        next_request = 0;
    }
    size_t i = next_request++;
    c->len = c->need = 0;
    c->sent = now();
    if (send(c->fd, requests[i], lengths[i], MSG_NOSIGNAL) != (ssize_t)lengths[i]) fail("a request was not taken whole");
    return 1;
}
static void head(Conn *c) {
    char *end = memmem(c->buf, c->len, "\r\n\r\n", 4);
    if (!end) return;
    size_t head = end + 4 - c->buf, length = 0;
    c->status = atoi(c->buf + 9);
    if (c->status < 100 || c->status > 599) fail("an answer is no HTTP");
    if (c->status != 204 && c->status != 304) {
        *end = 0;
        char *told = strcasestr(c->buf, "\r\ncontent-length:");
        if (!told) fail("an answer does not tell its length");
        length = strtoul(told + 17, NULL, 10);
        *end = '\r';
    }
    c->need = head + length;
    bodies += length;
}
/* Whether the answer is whole. */
static int hear(Conn *c) {
    for (;;) {
        if (c->cap - c->len < 65536) c->buf = realloc(c->buf, c->cap = c->cap * 2 + 131072);
        ssize_t k = recv(c->fd, c->buf + c->len, c->cap - c->len - 1, 0);
        if (k < 0 && errno == EAGAIN) return 0;
        if (k <= 0) fail("a connection was closed");
        c->len += k, c->buf[c->len] = 0;
        if (!c->need) head(c);
        if (c->need && c->len >= c->need) return 1;
    }
}
static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    int port = 0, connections = 1, option;
    double seconds = 5, warm = 0;
    while ((option = getopt(argc, argv, "p:c:t:w:1")) != -1) switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'c': connections = atoi(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'w': warm = atof(optarg); break;
        case '1': once = 1; break;
        default: return 2;
        }
    if (!port || optind >= argc) fail("a port and a file are needed");
    load(argv[optind]);
    int ep = epoll_create1(0), open_ones = 0;
    Conn *conns = calloc(connections, sizeof *conns);
    for (int i = 0; i < connections; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        Conn *c = &conns[i];
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) fail("nobody listens there");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = c});
        open_ones += ask(c);
    }
    uint64_t begun = now(), counted = begun + (uint64_t)(warm * 1e9), end = counted + (uint64_t)(seconds * 1e9), t = begun;
    struct epoll_event ready[256];
    while (open_ones && t < end) {
        int n = epoll_wait(ep, ready, 256, 1000);
        for (int i = 0; i < n; i++) {
            Conn *c = ready[i].data.ptr;
            if (!hear(c)) continue;
            answered++;
            t = now();
            if (t >= counted && t < end) {
                if (ntaken == capacity) taken = realloc(taken, (capacity = capacity * 2 + 65536) * sizeof *taken);
                taken[ntaken++] = (t - c->sent) / 1000;
                statuses[c->status]++;
            } else if (t < counted) bodies = 0;
            if (t >= end || !ask(c)) open_ones--;
        }
        t = now();
    }
    if (!ntaken) fail("nothing was answered in time");
    qsort(taken, ntaken, sizeof *taken, ascending);
    printf("{\"requests\":%zu,\"answered\":%llu,\"seconds\":%.6f,\"p50\":%u,\"p99\":%u,\"slowest\":%u,\"bytes\":%llu,\"statuses\":{",
           ntaken, (unsigned long long)answered, ((t < end ? t : end) - counted) / 1e9, taken[ntaken / 2], taken[ntaken * 99 / 100], taken[ntaken - 1],
           (unsigned long long)bodies);
    for (int s = 100, first = 1; s < 600; s++)
        if (statuses[s]) printf("%s\"%d\":%llu", first ? "" : ",", s, (unsigned long long)statuses[s]), first = 0;
    printf("}}\n");
}
