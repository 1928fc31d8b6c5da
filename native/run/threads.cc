#include "threads.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace gradtape {
namespace {

// A parked worker takes 20-70 us to wake, so it is worth waiting a little for the next job.
constexpr auto kSpin = std::chrono::microseconds(50);

constexpr int kPauses = 256;  // some 10 us, before who waits for a job's end yields its core

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Pool::~Pool() {
  wanted_ = 1;
  resize();
}

void Pool::next_generation() {
  ++generation_;
  if (parked_ == 0) return;  // a worker that parks later sees the new generation
  { std::lock_guard<std::mutex> lock(park_); }
  wake_.notify_all();
}

void Pool::resize() {
  const size_t workers = wanted_ - 1;
  if (workers == workers_.size()) return;
  stop_ = true;
  next_generation();
  for (std::thread& t : workers_) t.join();
  workers_.clear();
  stop_ = false;
  const uint64_t now = generation_;
  try {
    workers_.reserve(workers);
    for (size_t i = 0; i < workers; ++i) workers_.emplace_back(&Pool::work, this, i + 1, now);
  } catch (...) {
    // No more threads, or no memory for them: the pool works with those it has.
    wanted_ = workers_.size() + 1;
  }
  spawned_ = workers_.size();
}

void Pool::take_parts(size_t thread) noexcept {
  try {
    for (size_t part; (part = next_.fetch_add(1, std::memory_order_relaxed)) < parts_;) job_(context_, part, thread);
  } catch (...) {
    std::lock_guard<std::mutex> lock(failing_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void Pool::work(size_t thread, uint64_t seen) {
  for (;;) {
    const auto until = std::chrono::steady_clock::now() + kSpin;
    while (generation_.load(std::memory_order_acquire) == seen) {
      for (int i = 0; i < 64 && generation_.load(std::memory_order_relaxed) == seen; ++i) pause();
      if (std::chrono::steady_clock::now() < until) continue;
      std::unique_lock<std::mutex> lock(park_);
      ++parked_;
      wake_.wait(lock, [&] { return generation_ != seen; });
      --parked_;
    }
    seen = generation_.load(std::memory_order_acquire);
    if (stop_) return;
    const bool open = !(inside_.fetch_add(1, std::memory_order_acquire) & kClosed);
    if (open && thread < threads_) take_parts(thread);
    inside_.fetch_sub(1, std::memory_order_release);
  }
}

void Pool::wake() {
  std::unique_lock<std::mutex> mine(busy_, std::try_to_lock);
  if (!mine.owns_lock() || wanted_ < 2) return;
  resize();
  if (parked_ > 0) next_generation();
}

void Pool::run(size_t parts, size_t threads, Job job, void* context) {
  std::unique_lock<std::mutex> mine(busy_, std::defer_lock);
  const size_t sharers = sharers_.load(std::memory_order_relaxed);
  if (sharers > 1) threads = std::min(threads, wanted_ / sharers);
  if (parts > 1 && threads > 1 && wanted_ > 1 && mine.try_lock()) resize();
  if (!mine.owns_lock() || workers_.empty()) {
    for (size_t part = 0; part < parts; ++part) job(context, part, 0);
    return;
  }
  job_ = job;
  context_ = context;
  parts_ = parts;
  threads_ = threads;
  next_.store(0, std::memory_order_relaxed);
  inside_.fetch_sub(kClosed, std::memory_order_release);
  next_generation();
  take_parts(0);
  // Who is waited for may need this very core.
  inside_.fetch_add(kClosed, std::memory_order_acquire);
  for (int pauses = 0; inside_.load(std::memory_order_acquire) % kClosed > 0; ++pauses) {
    if (pauses < kPauses)
      pause();
    else
      std::this_thread::yield();
  }
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace gradtape
