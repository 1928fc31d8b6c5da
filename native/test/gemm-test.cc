// Tests and benchmark of the matrix product as a plain binary: any strides, any size, the same bits for every layout.
// Linked with the ISA units it tests the table of every ISA of this machine (GRADTAPE_ISA in the environment: that one
// only); compiled with -DGRADTAPE_ISA=<isa> and that ISA's flags it is kernels/gemm.h alone, and knows the peak.
// Usage: gemm-test [--small] [--bench [f32|f64] [part of a shape's name]]
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "../kernels/dispatch.h"
#include "../kernels/kernels.h"
#ifdef GRADTAPE_ISA
#include "../kernels/gemm.h"
#endif
#include "support.h"

namespace {

using namespace gradtape;
GemmFns fns[gradtape::kDTypes];  // of the ISA being tested

template <class T>
const GemmFns& gemm() {
  return fns[std::is_integral_v<T> ? gradtape::kInt32 : sizeof(T) == 4 ? gradtape::kFloat32 : gradtape::kFloat64];
}

template <class T>
T random_value() {
  if constexpr (std::is_integral_v<T>) {
    return T(random_bits());
  } else {
    return T(double(random_bits() >> 11) * 0x1p-52 - 1);
  }
}

enum Layout { kRowMajor, kColumnMajor, kPadded, kPaddedColumns, kBothStrided, kNegative, kNegativeColumns, kLayouts };
const char* const kLayoutName[kLayouts] = {"row-major", "column-major", "padded",          "padded columns",
                                           "strided",   "negative",     "negative columns"};

// A rows x columns matrix laid out in some way in a malloc of exactly the bytes that it spans.
template <class T>
struct Matrix {
  T* memory = nullptr;
  T* first = nullptr;
  ptrdiff_t row_stride = 0, column_stride = 0;

  Matrix(const std::vector<T>& values, size_t rows, size_t columns, Layout layout) {
    const auto r = ptrdiff_t(rows), c = ptrdiff_t(columns);
    const ptrdiff_t strides[kLayouts][2] = {{c, 1},         {1, r},        {c + 3, 1},   {1, r + 5},
                                            {2 * c + 1, 2}, {-(c + 1), 1}, {1, -(r + 2)}};
    row_stride = strides[layout][0];
    column_stride = strides[layout][1];
    size_t before = 0, span = 0;
    if (rows > 0 && columns > 0) {
      for (ptrdiff_t extent : {row_stride * (r - 1), column_stride * (c - 1)}) {
        span += size_t(std::abs(extent));
        if (extent < 0) before += size_t(-extent);
      }
      ++span;
    }
    memory = static_cast<T*>(std::malloc(span * sizeof(T)));
    std::memset(memory, 0xff, span * sizeof(T));  // NaN in the gaps: reading one spoils the result
    first = memory + before;
    for (ptrdiff_t i = 0; i < r; ++i)
      for (ptrdiff_t j = 0; j < c; ++j) first[i * row_stride + j * column_stride] = values[size_t(i * c + j)];
  }
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  ~Matrix() { std::free(memory); }
};

template <class T>
struct Workspace {
  T* memory;
  size_t bytes;
  explicit Workspace(size_t size) : bytes(size) {
    memory = static_cast<T*>(aligned_memory(64, (size + 127) / 64 * 64));
    std::memset(memory, 0xff, (size + 127) / 64 * 64);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  // False: something was written past the workspace's end.
  bool intact() const {
    const auto* byte = reinterpret_cast<const unsigned char*>(memory);
    for (size_t i = bytes; i < (bytes + 127) / 64 * 64; ++i)
      if (byte[i] != 0xff) return false;
    return true;
  }
  ~Workspace() { free_aligned(memory); }
};

template <class T>
std::vector<T> random_values(size_t n) {
  std::vector<T> values(n);
  for (T& x : values) x = random_value<T>();
  return values;
}

template <class T>
std::string describe(size_t m, size_t n, size_t k, int la, int lb, bool accumulate, size_t rsc) {
  char text[200];
  std::snprintf(text, sizeof text, "%zu-byte %zux%zux%zu a %s, b %s%s, c stride %zu", sizeof(T), m, n, k,
                la < kLayouts ? kLayoutName[la] : "-", lb < kLayouts ? kLayoutName[lb] : "-",
                accumulate ? ", accumulate" : "", rsc);
  return text;
}

// Runs into a buffer with canaries around and between the rows of c; returns c's elements.
template <class T>
std::vector<T> product(size_t m, size_t n, size_t k, const T* a, ptrdiff_t rsa, ptrdiff_t csa, const T* b,
                       ptrdiff_t rsb, ptrdiff_t csb, const std::vector<T>& c0, size_t rsc, bool accumulate,
                       const std::string& what) {
  constexpr size_t kGuard = 32;
  T canary;
  std::memset(&canary, 0xa5, sizeof canary);
  std::vector<T> buffer(2 * kGuard + m * rsc, canary);
  T* c = buffer.data() + kGuard;
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) c[i * rsc + j] = c0[i * n + j];
  Workspace<T> workspace(gemm<T>().workspace(m, n, k));
  size_t counted = 0;
  const GemmListener listener{&counted, nullptr,
                              [](void* count, size_t more) noexcept { *static_cast<size_t*>(count) += more; }};
  gemm<T>().run(m, n, k, a, rsa, csa, b, rsb, csb, c, ptrdiff_t(rsc), accumulate, workspace.memory, &listener);
  check(counted == m * n * k || (counted == 0 && (m == 1 || n == 1)), what + ": told of other multiply-adds");
  check(workspace.intact(), what + ": wrote past the workspace");
  std::vector<T> result(m * n);
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) {
      result[i * n + j] = c[i * rsc + j];
      c[i * rsc + j] = canary;
    }
  bool intact = true;
  for (const T& x : buffer) intact = intact && std::memcmp(&x, &canary, sizeof x) == 0;
  check(intact, what + ": wrote outside c");
  return result;
}

