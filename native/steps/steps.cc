#include <cstring>

#include "step.h"

namespace gradtape {
namespace {

const StepKind* const kSteps[] = {
#define STEP(name) &name##_step,
#include "steps.def"
#undef STEP
};
const char* const kNames[] = {
#define STEP(name) #name,
#include "steps.def"
#undef STEP
};

}  // namespace

const StepKind& step_kind(int32_t opcode) {
  if (!is_step(opcode)) GRADTAPE_UNREACHABLE();
  return *kSteps[opcode - kFirstStep];
}

const char* step_name(int32_t opcode) {
  if (!is_step(opcode)) GRADTAPE_UNREACHABLE();
  return kNames[opcode - kFirstStep];
}

bool same_shape(const Value& a, const Value& b) {
  return a.rank == b.rank && std::memcmp(a.dims, b.dims, sizeof(int32_t) * a.rank) == 0;
}

bool broadcasts_to(const Value& from, const Value& to) {
  if (from.rank > to.rank) return false;
  const int32_t* dims = to.dims + (to.rank - from.rank);
  for (int i = 0; i < from.rank; ++i) {
    if (from.dims[i] != 1 && from.dims[i] != dims[i]) return false;
  }
  return true;
}

const char* without_axis(const Value& v, const Value& x, int32_t axis) {
  if (axis < 0 || axis >= x.rank || v.rank != x.rank - 1) return "wrong rank";
  for (int d = 0; d < v.rank; ++d) {
    if (v.dims[d] != x.dims[d < axis ? d : d + 1]) return "wrong shape";
  }
  return x.dims[axis] > 0 || v.size == 0 ? nullptr : "nothing to reduce";
}

}  // namespace gradtape
