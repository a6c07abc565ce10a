/* Preloaded into PostgreSQL: every flush takes HUB_BENCH_FLUSH_US microseconds and writes nothing
 * through, like a disk of exactly that speed. For measuring only: a crash of the machine loses data. */
#include <stdlib.h>
#include <time.h>

static int nap(void) {
    static long us = -1;
    if (us < 0) {
        const char *set = getenv("HUB_BENCH_FLUSH_US");
        us = set ? atol(set) : 0;
    }
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    if (us) nanosleep(&t, NULL);
    return 0;
}
int fdatasync(int file) { (void)file; return nap(); }
int fsync(int file) { (void)file; return nap(); }