template <class T>
bool same_bits(const std::vector<T>& x, const std::vector<T>& y) {
  return x.size() == y.size() && (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(T)) == 0);
}

template <class T>
std::vector<T> reference_check(size_t m, size_t n, size_t k, const std::vector<T>& a, const std::vector<T>& b,
                               const std::vector<T>& c0, bool accumulate, const std::vector<T>& got,
                               const std::string& what) {
  bool close = true;
  double worst = 0;
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) {
      if constexpr (std::is_integral_v<T>) {
        uint32_t sum = accumulate ? uint32_t(c0[i * n + j]) : 0;
        for (size_t p = 0; p < k; ++p) sum += uint32_t(a[i * k + p]) * uint32_t(b[p * n + j]);
        close = close && uint32_t(got[i * n + j]) == sum;
      } else {
        using Wide = std::conditional_t<sizeof(T) == 4, double, long double>;
        Wide sum = accumulate ? c0[i * n + j] : 0, size = std::abs(sum);
        for (size_t p = 0; p < k; ++p) {
          const Wide term = Wide(a[i * k + p]) * b[p * n + j];
          sum += term;
          size += std::abs(term);
        }
        // Standard bound of a sum of k products: (k + 2) eps sum |a||b|.
        const Wide eps = sizeof(T) == 4 ? 0x1p-24 : 0x1p-53;
        const Wide error = std::abs(sum - Wide(got[i * n + j]));
        const Wide bound = (Wide(k) + 2) * eps * size;
        close = close && error <= bound;
        if (bound > 0) worst = std::max(worst, double(error / bound));
      }
    }
  check(close, what + ": error " + std::to_string(worst) + " of the bound");
  return got;
}

