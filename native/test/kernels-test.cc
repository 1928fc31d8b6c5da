// Tests and benchmark of the kernel tables as a plain binary: every available ISA, or the one that is named.
// Usage: kernels-test [isa] [--sparse | --dense] [--bench]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../kernels/dispatch.h"
#include "../steps/factors.h"
#include "accuracy.h"
#include "support.h"

namespace {

using namespace gradtape;

bool sparse = false, dense = false;

bool same_bytes(DType d, const void* a, const void* b) {
  switch (d) {
    case kFloat32:
      return same(*static_cast<const float*>(a), *static_cast<const float*>(b));
    case kFloat64:
      return same(*static_cast<const double*>(a), *static_cast<const double*>(b));
    default:
      return std::memcmp(a, b, kDTypeSize[d]) == 0;
  }
}

// Heap memory of exactly n elements from an odd offset, so that AddressSanitizer sees one too many.
template <class T>
struct Buffer {
  std::unique_ptr<unsigned char[]> memory;
  T* p;
  explicit Buffer(size_t n, size_t offset = 0) : memory(new unsigned char[(n + offset) * sizeof(T)]) {
    p = reinterpret_cast<T*>(memory.get()) + offset;
  }
  T& operator[](size_t i) { return p[i]; }
};

// Values with the awkward ones among them.
template <class T>
std::vector<T> awkward();
template <>
std::vector<int32_t> awkward() {
  return {0, 1, -1, 2, -2, 3, 7, -7, 255, 256, -256, 65536, INT32_MAX, INT32_MIN, INT32_MAX - 1, INT32_MIN + 1};
}
template <>
std::vector<uint8_t> awkward() {
  return {0, 1, 2, 3, 127, 128, 254, 255};
}
template <class T>
std::vector<T> awkward_floats() {
  using L = std::numeric_limits<T>;
  std::vector<T> values;
  for (T x : {T(0),
              L::denorm_min(),
              L::min() / 2,
              L::min(),
              L::epsilon(),
              T(0.25),
              T(0.5),
              T(0.75),
              T(1),
              T(1) + L::epsilon(),
              T(1) - L::epsilon() / 2,
              T(1.5),
              T(2),
              T(2.5),
              T(3),
              T(3.5),
              T(7),
              T(10),
              T(16777215),
              T(16777216),
              T(16777217.0),
              T(2147483647.0),
              T(2147483648.0),
              T(4294967296.0),
              T(4503599627370497.0),
              T(9007199254740991.0),
              T(9007199254740993.0),
              L::max() / 2,
              L::max(),
              L::infinity(),
              L::quiet_NaN(),
              T(255),
              T(256),
              T(88.8),
              T(104),
              T(709.9),
              T(745.2),
              T(1e5),
              T(1e9),
              T(3.1415926535897932)}) {
    values.push_back(x);
    values.push_back(-x);
  }
  return values;
}
template <>
std::vector<float> awkward() {
  return awkward_floats<float>();
}
template <>
std::vector<double> awkward() {
  return awkward_floats<double>();
}

template <class T>
T random_value() {
  if constexpr (sizeof(T) == 1) {
    return T(random_bits());
  } else if constexpr (std::is_integral_v<T>) {
    return random_bits() % 2 ? T(random_bits()) : T(int64_t(random_bits() % 41) - 20);
  } else {
    return random_bits() % 4 == 0 ? from_bits<T>(random_bits()) : T(random_in(-5, 5));
  }
}
template <class T>
T some_value() {
  static const std::vector<T> values = awkward<T>();
  return random_bits() % 4 == 0 ? values[random_bits() % values.size()] : random_value<T>();
}

void fill(DType d, void* p, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    switch (d) {
      case kFloat32:
        static_cast<float*>(p)[i] = some_value<float>();
        break;
      case kFloat64:
        static_cast<double*>(p)[i] = some_value<double>();
        break;
      case kInt32:
        static_cast<int32_t*>(p)[i] = some_value<int32_t>();
        break;
      case kUint8:
        static_cast<uint8_t*>(p)[i] = some_value<uint8_t>();
        break;
      default:
        static_cast<uint8_t*>(p)[i] = random_bits() & 1;
    }
  }
}

// Every length, offset and variant gives the bits of one element alone; nothing else is written; `out` may be an
// operand.
void check_elementwise(const std::string& what, ElementwiseFn const* variants, unsigned count, unsigned arity,
                       const DType (&types)[3], DType out_type) {
  const size_t most = 2 * 64 / kDTypeSize[types[arity - 1]] + 1, out_size = kDTypeSize[out_type];
  bool bits_ok = true, guard_ok = true, in_place_ok = true;
  std::string where;
  for (unsigned variant = 0; variant < count; ++variant) {
    const ElementwiseFn run = variants[variant];
    for (size_t n = 1; n <= most; n += sparse ? 3 : 1) {
      const size_t offset = n % 4;
      std::unique_ptr<unsigned char[]> memory[3];
      const unsigned char* operand[3] = {};
      size_t size[3] = {};
      for (unsigned k = 0; k < arity; ++k) {
        size[k] = kDTypeSize[types[k]];
        const size_t elements = (variant >> k & 1 ? 1 : n), skip = (offset + k) % 4;
        memory[k].reset(new unsigned char[(elements + skip) * size[k]]);
        fill(types[k], memory[k].get() + skip * size[k], elements);
        operand[k] = memory[k].get() + skip * size[k];
      }
      std::vector<unsigned char> out((n + 8) * out_size, 0xA5);
      unsigned char* to = out.data() + 4 * out_size;
      run(operand[0], operand[1], operand[2], to, n);
      for (size_t i = 0; i < 4 * out_size; ++i) guard_ok &= out[i] == 0xA5 && to[n * out_size + i] == 0xA5;
      for (size_t i = 0; i < n; ++i) {
        const unsigned char* one[3] = {};
        for (unsigned k = 0; k < arity; ++k) one[k] = operand[k] + (variant >> k & 1 ? 0 : i * size[k]);
        alignas(8) unsigned char alone[8];
        variants[0](one[0], one[1], one[2], alone, 1);
        if (!same_bytes(out_type, alone, to + i * out_size)) {
          bits_ok = false;
          where = " variant " + std::to_string(variant) + " n " + std::to_string(n) + " i " + std::to_string(i);
        }
      }
      for (unsigned k = 0; k < arity; ++k) {
        if ((variant >> k & 1) || size[k] != out_size) continue;
        std::unique_ptr<unsigned char[]> copy(new unsigned char[n * out_size]);
        std::memcpy(copy.get(), operand[k], n * out_size);
        const unsigned char* with[3] = {operand[0], operand[1], operand[2]};
        with[k] = copy.get();
        run(with[0], with[1], with[2], copy.get(), n);
        for (size_t i = 0; i < n; ++i)
          in_place_ok &= same_bytes(out_type, copy.get() + i * out_size, to + i * out_size);
      }
    }
  }
  check(bits_ok, what + ": same bits for every length and variant" + where);
  check(guard_ok, what + ": writes n elements");
  check(in_place_ok, what + ": in place");
}

void test_every_loop(const Kernels& k) {
  const std::string isa = k.isa;
  for (unsigned kernel = 0; kernel < kElementwiseKernels; ++kernel) {
    const ElementwiseInfo& info = kElementwiseInfo[kernel];
    unsigned dtypes = 0;
    for (unsigned d = 0; d < kDTypes; ++d) {
      const ElementwiseFn* variants = k.elementwise(kernel, d);
      if (!variants[0]) continue;
      ++dtypes;
      const DType t = DType(d);
      const DType types[3] = {info.first_is_bool ? kBool : t, t, t};
      const std::string what = isa + " " + info.name + " " + kDTypeInfo[d].name;
      const unsigned expected = info.arity == 1 ? kUnaryVariants : info.arity == 2 ? kBinaryVariants : kTernaryVariants;
      unsigned count = 0;
      while (count < expected && variants[count]) ++count;
      check(count == expected, what + ": variants");
      check_elementwise(what, variants, count, info.arity, types, info.to_bool ? kBool : t);
    }
    check(dtypes > 0, isa + " " + info.name + ": no dtype");
  }
  for (unsigned from = 0; from < kDTypes; ++from) {
    for (unsigned to = 0; to < kDTypes; ++to) {
      const ElementwiseFn variants[] = {k.cast[from][to]};
      const DType types[3] = {DType(from), DType(from), DType(from)};
      check(variants[0] != nullptr, "cast exists");
      check_elementwise(isa + " cast " + kDTypeInfo[from].name + " to " + kDTypeInfo[to].name, variants, 1, 1, types,
                        DType(to));
    }
  }
}

// Accuracy

// Rounded once, or not at all.
#define BOTH(f) kNone, [](Long x) -> Long { return f(x); }, [](double x) -> double { return f(x); }, nullptr
const UnaryReference kRounded[] = {
    {"reciprocal", BOTH(1 /)}, {"floor", BOTH(std::floor)}, {"ceil", BOTH(std::ceil)}, {"round", BOTH(std::nearbyint)}};

int kernel_number(const char* name) {
  for (unsigned k = 0; k < kElementwiseKernels; ++k) {
    if (std::strcmp(kElementwiseInfo[k].name, name) == 0) return int(k);
  }
  std::printf("no kernel %s\n", name);
  std::abort();
}

struct Worst {
  double error = 0, x = 0, y = 0;
  size_t bad = 0;
  void add(double e, double at, double also = 0) {
    if (std::isinf(e) || e != e) ++bad;
    if (!(e <= error)) error = e, x = at, y = also;
  }
};

