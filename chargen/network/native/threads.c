/* A small pool of threads that run one function together and wait for each other inside it.

   A thread that waits looks for some microseconds whether the others have come, then sleeps, so that it never keeps
   another program from its processor. Where the waiting takes most of the time, the processors are busy with other
   work: the next calls then run in one thread. The results never depend on the number of threads. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "layer.h"

enum {
    MOST_THREADS = 64, /* at most 255, see `begin` */
    LOOKS = 1000,      /* 20 to 50 microseconds */
    CALLS_ALONE = 100, /* after a call that others disturbed */
};

/* A number that changes, and threads that wait for that. */
struct event {
    atomic_uint value, sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

struct team {
    struct event begin;  /* 256 * the number of calls + the threads of this call */
    struct event passed; /* how often all threads have met in `wait_for_all` */
    atomic_uint arrived;
    atomic_long slept; /* nanoseconds that threads slept in `wait_for_all` in this call, all together */
    unsigned threads;
    task *function;
    void *argument;
};

static struct team pool = {
    .begin = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
    .passed = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
};
static pthread_mutex_t in_use = PTHREAD_MUTEX_INITIALIZER; /* guards the pool and what follows */
static long workers = -1;                                  /* threads that have been started; -1: nor is fork watched */
static long calls_alone;                                   /* that remain */
static unsigned started_at[MOST_THREADS];                  /* the value of `begin` when a worker was started */

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Wait until `event` is no longer `value`; return the nanoseconds slept. */
static long wait_for(struct event *event, unsigned value) {
    for (int look = 0; look < LOOKS; look++) {
        if (atomic_load(&event->value) != value) return 0;
        relax();
    }
    long start = now();
    pthread_mutex_lock(&event->mutex);
    atomic_fetch_add(&event->sleepers, 1);
    while (atomic_load(&event->value) == value) pthread_cond_wait(&event->changed, &event->mutex);
    atomic_fetch_sub(&event->sleepers, 1);
    pthread_mutex_unlock(&event->mutex);
    return now() - start;
}

static void change(struct event *event, unsigned value) {
    atomic_store(&event->value, value);
    if (atomic_load(&event->sleepers)) { /* whoever counts itself later sees the new value */
        pthread_mutex_lock(&event->mutex);
        pthread_cond_broadcast(&event->changed);
        pthread_mutex_unlock(&event->mutex);
    }
}

void wait_for_all(struct team *team) {
    unsigned threads = team->threads, passed = atomic_load(&team->passed.value); /* read before the others can go on */
    if (threads == 1) return;
    if (atomic_fetch_add(&team->arrived, 1) + 1 == threads) {
        atomic_store(&team->arrived, 0);
        change(&team->passed, passed + 1);
    } else {
        long slept = wait_for(&team->passed, passed);
        if (slept) atomic_fetch_add(&team->slept, slept);
    }
}

static void *work(void *argument) {
    long rank = (long)(intptr_t)argument;
    unsigned begin = started_at[rank];
    for (;;) {
        wait_for(&pool.begin, begin);
        begin = atomic_load(&pool.begin.value);
        if (rank >= (long)(begin % 256)) continue;
        pool.function(pool.argument, &pool, rank, pool.threads);
        wait_for_all(&pool);
    }
    return 0;
}

/* In a process that fork has made: it has none of the workers. */
static void begin_anew(void) {
    memset(&pool, 0, sizeof pool);
    pthread_mutex_init(&in_use, 0);
    pthread_mutex_init(&pool.begin.mutex, 0);
    pthread_cond_init(&pool.begin.changed, 0);
    pthread_mutex_init(&pool.passed.mutex, 0);
    pthread_cond_init(&pool.passed.changed, 0);
    workers = calls_alone = 0;
}

/* Start workers until there are `wanted`; return how many there are. They block all signals, which are for Python. */
static long start_workers(long wanted) {
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (workers < wanted) {
        started_at[workers + 1] = atomic_load(&pool.begin.value);
        if (pthread_create(&thread, 0, work, (void *)(intptr_t)(workers + 1))) break;
        pthread_detach(thread);
        workers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, 0);
    return workers;
}

static void run_in_pool(long threads, task *function, void *argument) {
    long start = now();
    pool.threads = threads;
    pool.function = function;
    pool.argument = argument;
    atomic_store(&pool.slept, 0);
    unsigned begin = atomic_load(&pool.begin.value);
    change(&pool.begin, (begin / 256 + 1) * 256 + threads);
    function(argument, &pool, 0, threads);
    wait_for_all(&pool);
    double working = threads - (double)atomic_load(&pool.slept) / (now() - start + 1);
    if (working < 1.3) calls_alone = CALLS_ALONE;
}

void run_together(long threads, task *function, void *argument) {
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    if (threads > 1 && !pthread_mutex_trylock(&in_use)) { /* another thread of Python may be using the pool */
        if (workers < 0 && !pthread_atfork(0, 0, begin_anew)) workers = 0;
        if (workers < 0 || calls_alone) {
            calls_alone -= calls_alone > 0;
            threads = 1;
        } else {
            long available = start_workers(threads - 1) + 1;
            threads = threads < available ? threads : available;
        }
        if (threads > 1) run_in_pool(threads, function, argument);
        pthread_mutex_unlock(&in_use);
        if (threads > 1) return;
    }
    struct team alone = {.threads = 1};
    function(argument, &alone, 0, 1);
}