// One size: every pair of layouts, plain and accumulating, and c rows apart.
template <class T>
void test_size(size_t m, size_t n, size_t k, bool all_layouts) {
  const auto a = random_values<T>(m * k), b = random_values<T>(k * n), c0 = random_values<T>(m * n);
  for (const bool accumulate : {false, true}) {
    std::vector<T> expected;
    for (int la = 0; la < kLayouts; ++la)
      for (int lb = 0; lb < kLayouts; ++lb) {
        if (!all_layouts && (la > kColumnMajor || lb > kColumnMajor) && random_below(12) != 0) continue;
        const Matrix<T> am(a, m, k, Layout(la)), bm(b, k, n, Layout(lb));
        const size_t rsc = n + (la + lb) % 3 * 7;
        const std::string what = describe<T>(m, n, k, la, lb, accumulate, rsc);
        const auto got = product<T>(m, n, k, am.first, am.row_stride, am.column_stride, bm.first, bm.row_stride,
                                    bm.column_stride, c0, rsc, accumulate, what);
        if (la == 0 && lb == 0) {
          expected = reference_check<T>(m, n, k, a, b, c0, accumulate, got, what);
        } else {
          check(same_bits(got, expected), what + ": other bits than row-major");
        }
      }
  }
}

// Ranges of rows and columns computed by themselves have the bits of the whole.
template <class T>
void test_parts(size_t m, size_t n, size_t k) {
  const auto a = random_values<T>(m * k), b = random_values<T>(k * n), c0 = random_values<T>(m * n);
  const auto ld = ptrdiff_t(n), lda = ptrdiff_t(k);
  const auto whole = product<T>(m, n, k, a.data(), lda, 1, b.data(), ld, 1, c0, n, true, "whole");
  for (int part = 0; part < 8; ++part) {
    const size_t i0 = random_below(m), j0 = random_below(n);
    const size_t rows = part % 4 == 0 ? 1 : 1 + random_below(m - i0),
                 columns = part % 4 == 1 ? 1 : 1 + random_below(n - j0);
    std::vector<T> start(rows * columns), expected(rows * columns);
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < columns; ++j) {
        start[i * columns + j] = c0[(i0 + i) * n + j0 + j];
        expected[i * columns + j] = whole[(i0 + i) * n + j0 + j];
      }
    const std::string what = describe<T>(rows, columns, k, kLayouts, kLayouts, true, columns);
    const auto got =
        product<T>(rows, columns, k, a.data() + i0 * k, lda, 1, b.data() + j0, ld, 1, start, columns, true, what);
    check(same_bits(got, expected), "part of " + describe<T>(m, n, k, kLayouts, kLayouts, true, n) + ": " + what);
  }
}

// Zero strides: one row, one column or one number used everywhere.
template <class T>
void test_zero_strides(size_t m, size_t n, size_t k) {
  for (int zero = 1; zero < 16; ++zero) {
    const ptrdiff_t rsa = zero & 1 ? 0 : ptrdiff_t(k), csa = zero & 2 ? 0 : 1;
    const ptrdiff_t rsb = zero & 4 ? 0 : ptrdiff_t(n), csb = zero & 8 ? 0 : 1;
    const auto a = random_values<T>(m * k), b = random_values<T>(k * n), c0 = random_values<T>(m * n);
    std::vector<T> a_full(m * k), b_full(k * n);
    for (size_t i = 0; i < m; ++i)
      for (size_t p = 0; p < k; ++p) a_full[i * k + p] = a[size_t(ptrdiff_t(i) * rsa + ptrdiff_t(p) * csa)];
    for (size_t p = 0; p < k; ++p)
      for (size_t j = 0; j < n; ++j) b_full[p * n + j] = b[size_t(ptrdiff_t(p) * rsb + ptrdiff_t(j) * csb)];
    const std::string what =
        describe<T>(m, n, k, kLayouts, kLayouts, false, n) + " zero strides " + std::to_string(zero);
    const auto expected =
        product<T>(m, n, k, a_full.data(), ptrdiff_t(k), 1, b_full.data(), ptrdiff_t(n), 1, c0, n, false, what);
    const auto got = product<T>(m, n, k, a.data(), rsa, csa, b.data(), rsb, csb, c0, n, false, what);
    check(same_bits(got, expected), what);
  }
}