void report(const std::string& what, const Worst& worst, double bound) {
  char text[160];
  std::snprintf(text, sizeof text, "%s: %.3f ULP at %.17g, %.17g, bound %.2f, %zu bad", what.c_str(), worst.error,
                worst.x, worst.y, bound, worst.bad);
  check(worst.error <= bound && worst.bad == 0, text);
  std::printf("  %s\n", text);
}

std::vector<float> floats_to_try() {
  std::vector<float> xs = awkward<float>();
  const uint64_t step = sparse ? 4000037 : dense ? 397 : 40001;
  for (uint64_t bits = 0; bits < uint64_t(1) << 32; bits += step) xs.push_back(from_bits<float>(bits));
  for (int i = 0; i < (sparse ? 500 : 50000); ++i) xs.push_back(float(random_in(-12, 12)));
  for (int i = 0; i < 3000; ++i) xs.push_back(float(i * 1.5707963267948966));
  return xs;
}
std::vector<double> doubles_to_try() {
  std::vector<double> xs = awkward<double>();
  for (int i = 0; i < (sparse ? 1000 : 100000); ++i) xs.push_back(from_bits<double>(random_bits()));
  for (int i = 0; i < (sparse ? 1000 : 100000); ++i) xs.push_back(random_in(-30, 30));
  for (int i = 0; i < (sparse ? 200 : 20000); ++i) {
    xs.push_back(random_in(-1, 1) * std::pow(2, random_in(-60, 30)));
    xs.push_back(random_in(-750, 750));
    xs.push_back(1 + random_in(-1, 1) * std::pow(2, random_in(-52, 0)));
  }
  for (int i = 0; i < 3000; ++i) xs.push_back(i * 1.5707963267948966);
  return xs;
}

struct Samples {
  const std::vector<float> fs = floats_to_try();
  const std::vector<double> ds = doubles_to_try();
};

void check_unary_error(const Kernels& k, const Samples& samples, const UnaryReference& f, double bound32,
                       double bound64) {
  const auto& [fs, ds] = samples;
  std::vector<float> fy(fs.size());
  std::vector<double> dy(ds.size());
  const int kernel = kernel_number(f.name);
  Worst worst32, worst64;
  k.elementwise(kernel, kFloat32)[0](fs.data(), nullptr, nullptr, fy.data(), fs.size());
  for (size_t i = 0; i < fs.size(); ++i) worst32.add(ulps(fy[i], Long(f.reference64(double(fs[i])))), double(fs[i]));
  k.elementwise(kernel, kFloat64)[0](ds.data(), nullptr, nullptr, dy.data(), ds.size());
  for (size_t i = 0; i < ds.size(); ++i) {
    const Long x = Long(ds[i]);
    worst64.add(ulps(dy[i], f.reference(x), f.unit ? f.unit(x) : 0), ds[i]);
  }
  report(std::string(k.isa) + " " + f.name + " float32", worst32, bound32);
  report(std::string(k.isa) + " " + f.name + " float64", worst64, bound64);
}

template <class T>
void check_binary_error(const Kernels& k, const BinaryReference& f, DType d, double bound) {
  const bool integral = std::strcmp(f.name, "polygamma") == 0;
  std::vector<T> xs, ys;
  const std::vector<T> values = awkward<T>();
  for (T x : values) {
    for (T y : values) {
      // Even orders have zeros between the poles.
      const bool zeros = y < 0 && std::floor(y) != y && std::fmod(x, 2) == 0;
      if (integral && (zeros || x > 150 || std::fabs(y) > 1e30)) continue;
      xs.push_back(x), ys.push_back(y);
    }
  }
  for (int i = 0; i < (sparse ? 1000 : integral ? 4000 : 100000); ++i) {
    for (int kind = 0; kind < 5; ++kind) {
      const auto [x, y] = random_pair(f.name, kind, i < 5000 ? 0.25 : 1, random_in, random_bits);
      xs.push_back(T(x)), ys.push_back(T(y));
    }
    if (integral) continue;
    xs.push_back(from_bits<T>(random_bits()));
    ys.push_back(from_bits<T>(random_bits()));
  }
  std::vector<T> out(xs.size());
  k.elementwise(kernel_number(f.name), d)[0](xs.data(), ys.data(), nullptr, out.data(), xs.size());
  Worst worst;
  for (size_t i = 0; i < xs.size(); ++i)
    worst.add(ulps(out[i], f.reference(Long(xs[i]), Long(ys[i]))), double(xs[i]), double(ys[i]));
  report(std::string(k.isa) + " " + f.name + " " + kDTypeInfo[d].name, worst, bound);
}

void test_accuracy(const Kernels& k) {
  const Samples samples;
  for (const UnaryReference& f : kRounded) check_unary_error(k, samples, f, 0.5, 0.5);
  for (const Accuracy& a : kAccuracy) {
    bool known = false;
    for (const UnaryReference& f : kUnaryReferences) {
      if (std::strcmp(f.name, a.name) == 0) known = true, check_unary_error(k, samples, f, a.bound32, a.bound64);
    }
    for (const BinaryReference& f : kBinaryReferences) {
      if (std::strcmp(f.name, a.name) != 0) continue;
      known = true;
      check_binary_error<float>(k, f, kFloat32, a.bound32);
      check_binary_error<double>(k, f, kFloat64, a.bound64);
    }
    check(known, std::string(a.name) + ": no reference");
    check(a.seen32 <= a.bound32 && a.seen64 <= a.bound64, std::string(a.name) + ": seen beyond the bound");
  }
}

// Angles whose reduction takes all bits of 2 / pi that there are, the first nearest to a multiple of pi / 2 of all
// float64. By mpmath with 1500 bits, not by a C library.
struct HugeAngleSample {
  double x;
  Long sin, cos, tan;
};
constexpr HugeAngleSample kHugeAngles[] = {
    {0x1.6ac5b262ca1ffp+849, 1, -4.68716592425462761112e-19L, -2133485385753703843.67L},
    {0x1.fffffffffffffp+1023, 0.0049619547891840617905L, -0.999987689426559937465L, -0.0049620158744448949005L},
    {0x1p+1023, 0.563127779850884013453L, -0.826369834614147994501L, -0.681447647606621501285L},
    {0x1.7e43c8800759cp+996, -0.817881912115908597046L, -0.575386111957549046688L, 1.42144882387472441237L},
    {0x1.0f0cf064dd592p+73, -0.852200849767188801773L, 0.523214785395138945498L, -1.62877822560689887855L},
    {0x1.5cba89af1f855p+62, -9.7238075090784213955e-14L, 1, -9.7238075090784213955e-14L},
    {0x1.2e3b40a0e9b5p+51, -0.954017687463637857658L, 0.299750316107477353979L, -3.18270786117059118714L},
    {0x1.c31bffcfp+44, -0.999422575148482543529L, 0.0339781736350817270464L, -29.4136637796388331885L},
};

void test_huge_angles(const Kernels& k) {
  for (const char* name : {"sin", "cos", "tan"}) {
    Worst worst;
    for (const HugeAngleSample& sample : kHugeAngles) {
      for (const double sign : {1.0, -1.0}) {
        const double x = sign * sample.x;
        const Long want = *name == 's' ? sign * sample.sin : *name == 'c' ? sample.cos : sign * sample.tan;
        double y;
        k.elementwise(kernel_number(name), kFloat64)[0](&x, nullptr, nullptr, &y, 1);
        worst.add(ulps(y, want), x);
      }
    }
    double bound = 0;
    for (const Accuracy& a : kAccuracy) bound = std::strcmp(a.name, name) == 0 ? a.bound64 : bound;
    report(std::string(k.isa) + " " + name + " of huge numbers", worst, bound);
  }
}

// What the functions give at zeros, infinities, NaN, the smallest numbers, poles and the ends of their domains.

template <class T>
struct Special {
  T x, y;
};
template <class T>
void check_special(const Kernels& k, ElementwiseKernel kernel, const std::vector<Special<T>>& table) {
  for (const auto& [x, want] : table) {
    T out;
    k.elementwise(kernel, sizeof(T) == 4 ? kFloat32 : kFloat64)[0](&x, nullptr, nullptr, &out, 1);
    char text[160];
    std::snprintf(text, sizeof text, "%s %s(%.9g) of %zu bytes is %.9g, not %.9g", k.isa, kElementwiseInfo[kernel].name,
                  double(x), sizeof(T), double(out), double(want));
    check(same(out, want), text);
  }
}

