/* load: many WebSocket clients in one thread, cheap enough that the server is what gets measured.
 *
 *   load -p PORT [-u /path] -n SOCKETS [-k CONNECTS_PER_S] [-T tokens.txt] [-P subprotocol]
 *        [-s 'text sent after the handshake, %T is the token']... [-m mark -c times] [-t SECONDS] [-E] [-x PREFIX]
 *
 * A socket is ready once its messages held the mark so many times (without -m: once upgraded).
 * Then stdin is obeyed, a line each, and every answer is a line on stdout:
 *
 *   (all are ready)      -> ready READY FAILED SECONDS
 *   expect FIRST COUNT   -> expecting; what came before is forgotten
 *   (every socket has FIRST .. FIRST+COUNT-1) -> complete
 *   report FILE          -> one JSON object; FILE's lines are "number nanoseconds": when it was committed
 *   end of file          ends the program
 *
 * An event is `n=<number>;t=<ns>;` inside a message, ns being CLOCK_REALTIME just before its sender
 * sent it. Each is ticked off per socket: twice or missing is counted, never averaged away.
 * hub.v1's `ping` is answered, and its `sent` compared with the change frames that arrived here.
 * With -x an event message begins with that (Socket.IO's packet type and event name) before its JSON.
 * With -E the sockets are server-sent events: the token is sent as Authorization, nothing else is.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HANDSHAKE, OPEN, DEAD };
typedef struct {
    int fd, state, asked, marks, ready;
    unsigned char *buf;
    size_t len, cap;
    uint64_t changes;   /* change frames since the handshake */
    uint64_t *seen;     /* one bit an expected event */
    long got;
} Conn;
typedef struct { uint32_t number; uint64_t sent, received; } Receipt;

static const char *path = "/", *prefix, *mark, *subprotocol, *sends[16];
static int port, total, nsend, sse, marks = 1, ep, nready, ndead, nfailed;
static double connects = 2000, limit = 30;
static char **tokens;
static int ntokens;
static Conn *conns;
static long first, count, done, duplicates, strangers, wrong_sent, bad_frames, frames;
static uint64_t bytes, last_ns;
static Receipt *receipts;
static size_t nreceipts, capacity;

