/* A bare loop of multiply-adds on vectors that never leave their registers: the peak of one core.
   Compiled by yardstick.py with LANES float32 values a vector and the flags of an instruction set. */
#define BYTES (4 * LANES)
#define CHAINS 12 /* independent sums: more than latency x units of today's cores */

#ifdef __aarch64__
#define HIDE(v) __asm__ volatile("" : "+w"(v))
#else
#define HIDE(v) __asm__ volatile("" : "+x"(v))
#endif

/* `HIDE` makes the factor unknown to the compiler, so that it multiplies again for every sum. */
#define LOOP(NAME, TYPE)                                                    \
  double NAME(long n) {                                                     \
    typedef TYPE vector __attribute__((vector_size(BYTES)));                \
    vector sums[CHAINS] = {{0}}, x = {0}, y = {0};                          \
    x += (TYPE)1e-3;                                                        \
    y += (TYPE)1e-3;                                                        \
    for (long i = 0; i < n; ++i)                                            \
      for (int k = 0; k < CHAINS; ++k) {                                    \
        HIDE(x);                                                            \
        sums[k] += x * y;                                                   \
      }                                                                     \
    for (int k = 1; k < CHAINS; ++k) sums[0] += sums[k];                    \
    return (double)sums[0][0]; /* used: else nothing would be computed */   \
  }

LOOP(loop_float32, float)
LOOP(loop_float64, double)
