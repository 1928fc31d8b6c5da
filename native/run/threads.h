// A pool of threads for one environment. Work comes in numbered parts; which thread takes which part is left open, so
// parts must not depend on each other. Workers spin briefly after a job, then park: nothing spins while no program
// runs. A worker that comes too late is not waited for: the caller has done its parts by then.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace gradtape {

class Pool {
 public:
  // part: 0 .. parts - 1; thread: 0 for the caller, then the workers.
  using Job = void (*)(void* context, size_t part, size_t thread);

  Pool() = default;
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Threads that a job may use, the caller's included. Takes effect with the next job.
  void set_threads(size_t threads) { wanted_ = threads < 1 ? 1 : threads; }
  size_t threads() const { return wanted_; }

  // Whether a worker spins, so that a job finds it at once.
  bool awake() const { return parked_.load(std::memory_order_relaxed) < spawned_.load(std::memory_order_relaxed); }
  // Wakes the workers for a job that comes soon.
  void wake();

  // Runs every part on so many threads at most, returns when all are done; wakes who is parked. If the pool serves
  // somebody else, the caller does all itself. What a part throws, the caller gets, after all are done.
  void run(size_t parts, size_t threads, Job job, void* context);

  // A long program beside others: while several are there, each has its share of the threads, so that no core has two
  // of them. A program that JavaScript waits for is none of these.
  class Sharer {
   public:
    explicit Sharer(Pool& pool) : pool_(pool) { ++pool_.sharers_; }
    ~Sharer() { --pool_.sharers_; }
    Sharer(const Sharer&) = delete;
    Sharer& operator=(const Sharer&) = delete;

   private:
    Pool& pool_;
  };

 private:
  void work(size_t thread, uint64_t seen);  // seen: the generation at its birth
  void resize();
  void next_generation();
  void take_parts(size_t thread) noexcept;

  std::atomic<size_t> wanted_{1}, sharers_{0};
  std::mutex busy_;  // held by whoever runs a job
  std::vector<std::thread> workers_;
  std::atomic<size_t> spawned_{0};

  std::mutex park_;
  std::condition_variable wake_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<bool> stop_{false};
  std::atomic<size_t> parked_{0};

  // Written while no job is open and nobody is inside.
  Job job_ = nullptr;
  void* context_ = nullptr;
  size_t parts_ = 0, threads_ = 0;
  std::atomic<size_t> next_{0};
  std::mutex failing_;
  std::exception_ptr failure_;  // of the first part that threw
  static constexpr size_t kClosed = size_t{1} << 32;
  std::atomic<size_t> inside_{kClosed};  // how many workers are in the job; kClosed: nobody may enter
};

}  // namespace gradtape
