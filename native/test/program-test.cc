// Replays the fuzzer's corpus and a stream of random bytes through the fuzz target, as a plain binary that needs no
// clang; every 50th program again and again, with memory for one allocation more each time. And tests the plan cache.
// Usage: program-test [--runs N] [file...]
#include <atomic>
#include <fstream>
#include <iterator>
#include <new>
#include <string>

#include "../plan/cache.h"
#include "program-fuzz.cc"

namespace {

std::atomic<long> allocations_left{-1};  // negative: as many as there are

void* allocate(size_t size) {
  long left = allocations_left;
  while (left > 0 && !allocations_left.compare_exchange_weak(left, left - 1)) {
  }
  return left == 0 ? nullptr : std::malloc(size > 0 ? size : 1);
}

}  // namespace

// Everything in this binary allocates through these. Not inlined: gcc would take what new gives for memory that free
// may not have.
[[gnu::noinline]] void* operator new(size_t size) {
  if (void* p = allocate(size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }

namespace gradtape {
namespace {

// Lets f run out of memory at its first allocation, at its second, and so on until it does not.
long failures = 0;
void call_without_memory(const Call& f, const Call& whole) {
  for (long n = 0;; n += 1 + n / 16) {
    allocations_left = n;
    try {
      f();
      allocations_left = -1;
      return;
    } catch (const std::bad_alloc&) {
      allocations_left = -1;
      ++failures;
      whole();
    }
  }
}

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "plan cache: %s\n", what);
  std::abort();
}

// Whether every descriptor says all that is asked of it.
bool are_complete() {
  bool ok = true;
  for (int32_t k = kFirstStep; k < kFirstElementwise; ++k) {
    const StepKind& kind = step_kind(k);
    const bool runs = k == k_matmul || (kind.units && kind.run);
    const bool prepares = !kind.prepared_bytes == !kind.prepare;
    const bool shows = kind.results == 1 || (kind.results <= 8 && kind.check_result);
    if (kind.check && kind.work && runs && prepares && shows) continue;
    std::printf("FAILED %s lacks something\n", step_name(k));
    ok = false;
  }
  return ok;
}

// A program of `values` sums, one after another, over an input of `size` elements.
std::vector<int32_t> sums(int32_t values, int32_t size) {
  std::vector<int32_t> words = {values + 1, 1, kInput, kFloat32 | 1 << 8, 0, 0, size};
  for (int32_t i = 0; i < values; ++i)
    words.insert(words.end(), {kFirstElementwise + k_add, kFloat32 | 1 << 8, 2, 0, size, i, 0});
  words.insert(words.end(), {values, -1});
  return words;
}

// A random program of rows read, computed and scattered, some of the scatters over inputs.
std::vector<int32_t> scatters(Numbers& numbers) {
  constexpr int32_t kCount = 2, kInner = 3;
  const int32_t length = numbers.bits() >> 20 & 3 ? 16 : kCount;  // the same: a value may be its own updates
  const std::vector<int32_t> whole = {length, kInner}, rows = {kCount, kInner}, at = {kCount};
  std::vector<Made> values = {{kInput, kFloat32, whole, {}, {}},
                              {kInput, kFloat32, whole, {}, {}},
                              {kInput, kInt32, at, {}, {}},
                              {kInput, kInt32, at, {}, {}},
                              {kInput, kFloat32, rows, {}, {}}};
  const auto below = [&](size_t n) { return size_t(numbers.bits() >> 20) % n; };
  const auto any = [&](const std::vector<int32_t>& dims) {
    for (size_t i = below(values.size());; i = (i + 1) % values.size()) {
      if (values[i].dims == dims) return int32_t(i);
    }
  };
  std::vector<int32_t> words, outputs;
  while (values.size() < 14) {
    switch (below(5)) {
      case 0:
        values.push_back({k_gather, kFloat32, rows, {any(whole), any(at)}, {1, 1, length, kCount, kInner}});
        break;
      case 2:
        values.push_back({kFirstElementwise + k_minimum, kInt32, at, {any(at), any(at)}, {}});
        break;
      case 1: {
        const std::vector<int32_t>& dims = below(2) ? rows : whole;
        values.push_back({kFirstElementwise + k_add, kFloat32, dims, {any(dims), any(dims)}, {}});
        break;
      }
      default:
        values.push_back({k_scatterInto,
                          kFloat32,
                          whole,
                          {any(whole), any(rows), any(at)},
                          {1, 1, length, kCount, kInner, int32_t(below(6))}});
    }
  }
  bool replaced[2] = {false, false};
  for (int32_t i = 5; i < int32_t(values.size()); ++i) {
    if (below(2)) continue;
    int32_t over = -1;
    const size_t input = below(2);
    if (values[i].dims == whole && values[i].opcode != k_gather && !replaced[input] && below(4)) over = int32_t(input);
    if (over >= 0) replaced[over] = true;
    outputs.insert(outputs.end(), {i, over});
  }
  words = {int32_t(values.size()), int32_t(outputs.size() / 2)};
  for (const Made& v : values) append(words, v);
  words.insert(words.end(), outputs.begin(), outputs.end());
  return words;
}

void check_cache() {
  const Kernels& kernels = *kernels_for("");
  PlanCache cache;
  std::string error;
  const auto find = [&](const std::vector<int32_t>& words, size_t threads = 1) {
    return cache.find(words.data(), words.size(), kernels, threads, error);
  };
  const Plan* first = find(sums(3, 2))->get();
  expect(find(sums(3, 2))->get() == first && cache.made() == 1, "the same words have one plan");
  expect(find(sums(3, 2), 2)->get() != first, "plans for other threads are others");
  for (int32_t i = 0; i < 2000; ++i) {
    find(sums(1, 3 + i));
    expect(find(sums(3, 2))->get() == first, "what is asked for stays");
  }
  uint64_t made = cache.made();
  find(sums(1, 3));
  expect(cache.made() == made + 1, "what is not asked for goes");
  for (int32_t i = 0; i < 2000; ++i) find(sums(1, 5003 + i));
  expect(find(sums(3, 2))->get() == first, "what came again outlasts what came once");
  // As many in turn as there is room for, then more than that: a plan that was dropped before it came again is kept
  // when it does.
  for (int32_t turn = 0; turn < 2; ++turn) {
    for (int32_t i = 0; i < 300; ++i) find(sums(300, 20000 + i));
  }
  made = cache.made();
  for (int32_t i = 0; i < 300; ++i) find(sums(300, 20000 + i));
  expect(cache.made() == made, "a long loop finds its plans from the third turn on");
  // Far more than fits, each a fair part of it.
  for (int32_t i = 0; i < 200; ++i) {
    find(sums(5000, 2 + i));
    expect(cache.bytes() <= PlanCache::kMaxBytes, "bounded in bytes");
  }
  cache.trim(0);
  for (int32_t i = 0; i < 200; ++i) {
    find(sums(5000, 5000 + i));
    expect(cache.bytes() <= PlanCache::kMaxOnceBytes, "plans that never come again take little");
  }
  // One that is larger than all may be.
  const std::vector<int32_t> huge = sums(1000000, 2);
  const Plan* large = find(huge)->get();
  expect(cache.bytes() > PlanCache::kMaxBytes && find(huge)->get() == large, "the latest stays, however large");
  find(sums(1, 2));
  expect(cache.bytes() <= PlanCache::kMaxOnceBytes, "it goes when another comes");
  cache.trim(0);
  expect(cache.bytes() == 0, "trimmed to nothing");
  const std::vector<int32_t> words = sums(100, 2);
  call_without_memory([&] { find(words); }, [&] { expect(cache.bytes() == 0, "a failure leaves it as it was"); });
  expect(find(words)->get()->program.values.size() == 101, "made in the end");
}

}  // namespace
}  // namespace gradtape