template <class T>
void test_special(const Kernels& k) {
  using L = std::numeric_limits<T>;
  const T inf = L::infinity(), nan = L::quiet_NaN(), tiny = L::denorm_min(), small = L::min() / 4, one = 1, zero = 0;
  const T top = L::max(), pi = T(3.14159265358979323846L), half_pi = T(1.57079632679489661923L);
  const auto odd_through = [&](ElementwiseKernel kernel, std::vector<Special<T>> more) {
    more.insert(more.end(), {{zero, zero}, {tiny, tiny}, {small, small}, {nan, nan}});
    std::vector<Special<T>> all = more;
    for (const auto& [x, y] : more) all.push_back({-x, -y});
    check_special(k, kernel, all);
  };
  odd_through(k_expm1, {});
  odd_through(k_log1p, {});
  odd_through(k_sin, {{inf, nan}});
  odd_through(k_tan, {{inf, nan}});
  odd_through(k_asin, {{one, half_pi}, {one + L::epsilon(), nan}, {inf, nan}});
  odd_through(k_atan, {{inf, half_pi}, {top, half_pi}, {one, half_pi / 2}});
  odd_through(k_sinh, {{inf, inf}, {top, inf}});
  odd_through(k_tanh, {{inf, one}, {top, one}});
  odd_through(k_asinh, {{inf, inf}});
  odd_through(k_atanh, {{one, inf}, {one + L::epsilon(), nan}, {inf, nan}});
  check_special<T>(k, k_expm1, {{inf, inf}, {-inf, -one}, {-top, -one}});
  check_special<T>(k, k_log1p, {{inf, inf}, {-one, -inf}, {-one - L::epsilon(), nan}, {-inf, nan}});
  check_special<T>(k, k_exp,
                   {{inf, inf}, {-inf, zero}, {nan, nan}, {zero, one}, {-zero, one}, {tiny, one}, {top, inf}});
  check_special<T>(k, k_log,
                   {{inf, inf}, {-inf, nan}, {nan, nan}, {zero, -inf}, {-zero, -inf}, {-tiny, nan}, {one, zero}});
  check_special<T>(k, k_cos, {{inf, nan}, {-inf, nan}, {nan, nan}, {zero, one}, {-zero, one}, {tiny, one}});
  check_special<T>(k, k_rsqrt, {{inf, zero}, {-inf, nan}, {nan, nan}, {zero, inf}, {-zero, -inf}, {-tiny, nan}});
  check_special<T>(k, k_acos,
                   {{one, zero},
                    {-one, pi},
                    {zero, half_pi},
                    {-zero, half_pi},
                    {tiny, half_pi},
                    {one + L::epsilon(), nan},
                    {inf, nan},
                    {-inf, nan},
                    {nan, nan}});
  check_special<T>(k, k_cosh,
                   {{zero, one}, {-zero, one}, {tiny, one}, {inf, inf}, {-inf, inf}, {top, inf}, {nan, nan}});
  check_special<T>(k, k_acosh,
                   {{one, zero},
                    {inf, inf},
                    {one - L::epsilon(), nan},
                    {zero, nan},
                    {-one, nan},
                    {-inf, nan},
                    {-top, nan},
                    {nan, nan}});
  check_special<T>(k, k_sigmoid, {{zero, T(0.5)}, {-zero, T(0.5)}, {inf, one}, {-inf, zero}, {-top, zero}, {nan, nan}});
  check_special<T>(k, k_softplus, {{inf, inf}, {-inf, zero}, {top, top}, {-top, zero}, {nan, nan}});
  check_special<T>(k, k_erf, {{zero, zero}, {-zero, -zero}, {inf, one}, {-inf, -one}, {top, one}, {nan, nan}});
  check_special<T>(
      k, k_erfc,
      {{zero, one}, {-zero, one}, {tiny, one}, {inf, zero}, {top, zero}, {-inf, T(2)}, {-top, T(2)}, {nan, nan}});
  check_special<T>(k, k_lgamma,
                   {{zero, inf},
                    {-zero, inf},
                    {one, zero},
                    {T(2), zero},
                    {-one, inf},
                    {T(-17), inf},
                    {-top, inf},
                    {top, inf},
                    {inf, inf},
                    {-inf, inf},
                    {nan, nan},
                    {tiny, T(-std::log(Long(tiny)))}});
  check_special<T>(k, k_digamma,
                   {{zero, nan},
                    {-zero, nan},
                    {-one, nan},
                    {T(-17), nan},
                    {-top, nan},
                    {inf, inf},
                    {-inf, nan},
                    {nan, nan},
                    {tiny, -inf},
                    {-tiny, inf}});
  // Pairs: atan2(y, x), pow(x, y), polygamma(n, x).
  struct Pair {
    ElementwiseKernel kernel;
    T x, y, want;
  };
  const T three = T(0.75L * 3.14159265358979323846L), quarter = half_pi / 2;
  const T large = T(0.75) * top, angle = T(0.64350110879328438680L);  // atan(3/4)
  const Pair pairs[] = {
      {k_atan2, zero, zero, zero},    {k_atan2, -zero, zero, -zero},    {k_atan2, zero, -zero, pi},
      {k_atan2, -zero, -zero, -pi},   {k_atan2, zero, -one, pi},        {k_atan2, -zero, one, -zero},
      {k_atan2, one, zero, half_pi},  {k_atan2, -one, -zero, -half_pi}, {k_atan2, inf, -inf, three},
      {k_atan2, -inf, -inf, -three},  {k_atan2, one, inf, zero},        {k_atan2, -one, -inf, -pi},
      {k_atan2, inf, one, half_pi},   {k_atan2, nan, one, nan},         {k_atan2, one, nan, nan},
      {k_atan2, tiny, one, tiny},     {k_atan2, tiny, top, zero},       {k_atan2, top, tiny, half_pi},
      {k_atan2, one, one, quarter},   {k_atan2, -top, top, -quarter},   {k_atan2, tiny, tiny, quarter},
      {k_atan2, one, -one, three},    {k_atan2, top, -top, three},      {k_atan2, large, top, angle},
      {k_pow, zero, zero, one},       {k_pow, nan, zero, one},          {k_pow, one, nan, one},
      {k_pow, -one, inf, one},        {k_pow, zero, -one, inf},         {k_pow, -zero, T(-3), -inf},
      {k_pow, -zero, T(3), -zero},    {k_pow, -inf, T(3), -inf},        {k_pow, -inf, T(2), inf},
      {k_pow, inf, -one, zero},       {k_pow, T(0.5), inf, zero},       {k_pow, T(0.5), -inf, inf},
      {k_pow, T(-8), T(1) / 3, nan},  {k_pow, T(-2), T(3), T(-8)},      {k_polygamma, one, zero, inf},
      {k_polygamma, one, T(-3), inf}, {k_polygamma, T(2), T(-3), nan},  {k_polygamma, one, inf, zero},
      {k_polygamma, one, nan, nan},   {k_polygamma, T(0.5), one, nan},  {k_polygamma, -one, one, nan},
      {k_polygamma, nan, one, nan},   {k_polygamma, zero, inf, inf},    {k_polygamma, one, -inf, nan},
      {k_polygamma, one, small, inf}, {k_polygamma, T(2), tiny, -inf},
  };
  for (const Pair& p : pairs) {
    T out;
    k.elementwise(p.kernel, sizeof(T) == 4 ? kFloat32 : kFloat64)[0](&p.x, &p.y, nullptr, &out, 1);
    char text[160];
    std::snprintf(text, sizeof text, "%s %s(%.9g, %.9g) of %zu bytes is %.9g, not %.9g", k.isa,
                  kElementwiseInfo[p.kernel].name, double(p.x), double(p.y), sizeof(T), double(out), double(p.want));
    check(same(out, p.want), text);
  }
}

// Exact kernels against plain scalar code

template <class T>
T wrap(uint64_t x) {
  return T(x);
}
template <class T>
T plain_add(T x, T y) {
  if constexpr (std::is_integral_v<T>)
    return wrap<T>(uint64_t(x) + uint64_t(y));
  else
    return x + y;
}
template <class T>
T plain_sub(T x, T y) {
  if constexpr (std::is_integral_v<T>)
    return wrap<T>(uint64_t(x) - uint64_t(y));
  else
    return x - y;
}
template <class T>
T plain_mul(T x, T y) {
  if constexpr (std::is_integral_v<T>)
    return wrap<T>(uint64_t(x) * uint64_t(y));
  else
    return x * y;
}
template <class T>
T plain_floordiv(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    if (y == 0) return 0;
    const int64_t a = x, b = y, q = a / b;
    return T(uint64_t(q - (a % b != 0 && (a < 0) != (b < 0))));
  } else {
    return std::floor(x / y);
  }
}
template <class T>
T plain_floormod(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    if (y == 0) return 0;
    const int64_t a = x, b = y, m = a % b;
    return T(m != 0 && (m < 0) != (b < 0) ? m + b : m);
  } else {
    const T m = std::fmod(x, y);
    if (m == 0) return std::copysign(T(0), y);
    return (m < 0) != (y < 0) ? m + y : m;
  }
}
template <class T>
T plain_int_pow(T x, T y) {
  if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
  uint32_t r = 1, b = uint32_t(x);
  for (uint32_t e = uint32_t(y); e; e >>= 1, b *= b) {
    if (e & 1) r *= b;
  }
  return T(r);
}

template <class T, class F>
void check_binary(const Kernels& k, ElementwiseKernel kernel, DType d, F f) {
  std::vector<T> xs, ys;
  std::vector<T> values = awkward<T>();
  for (T x : values) {
    for (T y : values) xs.push_back(x), ys.push_back(y);
  }
  for (int i = 0; i < 4000; ++i) xs.push_back(some_value<T>()), ys.push_back(some_value<T>());
  using Out = decltype(f(T(), T()));
  std::vector<Out> out(xs.size());
  k.elementwise(kernel, d)[0](xs.data(), ys.data(), nullptr, out.data(), xs.size());
  size_t wrong = 0, at = 0;
  for (size_t i = 0; i < xs.size(); ++i) {
    if (!same(out[i], Out(f(xs[i], ys[i]))) && !(out[i] == 0 && f(xs[i], ys[i]) == 0 && kernel == k_maximum)) {
      if (!(kernel == k_maximum || kernel == k_minimum) || out[i] != f(xs[i], ys[i])) ++wrong, at = i;
    }
  }
  char text[200];
  std::snprintf(text, sizeof text, "%s %s %s: %zu wrong, e.g. (%.17g, %.17g) gives %.17g", k.isa,
                kElementwiseInfo[kernel].name, kDTypeInfo[d].name, wrong, double(xs[at]), double(ys[at]),
                double(out[at]));
  check(wrong == 0, text);
}

