/* Creates a segment under the given key, with a counter for others to count in, and removes it at the end of its input.
 *
 *     cc -std=c11 -o /tmp/counter examples/c/counter.c && /tmp/counter 0x57480001
 */
#define _DEFAULT_SOURCE
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/shm.h>

struct counter {
    uint32_t version;
    uint32_t step;
    _Atomic uint64_t count;
};

_Static_assert(sizeof(struct counter) == 16, "struct counter differs from the Rust struct Counter");

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s KEY\n", argv[0]);
        return 2;
    }
    int id = shmget((key_t)strtoul(argv[1], NULL, 0), sizeof(struct counter), IPC_CREAT | IPC_EXCL | 0600);
    if (id == -1) {
        perror("shmget");
        return 1;
    }
    struct counter *counter = shmat(id, NULL, 0);
    if (counter == (void *)-1) {
        perror("shmat");
        shmctl(id, IPC_RMID, NULL);
        return 1;
    }
    counter->version = 1;
    counter->step = 5;
    atomic_store(&counter->count, 100);
    printf("C: created shmid %d, counting from 100\n", id);
    fflush(stdout);

    while (getchar() != EOF)
        ;
    printf("C: the count is %" PRIu64 "\n", atomic_load(&counter->count));
    if (shmctl(id, IPC_RMID, NULL) == -1) {
        perror("shmctl");
        return 1;
    }
    printf("C: removed the segment\n");
    return 0;
}