static uint64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void die(Conn *c) {
    if (c->state == DEAD) return;
    if (c->state == HANDSHAKE) nfailed++;
    c->state = DEAD, ndead++;
    close(c->fd);
}
static void send_all(Conn *c, const void *p, size_t n) {
    const char *s = p;
    while (n) {
        ssize_t k = send(c->fd, s, n, MSG_NOSIGNAL);
        if (k < 0) {
            if (errno == EAGAIN) { usleep(200); continue; }
            die(c);
            return;
        }
        s += k, n -= k;
    }
}
static void send_frame(Conn *c, int opcode, const void *p, size_t n) {
    unsigned char b[8 + 16384];
    size_t k = 0;
    if (n > 16384) { fprintf(stderr, "load: a message of ours is too long\n"); exit(2); }
    b[k++] = 0x80 | opcode;
    if (n < 126) b[k++] = 0x80 | n;
    else b[k++] = 0x80 | 126, b[k++] = n >> 8, b[k++] = n & 255;
    memset(b + k, 0, 4), k += 4; /* a mask of zeros leaves the text as it is */
    memcpy(b + k, p, n);
    send_all(c, b, k + n);
}
static void tick(Conn *c, long number, uint64_t sent, uint64_t received) {
    long i = number - first;
    if (i < 0 || i >= count) { strangers++; return; }
    if (c->seen[i / 64] >> (i % 64) & 1) { duplicates++; return; }
    c->seen[i / 64] |= 1ull << (i % 64);
    if (++c->got == count) done++;
    if (nreceipts == capacity) {
        capacity = capacity ? capacity * 2 : 1 << 18;
        receipts = realloc(receipts, capacity * sizeof *receipts);
    }
    receipts[nreceipts++] = (Receipt){number, sent, received};
    last_ns = received;
}
static int starts(const unsigned char *p, size_t n, const char *with) {
    size_t k = strlen(with);
    return n >= k && !memcmp(p, with, k);
}
static void message(Conn *c, const unsigned char *p, size_t n, uint64_t received) {
    const unsigned char *end = p + n, *at;
    if (starts(p, n, "{\"type\":\"ping\"")) {
        at = memmem(p, n, "\"sent\":", 7);
        if (!at || strtoull((const char *)at + 7, NULL, 10) != c->changes) wrong_sent++;
        if (!sse) send_frame(c, 1, "{\"type\":\"pong\"}", 15);
        return;
    }
    if (mark && !c->ready && memmem(p, n, mark, strlen(mark)) && ++c->marks == marks)
        c->ready = 1, nready++;
    if (prefix && starts(p, n, prefix)) p += strlen(prefix), n -= strlen(prefix);
    if (!starts(p, n, "{\"type\":\"change\"")) return;
    c->changes++, frames++, bytes += n;
    for (at = p; (at = memmem(at, end - at, "n=", 2));) {
        char *rest;
        long number = strtol((const char *)at + 2, &rest, 10);
        at += 2;
        if (memcmp(rest, ";t=", 3)) continue;
        uint64_t sent = strtoull(rest + 3, &rest, 10);
        if (*rest == ';') tick(c, number, sent, received);
    }
}
static void fill(char *out, size_t cap, const char *in, int i) {
    size_t o = 0;
    for (; *in && o + 1 < cap; in++)
        if (in[0] == '%' && in[1] == 'T' && ntokens) {
            o += snprintf(out + o, cap - o, "%s", tokens[i % ntokens]), in++;
            if (o >= cap) o = cap - 1;
        } else out[o++] = *in;
    out[o] = 0;
}
static void take(Conn *c, int i) {
    size_t at = 0;
    uint64_t received = now(CLOCK_REALTIME);
    if (c->state == HANDSHAKE) {
        static char text[16384];
        unsigned char *e = memmem(c->buf, c->len, "\r\n\r\n", 4);
        if (!e) return;
        if (memcmp(c->buf + 9, sse ? "200" : "101", 3)) {
            if (!nfailed) fprintf(stderr, "load: refused: %.*s\n", (int)(e - c->buf), c->buf);
            die(c);
            return;
        }
        at = e + 4 - c->buf;
        c->state = OPEN;
        for (int s = 0; s < nsend; s++) {
            fill(text, sizeof text, sends[s], i);
            send_frame(c, 1, text, strlen(text));
        }
        if (!mark) c->ready = 1, nready++;
    }
    while (sse && c->state == OPEN) {
        unsigned char *p = c->buf + at, *e = memmem(p, c->len - at, "\n\n", 2), *data;
        if (!e) break;
        if ((data = memmem(p, e - p, "\ndata: ", 7))) {
            unsigned char *end = memchr(data + 7, '\n', e + 1 - data - 7), kept = *end;
            *end = 0, message(c, data + 7, end - data - 7, received), *end = kept;
        }
        at = e + 2 - c->buf;
    }
    while (!sse && c->state == OPEN && c->len - at >= 2) {
        unsigned char *p = c->buf + at;
        size_t left = c->len - at, head = 2;
        uint64_t n = p[1];
        if (n == 126) head = 4;
        if (n == 127) head = 10;
        if (left < head) break;
        if (head > 2) { n = 0; for (size_t k = 2; k < head; k++) n = n << 8 | p[k]; }
        if (left < head + n) break;
        if (p[0] == 0x89) send_frame(c, 10, p + head, n);
        else if (p[0] == 0x88) {
            if (!ndead) fprintf(stderr, "load: closed: %d %.*s\n", n < 2 ? 0 : p[head] << 8 | p[head + 1],
                                n < 2 ? 0 : (int)(n - 2), p + head + 2);
            die(c);
        } else if (p[0] == 0x81) {
            unsigned char kept = p[head + n]; /* a zero behind, so that numbers end there */
            p[head + n] = 0, message(c, p + head, n, received), p[head + n] = kept;
        } else bad_frames++;
        at += head + n;
    }
    if (c->state == DEAD) return;
    memmove(c->buf, c->buf + at, c->len - at);
    c->len -= at;
}
/* Nobody waits for another's connection: one whose SYN is dropped tries again by itself. */
static void dial(int i) {
    Conn *c = &conns[i];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)}, from = {.sin_family = AF_INET};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + i / 20000); /* an address has under 30,000 ports */
    int one = 1;
    c->cap = 8192, c->buf = malloc(c->cap + 1);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0 || bind(c->fd, (void *)&from, sizeof from) ||
        (connect(c->fd, (void *)&to, sizeof to) && errno != EINPROGRESS)) {
        if (!nfailed) perror("load: connect");
        die(c);
        return;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &(struct epoll_event){.events = EPOLLOUT, .data.u32 = i});
}
/* Connected: the request. */
static void ask(Conn *c, int i) {
    char request[4096];
    int n;
    if (sse)
        n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n\r\n",
                     path, port, ntokens ? tokens[i % ntokens] : "");
    else n = snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s\r\n",
                 path, port, subprotocol ? "Sec-WebSocket-Protocol: " : "", subprotocol ? subprotocol : "",
                 subprotocol ? "\r\n" : "");
    c->asked = 1;
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &(struct epoll_event){.events = EPOLLIN, .data.u32 = i});
    send_all(c, request, n);
}
/* Whether stdin has something. */
static int turn(int ms) {
    struct epoll_event events[512];
    int told = 0, n = epoll_wait(ep, events, 512, ms);
    for (int k = 0; k < n; k++) {
        uint32_t i = events[k].data.u32;
        if (i == UINT32_MAX) { told = 1; continue; }
        if (!conns[i].asked && !(events[k].events & (EPOLLERR | EPOLLHUP))) {
            ask(&conns[i], i);
            continue;
        }
        for (Conn *c = &conns[i]; c->state != DEAD;) {
            if (c->len == c->cap) c->buf = realloc(c->buf, (c->cap *= 2) + 1);
            size_t room = c->cap - c->len;
            ssize_t r = recv(c->fd, c->buf + c->len, room, 0);
            if (r <= 0) { if (!r || errno != EAGAIN) die(c); break; }
            c->len += r;
            take(c, i);
            if ((size_t)r < room) break;
        }
    }
    return told;
}
static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
static void quantiles(const char *name, int64_t *of, size_t n) {
    qsort(of, n, sizeof *of, ascending);
    printf(",\"%s\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f,\"of\":%zu}", name,
           n ? of[n / 2] / 1e6 : 0, n ? of[n * 9 / 10] / 1e6 : 0, n ? of[n * 99 / 100] / 1e6 : 0,
           n ? of[n - 1] / 1e6 : 0, n);
}
static void report(const char *file) {
    uint64_t *committed = calloc(count + 1, sizeof *committed), first_sent = UINT64_MAX, ns;
    int64_t *since = malloc((nreceipts + 1) * sizeof *since);
    size_t n = 0;
    long number;
    FILE *f = fopen(file, "r");
    while (f && fscanf(f, "%ld %lu", &number, &ns) == 2)
        if (number >= first && number < first + count) committed[number - first] = ns;
    if (f) fclose(f);
    for (size_t i = 0; i < nreceipts; i++) {
        if (receipts[i].sent < first_sent) first_sent = receipts[i].sent;
        since[i] = receipts[i].received - receipts[i].sent;
    }
    printf("{\"sockets\":%d,\"events\":%ld,\"deliveries\":%zu,\"missing\":%ld,\"duplicates\":%ld,\"strangers\":%ld,"
           "\"wrong_sent\":%ld,\"bad_frames\":%ld,\"closed\":%d,\"frames\":%ld,\"bytes\":%lu,\"seconds\":%.6f",
           nready, count, nreceipts, nready * count - (long)nreceipts, duplicates, strangers, wrong_sent, bad_frames,
           ndead, frames, bytes, nreceipts ? (last_ns - first_sent) / 1e9 : 0);
    quantiles("since_sent_ms", since, nreceipts);
    for (size_t i = 0; i < nreceipts; i++)
        if ((ns = committed[receipts[i].number - first])) since[n++] = (int64_t)(receipts[i].received - ns);
    quantiles("since_committed_ms", since, n);
    printf("}\n");
    fflush(stdout);
    free(committed), free(since);
}
static void expect(void) {
    nreceipts = 0, done = duplicates = strangers = wrong_sent = bad_frames = frames = 0, bytes = 0;
    for (int i = 0; i < total; i++) {
        free(conns[i].seen);
        conns[i].seen = calloc(count / 64 + 1, sizeof(uint64_t)), conns[i].got = 0;
    }
    printf("expecting\n");
    fflush(stdout);
}
static void read_tokens(const char *file) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    FILE *f = fopen(file, "r");
    if (!f) { perror(file); exit(2); }
    while ((n = getline(&line, &cap, f)) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        tokens = realloc(tokens, (ntokens + 1) * sizeof *tokens), tokens[ntokens++] = strdup(line);
    }
    fclose(f);
}
int main(int argc, char **argv) {
    struct rlimit open_files;
    char line[4096];
    int option, announced = 0;
    while ((option = getopt(argc, argv, "p:u:n:k:T:P:s:m:c:t:Ex:")) != -1) switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'u': path = optarg; break;
        case 'n': total = atoi(optarg); break;
        case 'k': connects = atof(optarg); break;
        case 'T': read_tokens(optarg); break;
        case 'P': subprotocol = optarg; break;
        case 's': if (nsend < 16) sends[nsend++] = optarg; break;
        case 'm': mark = optarg; break;
        case 'c': marks = atoi(optarg); break;
        case 't': limit = atof(optarg); break;
        case 'E': sse = 1; break;
        case 'x': prefix = optarg; break;
        default: return 2;
    }
    getrlimit(RLIMIT_NOFILE, &open_files);
    open_files.rlim_cur = open_files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &open_files);
    ep = epoll_create1(0);
    conns = calloc(total, sizeof *conns);
    uint64_t begun = now(CLOCK_MONOTONIC);
    for (int i = 0; i < total; i++) {
        while ((now(CLOCK_MONOTONIC) - begun) / 1e9 < i / connects) turn(1);
        dial(i);
        turn(0);
    }
    while (nready + ndead < total && (now(CLOCK_MONOTONIC) - begun) / 1e9 < limit) turn(10);
    printf("ready %d %d %.3f\n", nready, total - nready, (now(CLOCK_MONOTONIC) - begun) / 1e9);
    fflush(stdout);
    epoll_ctl(ep, EPOLL_CTL_ADD, 0, &(struct epoll_event){.events = EPOLLIN, .data.u32 = UINT32_MAX});
    for (;;) {
        if (turn(1000)) {
            /* Every command waits for its answer, so a line is all that stdin holds. */
            ssize_t n = read(0, line, sizeof line - 1);
            if (n <= 0) return 0;
            line[n] = 0;
            line[strcspn(line, "\r\n")] = 0;
            if (sscanf(line, "expect %ld %ld", &first, &count) == 2) expect(), announced = 0;
            else if (!strncmp(line, "report ", 7)) report(line + 7);
        }
        if (count && !announced && done == nready) {
            announced = 1;
            printf("complete\n");
            fflush(stdout);
        }
    }
}
