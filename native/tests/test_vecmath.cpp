// exp, tanh and sigmoid against the C library in a wider type. `test_vecmath all` visits every float
// (minutes for each instruction set; `all avx2` takes one), without it every 251st. Results that are
// subnormal are flushed to zero by design.
#include <cfloat>
#include <limits>

#include "../engine/fpmode.h"
#include "check.h"

namespace bptt {

static double wide_exp(double x) { return std::exp(x); }
static double wide_tanh(double x) { return std::tanh(x); }
static double wide_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
static long double wide_sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }

// |got - want| in units of the last place of T at `want`
template <class T, class W>
double ulps(T got, W want) {
  constexpr W tiny = std::numeric_limits<T>::min(), huge = std::numeric_limits<T>::max();
  if (std::isnan(want)) return std::isnan(got) ? 0 : 1e30;
  if (std::fabs(want) < tiny) return std::fabs(W(got)) <= tiny ? 0 : 1e30;
  if (std::fabs(want) > huge) return std::isinf(got) || std::fabs(W(got)) == huge ? 0 : 1e30;
  if (W(got) == want) return 0;
  int e;
  std::frexp(want, &e);
  return double(std::fabs(W(got) - want) * std::ldexp(W(1), std::numeric_limits<T>::digits - e));
}

// The exact functions where the argument is too small or too large for a call to be needed: x and
// x^2 are then far below an ulp, or the result is a constant.
template <double (*F)(double), int kAt0, int kSlope4, int kLow, int kHigh>
double exact(double x) {  // value 0.5 kAt0 and slope 0.25 kSlope4 at 0; limits kLow, kHigh (2: infinity)
  const double ax = std::fabs(x);
  if (ax < 0x1p-30) return 0.5 * kAt0 + 0.25 * kSlope4 * x;
  if (ax > 110) return x < 0 ? kLow : kHigh == 2 ? HUGE_VAL : kHigh;
  return F(x);
}

static void floats(const std::string& isa, std::uint64_t step) {
  const Kernels<float> k = kernels<float>();
  struct {
    const char* name;
    void (*ours)(const float*, float*, index);
    double (*exact)(double);
    double worst[64];
    float at[64];
  } f[3] = {{"exp", k.exp, exact<wide_exp, 2, 4, 0, 2>, {}, {}},
            {"tanh", k.tanh, exact<wide_tanh, 0, 4, -1, 1>, {}, {}},
            {"sigmoid", k.sigmoid, exact<wide_sigmoid, 1, 1, 0, 1>, {}, {}}};
  const int parts = std::min(64, get_num_threads());
  const std::uint64_t all = std::uint64_t(1) << 32;
  parallel(parts, [&](int part) {
    constexpr int kBatch = 1024;
    float x[kBatch], y[kBatch];
    for (std::uint64_t i = all * part / parts; i < all * (part + 1) / parts;) {
      int n = 0;
      for (; n < kBatch && i < all * (part + 1) / parts; ++n, i += step) {
        const std::uint32_t bits = std::uint32_t(i);
        std::memcpy(x + n, &bits, 4);
      }
      for (auto& g : f) {
        g.ours(x, y, n);
        for (int j = 0; j < n; ++j) {
          const double e = ulps<float, double>(y[j], g.exact(double(x[j])));
          if (e > g.worst[part]) g.worst[part] = e, g.at[part] = x[j];
        }
      }
    }
  });
  for (auto& g : f) {
    int w = 0;
    for (int i = 1; i < parts; ++i)
      if (g.worst[i] > g.worst[w]) w = i;
    std::printf("  %-8s float  %-7s %.3f ulp at %.9g\n", isa.c_str(), g.name, g.worst[w], g.at[w]);
    std::fflush(stdout);
    check(g.worst[w] <= 2, isa + " float " + g.name);
  }
}

static void doubles(const std::string& isa, int count) {
  const Kernels<double> k = kernels<double>();
  struct {
    const char* name;
    void (*ours)(const double*, double*, index);
    long double (*exact)(long double);
  } f[3] = {{"exp", k.exp, [](long double x) { return std::exp(x); }},
            {"tanh", k.tanh, [](long double x) { return std::tanh(x); }},
            {"sigmoid", k.sigmoid, [](long double x) { return wide_sigmoid(x); }}};
  Random rng;
  std::vector<double> x, y;
  for (int i = 0; i < count; ++i) {
    x.push_back(rng.uniform() * 720);
    x.push_back(rng.uniform() * 20);
    x.push_back(rng.uniform() * 0.5);
    x.push_back(std::ldexp(rng.uniform(), -rng.below(300)));
  }
  y.resize(x.size());
  for (auto& g : f) {
    {
      FlushDenormals flush;
      g.ours(x.data(), y.data(), index(x.size()));
    }
    double worst = 0, at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double e = ulps<double, long double>(y[i], g.exact(x[i]));
      if (e > worst) worst = e, at = x[i];
    }
    std::printf("  %-8s double %-7s %.3f ulp at %.17g\n", isa.c_str(), g.name, worst, at);
    check(worst <= 4, isa + " double " + g.name);
  }
}

template <class T>
static void edges(const std::string& isa) {
  const Kernels<T> k = kernels<T>();
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T x[8] = {inf, -inf, nan, T(0), T(-0.0), T(1e30), T(-1e30), -nan};
  T e[8], t[8], s[8];
  FlushDenormals flush;
  k.exp(x, e, 8), k.tanh(x, t, 8), k.sigmoid(x, s, 8);
  check(e[0] == inf && e[1] == 0 && e[3] == 1 && e[5] == inf && e[6] == 0, isa + " exp at the edges");
  check(t[0] == 1 && t[1] == -1 && t[3] == 0 && std::signbit(t[4]) && t[5] == 1 && t[6] == -1,
        isa + " tanh at the edges");
  check(s[0] == 1 && s[1] == 0 && s[3] == T(0.5) && s[5] == 1 && s[6] == 0, isa + " sigmoid at the edges");
  for (int i : {2, 7}) check(std::isnan(e[i]) && std::isnan(t[i]) && std::isnan(s[i]), isa + " NaN stays NaN");
}

}  // namespace bptt

int main(int argc, char** argv) {
  using namespace bptt;
  const bool all = argc > 1 && std::string(argv[1]) == "all";
  const bool quick = std::getenv("BPTT_TEST_QUICK") || (argc > 1 && std::string(argv[1]) == "quick");
  for_each_isa([&](const std::string& isa) {
    if (argc > 2 && isa != argv[2]) return;
    edges<float>(isa), edges<double>(isa);
    floats(isa, all ? 1 : quick ? 65521 : 251);
    doubles(isa, all ? 4000000 : quick ? 2000 : 200000);
  });
  return finish("vecmath");
}