template <class T>
void test_all(bool small) {
  const size_t limit = 70;
  for (size_t m = 0; m <= 20; ++m)
    for (size_t n = 0; n <= 20; ++n)
      if (!small || random_below(4) == 0) test_size<T>(m, n, random_below(24), false);
  for (int i = 0; i < (small ? 15 : 150); ++i)
    test_size<T>(random_below(limit + 1), random_below(limit + 1), random_below(limit + 1), i % 5 == 0);
  for (size_t one = 0; one < 2; ++one)  // vectors
    for (int i = 0; i < (small ? 10 : 60); ++i) {
      const size_t length = random_below(limit + 1), k = i % 4 ? random_below(limit + 1) : random_below(4000);
      test_size<T>(one ? 1 : length, one ? length : 1, k, i % 5 == 0);
    }
  test_size<T>(1, 1, 3700, true);
  test_size<T>(3, 1, 3100, true);
  test_size<T>(1, 2500, 33, false);
  test_size<T>(2500, 1, 33, false);
  test_size<T>(7, 9, 1000, true);  // several blocks of k
  test_size<T>(33, 3, 785, false);
  test_size<T>(100, 90, 50, true);  // past the size below which nothing is packed
  test_size<T>(61, 131, 129, true);
  test_size<T>(5, 300, 400, true);
  test_size<T>(23, 41, 385, true);   // packed while it is first used, by tiles of 6 and of 5 rows
  test_size<T>(24, 602, 70, false);  // so wide that the columns packed next are fetched
  for (int i = 0; i < (small ? 2 : 20); ++i)
    test_zero_strides<T>(1 + random_below(limit), 1 + random_below(limit), 1 + random_below(limit));
  for (int i = 0; i < (small ? 2 : 20); ++i)
    test_parts<T>(1 + random_below(limit), 1 + random_below(limit), random_below(900));
  // Bounded whatever the size: no multiplication overflows on the way.
  const size_t sizes[] = {1, 3, 1000, size_t{1} << 33, size_t{1} << 62};
  for (const size_t m : sizes)
    for (const size_t n : sizes)
      for (const size_t k : sizes)
        check(gemm<T>().workspace(m, n, k) <= size_t{8} << 20, "workspace of a large product");
  if (small) return;
  test_zero_strides<T>(90, 110, 100);
  test_parts<T>(150, 200, 500);
  test_parts<T>(800, 40, 30);
  test_size<T>(401, 150, 390, true);
  test_size<T>(790, 20, 33, false);
  test_size<T>(400, 2100, 10, false);
  test_size<T>(20, 4200, 10, false);
}

#ifdef GRADTAPE_ISA
// GFLOP/s of multiply-adds in registers.
template <class T>
double peak() {
  using namespace gradtape::GRADTAPE_ISA;
  using V = Vec<T>;
  constexpr size_t kChains = 12;
  static double best = 0;  // of the whole run: other processes only ever lower it
  for (int repeat = 0; repeat < 5; ++repeat) {
    V acc[kChains];
#pragma GCC unroll 16
    for (size_t i = 0; i < kChains; ++i) acc[i] = splat<V>(T(i + 2));
    const V x = splat<V>(T(0.999)), y = splat<V>(T(0.001));
    const size_t n = 3000000;
    const double start = now();
#pragma GCC unroll 8
    for (size_t p = 0; p < n; ++p) {
#pragma GCC unroll 16
      for (size_t i = 0; i < kChains; ++i) acc[i] = fma(acc[i], x, y);
    }
    const double time = now() - start;
    volatile T sink = 0;
#pragma GCC unroll 16
    for (size_t i = 0; i < kChains; ++i) sink = sink + acc[i][0];
    best = std::max(best, double(n * kChains * 2 * kLanes<T>) / time / 1e9);
  }
  return best;
}
#else
template <class T>
double peak() {
  return 0;
}
#endif

