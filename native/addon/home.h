// What the copies of the library on one thread of JavaScript share: arenas, threads, plans. Test runners load several
// copies, one after another; they never run at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "plan/cache.h"
#include "run/queue.h"
#include "run/run.h"

namespace gradtape {

// Executors of asynchronous runs: as many as run at the same time. Some lie here between two runs.
class IdleExecutors {
 public:
  IdleExecutors() { idle_.reserve(kMost); }

  std::unique_ptr<Executor> take();
  void give_back(std::unique_ptr<Executor> executor);
  void clear();

  size_t bytes() const { return bytes_; }
  uint64_t growths() const { return growths_; }
  uint64_t absent_pages() const { return absent_pages_; }

 private:
  static constexpr size_t kMost = 16, kMostBytes = size_t{1} << 29;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Executor>> idle_;
  std::atomic<size_t> bytes_{0};
  std::atomic<uint64_t> growths_{0}, absent_pages_{0};
};

// How many threads a copy of the library wants: for each of its programs, and for asynchronous ones; 0: none.
struct WantedThreads {
  size_t of_program = 0, of_queue = 0;
};

struct Home {
  Executor executor;  // of synchronous runs
  IdleExecutors idle;
  // The second is of long asynchronous programs: its workers are nice, as the threads of the queue that start them, and
  // nobody who is not would have to wait for one.
  Pool pool, long_pool;
  PlanCache plans;
  std::vector<const WantedThreads*> wanted;  // by the copies
  Queue queue;                               // its tasks use the others

  static std::shared_ptr<Home> of_this_thread();

  // Pools and queue are for the copy that wants most; the plans of the others use fewer.
  void set_threads();

  size_t arena_bytes() const { return executor.arena.bytes() + idle.bytes(); }
  bool too_large() const { return executor.arena.bytes() > kRestBytes || plans.bytes() > PlanCache::kMaxBytes; }
  // Gives back what is too much for a program that has come to rest.
  void rest();
  // Gives back all that no running program needs.
  void clear();

 private:
  static constexpr size_t kRestBytes = size_t{8} << 20;  // of an arena that nobody has used for a while
};

}  // namespace gradtape
