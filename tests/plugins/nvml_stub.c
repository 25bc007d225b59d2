/* A stand-in for libnvidia-ml.so.1: cards of known power on a clock that the test moves.
 *
 * BENCH_STUB_CLOCK   a file of one double, seconds; without it, the system's clock
 * BENCH_STUB_TAU_S   time between updates of counter and power (default 0.1)
 * BENCH_STUB_TRACE   "constant" (250 W) or "bursts" (400 W for 5 ms of every 50, else 60)
 * BENCH_STUB_LACKS   any of: counter, instant
 * BENCH_STUB_LOST_S  from this time on every read fails as if the card had fallen off the bus
 * BENCH_STUB_CARDS   how many such cards (default 1)
 * BENCH_STUB_MIG     1: the cards are split
 * BENCH_STUB_USERS   process numbers, parted by commas, that compute on every card; "self" is whoever asks
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, BAD_ARGUMENT = 2, NOT_SUPPORTED = 3, TOO_SMALL = 7, CARD_LOST = 15 };
static const volatile double *moved_clock;

static double now(void) {
  if (moved_clock) return *moved_clock;
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
static double number(const char *name, double otherwise) {
  const char *text = getenv(name);
  return text ? atof(text) : otherwise;
}
static int lacks(const char *what) {
  const char *text = getenv("BENCH_STUB_LACKS");
  return text && strstr(text, what);
}
static int bursts(void) {
  const char *text = getenv("BENCH_STUB_TRACE");
  return text && !strcmp(text, "bursts");
}
static double updated(void) {
  double tau = number("BENCH_STUB_TAU_S", 0.1);
  return floor(now() / tau) * tau;
}
static double power_w(double t) { return !bursts() ? 250 : fmod(t, 0.05) < 0.005 ? 400 : 60; }
static double energy_j(double t) {
  double k = floor(t / 0.05), rest = t - k * 0.05;
  return !bursts() ? 250 * t : 60 * t + 340 * (k * 0.005 + fmin(rest, 0.005));
}
static int lost(void) { return now() >= number("BENCH_STUB_LOST_S", INFINITY); }

int nvmlInitWithFlags(unsigned flags) {
  (void)flags;
  const char *path = getenv("BENCH_STUB_CLOCK");
  if (path && !moved_clock) {
    int file = open(path, O_RDONLY);
    void *page = mmap(0, sizeof(double), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED) return 999;
    moved_clock = page;
  }
  return OK;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) {
  return code == NOT_SUPPORTED ? "Not Supported" : code == CARD_LOST ? "GPU is lost" : "Unknown Error";
}
int nvmlSystemGetDriverVersion(char *text, unsigned n) { return strncpy(text, "999.0", n) ? OK : 999; }
static unsigned cards(void) { return (unsigned)number("BENCH_STUB_CARDS", 1); }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = cards(); return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **card) {
  *card = (void *)(size_t)(i + 1);
  return i < cards() ? OK : BAD_ARGUMENT;
}
int nvmlDeviceGetUUID(void *card, char *text, unsigned n) {
  return snprintf(text, n, "GPU-%c0ffee", (int)('a' - 1 + (size_t)card)) ? OK : 999;
}
int nvmlDeviceGetArchitecture(void *card, unsigned *made) { (void)card; *made = lacks("counter") ? 4 : 9; return OK; }
int nvmlDeviceGetC2cModeInfoV(void *card, void *info) { (void)card; (void)info; return NOT_SUPPORTED; }
int nvmlDeviceGetMigMode(void *card, unsigned *now, unsigned *pending) {
  (void)card;
  *now = *pending = (unsigned)number("BENCH_STUB_MIG", 0);
  return OK;
}
struct user { unsigned pid; unsigned long long memory; unsigned instance, part; };
int nvmlDeviceGetComputeRunningProcesses_v3(void *card, unsigned *n, struct user *users) {
  (void)card;
  const char *text = getenv("BENCH_STUB_USERS");
  char copy[256], *rest = copy, *word;
  unsigned found = 0;
  strncpy(copy, text ? text : "", sizeof copy - 1)[sizeof copy - 1] = 0;
  while ((word = strsep(&rest, ",")) && *word) {
    unsigned pid = strcmp(word, "self") ? (unsigned)atoi(word) : (unsigned)getpid();
    if (users && found < *n) users[found] = (struct user){pid, 0, ~0u, ~0u};
    found++;
  }
  int fits = !found || (users && found <= *n);
  *n = found;
  return fits ? OK : TOO_SMALL;
}
int nvmlDeviceGetName(void *card, char *text, unsigned n) { (void)card; return strncpy(text, "Stub 700", n) ? OK : 999; }
int nvmlDeviceGetEnforcedPowerLimit(void *card, unsigned *mw) { (void)card; *mw = 700000; return OK; }
int nvmlDeviceGetTotalEnergyConsumption(void *card, unsigned long long *mj) {
  (void)card;
  if (lacks("counter")) return NOT_SUPPORTED;
  *mj = (unsigned long long)(energy_j(updated()) * 1e3);
  return lost() ? CARD_LOST : OK;
}
int nvmlDeviceGetPowerUsage(void *card, unsigned *mw) {
  (void)card;
  *mw = (unsigned)(power_w(updated()) * 1e3);
  return lost() ? CARD_LOST : OK;
}
struct field { unsigned id, scope; long long stamp, latency; int type, code; union { double d; unsigned u; unsigned long long ull; } value; };
int nvmlDeviceGetFieldValues(void *card, int n, struct field *fields) {
  (void)card;
  for (int i = 0; i < n; i++) {
    fields[i].code = fields[i].id == 186 && !lacks("instant") ? lost() ? CARD_LOST : OK : NOT_SUPPORTED;
    fields[i].type = 1;
    fields[i].value.u = (unsigned)(power_w(updated()) * 1e3);
  }
  return OK;
}
