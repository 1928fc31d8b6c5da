// The largest errors of the approximate kernels: float32 over all 2^32 operands, float64 and pairs by random samples.
// Usage: ulp-bench [--only exp,tanh] [--isa avx2] [--step 1] [--samples 4000000]. One function takes between two and
// fifteen minutes of one core; functions are independent of each other, so a run is taken up again by --only.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "../dispatch.h"
#include "accuracy.h"

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
};

template <class T>
T from_bits(uint64_t bits) {
  T x;
  std::memcpy(&x, &bits, sizeof(T));
  return x;
}

void report(const Accuracy& a, const char* dtype, const Worst& w, double bound, uint64_t count, double seconds) {
  const bool bad = w.error > bound || w.wrong > 0;
  over |= bad;
  std::printf("%-10s %s  %6.3f ULP (bound %.1f) at %.9g, %.9g; %llu wrong of %llu; %.0f s%s\n", a.name, dtype, w.error,
              bound, w.x, w.y, (unsigned long long)w.wrong, (unsigned long long)count, seconds, bad ? "  FAILED" : "");
  std::fflush(stdout);
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

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

void unary(const Accuracy& a, const UnaryReference& f, ElementwiseFn const (&kernel)[kDTypes][kVariants], uint64_t step,
           uint64_t samples) {
  std::vector<float> fx(kBlock), fy(kBlock);
  std::vector<double> dx(kBlock), dy(kBlock);
  Worst worst;
  uint64_t count = 0;
  double start = now();
  for (uint64_t bits = 0; bits < uint64_t(1) << 32;) {
    size_t n = 0;
    for (; n < kBlock && bits < uint64_t(1) << 32; bits += step) fx[n++] = from_bits<float>(bits);
    kernel[kFloat32][0](fx.data(), nullptr, nullptr, fy.data(), n);
    for (size_t i = 0; i < n; ++i) worst.add(ulps(fy[i], Long(f.reference64(double(fx[i])))), double(fx[i]));
    count += n;
  }
  report(a, "float32", worst, a.bound32, count, now() - start);
  worst = {};
  start = now();
  for (uint64_t done = 0; done < samples; done += kBlock) {
    for (size_t i = 0; i < kBlock; ++i) dx[i] = some_double(i);
    kernel[kFloat64][0](dx.data(), nullptr, nullptr, dy.data(), kBlock);
    for (size_t i = 0; i < kBlock; ++i) {
      worst.add(ulps(dy[i], f.reference(Long(dx[i])), f.unit ? f.unit(Long(dx[i])) : 0), dx[i]);
    }
  }
  report(a, "float64", worst, a.bound64, samples, now() - start);
}

template <class T>
void binary(const Accuracy& a, const BinaryReference& f, ElementwiseFn kernel, const char* dtype, double bound,
            uint64_t samples) {
  std::vector<T> x(kBlock), y(kBlock), out(kBlock);
  Worst worst;
  const double start = now();
  for (uint64_t done = 0; done < samples; done += kBlock) {
    for (size_t i = 0; i < kBlock; ++i) {
      const OperandPair pair = random_pair(f.name, int(i % 5), i % 3 ? 1 : 0.25, random_in, random_bits);
      x[i] = T(pair.x), y[i] = T(pair.y);
    }
    kernel(x.data(), y.data(), nullptr, out.data(), kBlock);
    for (size_t i = 0; i < kBlock; ++i) {
      worst.add(ulps(out[i], f.reference(Long(x[i]), Long(y[i]))), double(x[i]), double(y[i]));
    }
  }
  report(a, dtype, worst, bound, samples, now() - start);
}

}  // namespace

int main(int argc, char** argv) {
  std::string only, isa = available_isas().front();
  uint64_t step = 1, samples = 4000000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--only") only = std::string(",") + argv[i + 1] + ",";
    if (option == "--isa") isa = argv[i + 1];
    if (option == "--step") step = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--samples") samples = std::strtoull(argv[i + 1], nullptr, 10);
  }
  const Kernels* kernels = kernels_for(isa);
  if (!kernels || step == 0) {
    std::printf("%s is not available, or --step is 0\n", isa.c_str());
    return 2;
  }
  std::printf("%s, every %llu of 2^32\n", isa.c_str(), (unsigned long long)step);
  for (const Accuracy& a : kAccuracy) {
    if (!only.empty() && only.find(std::string(",") + a.name + ",") == std::string::npos) continue;
    for (unsigned k = 0; k < kElementwiseKernels; ++k) {
      if (std::strcmp(kElementwiseInfo[k].name, a.name) != 0) continue;
      for (const UnaryReference& f : kUnaryReferences) {
        if (std::strcmp(f.name, a.name) == 0) unary(a, f, kernels->elementwise[k], step, samples);
      }
      for (const BinaryReference& f : kBinaryReferences) {
        if (std::strcmp(f.name, a.name) != 0) continue;
        binary<float>(a, f, kernels->elementwise[k][kFloat32][0], "float32", a.bound32, samples);
        binary<double>(a, f, kernels->elementwise[k][kFloat64][0], "float64", a.bound64, samples);
      }
    }
  }
  return over ? 1 : 0;
}