template <class T, class F>
void check_unary(const Kernels& k, ElementwiseKernel kernel, DType d, F f) {
  std::vector<T> xs = awkward<T>();
  for (int i = 0; i < 4000; ++i) xs.push_back(some_value<T>());
  using Out = decltype(f(T()));
  std::vector<Out> out(xs.size());
  k.elementwise(kernel, d)[0](xs.data(), nullptr, nullptr, out.data(), xs.size());
  size_t wrong = 0, at = 0;
  for (size_t i = 0; i < xs.size(); ++i) {
    if (!same(out[i], Out(f(xs[i])))) ++wrong, at = i;
  }
  char text[200];
  std::snprintf(text, sizeof text, "%s %s %s: %zu wrong, e.g. %.17g gives %.17g", k.isa, kElementwiseInfo[kernel].name,
                kDTypeInfo[d].name, wrong, double(xs[at]), double(out[at]));
  check(wrong == 0, text);
}

template <class T>
void test_exact_common(const Kernels& k, DType d) {
  check_binary<T>(k, k_add, d, plain_add<T>);
  check_binary<T>(k, k_sub, d, plain_sub<T>);
  check_binary<T>(k, k_mul, d, plain_mul<T>);
  check_binary<T>(k, k_squaredDifference, d, [](T x, T y) { return plain_mul(plain_sub(x, y), plain_sub(x, y)); });
  check_binary<T>(k, k_maximum, d, [](T x, T y) { return x != x ? x : y != y ? y : x < y ? y : x; });
  check_binary<T>(k, k_minimum, d, [](T x, T y) { return x != x ? x : y != y ? y : x > y ? y : x; });
  check_binary<T>(k, k_less, d, [](T x, T y) -> uint8_t { return x < y; });
  check_binary<T>(k, k_lessEqual, d, [](T x, T y) -> uint8_t { return x <= y; });
  check_binary<T>(k, k_greater, d, [](T x, T y) -> uint8_t { return x > y; });
  check_binary<T>(k, k_greaterEqual, d, [](T x, T y) -> uint8_t { return x >= y; });
  check_binary<T>(k, k_equal, d, [](T x, T y) -> uint8_t { return x == y; });
  check_binary<T>(k, k_notEqual, d, [](T x, T y) -> uint8_t { return x != y; });
  check_unary<T>(k, k_identity, d, [](T x) { return x; });
}

template <class T>
void test_exact_number(const Kernels& k, DType d) {
  test_exact_common<T>(k, d);
  check_binary<T>(k, k_floordiv, d, plain_floordiv<T>);
  check_binary<T>(k, k_floormod, d, plain_floormod<T>);
  check_unary<T>(k, k_neg, d, [](T x) { return std::is_integral_v<T> ? plain_sub(T(0), x) : T(-x); });
  check_unary<T>(k, k_abs, d,
                 [](T x) { return std::is_integral_v<T> ? (x < 0 ? plain_sub(T(0), x) : x) : T(std::fabs(x)); });
  check_unary<T>(k, k_sign, d, [](T x) { return x > 0 ? T(1) : x < 0 ? T(-1) : x; });
  check_unary<T>(k, k_square, d, [](T x) { return plain_mul(x, x); });
  check_unary<T>(k, k_relu, d, [](T x) { return x <= 0 ? T(0) : x; });
}

template <class T>
void test_exact_float(const Kernels& k, DType d) {
  test_exact_number<T>(k, d);
  check_binary<T>(k, k_div, d, [](T x, T y) { return x / y; });
  check_binary<T>(k, k_reluGrad, d, [](T ct, T y) { return y > 0 ? ct : T(0); });
  check_binary<T>(k, k_tanhGrad, d, [](T ct, T y) { return ct * (1 - y * y); });
  check_binary<T>(k, k_sigmoidGrad, d, [](T ct, T y) { return ct * (y * (1 - y)); });
  check_unary<T>(k, k_isNan, d, [](T x) -> uint8_t { return x != x; });
  check_unary<T>(k, k_isInf, d, [](T x) -> uint8_t { return std::isinf(x); });
  check_unary<T>(k, k_isFinite, d, [](T x) -> uint8_t { return std::isfinite(x); });
}

template <class From, class To>
To plain_cast(From x, bool to_bool) {
  if (to_bool) return To(x != 0);
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (x != x) return 0;
    const double low = std::numeric_limits<To>::min(), high = std::numeric_limits<To>::max();
    return To(std::min(std::max(std::trunc(double(x)), low), high));
  } else {
    return To(x);
  }
}

template <class From, class To>
void check_cast(const Kernels& k, DType from, DType to) {
  std::vector<From> xs = awkward<From>();
  for (int i = 0; i < 4000; ++i) xs.push_back(some_value<From>());
  if (from == kBool) {
    for (From& x : xs) x = x != 0;
  }
  std::vector<To> out(xs.size());
  k.cast[from][to](xs.data(), nullptr, nullptr, out.data(), xs.size());
  size_t wrong = 0, at = 0;
  for (size_t i = 0; i < xs.size(); ++i) {
    if (!same(out[i], plain_cast<From, To>(xs[i], to == kBool))) ++wrong, at = i;
  }
  char text[200];
  std::snprintf(text, sizeof text, "%s cast %s to %s: %zu wrong, e.g. %.17g gives %.17g", k.isa, kDTypeInfo[from].name,
                kDTypeInfo[to].name, wrong, double(xs[at]), double(out[at]));
  check(wrong == 0, text);
}
template <class From>
void check_casts(const Kernels& k, DType from) {
  check_cast<From, float>(k, from, kFloat32);
  check_cast<From, double>(k, from, kFloat64);
  check_cast<From, int32_t>(k, from, kInt32);
  check_cast<From, uint8_t>(k, from, kUint8);
  check_cast<From, uint8_t>(k, from, kBool);
}

void test_exact(const Kernels& k) {
  test_exact_float<float>(k, kFloat32);
  test_exact_float<double>(k, kFloat64);
  test_exact_number<int32_t>(k, kInt32);
  test_exact_common<uint8_t>(k, kUint8);
  check_binary<int32_t>(k, k_pow, kInt32, plain_int_pow<int32_t>);
  const uint8_t a[] = {0, 0, 1, 1}, b[] = {0, 1, 0, 1};
  const auto logical = [&](ElementwiseKernel kernel, const char* want) {
    uint8_t out[4];
    k.elementwise(kernel, kBool)[0](a, b, nullptr, out, 4);
    bool ok = true;
    for (int i = 0; i < 4; ++i) ok &= out[i] == want[i] - '0';
    check(ok, std::string(k.isa) + " " + kElementwiseInfo[kernel].name);
  };
  logical(k_logicalAnd, "0001");
  logical(k_logicalOr, "0111");
  logical(k_logicalXor, "0110");
  logical(k_equal, "1001");
  logical(k_notEqual, "0110");
  logical(k_logicalNot, "1100");
  check_casts<float>(k, kFloat32);
  check_casts<double>(k, kFloat64);
  check_casts<int32_t>(k, kInt32);
  check_casts<uint8_t>(k, kUint8);
  check_casts<uint8_t>(k, kBool);
  std::vector<uint8_t> c(100);
  std::vector<float> x(100), y(100), out(100);
  for (size_t i = 0; i < 100; ++i) c[i] = random_bits() & 1, x[i] = float(i), y[i] = -float(i) - 1;
  k.elementwise(k_where, kFloat32)[0](c.data(), x.data(), y.data(), out.data(), 100);
  bool ok = true;
  for (size_t i = 0; i < 100; ++i) ok &= out[i] == (c[i] ? x[i] : y[i]);
  check(ok, std::string(k.isa) + " where");
}

// Reductions

template <class T>
T plain_combine(Reduction op, DType d, T x, T y) {
  switch (op) {
    case kSum:
      return d == kBool ? T(x || y) : plain_add(x, y);
    case kProd:
      return plain_mul(x, y);
    case kMax:
      return x != x ? x : y != y ? y : x < y ? y : x;
    default:
      return x != x ? x : y != y ? y : x > y ? y : x;
  }
}

template <class T>
bool close(Reduction op, T got, T want, double magnitude) {
  if (std::is_integral_v<T>) return got == want;
  if (op == kMax || op == kMin) return got == want || (got != got && want != want);
  return std::fabs(double(got) - double(want)) <= 1e-12 + magnitude * (sizeof(T) == 4 ? 3e-6 : 1e-14);
}