// Elements as the addon has them: aligned, in huge pages where whole ones fit.
template <class T>
struct Operand {
  T* memory;
  size_t size;
  explicit Operand(size_t n) : size(n) {
    constexpr size_t kHuge = size_t{2} << 20;
    const size_t align = n * sizeof(T) < kHuge ? 64 : kHuge, bytes = (n * sizeof(T) + align - 1) / align * align;
    memory = static_cast<T*>(aligned_memory(align, bytes));
#ifdef MADV_HUGEPAGE
    if (align == kHuge) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    for (size_t i = 0; i < n; ++i) memory[i] = random_value<T>();
  }
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;
  ~Operand() { free_aligned(memory); }
};

// GB/s of reading the matrix in four streams and doing next to nothing with it.
template <class T>
double read_rate(const Operand<T>& matrix) {
  typedef uint64_t Wide __attribute__((vector_size(32), may_alias));
  const size_t quarter = matrix.size * sizeof(T) / sizeof(Wide) / 4;
  const auto* from = reinterpret_cast<const Wide*>(matrix.memory);
  double best = 0;
  const double end = now() + 0.1;
  for (int repeat = 0; repeat < 3 || now() < end; ++repeat) {
    Wide all[8] = {};
    const double start = now();
    size_t times = 0;
    do {
      for (size_t i = 0; i + 2 <= quarter; i += 2) {
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; ++j) all[j] |= from[j / 2 * quarter + i + j % 2];
      }
      ++times;
    } while (now() < start + 1e-3);
    const double time = now() - start;
    volatile uint64_t sink = 0;
    for (const Wide& x : all) sink = sink | x[0];
    best = std::max(best, double(times * matrix.size * sizeof(T)) / time / 1e9);
  }
  return best;
}

template <class T>
void bench_shape(const char* kind, size_t m, size_t n, size_t k) {
  const Operand<T> a(m * k), b(k * n), c(m * n);
  const bool ta = kind[0] == 'T', tb = kind[1] == 'T';
  const auto sm = ptrdiff_t(m), sn = ptrdiff_t(n), sk = ptrdiff_t(k);
  Workspace<T> workspace(gemm<T>().workspace(m, n, k));
  const auto once = [&] {
    gemm<T>().run(m, n, k, a.memory, ta ? 1 : sk, ta ? sm : 1, b.memory, tb ? 1 : sn, tb ? sk : 1, c.memory, sn, false,
                  workspace.memory, nullptr);
  };
  const double flop = 2.0 * double(m) * double(n) * double(k);
  once();
  size_t times = 1 + size_t(2e8 / flop);
  double best = 1e9;
  const double end = now() + 0.15;
  for (int repeat = 0; repeat < 3 || now() < end; ++repeat) {
    const double start = now();
    for (size_t i = 0; i < times; ++i) once();
    best = std::min(best, (now() - start) / double(times));
  }
  const double top = peak<T>();
  std::printf("f%zu %s %zux%zux%zu  %.1f GFLOP/s", 8 * sizeof(T), kind, m, n, k, flop / best / 1e9);
  if (top > 0) std::printf("  %.2f of peak %.0f", flop / best / 1e9 / top, top);
  if (m == 1 || n == 1) {
    const Operand<T>& matrix = m == 1 ? b : a;
    const double rate = double((m * k + k * n) * sizeof(T)) / best / 1e9;
    std::printf("  %.1f GB/s, %.2f of reading", rate, rate / read_rate(matrix));
  }
  std::printf("\n");
}

