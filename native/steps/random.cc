// Random numbers: a stream is a key and an offset, so a part of it can be computed anywhere.
#include "step.h"

namespace gradtape {
namespace {

constexpr double kUniformPasses = 4, kNormalPasses = 16;

const char* check_uniform(const Value& v, Operands) { return has_sums(v.dtype) ? nullptr : "wrong dtype"; }
const char* check_normal(const Value& v, Operands) { return is_floating(v.dtype) ? nullptr : "wrong dtype"; }
const char* check_permutation(const Value& v, Operands) {
  return v.dtype == kInt32 && v.rank == 1 ? nullptr : "a permutation is an int32 vector";
}

double uniform_work(const Value& v, Operands) { return double(v.size) * kUniformPasses; }
double normal_work(const Value& v, Operands) { return double(v.size) * kNormalPasses; }

int64_t units(const Value& v, Operands, const Kernels&) { return units_of(v.size, kMovedAtOnce); }
int64_t one_unit(const Value&, Operands, const Kernels&) { return 1; }

void fill(const StepRun& s, RandomFn fn, int64_t begin, int64_t end) {
  const uint64_t key = uint64_t(s.numbers[0]) | uint64_t(s.numbers[1]) << 32;
  fn(key, uint64_t(s.numbers[2]) + uint64_t(begin), s.out[0] + begin * int64_t(kDTypeSize[s.v.dtype]),
     size_t(end - begin));
}

template <RandomFn (Kernels::*table)[kDTypes]>
Failure run(const StepRun& s, int64_t from, int64_t to, const char*, char*) {
  const Range range(from, to, kMovedAtOnce, s.v.size);
  fill(s, (s.kernels.*table)[s.v.dtype], range.begin, range.end);
  return {};
}

// Fisher-Yates; the random words stand in the output itself, each read just before its place is settled. Inside-out:
// place i receives the element at a random earlier place, so words beyond i are still untouched.
Failure run_permutation(const StepRun& s, int64_t, int64_t, const char*, char*) {
  fill(s, s.kernels.random_uniform[kInt32], 0, s.v.size);
  auto* p = reinterpret_cast<int32_t*>(s.out[0]);
  for (size_t i = 0; i < size_t(s.v.size); ++i) {
    const uint64_t j = uint64_t(uint32_t(p[i])) * (i + 1) >> 32;
    p[i] = p[j];
    p[j] = int32_t(i);
  }
  return {};
}

constexpr StepKind random_kind() {
  StepKind k;
  k.arity = 0;
  k.numbers = 3;  // key low, key high, offset
  return k;
}
constexpr StepKind uniform() {
  StepKind k = random_kind();
  k.check = check_uniform;
  k.work = uniform_work;
  k.units = units;
  k.run = run<&Kernels::random_uniform>;
  return k;
}
constexpr StepKind normal() {
  StepKind k = random_kind();
  k.check = check_normal;
  k.work = normal_work;
  k.units = units;
  k.run = run<&Kernels::random_normal>;
  return k;
}
constexpr StepKind permutation() {
  StepKind k = random_kind();
  k.check = check_permutation;
  k.work = uniform_work;
  k.units = one_unit;
  k.run = run_permutation;
  return k;
}

}  // namespace

const StepKind randomUniform_step = uniform();
const StepKind randomNormal_step = normal();
const StepKind randomPermutation_step = permutation();

}  // namespace gradtape