template <class T>
void test_reduce(const Kernels& k, Reduction op, DType d) {
  const ReduceFns& fns = k.reduce[op][d];
  const std::string what = std::string(k.isa) + " reduce " + std::to_string(op) + " " + kDTypeInfo[d].name;
  if (!fns.rows) {
    check(kDTypeSize[d] == 1 && (op == kSum || op == kProd), what + " exists");
    return;
  }
  const auto value = [&]() -> T {
    if (d == kBool) return T(random_bits() & 1);
    if (op == kProd && !std::is_integral_v<T>) return T(random_in(0.9, 1.1));
    if (std::is_integral_v<T>) return T(random_bits());
    return T(random_in(-1, 1));
  };
  std::vector<size_t> lengths;
  for (size_t n = 1; n <= 150; n += sparse ? 7 : 1) lengths.push_back(n);
  for (size_t n : {255, 256, 257, 500, 784, 1000, 1023, 1024}) lengths.push_back(n);
  bool right = true, alone = true, guard = true, columns_right = true, columns_alone = true;
  for (size_t n : lengths) {
    for (size_t rows : {size_t(1), size_t(3), size_t(11), size_t(67)}) {
      if (rows * n > 30000) continue;
      Buffer<T> x(rows * n, 1), out(rows + 1);
      for (size_t i = 0; i < rows * n; ++i) x[i] = value();
      out[rows] = T(77);
      fns.rows(x.p, out.p, rows, n);
      guard &= out[rows] == T(77);
      for (size_t r = 0; r < rows; ++r) {
        T want = x[r * n];
        double magnitude = std::fabs(double(want));
        for (size_t j = 1; j < n; ++j) {
          want = plain_combine(op, d, want, x[r * n + j]);
          magnitude += std::fabs(double(op == kProd ? want : x[r * n + j]));
        }
        right &= close(op, out[r], want, magnitude);
        Buffer<T> row(n, r % 3);
        std::memcpy(row.p, x.p + r * n, n * sizeof(T));
        T one;
        fns.rows(row.p, &one, 1, n);
        alone &= same(one, out[r]);
      }
    }
    for (size_t rows : {1, 2, 5, 8, 15, 16, 17, 39, 64, 130, 1000}) {
      if (rows > kColumnRun ? rows * n > kColumnFold : n > 300) continue;
      const size_t stride = n + (rows > kColumnRun ? 0 : rows % 3);
      Buffer<T> x((rows - 1) * stride + n), out(n + 1);
      for (size_t i = 0; i < (rows - 1) * stride + n; ++i) x[i] = value();
      out[n] = T(77);
      fns.columns(x.p, stride, out.p, rows, n);
      guard &= out[n] == T(77);
      for (size_t j = 0; j < n; ++j) {
        T want = x[j];
        double magnitude = std::fabs(double(want));
        Buffer<T> column(rows);
        column[0] = x[j];
        for (size_t r = 1; r < rows; ++r) {
          want = plain_combine(op, d, want, x[r * stride + j]);
          magnitude += std::fabs(double(op == kProd ? want : x[r * stride + j]));
          column[r] = x[r * stride + j];
        }
        columns_right &= close(op, out[j], want, magnitude);
        T one;
        fns.columns(column.p, 1, &one, rows, 1);
        columns_alone &= same(one, out[j]);
      }
    }
  }
  check(right, what + ": rows right");
  check(alone, what + ": the same bits for a row alone");
  check(guard, what + ": writes no more");
  check(columns_right, what + ": columns right");
  check(columns_alone, what + ": the same bits for a column alone");
  if constexpr (std::is_floating_point_v<T>) {
    bool nan_ok = true;
    for (size_t n : {size_t(1), size_t(5), size_t(10), size_t(40), size_t(200)}) {
      for (size_t at = 0; at < n; ++at) {
        std::vector<T> x(n * 3, T(1)), out(n + 3);
        x[n + at] = std::numeric_limits<T>::quiet_NaN();
        fns.rows(x.data(), out.data(), 3, n);
        nan_ok &= out[0] == out[0] && out[1] != out[1] && out[2] == out[2];
        fns.columns(x.data(), n, out.data(), 3, n);
        for (size_t j = 0; j < n; ++j) nan_ok &= (out[j] != out[j]) == (j == at);
      }
    }
    check(nan_ok, what + ": NaN");
    bool zeros_ok = true;
    for (size_t n = 1; n < 150; ++n) {
      std::vector<T> x(n * 20, T(-0.0)), out(20 * n);
      if (op == kProd) x.assign(n * 20, T(1)), x[0] = x[n] = T(-0.0);
      fns.rows(x.data(), out.data(), 20, n);
      zeros_ok &= out[0] == 0 && std::signbit(out[0]) && (op == kProd || std::signbit(out[19]));
      fns.columns(x.data(), n, out.data(), 20, n);
      zeros_ok &= out[0] == 0 && (op == kProd || (std::signbit(out[0]) && std::signbit(out[n - 1])));
    }
    check(zeros_ok, what + ": the sign of zero");
    if (op == kMax || op == kMin) {
      std::vector<T> x(50, op == kMax ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity());
      T out;
      fns.rows(x.data(), &out, 1, 50);
      check(out == x[0], what + ": infinities");
    }
  }
}

template <class T>
void test_arg(const Kernels& k, DType d) {
  bool ok = true;
  for (size_t n : {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 64, 100, 1000, 5000}) {
    for (int variety = 0; variety < 3; ++variety) {
      for (int nan = 0; nan < 2; ++nan) {
        const size_t rows = 5;
        Buffer<T> x(rows * n);
        for (size_t i = 0; i < rows * n; ++i) {
          x[i] = variety == 0 ? some_value<T>() : variety == 1 ? T(random_bits() % 3) : T(random_bits() % 100);
          if (d == kBool) x[i] = x[i] != 0;
          if constexpr (std::is_floating_point_v<T>) {
            if (x[i] != x[i] && variety == 0 && !nan) x[i] = 1;
            if (variety == 1 && random_bits() % 2) x[i] = -std::numeric_limits<T>::infinity();
            if (variety && nan && random_bits() % (2 * n) == 0) x[i] = std::numeric_limits<T>::quiet_NaN();
          }
        }
        for (int largest = 0; largest < 2; ++largest) {
          int32_t out[rows];
          const ArgFns& fns = largest ? k.argmax[d] : k.argmin[d];
          fns.rows(x.p, out, rows, n);
          for (size_t r = 0; r < rows; ++r) {
            const T* p = x.p + r * n;
            size_t best = 0;
            for (size_t j = 1; j < n; ++j) {
              if (p[best] != p[best]) break;
              if (p[j] != p[j] || (largest ? p[j] > p[best] : p[j] < p[best])) best = j;
            }
            ok &= out[r] == int32_t(best);
          }
          // The same elements as columns: more of them than one strip, few, and rows that are folded.
          for (size_t columns : {size_t(1), size_t(3), size_t(10), size_t(40), size_t(2100)}) {
            if (columns > n * rows) continue;
            const size_t length = n * rows / columns, stride = columns + (length * (columns + 1) <= n * rows);
            std::vector<int32_t> at(columns + 1, 77);
            fns.columns(x.p, stride, at.data(), length, columns);
            for (size_t j = 0; j < columns; ++j) {
              size_t best = 0;
              for (size_t r = 1; r < length; ++r) {
                const T v = x[r * stride + j], b = x[best * stride + j];
                if (b != b) break;
                if (v != v || (largest ? v > b : v < b)) best = r;
              }
              ok &= at[j] == int32_t(best);
            }
            ok &= at[columns] == 77;
            if (stride > columns) {
              fns.columns(x.p, columns, at.data(), length, columns);
              for (size_t j = 0; j < columns; ++j) {
                for (size_t r = 0; r < length; ++r) {
                  const T v = x[r * columns + j], b = x[size_t(at[j]) * columns + j];
                  ok &= b != b ? v == v || r >= size_t(at[j])
                               : v == v && (largest ? v <= b : v >= b) && (v != b || r >= size_t(at[j]));
                }
              }
            }
          }
        }
      }
    }
  }
  check(ok, std::string(k.isa) + " argmax, argmin " + kDTypeInfo[d].name);
}

// Against long double; rows from shorter than a vector to longer than a block, also such as exp alone could not do.
template <class T>
void test_softmax(const Kernels& k, DType d) {
  constexpr T kInf = std::numeric_limits<T>::infinity();
  bool ok = true, special = true;
  for (size_t n : {1, 2, 3, 5, 8, 10, 15, 16, 17, 31, 64, 100, 1000, 1024, 1025, 2047, 5000, 70001}) {
    const size_t rows = n > 1024 ? 2 : n > 100 ? 5 : 1000 / n + 3;
    Buffer<T> x(rows * n), y(rows * n), logs(rows * n), one(n);
    for (size_t i = 0; i < rows * n; ++i) {
      x[i] = T(random_bits() % 10000) / T(500) - T(10) + (i / n % 2 ? T(1000) : T(0));
      if (random_bits() % 50 == 0) x[i] = -kInf;
    }
    for (size_t r = 0; r < rows; ++r) x[r * n] = T(r % 2 ? 1000 : 0);
    k.softmax[d](x.p, y.p, rows, n);
    k.log_softmax[d](x.p, logs.p, rows, n);
    std::vector<T> sums(rows + 1, T(77));
    k.log_sum_exp[d](x.p, sums.data(), rows, n);
    ok &= sums[rows] == T(77);
    for (size_t r = 0; r < rows; ++r) {
      const T* row = x.p + r * n;
      const T max = *std::max_element(row, row + n);
      long double sum = 0;
      for (size_t j = 0; j < n; ++j) sum += std::exp((long double)(row[j] - max));
      for (size_t j = 0; j < n; ++j) {
        const long double log = (long double)(row[j] - max) - std::log(sum),
                          want = std::exp((long double)(row[j] - max)) / sum;
        const long double eps = std::numeric_limits<T>::epsilon();
        ok &= std::abs((long double)y[r * n + j] - want) <= 4 * eps * want + (long double)std::numeric_limits<T>::min();
        ok &= row[j] == -kInf ? logs[r * n + j] == -kInf
                              : std::abs((long double)logs[r * n + j] - log) <= 4 * eps * (1 + std::abs(log));
      }
      T lse;
      k.log_sum_exp[d](row, &lse, 1, n);
      const long double want = std::log(sum) + (long double)max;
      ok &= lse == sums[r] &&
            std::abs((long double)lse - want) <= 4 * std::numeric_limits<T>::epsilon() * (1 + std::abs(want));
      k.softmax[d](row, one.p, 1, n);
      ok &= std::memcmp(one.p, y.p + r * n, n * sizeof(T)) == 0;
    }
    // NaN where IEEE has it: a NaN in the row, an infinity, a row of -infinity. Other rows do not notice.
    const T bad[] = {std::numeric_limits<T>::quiet_NaN(), kInf};
    for (T b : bad) {
      x[n - 1] = b;
      k.softmax[d](x.p, y.p, rows, n);
      special &= y[n - 1] != y[n - 1];
      for (size_t j = n; j < 2 * n; ++j) special &= y[j] == y[j];
    }
    std::fill_n(x.p, n, -kInf);
    k.log_softmax[d](x.p, logs.p, rows, n);
    for (size_t j = 0; j < n; ++j) special &= logs[j] != logs[j];
  }
  check(ok, std::string(k.isa) + " softmax, logSoftmax " + kDTypeInfo[d].name);
  check(special, std::string(k.isa) + " softmax, logSoftmax of special values " + kDTypeInfo[d].name);
}

