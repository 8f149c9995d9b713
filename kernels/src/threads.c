/* The threads that help with large calls. The first such call starts them; then they wait for the
   next. They never ask for Python's lock, so they neither wait for Python nor make it wait, and no
   interrupt of Python's comes between the parts of a call.

   Each thread begins with parts that lie beside each other, the same in every call: so it may find
   them in its processor's cache. Then it takes what the others have not begun, so that all are done
   at about the same time. It takes half of what is left at a time, since a kernel does best with many
   parts at once. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

#include "threads.h"
#ifndef _WIN32
#include <pthread.h>
#endif

#define MOST_THREADS 64
#define NOT_STARTED ((unsigned long)-1) /* Python gives it a name outside its stable interface */

static struct {
    PyThread_type_lock wake; /* opened when there may be work */
    long next, end;          /* its own parts that nobody has begun */
} threads[MOST_THREADS];     /* threads[0] stands for the caller, and has no `wake` */

static struct {
    PyThread_type_lock lock; /* for what is here and for the parts */
    PyThread_type_lock over; /* opened by the last helper that is waited for */
    void (*run)(void *call, long first, long last);
    void *call;
    int helpers, waits; /* how many are at work, and whether the caller waits for them */
    int n;              /* threads with parts of their own */
} shared;

/* These need Python's lock. */
static int most = 1, ready = 1, busy;

static inline void lock(PyThread_type_lock lock) { PyThread_acquire_lock(lock, WAIT_LOCK); }
static inline void unlock(PyThread_type_lock lock) { PyThread_release_lock(lock); }

/* The next parts for this thread, its own or the last ones of the thread that has most left. Holds
   the lock. */
static int take(int own, long *first, long *last)
{
    int from = own;
    if (threads[own].next == threads[own].end)
        for (int i = 0; i < shared.n; i++)
            if (threads[i].end - threads[i].next > threads[from].end - threads[from].next)
                from = i;
    const long n = (threads[from].end - threads[from].next + 1) / 2;
    if (from == own) {
        *first = threads[from].next;
        *last = threads[from].next += n;
    } else {
        *last = threads[from].end;
        *first = threads[from].end -= n;
    }
    return n > 0;
}

/* Runs parts until there are no more. Holds the lock, except while it runs them. */
static int take_part(int own)
{
    long first, last;
    int took = 0;
    for (; take(own, &first, &last); took = 1) {
        shared.helpers += own && !took;
        unlock(shared.lock);
        shared.run(shared.call, first, last);
        lock(shared.lock);
    }
    return took;
}

static void help(void *number)
{
    const int own = (int)(intptr_t)number;
    for (;;) {
        lock(threads[own].wake);
        lock(shared.lock);
        if (take_part(own) && --shared.helpers == 0 && shared.waits) {
            shared.waits = 0;
            unlock(shared.over);
        }
        unlock(shared.lock);
    }
}

/* A lock that is closed. */
static PyThread_type_lock closed(void)
{
    PyThread_type_lock made = PyThread_allocate_lock();
    if (made)
        lock(made);
    return made;
}

/* Starts what is missing of n threads. There may be fewer afterwards. */
static void start(int n)
{
    if (!shared.lock)
        shared.lock = PyThread_allocate_lock();
    if (!shared.over)
        shared.over = closed();
    if (!shared.lock || !shared.over)
        return;
    for (; ready < n; ready++) {
        if (!threads[ready].wake)
            threads[ready].wake = closed();
        if (!threads[ready].wake
            || PyThread_start_new_thread(help, (void *)(intptr_t)ready) == NOT_STARTED)
            return;
    }
}

void divide(void (*run)(void *call, long first, long last), void *call, long parts)
{
    int n = parts < most ? (int)parts : most, waits;
    if (n > ready && !busy)
        start(n);
    n = n < ready ? n : ready;
    const int alone = busy || n == 1;
    busy |= !alone;
    Py_BEGIN_ALLOW_THREADS
    if (alone) {
        run(call, 0, parts);
    } else {
        lock(shared.lock);
        for (int i = 0; i < n; i++) {
            threads[i].next = parts * i / n;
            threads[i].end = parts * (i + 1) / n;
        }
        shared.n = n;
        shared.run = run;
        shared.call = call;
        for (int i = 1; i < n; i++)
            unlock(threads[i].wake);
        take_part(0);
        shared.waits = waits = shared.helpers > 0;
        unlock(shared.lock);
        if (waits)
            lock(shared.over);
    }
    Py_END_ALLOW_THREADS
    busy &= alone;
}

/* In a forked child, where none of them is. */
static void forget_threads(void)
{
    memset(threads, 0, sizeof threads);
    memset(&shared, 0, sizeof shared);
    ready = 1;
    busy = 0;
}

void use_threads(long n)
{
#ifndef _WIN32
    static int prepared;
    if (!prepared)
        prepared = pthread_atfork(NULL, NULL, forget_threads) == 0;
#endif
    most = n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : (int)n;
}
