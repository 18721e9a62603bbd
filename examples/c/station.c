/* Reads and writes the weather station's segment, given its key: what any C program does with it.
 *
 *     cc -std=c11 -o /tmp/station examples/c/station.c && /tmp/station 0xaf6985af
 *
 * The struct is the Rust one, field by field: f64 is double, u16 is uint16_t, an enum of repr(u8) is uint8_t, and
 * AtomicU64 is _Atomic uint64_t. It is at the segment's start; where the segment is larger, what follows is not
 * for C. Hence the size to ask shmget(2) for is that of the struct.
 */
#define _DEFAULT_SOURCE
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/shm.h>

struct wind {
    double speed;
    uint16_t degrees;
};

struct station {
    _Atomic uint64_t readings;
    double celsius;
    struct wind wind;
    char name[32];
    double correction;
    uint8_t sky; /* 0 clear, 1 cloudy, 2 rain */
};

/* The same number as in `#[shm(size = 80)]`: a change on one side alone does not compile. */
_Static_assert(sizeof(struct station) == 80, "struct station differs from the Rust struct Station");

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s KEY\n", argv[0]);
        return 2;
    }
    key_t key = (key_t)strtoul(argv[1], NULL, 0);
    int id = shmget(key, sizeof(struct station), 0);
    if (id == -1) {
        perror("shmget");
        return 1;
    }
    /* volatile: another process may change it at any time. */
    volatile struct station *station = shmat(id, NULL, 0);
    if (station == (void *)-1) {
        perror("shmat");
        return 1;
    }
    uint64_t readings = atomic_load_explicit(&station->readings, memory_order_acquire);
    char name[sizeof station->name + 1] = "";
    for (size_t i = 0; i < sizeof station->name; i++)
        name[i] = station->name[i];
    printf("C: %s, reading %llu: %.1f degrees, wind %.1f m/s from %u degrees\n", name, (unsigned long long)readings,
           station->celsius, station->wind.speed, (unsigned)station->wind.degrees);

    station->celsius = -5.5;
    station->sky = 2;
    atomic_fetch_add_explicit(&station->readings, 1, memory_order_release);
    printf("C: wrote the next reading\n");
    return shmdt((const void *)station) == -1;
}