template <class T>
void test_transpose(const Kernels& k, TransposeFn f) {
  bool ok = true;
  for (size_t rows : {1, 2, 3, 7, 8, 15, 16, 17, 33, 64, 65, 130}) {
    for (size_t columns : {1, 2, 5, 8, 9, 16, 31, 32, 63, 64, 100}) {
      const size_t ss = columns + rows % 3, ds = rows + columns % 2;
      Buffer<T> src((rows - 1) * ss + columns), dst((columns - 1) * ds + rows);
      for (size_t i = 0; i < (rows - 1) * ss + columns; ++i) src[i] = T(random_bits());
      std::memset(dst.p, 0xA5, ((columns - 1) * ds + rows) * sizeof(T));
      f(src.p, ss, dst.p, ds, rows, columns);
      for (size_t i = 0; i < rows; ++i) {
        for (size_t j = 0; j < columns; ++j) ok &= dst[j * ds + i] == src[i * ss + j];
      }
      for (size_t j = 0; j + 1 < columns; ++j) {
        for (size_t i = rows; i < ds; ++i) ok &= dst[j * ds + i] == T(0xA5A5A5A5A5A5A5A5);
      }
    }
  }
  check(ok, std::string(k.isa) + " transpose of " + std::to_string(sizeof(T)) + " bytes");
}

template <class T>
void test_random(const Kernels& k, DType d) {
  const std::string what = std::string(k.isa) + " random " + kDTypeInfo[d].name;
  for (RandomFn f : {k.random_uniform[d], k.random_normal[d]}) {
    if (!f) continue;
    const size_t n = 100000;
    std::vector<T> whole(n);
    const uint64_t key = 0x123456789ABCDEF0, offset = (uint64_t(1) << 33) - 50;
    f(key, offset, whole.data(), n);
    bool ok = true;
    for (size_t i = 0; i < 300; ++i) {
      const size_t m = 1 + random_bits() % 40;
      std::vector<T> part(m + 1, T(77));
      f(key, offset + i, part.data(), m);
      for (size_t j = 0; j < m; ++j) ok &= same(part[j], whole[i + j]);
      ok &= part[m] == T(77);
    }
    check(ok, what + ": any cut of a range gives the same numbers");
    double mean = 0, square = 0, low = 1e300, high = -1e300;
    for (T v : whole)
      mean += double(v) / n, square += double(v) * double(v) / n, low = std::fmin(low, v), high = std::fmax(high, v);
    if (f == k.random_uniform[d]) {
      if (std::is_integral_v<T>) {
        check(std::fabs(mean) < 3e7 && low < -2e9 && high > 2e9, what + ": uniform integers");
      } else {
        check(low >= 0 && high < 1 && std::fabs(mean - 0.5) < 0.005 && std::fabs(square - 1.0 / 3) < 0.005,
              what + ": uniform");
      }
    } else {
      check(std::fabs(mean) < 0.015 && std::fabs(square - 1) < 0.02 && high < 9 && low > -9 && high > 3.5,
            what + ": normal");
    }
  }
}

void test_philox(const Kernels& k) {
  uint32_t out[4];
  k.random_uniform[kInt32](0, 0, out, 4);
  check(out[0] == 0x6627e8d5 && out[1] == 0xe169c58d && out[2] == 0xbc57ac4c && out[3] == 0x9b00dbd8,
        std::string(k.isa) + " Philox4x32-10: the published answer for zeros");
}

void test_int_gemm(const Kernels& k) {
  const size_t m = 5, n = 7, p = 9;
  std::vector<int32_t> a(m * p), b(p * n), c(m * n, 1);
  for (int32_t& x : a) x = int32_t(random_bits());
  for (int32_t& x : b) x = int32_t(random_bits());
  bool ok = true;
  for (int transposed = 0; transposed < 2; ++transposed) {
    k.gemm[kInt32].run(m, n, p, a.data(), p, 1, b.data(), transposed ? 1 : n, transposed ? p : 1, c.data(), n, false,
                       nullptr, nullptr);
    for (size_t i = 0; i < m; ++i) {
      for (size_t j = 0; j < n; ++j) {
        uint32_t sum = 0;
        for (size_t q = 0; q < p; ++q) sum += uint32_t(a[i * p + q]) * uint32_t(b[transposed ? j * p + q : q * n + j]);
        ok &= uint32_t(c[i * n + j]) == sum;
      }
    }
  }
  check(ok, std::string(k.isa) + " int32 gemm");
}

// Running sums against one addition after the other, in exactly sized memory.
template <class T>
void test_scan(const Kernels& k, DType d) {
  using U = std::conditional_t<std::is_integral_v<T>, uint32_t, T>;  // wraps
  const std::string what = std::string(k.isa) + " cumsum " + kDTypeInfo[d].name;
  bool ok = true;
  for (size_t rows : {1, 2, 3, 5, 9, 64}) {
    for (size_t n : {1, 2, 3, 7, 8, 9, 17, 33, 130}) {
      for (int flags = 0; flags < 4; ++flags) {
        const bool exclusive = flags & 1, reverse = flags & 2;
        Buffer<T> x(rows * n, 1), out(rows * n, 1);
        for (size_t i = 0; i < rows * n; ++i) x[i] = std::is_integral_v<T> ? random_value<T>() : T(random_in(-3, 3));
        const auto expected = [&](size_t at, size_t step, size_t i, size_t length) {
          U sum = 0;
          for (size_t j = 0; j < i + !exclusive; ++j) {
            const U next = U(x[at + (reverse ? length - 1 - j : j) * step]);
            sum = j == 0 ? next : sum + next;
          }
          return T(sum);
        };
        k.cumsum[d].rows(x.p, out.p, rows, n, exclusive, reverse);
        for (size_t r = 0; r < rows; ++r) {
          for (size_t i = 0; i < n; ++i) {
            ok &= same(out[r * n + (reverse ? n - 1 - i : i)], expected(r * n, 1, i, n));
          }
        }
        // The columns from `first` on.
        const size_t first = n / 3;
        k.cumsum[d].columns(x.p + first, out.p + first, n, rows, n - first, exclusive, reverse);
        for (size_t j = first; j < n; ++j) {
          for (size_t i = 0; i < rows; ++i) {
            ok &= same(out[(reverse ? rows - 1 - i : i) * n + j], expected(j, n, i, rows));
          }
        }
      }
    }
  }
  check(ok, what);
}

// Sorts against the standard library's: every length up to some networks, and what makes bad pivots.
// Floats from an operand that is kept, to a result as long, in either order; NaN is told of, wherever it is.
template <class T>
void test_sort_apart(SortFn sort, std::vector<T> x, size_t seed, const std::string& what) {
  const size_t n = x.size();
  std::shuffle(x.begin(), x.end(), std::minstd_rand(unsigned(seed)));
  for (const bool descending : {false, true}) {
    std::vector<T> want = x, out(n), room(n);
    const std::vector<T> before = x;
    std::sort(want.begin(), want.end());
    if (descending) std::reverse(want.begin(), want.end());
    const bool sorted = sort(x.data(), out.data(), room.data(), n, {true, descending});
    check(sorted && out == want && x == before, what + (descending ? ", descending" : ", ascending"));
  }
  if (n == 0) return;
  x[seed * 7919 % n] = seed % 2 ? std::numeric_limits<T>::quiet_NaN() : -std::numeric_limits<T>::quiet_NaN();
  std::vector<T> out(n), room(n);
  check(!sort(x.data(), out.data(), room.data(), n, {true, seed % 3 == 0}), what + ", with NaN");
}

