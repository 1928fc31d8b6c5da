// The largest errors of the approximate kernels: float32 over all 2^32 operands, float64 and pairs by random samples.
// Usage: ulp-bench [--only exp,tanh] [--isa avx2] [--step 1] [--part 0/4] [--samples 4000000] [--threads 2] [--json 1].
// A function takes half a minute to some minutes; a part is one of so many equal ranges of the operands.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../kernels/dispatch.h"
#include "accuracy.h"
#include "support.h"

namespace {

using namespace gradtape;

std::mt19937_64 generator(20261124);
uint64_t random_bits() { return generator(); }
double random_in(double low, double high) { return low + (high - low) * double(random_bits() >> 11) * 0x1p-53; }

constexpr size_t kBlock = 1 << 16;
bool over = false;

struct Worst {
  double error = 0, x = 0, y = 0;
  uint64_t wrong = 0;
  void add(double e, double at, double also = 0) {
    if (std::isinf(e) || e != e) {
      ++wrong;
    } else if (e > error) {
      error = e, x = at, y = also;
    }
  }
  void add(const Worst& other) {
    wrong += other.wrong;
    if (other.error > error) error = other.error, x = other.x, y = other.y;
  }
};

struct Options {
  std::string only, isa = available_isas().front();
  uint64_t step = 1, part = 0, parts = 1, samples = 4000000;
  unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  bool json = false;
};

void report(const Options& o, const Accuracy& a, const char* dtype, const Worst& w, double bound, uint64_t count,
            double seconds) {
  const bool bad = w.error > bound || w.wrong > 0;
  over |= bad;
  const auto of = (unsigned long long)count, wrong = (unsigned long long)w.wrong;
  if (o.json) {
    std::printf(
        "{\"name\":\"%s\",\"dtype\":\"%s\",\"ulp\":%.4f,\"x\":%.17g,\"y\":%.17g,\"wrong\":%llu,\"of\":%llu,"
        "\"seconds\":%.1f}\n",
        a.name, dtype, w.error, w.x, w.y, wrong, of, seconds);
  } else {
    std::printf("%-10s %s  %6.3f ULP (bound %.1f) at %.9g, %.9g; %llu wrong of %llu; %.0f s%s\n", a.name, dtype,
                w.error, bound, w.x, w.y, wrong, of, seconds, bad ? "  FAILED" : "");
  }
  std::fflush(stdout);
}

double some_double(uint64_t i) {
  switch (i % 8) {
    case 0:
      return from_bits<double>(random_bits());
    case 1:
      return random_in(-1, 1);
    case 2:
      return random_in(-5, 5);
    case 3:
      return random_in(-30, 30);
    case 4:
      return random_in(-750, 750);
    case 5:
      return random_in(-1, 1) * std::exp2(random_in(-60, 30));
    case 6:
      return 1 + random_in(-1, 1) * std::exp2(random_in(-52, 0));
    default:
      return 0.5 * double(random_bits() % 16) + random_in(-1, 1) * std::exp2(random_in(-52, -1));
  }
}

// Floats of the bit patterns `from`, `from` + `step`, ... below `to`. Of an odd or an even function only the
// non-negative ones, and -x must have the bits that follow from those of x.
Worst sweep(const UnaryReference& f, ElementwiseFn kernel, std::atomic<uint64_t>& next, uint64_t to, uint64_t step) {
  std::vector<float> x(kBlock), y(kBlock), mirrored(kBlock);
  std::vector<double> want(kBlock);
  Worst worst;
  for (;;) {
    size_t n = 0;
    for (uint64_t bits = next.fetch_add(kBlock * step); n < kBlock && bits < to; bits += step) {
      x[n++] = from_bits<float>(bits);
    }
    if (n == 0) return worst;
    kernel(x.data(), nullptr, nullptr, y.data(), n);
    for (size_t i = 0; i < n; ++i) want[i] = f.reference64(double(x[i]));
    for (size_t i = 0; i < n; ++i) {
      // What the quick comparison clears is no worse than what is known; a zero may have the wrong sign.
      if (quick_ulps(y[i], want[i]) <= worst.error && y[i] != 0) continue;
      worst.add(ulps(y[i], Long(want[i])), double(x[i]));
    }
    if (f.symmetry == kNone) continue;
    for (size_t i = 0; i < n; ++i) x[i] = -x[i];
    kernel(x.data(), nullptr, nullptr, mirrored.data(), n);
    for (size_t i = 0; i < n; ++i) worst.wrong += !same(mirrored[i], f.symmetry == kOdd ? -y[i] : y[i]);
  }
}

void unary(const Options& o, const Accuracy& a, const UnaryReference& f, ElementwiseFn kernel32,
           ElementwiseFn kernel64) {
  Worst worst;
  double start = now();
  const uint64_t count = uint64_t(1) << (f.symmetry == kNone ? 32 : 31), to = count * (o.part + 1) / o.parts;
  const uint64_t from = (count * o.part / o.parts + o.step - 1) / o.step * o.step;
  std::atomic<uint64_t> next{from};
  std::vector<Worst> found(o.threads);
  std::vector<std::thread> threads;
  for (Worst& one : found) threads.emplace_back([&] { one = sweep(f, kernel32, next, to, o.step); });
  for (std::thread& thread : threads) thread.join();
  for (const Worst& one : found) worst.add(one);
  const uint64_t tried = (to - from + o.step - 1) / o.step * (f.symmetry == kNone ? 1 : 2);
  report(o, a, "float32", worst, a.bound32, tried, now() - start);
  if (o.part > 0) return;
  std::vector<double> x(kBlock), y(kBlock);
  worst = {};
  start = now();
  for (uint64_t done = 0; done < o.samples; done += kBlock) {
    for (size_t i = 0; i < kBlock; ++i) x[i] = some_double(i);
    kernel64(x.data(), nullptr, nullptr, y.data(), kBlock);
    for (size_t i = 0; i < kBlock; ++i) {
      worst.add(ulps(y[i], f.reference(Long(x[i])), f.unit ? f.unit(Long(x[i])) : 0), x[i]);
    }
  }
  report(o, a, "float64", worst, a.bound64, o.samples, now() - start);
}

template <class T>
void binary(const Options& o, const Accuracy& a, const BinaryReference& f, ElementwiseFn kernel, const char* dtype,
            double bound) {
  std::vector<T> x(kBlock), y(kBlock), out(kBlock);
  Worst worst;
  const double start = now();
  for (uint64_t done = 0; done < o.samples; done += kBlock) {
    for (size_t i = 0; i < kBlock; ++i) {
      const OperandPair pair = random_pair(f.name, int(i % 5), i % 3 ? 1 : 0.25, random_in, random_bits);
      x[i] = T(pair.x), y[i] = T(pair.y);
    }
    kernel(x.data(), y.data(), nullptr, out.data(), kBlock);
    for (size_t i = 0; i < kBlock; ++i) {
      worst.add(ulps(out[i], f.reference(Long(x[i]), Long(y[i]))), double(x[i]), double(y[i]));
    }
  }
  report(o, a, dtype, worst, bound, o.samples, now() - start);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    char* end = argv[i + 1];
    if (option == "--only") o.only = std::string(",") + argv[i + 1] + ",";
    if (option == "--isa") o.isa = argv[i + 1];
    if (option == "--step") o.step = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--part") o.part = std::strtoull(argv[i + 1], &end, 10);
    if (*end == '/') o.parts = std::strtoull(end + 1, nullptr, 10);
    if (option == "--samples") o.samples = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--threads") o.threads = unsigned(std::strtoull(argv[i + 1], nullptr, 10));
    if (option == "--json") o.json = true;
  }
  const Kernels* kernels = kernels_for(o.isa);
  if (!kernels || o.step == 0 || o.threads == 0 || o.part >= o.parts) {
    std::printf("%s is not available, or an option makes no sense\n", o.isa.c_str());
    return 2;
  }
  if (!o.json) std::printf("%s, every %llu of 2^32\n", o.isa.c_str(), (unsigned long long)o.step);
  for (const Accuracy& a : kAccuracy) {
    if (!o.only.empty() && o.only.find(std::string(",") + a.name + ",") == std::string::npos) continue;
    for (unsigned k = 0; k < kElementwiseKernels; ++k) {
      if (std::strcmp(kElementwiseInfo[k].name, a.name) != 0) continue;
      for (const UnaryReference& f : kUnaryReferences) {
        if (std::strcmp(f.name, a.name) != 0) continue;
        unary(o, a, f, kernels->elementwise(k, kFloat32)[0], kernels->elementwise(k, kFloat64)[0]);
      }
      for (const BinaryReference& f : kBinaryReferences) {
        if (std::strcmp(f.name, a.name) != 0 || o.part > 0) continue;
        binary<float>(o, a, f, kernels->elementwise(k, kFloat32)[0], "float32", a.bound32);
        binary<double>(o, a, f, kernels->elementwise(k, kFloat64)[0], "float64", a.bound64);
      }
    }
  }
  return over ? 1 : 0;
}
