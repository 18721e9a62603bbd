/* Creates a log of LENGTH records under the given key, writes the first, and prints all at the end of its input.
 *
 *     cc -std=c11 -o /tmp/log examples/c/log.c && /tmp/log 0x57480002 1000
 *
 * Where the Rust struct ends in `records: [Record]`, this one has a flexible array member. Its length is that of the segment.
 */
#define _DEFAULT_SOURCE
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/shm.h>

struct record {
    uint64_t time;
    double value;
    uint8_t level;
};

struct log {
    _Atomic uint64_t written;
    struct record records[];
};

_Static_assert(sizeof(struct log) == 8, "struct log differs from the Rust struct Log");
_Static_assert(sizeof(struct record) == 24, "struct record differs from the Rust struct Record");

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s KEY LENGTH\n", argv[0]);
        return 2;
    }
    size_t length = strtoul(argv[2], NULL, 0);
    if (length == 0 || length > SIZE_MAX / 2 / sizeof(struct record)) {
        fprintf(stderr, "a log has room for one record at least, and for no more than can be mapped\n");
        return 2;
    }
    size_t size = sizeof(struct log) + length * sizeof(struct record);
    int id = shmget((key_t)strtoul(argv[1], NULL, 0), size, IPC_CREAT | IPC_EXCL | 0600);
    if (id == -1) {
        perror("shmget");
        return 1;
    }
    struct log *log = shmat(id, NULL, 0);
    if (log == (void *)-1) {
        perror("shmat");
        shmctl(id, IPC_RMID, NULL);
        return 1;
    }
    log->records[0] = (struct record){.time = 1, .value = 21.5, .level = 2};
    atomic_store_explicit(&log->written, 1, memory_order_release);
    printf("C: created shmid %d with room for %zu records\n", id, length);
    fflush(stdout);

    while (getchar() != EOF)
        ;
    uint64_t written = atomic_load_explicit(&log->written, memory_order_acquire);
    /* Another process wrote that. */
    if (written > length)
        written = length;
    for (uint64_t i = 0; i < written; i++)
        printf("C: %" PRIu64 ": %.1f\n", log->records[i].time, log->records[i].value);
    if (shmctl(id, IPC_RMID, NULL) == -1) {
        perror("shmctl");
        return 1;
    }
    printf("C: removed the log\n");
    return 0;
}
