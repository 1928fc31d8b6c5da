// Long work that gives way. A thread that wakes up should have the core of a nice one at once, but kernels may let it
// wait for their next tick, 4 ms (Linux 6.18 as a guest, whatever the nice value, the policy or the slice of the other
// thread). So long asynchronous programs yield between pieces of their work. Measured with 64 clients of
// examples/server: the 99th percentile of predictions is 1.3-2.3 ms, without yielding 3.8-4.4.
//
// A thread that is never done keeps what is yielded to it for a tick or longer, and would have nearly all of the core.
// So after such a yield the next is as much later. Measured beside two such threads on two cores, for 22 ms of work:
// 104 ms, where yields in turn 0.1 ms apart took 450.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

#include "plan/plan.h"
#include "steps/failure.h"

namespace gradtape {

// Of one thread, from now on; without effect if it does not yield.
class TimeSlice {
 public:
  explicit TimeSlice(bool yields) : yields_(yields) {
    if (yields) start_ = Clock::now();
  }

  bool yields() const { return yields_; }

  // So much work is done (plan.h has its unit). Looks at the clock after larger pieces only.
  void spend(double work) {
    spent_ += work;
    if (spent_ >= kPiece) yield_if_due();
  }

  __attribute__((noinline)) void yield_if_due() {
    if (!yields_) return;
    spent_ = 0;
    const Clock::time_point end = Clock::now();
    if (end - start_ < length_) return;
    std::this_thread::yield();
    start_ = Clock::now();
    const Clock::duration away = start_ - end;
    length_ =
        away > kTick ? std::min<Clock::duration>(away, kLongest) : std::max<Clock::duration>(length_ / 2, kLength);
  }

  // Calls body(from, to) for all these units, in pieces if the thread yields; returns the first failure.
  template <class Body>
  Failure run(int64_t from, int64_t to, double work_of_unit, Body body) {
    if (!yields_) return body(from, to);
    const int64_t piece = std::max<int64_t>(int64_t(kPiece / std::max(work_of_unit, 1.0)), 1);
    Failure failure;
    do {
      const int64_t end = std::min(from + piece, to);
      failure = body(from, end);
      from = end;
      yield_if_due();
    } while (from < to && failure.code == Failure::kNone);
    return failure;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kLength = std::chrono::microseconds(100);
  static constexpr auto kTick = std::chrono::milliseconds(3);  // who keeps the core so long is most likely never done
  static constexpr auto kLongest = std::chrono::milliseconds(10);
  static constexpr double kPiece = kShortWork / 16;  // some 40 us

  bool yields_;
  double spent_ = 0;
  Clock::time_point start_;
  Clock::duration length_ = kLength;
};

}  // namespace gradtape
