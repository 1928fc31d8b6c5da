#include "home.h"

#include <algorithm>
#include <utility>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace gradtape {

std::unique_ptr<Executor> IdleExecutors::take() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (idle_.empty()) {
    lock.unlock();
    return std::make_unique<Executor>();
  }
  std::unique_ptr<Executor> taken = std::move(idle_.back());
  idle_.pop_back();
  bytes_ -= taken->arena.bytes();
  return taken;
}

void IdleExecutors::give_back(std::unique_ptr<Executor> executor) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Arena& arena = executor->arena;
  growths_ += arena.growths() - executor->growths_counted;
  absent_pages_ += arena.absent_pages() - executor->absent_pages_counted;
  executor->growths_counted = arena.growths();
  executor->absent_pages_counted = arena.absent_pages();
  if (idle_.size() == kMost || bytes_ + arena.bytes() > kMostBytes) return;
  bytes_ += arena.bytes();
  idle_.push_back(std::move(executor));
}

void IdleExecutors::clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  idle_.clear();
  bytes_ = 0;
}

std::shared_ptr<Home> Home::of_this_thread() {
  static thread_local std::weak_ptr<Home> home;
  std::shared_ptr<Home> found = home.lock();
  if (!found) home = found = std::make_shared<Home>();
  return found;
}

void Home::set_threads() {
  size_t of_program = 1, of_queue = 1;
  for (const WantedThreads* one : wanted) {
    of_program = std::max(of_program, one->of_program);
    of_queue = std::max(of_queue, one->of_queue);
  }
  for (Pool* one : {&pool, &long_pool}) {
    if (of_program != one->threads()) one->set_threads(of_program);
  }
  queue.set_threads(of_queue);
}

void Home::rest() {
  if (executor.arena.bytes() > kRestBytes) executor.arena.release();
  idle.clear();
  plans.trim(PlanCache::kMaxBytes);
}

void Home::clear() {
  executor.arena.release();
  idle.clear();
  plans.trim(0);
#if defined(__GLIBC__)
  malloc_trim(0);  // plans are many small pieces, which the allocator would keep
#endif
}

}  // namespace gradtape