struct Shape {
  const char* kind;
  size_t m, n, k;
};
const Shape kBenchShapes[] = {
    {"NN", 8, 8, 8},          {"NT", 8, 8, 8},          {"NN", 16, 16, 16},       {"NT", 16, 16, 16},
    {"NN", 32, 32, 32},       {"NT", 32, 32, 32},       {"NN", 64, 64, 64},       {"NT", 64, 64, 64},
    {"TN", 64, 64, 64},       {"TT", 64, 64, 64},       {"NN", 128, 128, 128},    {"NT", 128, 128, 128},
    {"TN", 128, 128, 128},    {"TT", 128, 128, 128},    {"NN", 256, 256, 256},    {"NT", 256, 256, 256},
    {"TN", 256, 256, 256},    {"TT", 256, 256, 256},    {"NN", 512, 512, 512},    {"NT", 512, 512, 512},
    {"TN", 512, 512, 512},    {"TT", 512, 512, 512},    {"NN", 1024, 1024, 1024}, {"NT", 1024, 1024, 1024},
    {"TN", 1024, 1024, 1024}, {"TT", 1024, 1024, 1024}, {"NN", 2048, 2048, 2048}, {"NT", 2048, 2048, 2048},
    {"TN", 2048, 2048, 2048}, {"TT", 2048, 2048, 2048}, {"NN", 128, 512, 784},    {"NT", 128, 784, 512},
    {"TN", 784, 512, 128},    {"NN", 128, 10, 256},     {"NT", 128, 256, 10},     {"TN", 256, 10, 128},
    {"NN", 32, 4096, 4096},   {"NT", 32, 4096, 4096},   {"TN", 4096, 4096, 32},   {"NN", 4096, 16, 4096},
    {"TN", 4096, 16, 4096},   {"NN", 4096, 4096, 16},   {"NN", 1, 4096, 4096},    {"NT", 1, 4096, 4096},
    {"NN", 4096, 1, 4096},    {"TN", 4096, 1, 4096},    {"NN", 1, 256, 784},      {"NT", 1, 256, 784},
    {"NN", 1, 1, 100000},     {"NN", 6, 16, 384},       {"NN", 12, 8, 384},
};

template <class T>
void bench(const std::string& only) {
  for (const Shape& shape : kBenchShapes) {
    const std::string name = std::string(shape.kind) + ' ' + std::to_string(shape.m) + 'x' + std::to_string(shape.n) +
                             'x' + std::to_string(shape.k);
    if (name.find(only) != std::string::npos) bench_shape<T>(shape.kind, shape.m, shape.n, shape.k);
  }
}

#ifdef GRADTAPE_ISA
#define STRING(x) #x
#define NAME(x) STRING(x)
std::vector<std::string> use_isas() { return {NAME(GRADTAPE_ISA)}; }
void choose(const std::string&) {
  using namespace gradtape::GRADTAPE_ISA;
  fns[gradtape::kFloat32] = {&Gemm<float>::run, &Gemm<float>::workspace};
  fns[gradtape::kFloat64] = {&Gemm<double>::run, &Gemm<double>::workspace};
  fns[gradtape::kInt32] = {&Gemm<uint32_t>::run, &Gemm<uint32_t>::workspace};
}
#else
std::vector<std::string> use_isas() {
  const char* one = std::getenv("GRADTAPE_ISA");
  return one && *one ? std::vector<std::string>{one} : gradtape::available_isas();
}
void choose(const std::string& isa) {
  const gradtape::Kernels* kernels = gradtape::kernels_for(isa);
  if (!kernels) {
    std::printf("no ISA %s here\n", isa.c_str());
    std::exit(2);
  }
  for (int dtype = 0; dtype < gradtape::kDTypes; ++dtype) fns[dtype] = kernels->gemm[dtype];
}
#endif

}  // namespace

int main(int argc, char** argv) {
  bool small = false, run_bench = false;
  std::string dtype, only;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--small") {
      small = true;
    } else if (argument == "--bench") {
      run_bench = true;
    } else if (argument == "f32" || argument == "f64") {
      dtype = argument;
    } else {
      only = argument;
    }
  }
  for (const std::string& isa : use_isas()) {
    choose(isa);
    std::printf("%s\n", isa.c_str());
    if (run_bench) {
      if (dtype != "f64") bench<float>(only);
      if (dtype != "f32") bench<double>(only);
    } else {
      test_all<float>(small);
      test_all<double>(small);
      test_all<int32_t>(small);
    }
  }
  if (run_bench) return 0;
  return gradtape::report_checks();
}