template <class T>
void test_sort(const Kernels& k, SortFn sort) {
  if (!sort) return;
  constexpr bool kReal = std::is_floating_point_v<T>;
  using Number = std::conditional_t<kReal, double, float>;  // that is sorted so
  using I = std::conditional_t<kReal, int64_t, T>;
  // Integers from -kMost to kMost as elements of the same order: of doubles, all but NaN and -0.
  constexpr I kMost = kReal ? I(int64_t{0x7ff0} << 48) : std::numeric_limits<I>::max();
  const auto element = [](I i) {
    if (kReal && i < 0) i = std::numeric_limits<I>::min() - i;
    T x;
    std::memcpy(&x, &i, sizeof x);
    return x;
  };
  const std::function<I(size_t, size_t)> fills[] = {
      [=](size_t, size_t) { return I(I(random_bits()) % kMost); },
      [](size_t, size_t) { return I(random_bits() & 3) - 3; },
      [](size_t i, size_t) { return I(i); },
      [](size_t i, size_t n) { return I(n - i); },
      [](size_t, size_t) { return I(7); },
      [=](size_t, size_t) { return random_bits() & 1 ? kMost : -kMost; },
      [=](size_t i, size_t) { return I((I(1) << i % (8 * sizeof(T) - 2)) - kMost); },
      [](size_t i, size_t n) { return I(i % 2 ? i : n - i); },
  };
  std::vector<size_t> lengths{1000, 4096, 100003};
  for (size_t n = 0; n < 600; ++n) lengths.push_back(n);
  constexpr size_t kSlack = 16;
  for (size_t n : lengths) {
    for (const auto& fill : fills) {
      std::vector<T> x(n + kSlack, T(-1)), room(n + kSlack, T(-2));
      for (size_t i = 0; i < n; ++i) x[i] = element(fill(i, n));
      std::vector<T> want = x;
      std::sort(want.begin(), want.begin() + ptrdiff_t(n));
      sort(x.data(), x.data(), room.data(), n, {});
      const bool kept = std::count(room.begin() + ptrdiff_t(n), room.end(), T(-2)) == ptrdiff_t(kSlack);
      const std::string what =
          std::string(k.isa) + " sort of " + std::to_string(n) + ", fill " + std::to_string(&fill - fills);
      check(x == want && kept, what);
      test_sort_apart(sort, std::vector<Number>(x.begin(), x.begin() + ptrdiff_t(n)), n + size_t(&fill - fills), what);
    }
  }
}

std::unique_ptr<char, void (*)(void*)> room_of(size_t bytes) {
  return {static_cast<char*>(aligned_memory(64, (bytes + 64) / 64 * 64)), free_aligned};
}

// Each rotation turns two neighbouring rows, and leaves all else as it is.
// Every length and place within a few lines of the cache; nothing beside it is written.
void test_stream_copy(const Kernels& k) {
  std::vector<char> from(600), to(600);
  for (size_t i = 0; i < from.size(); ++i) from[i] = char(i * 7 + 1);
  bool right = true;
  for (size_t at = 0; at < 70; ++at) {
    for (size_t n = 0; n < 300; ++n) {
      std::fill(to.begin(), to.end(), char(0));
      k.stream_copy(to.data() + at, from.data() + n % 5, n);
      for (size_t i = 0; i < to.size(); ++i) {
        const bool inside = i >= at && i < at + n;
        right = right && to[i] == (inside ? from[n % 5 + i - at] : char(0));
      }
    }
  }
  check(right, std::string(k.isa) + " stream_copy");
}

void test_rotate(const Kernels& k) {
  constexpr size_t kRows = 9, kWidth = kRotated + 3;
  for (const bool down : {true, false}) {
    Buffer<double> x(kRows * kWidth);
    std::vector<double> want(kRows * kWidth), turns;
    for (size_t i = 0; i < want.size(); ++i) x[i] = want[i] = random_in(-1, 1);
    const size_t first = down ? 1 : kRows - 2, count = kRows - 3;
    for (size_t i = 0; i < count; ++i) {
      const double angle = random_in(-3, 3), c = std::cos(angle), s = std::sin(angle);
      turns.insert(turns.end(), {c, s});
      const size_t row = down ? first + i : first - i, next = down ? row + 1 : row - 1;
      for (size_t j = 0; j < kRotated; ++j) {
        double &p = want[row * kWidth + j], &q = want[next * kWidth + j];
        const double turned = c * p + s * q;
        q = c * q - s * p;
        p = turned;
      }
    }
    k.rotate(x.p + first * kWidth, down ? ptrdiff_t(kWidth) : -ptrdiff_t(kWidth), turns.data(), count);
    double worst = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      const bool within = i % kWidth < kRotated && i / kWidth > 0 && i / kWidth + 1 < kRows;
      worst = std::fmax(worst, within ? std::fabs(x[i] - want[i]) : same(x[i], want[i]) ? 0 : 1);
    }
    check(worst < 4e-15, std::string(k.isa) + " rotate: " + std::to_string(worst));
  }
}

// Products of the factors give the matrix, to what rounding leaves; what is told of bad ones.
template <class T>
void test_factors(const Kernels& k, DType d) {
  const double epsilon = sizeof(T) == 4 ? 6e-8 : 1.2e-16;
  for (size_t n : {1, 2, 3, 7, 16, 31, 63, 64, 65, 100, 128, 129, 200}) {
    const std::string what = std::string(k.isa) + " " + kDTypeInfo[d].name + " n = " + std::to_string(n) + " ";
    Buffer<T> a(n * n), out(n * n);
    std::vector<double> b(n * n);
    for (double& x : b) x = random_in(-1, 1);
    // b transposed(b) + 1; the upper triangle is not read.
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        double sum = i == j ? 1 : 0;
        for (size_t q = 0; q < n; ++q) sum += b[i * n + q] * b[j * n + q];
        a[i * n + j] = j > i ? std::numeric_limits<T>::quiet_NaN() : T(sum);
      }
    }
    Factors<T> counted(k, d, n, 0, nullptr);
    T* nowhere = reinterpret_cast<T*>(counted.nowhere());
    counted.cholesky(nowhere, n, n);
    counted.lu(nowhere, n, nullptr);
    const auto room = room_of(counted.bytes());
    const auto cholesky = [&] {
      std::memcpy(out.p, a.p, n * n * sizeof(T));
      return Factors<T>(k, d, n, 0, room.get()).cholesky(out.p, n, n);
    };
    check(cholesky() == n, what + "cholesky takes it");
    double worst = 0;
    bool zeros = true;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        double sum = -double(a[i * n + j]);
        for (size_t q = 0; q <= j; ++q) sum += double(out[i * n + q]) * double(out[j * n + q]);
        worst = std::fmax(worst, std::fabs(sum));
      }
      for (size_t j = i + 1; j < n; ++j) zeros &= same(out[i * n + j], T(0));
    }
    check(zeros, what + "cholesky: zeros above the diagonal");
    check(worst <= 4 * epsilon * double(n) * double(n), what + "cholesky: " + std::to_string(worst / epsilon));
    const size_t bad = n / 2;
    a[bad * n + bad] = -a[bad * n + bad];
    check(cholesky() == bad, what + "cholesky tells of the first bad row");
    a[bad * n + bad] = std::numeric_limits<T>::quiet_NaN();
    check(cholesky() == bad, what + "cholesky tells of NaN");

    for (size_t i = 0; i < n * n; ++i) a[i] = T(b[i]);
    std::vector<int32_t> rows(n);
    const auto lu = [&] {
      std::memcpy(out.p, a.p, n * n * sizeof(T));
      std::iota(rows.begin(), rows.end(), 0);
      return Factors<T>(k, d, n, 0, room.get()).lu(out.p, n, rows.data());
    };
    bool odd = lu();
    worst = 0;
    double largest = 0;
    std::vector<bool> seen(n);
    for (size_t i = 0; i < n; ++i) {
      const size_t row = size_t(rows[i]);
      check(row < n && !seen[row], what + "lu: rows are a permutation");
      if (row >= n) return;
      seen[row] = true;
      for (size_t j = 0; j < n; ++j) {
        double sum = -double(a[row * n + j]);
        for (size_t q = 0; q <= i && q <= j; ++q) {
          sum += (q == i ? 1 : double(out[i * n + q])) * double(out[q * n + j]);
        }
        worst = std::fmax(worst, std::fabs(sum));
        if (j < i) largest = std::fmax(largest, std::fabs(double(out[i * n + j])));
      }
    }
    check(worst <= 16 * epsilon * double(n), what + "lu: " + std::to_string(worst / epsilon));
    check(largest <= 1, what + "lu: the pivot is the largest");
    for (size_t i = 0; i < n; ++i) {  // exchanges until each row is where it was
      for (; size_t(rows[i]) != i; odd = !odd) std::swap(rows[i], rows[size_t(rows[i])]);
    }
    check(!odd, what + "lu: the sign of the permutation");
    for (size_t i = 0; i < n * n; ++i) a[i] = 0;
    check(!lu() && same(out[0], T(0)), what + "lu of zeros");
  }
}

