/* A large call divided among threads. */

#ifndef THREADS_H
#define THREADS_H

/* How many threads divide a call, the one that makes it included. */
void use_threads(long n);

/* Has run(call, first, last) called for all parts. The caller must hold Python's lock, which is let go
   in the meantime. A second call at the same time is not divided. */
void divide(void (*run)(void *call, long first, long last), void *call, long parts);

#endif
