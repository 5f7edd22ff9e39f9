/* Threads that run one function together and wait for each other inside it.

   Where PyTorch has loaded GNU's OpenMP they are its threads: these spin for milliseconds after each of its operations,
   and a second pool would wait for a processor that they keep. Elsewhere they are a small pool of our own.

   A thread that waits looks for some microseconds whether the others have come, then sleeps, so that it never keeps
   another program from its processor. Where calls wait for much of their time, the processors are busy with other work:
   the next ones then run in one thread. The results never depend on the number of threads. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "layer.h"

enum {
    MOST_THREADS = 64,  /* at most 255, see `begin` */
    SOON = 10,          /* looks */
    LOOKS = 1000,       /* before a thread sleeps, 20 to 50 microseconds */
    BY_CHANCE = 2,      /* calls in a row that others disturb: fewer say nothing about the next ones */
    ALONE = 30,         /* times as long as the last of them: calls run in one thread */
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
    atomic_long waited; /* nanoseconds that threads waited in `wait_for_all` in this call, all together */
    atomic_uint threads;
    task *function;
    void *argument;
};

static const double USEFUL = 0.6; /* the share of its time that a further thread must work to be worth it */
static const long LONG = 1000000000; /* nanoseconds that no call takes, unless the process was stopped meanwhile */

/* The threads, ours or OpenMP's, in the one call that uses them at a time. */
static struct team pool = {
    .begin = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
    .passed = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
};
static pthread_mutex_t in_use = PTHREAD_MUTEX_INITIALIZER; /* guards the pool and what follows */
static long workers = -1;                                  /* threads that have been started; -1: nor is fork watched */
static long alone_until;                                   /* nanoseconds, as `now` counts them */
static int disturbed;                                      /* how many of the last calls were, in a row */
static unsigned started_at[MOST_THREADS];                  /* the value of `begin` when a worker was started */
static int forked;                                         /* whether fork made this process */
static struct {
    void (*parallel)(void (*function)(void *), void *argument, unsigned threads, unsigned flags);
    int (*thread_num)(void), (*num_threads)(void);
} openmp;

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

/* Wait until `event` is no longer `value`; return the nanoseconds that took, or 0 where it was soon. */
static long wait_for(struct event *event, unsigned value) {
    long start = 0;
    for (int look = 0; look < LOOKS; look++) {
        if (atomic_load(&event->value) != value) return start ? now() - start : 0;
        if (look == SOON) start = now();
        relax();
    }
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
    unsigned threads = atomic_load(&team->threads), passed = atomic_load(&team->passed.value); /* before others go on */
    if (threads == 1) return;
    if (atomic_fetch_add(&team->arrived, 1) + 1 == threads) {
        atomic_store(&team->arrived, 0);
        change(&team->passed, passed + 1);
    } else {
        long waited = wait_for(&team->passed, passed);
        if (waited) atomic_fetch_add(&team->waited, waited);
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
    workers = 0;
    alone_until = 0;
    disturbed = 0;
    forked = 1;
}

/* Find the OpenMP that is in this process already, if any. After fork it would wait for threads that are gone. */
static int find_openmp(void) {
    if (forked) return 0;
    if (openmp.parallel) return 1;
    void *library = dlopen("libgomp.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (!library) return 0;
    openmp.thread_num = (int (*)(void))dlsym(library, "omp_get_thread_num");
    openmp.num_threads = (int (*)(void))dlsym(library, "omp_get_num_threads");
    if (!openmp.thread_num || !openmp.num_threads) return 0;
    openmp.parallel = (void (*)(void (*)(void *), void *, unsigned, unsigned))dlsym(library, "GOMP_parallel");
    return openmp.parallel != 0;
}

static void enter(void *unused) {
    (void)unused;
    long threads = openmp.num_threads(); /* which may be fewer than were asked for */
    atomic_store(&pool.threads, threads);
    pool.function(pool.argument, &pool, openmp.thread_num(), threads);
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
    atomic_store(&pool.threads, threads);
    pool.function = function;
    pool.argument = argument;
    atomic_store(&pool.waited, 0);
    if (openmp.parallel && !forked) {
        openmp.parallel(enter, 0, threads, 0);
    } else {
        unsigned begin = atomic_load(&pool.begin.value);
        change(&pool.begin, (begin / 256 + 1) * 256 + threads);
        function(argument, &pool, 0, threads);
        wait_for_all(&pool);
    }
    long end = now();
    double working = threads - (double)atomic_load(&pool.waited) / (end - start + 1);
    disturbed = working < 1 + USEFUL * (threads - 1) ? disturbed + 1 : 0;
    if (disturbed < BY_CHANCE) return;
    alone_until = end + ALONE * (end - start < LONG ? end - start : LONG);
    disturbed = BY_CHANCE - 1; /* so that the next one says whether it goes on */
}

/* Run a function in this thread, which may be one of a team that runs another. */
void run_alone(task *function, void *argument) {
    struct team alone = {.threads = 1};
    function(argument, &alone, 0, 1);
}

void run_together(long threads, task *function, void *argument) {
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    if (threads > 1 && !pthread_mutex_trylock(&in_use)) { /* another thread of Python may be using the pool */
        if (workers < 0 && !pthread_atfork(0, 0, begin_anew)) workers = 0;
        if (workers < 0 || now() < alone_until) {
            threads = 1;
        } else if (!find_openmp()) {
            long available = start_workers(threads - 1) + 1;
            threads = threads < available ? threads : available;
        }
        if (threads > 1) run_in_pool(threads, function, argument);
        pthread_mutex_unlock(&in_use);
        if (threads > 1) return;
    }
    run_alone(function, argument);
}