int main(int argc, char** argv) {
  if (!gradtape::are_complete()) return 1;
  long runs = 20000, replayed = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--runs" && i + 1 < argc) {
      runs = std::atol(argv[++i]);
      continue;
    }
    std::ifstream file(argument, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    ++replayed;
  }
  uint64_t state = 88172645463325252u;
  std::vector<uint8_t> bytes;
  for (long run = 0; run < runs; ++run) {
    bytes.resize(size_t(run) % 300);
    for (uint8_t& b : bytes) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      b = uint8_t(state >> 32);
    }
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    if (run % 50 > 0) continue;
    gradtape::call = gradtape::call_without_memory;
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    gradtape::call = gradtape::call_plainly;
  }
  gradtape::Numbers numbers(1);
  for (long run = 0; run < 5 * runs; ++run)
    gradtape::check(gradtape::scatters(numbers), gradtape::kSmall, uint64_t(run));
  gradtape::check_cache();
  if (runs >= 1000 && gradtape::failures == 0) std::abort();
  // Of the random programs some compare every opcode, however new it is.
  int never = 0;
  for (int32_t k = 0; runs >= 20000 && k < gradtape::kOpcodes; ++k) {
    if (std::getenv("GRADTAPE_SHOW"))
      std::printf("%s %ld %ld\n", gradtape::forms()[size_t(k)].name, long(gradtape::compared[k]),
                  long(gradtape::compared_large[k]));
    if (gradtape::compared[k] > 0) continue;
    std::printf("FAILED %s was never computed\n", gradtape::forms()[size_t(k)].name);
    ++never;
  }
  if (never > 0) return 1;
  if (runs >= 20000 && (gradtape::steps_in_place == 0 || gradtape::steps_copied == 0)) {
    std::printf("FAILED steps over inputs: %ld in place, %ld copied\n", long(gradtape::steps_in_place),
                long(gradtape::steps_copied));
    return 1;
  }
  using gradtape::loops_tiled, gradtape::columns_tiled, gradtape::values_tiled;
  if (std::getenv("GRADTAPE_SHOW"))
    std::printf("tiled %ld %ld %ld\n", long(loops_tiled), long(columns_tiled), long(values_tiled));
  if (runs >= 20000 && (loops_tiled == columns_tiled || columns_tiled == 0 || values_tiled == 0)) {
    std::printf("FAILED tiles: %ld loops, %ld of columns, %ld values\n", long(loops_tiled), long(columns_tiled),
                long(values_tiled));
    return 1;
  }
  std::printf("%ld passed, 0 failed\n", replayed + runs);  // a failure aborts
}
