/* A clock that somebody sets. Preloaded into the program, it adds to the wall clock as many nanoseconds as the file named
   by FAKE_CLOCK holds. When those change, or the number of resumes after them, it does to the program's timer what Linux
   does then: see TFD_TIMER_CANCEL_ON_SET in timerfd_create(2). */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static volatile int64_t *ahead; /* Two of them; the other one counts resumes. */
static int timer = -1;
static int cancellable, cancelled;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAKE_CLOCK");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *page = fd < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) abort();
  close(fd);
  ahead = page;
}

static int64_t nanos(const struct timespec *time) { return time->tv_sec * SECOND + time->tv_nsec; }

static struct timespec timespec_of(int64_t nanos) {
  int64_t rest = (nanos % SECOND + SECOND) % SECOND;
  return (struct timespec){.tv_sec = (nanos - rest) / SECOND, .tv_nsec = rest};
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int failed = syscall(SYS_clock_gettime, clock, time);
  if (!failed && clock == CLOCK_REALTIME) *time = timespec_of(nanos(time) + *ahead);
  return failed;
}

static void *watch(void *unused) {
  int64_t seen = ahead[0] + ahead[1];
  for (;;) {
    usleep(2000);
    if (ahead[0] + ahead[1] == seen) continue;
    pthread_mutex_lock(&lock);
    seen = ahead[0] + ahead[1];
    if (cancellable) {
      /* The real one becomes readable, and what is read is the cancellation. */
      struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
      cancelled = 1;
      syscall(SYS_timerfd_settime, timer, 0, &soon, NULL);
    }
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

int timerfd_create(clockid_t clock, int flags) {
  int fd = syscall(SYS_timerfd_create, clock, flags);
  if (fd >= 0 && clock == CLOCK_REALTIME && timer < 0) {
    sigset_t all, before;
    pthread_t thread;
    timer = fd;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_create(&thread, NULL, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  return fd;
}

static int take_cancellation(void) {
  int was = cancelled;
  cancelled = 0;
  if (was) errno = ECANCELED;
  return was;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *before) {
  if (fd != timer) return syscall(SYS_timerfd_settime, fd, flags, value, before);
  struct itimerspec real = *value;
  int64_t end = 1LL << 62;
  /* Far enough: no test waits for a hundred years. */
  int64_t at = value->it_value.tv_sec > end / SECOND ? end : nanos(&value->it_value);
  pthread_mutex_lock(&lock);
  at -= *ahead;
  real.it_value = timespec_of(at < 1 ? 1 : at);
  cancellable = (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
  int failed = syscall(SYS_timerfd_settime, fd, flags, &real, before);
  if (!failed && take_cancellation()) failed = -1;
  pthread_mutex_unlock(&lock);
  return failed;
}

ssize_t read(int fd, void *bytes, size_t size) {
  if (fd != timer || timer < 0) return syscall(SYS_read, fd, bytes, size);
  pthread_mutex_lock(&lock);
  ssize_t count = syscall(SYS_read, fd, bytes, size);
  if (count > 0 && take_cancellation()) count = -1;
  pthread_mutex_unlock(&lock);
  return count;
}