// Every triangle, each way: the products with the solution give the right-hand side back, to what rounding leaves; the
// other triangle is not read, what stands beside the columns not written.
template <class T>
void test_triangular(const Kernels& k, DType d) {
  const double epsilon = sizeof(T) == 4 ? 6e-8 : 1.2e-16;
  for (size_t n : {1, 2, 3, 16, 63, 64, 65, 130, 200}) {
    for (size_t columns : {1, 2, 5, 16, 33, 70}) {
      for (int way = 0; way < 4; ++way) {
        const bool lower = way & 1, transposed = way & 2;
        const std::string what = std::string(k.isa) + " " + kDTypeInfo[d].name +
                                 " triangular n = " + std::to_string(n) + ", columns = " + std::to_string(columns) +
                                 ", way " + std::to_string(way) + ": ";
        const size_t stride = columns + 3;
        Buffer<T> a(n * n), x(n * stride);
        for (size_t i = 0; i < n; ++i) {
          for (size_t j = 0; j < n; ++j) {
            const bool read = lower ? j <= i : j >= i;
            a[i * n + j] = !read    ? std::numeric_limits<T>::quiet_NaN()
                           : i == j ? T(random_in(1, 2))
                                    : T(random_in(-1, 1) / double(n));
          }
        }
        for (size_t i = 0; i < n * stride; ++i) x[i] = T(random_in(-1, 1));
        std::vector<T> b(x.p, x.p + n * stride);
        const auto solve = [&](const T* from, T* to, char* memory) {
          Factors<T> f(k, d, n, columns, memory);
          const Triangle<T> t{from, ptrdiff_t(n), 1, lower, false};
          f.solve(transposed ? t.transposed() : t, to, stride, n, columns);
          return f.bytes();
        };
        T* nowhere = reinterpret_cast<T*>(Factors<T>::nowhere());
        const auto room = room_of(solve(nowhere, nowhere, nullptr));
        solve(a.p, x.p, room.get());
        double worst = 0;
        bool kept = true;
        for (size_t i = 0; i < n; ++i) {
          for (size_t c = 0; c < columns; ++c) {
            double sum = -double(b[i * stride + c]);
            for (size_t j = 0; j < n; ++j) {
              const size_t row = transposed ? j : i, column = transposed ? i : j;
              if (lower ? column <= row : column >= row) sum += double(a[row * n + column]) * double(x[j * stride + c]);
            }
            worst = std::fmax(worst, std::fabs(sum));
          }
          for (size_t c = columns; c < stride; ++c) kept &= same(x[i * stride + c], b[i * stride + c]);
        }
        check(worst <= 8 * epsilon * double(n), what + std::to_string(worst / epsilon));
        check(kept, what + "nothing beside the columns is written");
      }
    }
  }
}

// What a dtype has by its row.
template <class T, DType d>
void test_dtype(const Kernels& k) {
  for (unsigned op = 0; op < kReductions; ++op) test_reduce<T>(k, Reduction(op), d);
  test_arg<T>(k, d);
  if constexpr (has_sums(d)) {
    test_random<T>(k, d);
    test_scan<T>(k, d);
  }
  if constexpr (is_floating(d)) {
    test_special<T>(k);
    test_softmax<T>(k, d);
    test_factors<T>(k, d);
    test_triangular<T>(k, d);
  }
}

void test(const Kernels& k) {
  std::printf("%s\n", k.isa);
  test_every_loop(k);
  test_exact(k);
  test_accuracy(k);
  test_huge_angles(k);
#define DTYPE(id, name, lane, kind, bytes, sums) test_dtype<lane, k##id>(k);
#include "../kernels/dtype.def"
#undef DTYPE
  test_transpose<uint8_t>(k, k.transpose[0]);
  test_transpose<uint32_t>(k, k.transpose[2]);
  test_transpose<uint64_t>(k, k.transpose[3]);
  test_philox(k);
  test_int_gemm(k);
  test_sort<int32_t>(k, k.sort_integers);
  test_sort<double>(k, k.sort_reals);
  test_rotate(k);
  test_stream_copy(k);
}

// Benchmark

template <class F>
double seconds(F f) {
  using Clock = std::chrono::steady_clock;
  double best = 1e9;
  for (int trial = 0; trial < 60; ++trial) {
    int reps = 1;
    for (;;) {
      const auto start = Clock::now();
      for (int i = 0; i < reps; ++i) f();
      const double t = std::chrono::duration<double>(Clock::now() - start).count();
      if (t > 1.5e-4) {
        best = std::fmin(best, t / reps);
        break;
      }
      reps *= 2;  // short trials, and the best of many: other work on the machine must not count
    }
  }
  return best;
}

void bench(const Kernels& k) {
  std::printf("%s: Gelem/s of n = 4096, ns of n = 1\n", k.isa);
  const size_t n = 4096;
  alignas(64) static unsigned char a[n * 8], b[n * 8], c[n * 8], out[n * 8];
  for (unsigned kernel = 0; kernel < kElementwiseKernels; ++kernel) {
    const ElementwiseInfo& info = kElementwiseInfo[kernel];
    std::printf("  %-18s", info.name);
    for (unsigned d = 0; d < kDTypes; ++d) {
      const ElementwiseFn f = k.elementwise(kernel, d)[0];
      if (!f) continue;
      for (size_t i = 0; i < n * 8; ++i) a[i] = b[i] = c[i] = i % 3 == 0;
      for (size_t i = 0; i < n; ++i) {
        if (d == kFloat32) {
          reinterpret_cast<float*>(info.arity == 3 ? c : a)[i] = float(random_in(0.1, 5));
          reinterpret_cast<float*>(b)[i] = float(random_in(0.1, 5));
        } else if (d == kFloat64) {
          reinterpret_cast<double*>(info.arity == 3 ? c : a)[i] = random_in(0.1, 5);
          reinterpret_cast<double*>(b)[i] = random_in(0.1, 5);
        } else if (d == kInt32) {
          reinterpret_cast<int32_t*>(info.arity == 3 ? c : a)[i] = int32_t(i % 97);
          reinterpret_cast<int32_t*>(b)[i] = int32_t(i % 7 + 1);
        }
      }
      const double t = seconds([&] { f(a, b, c, out, n); }), one = seconds([&] { f(a, b, c, out, 1); });
      std::printf(" | %s %6.2f %5.1f", kDTypeInfo[d].name, double(n) / t * 1e-9, one * 1e9);
    }
    std::printf("\n");
  }
  std::printf("  cast [from][to]:");
  for (unsigned from = 0; from < kDTypes; ++from) {
    std::printf("\n   ");
    for (unsigned to = 0; to < kDTypes; ++to) {
      std::memset(a, 0, sizeof a);
      std::printf(" %6.2f", double(n) / seconds([&] { k.cast[from][to](a, nullptr, nullptr, out, n); }) * 1e-9);
    }
  }
  std::printf("\n  reduce, GB/s of input: rows of 1000, rows of 10, 8 rows of 2000 columns, 200 of 10\n");
  std::vector<double> big(64000, 1.0);
  for (unsigned d = 0; d < kDTypes; ++d) {
    for (unsigned op = 0; op < kReductions; op += 2) {
      const ReduceFns& r = k.reduce[op][d];
      if (!r.rows) continue;
      const double s = double(kDTypeSize[d]) * 1e-9;
      std::printf("    %-8s %s %7.1f %7.1f %7.1f %7.1f\n", kDTypeInfo[d].name, op == kSum ? "sum" : "max",
                  32000 * s / seconds([&] { r.rows(big.data(), out, 32, 1000); }),
                  32000 * s / seconds([&] { r.rows(big.data(), out, 3200, 10); }),
                  16000 * s / seconds([&] { r.columns(big.data(), 2000, out, 8, 2000); }),
                  2000 * s / seconds([&] { r.columns(big.data(), 10, out, 200, 10); }));
    }
    const double s = double(kDTypeSize[d]) * 1e-9;
    std::printf("    %-8s argmax %.1f %.1f\n", kDTypeInfo[d].name,
                32000 * s / seconds([&] { k.argmax[d].rows(big.data(), reinterpret_cast<int32_t*>(out), 32, 1000); }),
                32000 * s / seconds([&] { k.argmax[d].rows(big.data(), reinterpret_cast<int32_t*>(out), 3200, 10); }));
  }
  std::printf("  transpose, GB/s read + written: 64x64, 256x256, 1024x1024\n");
  std::vector<uint64_t> x(1 << 20), y(1 << 20);
  for (int size : {0, 2, 3}) {
    std::printf("    %d bytes", 1 << size);
    for (size_t m : {64, 256, 1024}) {
      std::printf(" %7.1f", double(2 * m * m << size) * 1e-9 /
                                seconds([&] { k.transpose[size](x.data(), m, y.data(), m, m, m); }));
    }
    std::printf("\n");
  }
  std::printf("  random, Gelem/s: uniform f32 %.2f f64 %.2f i32 %.2f normal f32 %.2f f64 %.2f\n",
              n / seconds([&] { k.random_uniform[kFloat32](1, 0, out, n); }) * 1e-9,
              n / seconds([&] { k.random_uniform[kFloat64](1, 0, out, n); }) * 1e-9,
              n / seconds([&] { k.random_uniform[kInt32](1, 0, out, n); }) * 1e-9,
              n / seconds([&] { k.random_normal[kFloat32](1, 0, out, n); }) * 1e-9,
              n / seconds([&] { k.random_normal[kFloat64](1, 0, out, n); }) * 1e-9);
}

}  // namespace

int main(int argc, char** argv) {
  std::string only;
  bool bench_only = false;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--sparse")
      sparse = true;
    else if (arg == "--dense")
      dense = true;
    else if (arg == "--bench")
      bench_only = true;
    else
      only = arg;
  }
  std::vector<std::string> isas = available_isas();
  if (!only.empty()) {
    if (!kernels_for(only)) {
      std::printf("%s is not available\n", only.c_str());
      return 2;
    }
    isas = {only};
  }
  for (const std::string& isa : isas) {
    restart_random();
    if (bench_only)
      bench(*kernels_for(isa));
    else
      test(*kernels_for(isa));
  }
  return bench_only ? 0 : report_checks();
}
