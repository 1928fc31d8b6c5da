// Where temporaries live, as planned: those of a program in the arena, those of a loop in registers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "plan.h"

namespace gradtape {

inline size_t aligned(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// First fit over the gaps between live blocks; used while planning only.
class ArenaLayout {
 public:
  int64_t take(size_t bytes) {
    bytes = std::max(aligned(bytes), kAlign);
    size_t at = 0;
    for (const auto& [begin, end] : live_) {
      if (begin - at >= bytes) break;
      at = end;
    }
    live_[at] = at + bytes;
    peak_ = std::max(peak_, at + bytes);
    return int64_t(at);
  }
  void give_back(int64_t at) { live_.erase(size_t(at)); }
  size_t peak() const { return peak_; }

 private:
  std::map<size_t, size_t> live_;
  size_t peak_ = 0;
};

// A register is free again after the last instruction that reads it; uniform results keep theirs.
inline void assign_registers(Loop& loop, int first_result) {
  const int count = int(loop.instructions.size());
  std::vector<int> last(count, -1);
  for (int k = 0; k < count; ++k) {
    for (int o = 0; o < loop.instructions[k].arity; ++o) {
      const int r = loop.instructions[k].operands[o] - first_result;
      if (r >= 0) last[r] = k;
    }
  }
  for (const LoopReduction& r : loop.reductions) {
    if (r.slot >= first_result) last[r.slot - first_result] = count;
  }
  std::vector<int16_t> free;
  for (int k = 0; k < count; ++k) {
    Instruction& in = loop.instructions[k];
    if (!in.stored || in.uniform || loop.streams) {
      if (free.empty() || in.uniform) {
        in.reg = int16_t(loop.registers++);
      } else {
        in.reg = free.back();
        free.pop_back();
      }
    }
    for (int j = 0; j < k; ++j) {
      const Instruction& done = loop.instructions[j];
      if (last[j] == k && done.reg >= 0 && !done.uniform) free.push_back(done.reg);
    }
    if (last[k] < 0 && in.reg >= 0 && !in.uniform) free.push_back(in.reg);
  }
}

}  // namespace gradtape
