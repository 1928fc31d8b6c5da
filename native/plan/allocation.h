// Where temporaries live, as planned: those of a program in the arena, those of a loop in registers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "plan.h"

namespace gradtape {

inline size_t aligned(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// Best fit over the gaps between live blocks, the lowest of those; used while planning only. Programs may have tens of
// thousands of blocks live at once, so each step takes a logarithm of them.
class ArenaLayout {
 public:
  int64_t take(size_t bytes) {
    bytes = std::max(aligned(bytes), kAlign);
    size_t at = peak_;
    const auto fit = by_size_.lower_bound({bytes, 0});
    if (fit != by_size_.end()) {
      const size_t room = fit->first;
      at = fit->second;
      close(gaps_.find(at));
      if (room > bytes) open(at + bytes, room - bytes);
    } else {
      // A gap at the end grows.
      const auto last = gaps_.empty() ? gaps_.end() : std::prev(gaps_.end());
      if (last != gaps_.end() && last->first + last->second == peak_) {
        at = last->first;
        close(last);
      }
      peak_ = at + bytes;
    }
    live_[at] = bytes;
    return int64_t(at);
  }

  void give_back(int64_t where) {
    size_t at = size_t(where);
    const auto block = live_.find(at);
    size_t bytes = block->second;
    live_.erase(block);
    const auto after = gaps_.find(at + bytes);
    if (after != gaps_.end()) {
      bytes += after->second;
      close(after);
    }
    auto before = gaps_.lower_bound(at);
    if (before != gaps_.begin() && (--before)->first + before->second == at) {
      at = before->first;
      bytes += before->second;
      close(before);
    }
    open(at, bytes);
  }

  size_t peak() const { return peak_; }

 private:
  using Gaps = std::map<size_t, size_t>;  // place, bytes

  void open(size_t at, size_t bytes) {
    gaps_[at] = bytes;
    by_size_.insert({bytes, at});
  }
  void close(Gaps::iterator gap) {
    by_size_.erase({gap->second, gap->first});
    gaps_.erase(gap);
  }

  std::unordered_map<size_t, size_t> live_;
  Gaps gaps_;
  std::set<std::pair<size_t, size_t>> by_size_;
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
    if (!in.stored || in.uniform || in.streamed) {
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
