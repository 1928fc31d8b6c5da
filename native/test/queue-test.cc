// Tests of the queue as a plain binary: the order of tasks, short ones behind long ones, taking tasks back, and the
// ends of threads and owners; under ThreadSanitizer its races, and those of programs that share the pool.
#include "../run/queue.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "../run/threads.h"
#include "../run/time-slice.h"
#include "support.h"

namespace gradtape {
namespace {

// What opens once.
class Gate {
 public:
  void open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    opened_.wait(lock, [&] { return open_; });
  }
  bool pass_within_seconds(double seconds) {
    std::unique_lock<std::mutex> lock(mutex_);
    return opened_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

struct Work final : Queue::Task {
  std::function<void()> does;
  Gate done;
  explicit Work(std::function<void()> what = [] {}) : does(std::move(what)) {}
  void execute() noexcept override {
    does();
    done.open();
  }
};

constexpr double kAges = 20;  // in seconds
const int kOwner = 0, kOther = 0;

bool is_done(Work& work) { return work.done.pass_within_seconds(kAges); }

void check_order() {
  for (const bool is_short : {false, true}) {
    Queue queue;
    queue.set_threads(1);
    Gate gate;
    Work first([&] { gate.pass(); });
    queue.push(&first, &kOwner, false);
    std::vector<int> order;
    std::vector<std::unique_ptr<Work>> works;
    for (int i = 0; i < 20; ++i) {
      works.push_back(std::make_unique<Work>([&order, i] { order.push_back(i); }));
      queue.push(works.back().get(), &kOwner, is_short || i % 3 == 0);
    }
    gate.open();
    check(is_done(*works.back()), "one thread comes to the last");
    for (int i = 0; i < 20; ++i) check(order[size_t(i)] == i, "one thread takes short and long ones as they came");
  }
}

void check_short_behind_long() {
  Queue queue;
  queue.set_threads(3);
  Gate gate;
  std::vector<std::unique_ptr<Work>> longs;
  std::atomic<int> running{0}, most{0};
  for (int i = 0; i < 6; ++i) {
    longs.push_back(std::make_unique<Work>([&] {
      const int now = ++running;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      gate.pass();
      --running;
    }));
    queue.push(longs.back().get(), &kOwner, false);
  }
  for (int i = 0; i < 50; ++i) {
    Work work;
    queue.push(&work, &kOwner, true);
    check(is_done(work), "short ones pass long ones");
  }
  check(!longs[0]->done.pass_within_seconds(0), "which are there still");
  // Threads of long ones are nice: on a busy machine the second may not have begun yet.
  for (int i = 0; i < 10'000 && running < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  gate.open();
  for (auto& work : longs) check(is_done(*work), "and end");
  check(most == 2, "one thread takes no long ones");
}

void check_who_takes_short() {
  Queue queue;
  queue.set_threads(3);
  Work longs[2];
  for (Work& work : longs) queue.push(&work, &kOwner, false);
  for (Work& work : longs) check(is_done(work), "the threads of long ones are there");
  Gate begun, gate;
  Work first([&] {
    begun.open();
    gate.pass();
  });
  Work second, third;
  queue.push(&first, &kOwner, true);
  begun.pass();
  queue.push(&second, &kOwner, true);
  check(!second.done.pass_within_seconds(0.1), "a single short one waits for the first thread");
  queue.push(&third, &kOwner, true);
  check(is_done(second), "of several the others take some");
  gate.open();
  check(is_done(third) && is_done(first), "and the first thread takes the last");
}

void check_short_behind_the_only_thread() {
  Queue queue;
  queue.set_threads(1);
  Gate begun, gate;
  Work long_one([&] {
    begun.open();
    gate.pass();
  });
  queue.push(&long_one, &kOwner, false);
  begun.pass();
  queue.set_threads(3);
  Work work;
  queue.push(&work, &kOwner, true);
  check(is_done(work), "a short one does not wait for a first thread with a long one");
  gate.open();
  check(is_done(long_one), "which ends");
}

void check_withdraw() {
  Queue queue;
  queue.set_threads(1);
  Gate begun, gate;
  Work running([&] {
    begun.open();
    gate.pass();
  });
  bool ran = false;
  Work waiting([&] { ran = true; }), short_one([&] { ran = true; }), last;
  queue.push(&running, &kOwner, false);
  queue.push(&waiting, &kOwner, false);
  queue.push(&short_one, &kOwner, true);
  queue.push(&last, &kOwner, false);
  begun.pass();
  check(!queue.withdraw(&running), "what runs cannot be taken back");
  check(queue.withdraw(&waiting) && queue.withdraw(&short_one), "what waits can");
  check(!queue.withdraw(&waiting), "once");
  gate.open();
  check(is_done(last) && !ran, "it does not run");
  check(!queue.withdraw(&last), "what is done cannot be taken back");
}

void check_leave() {
  Queue queue;
  queue.set_threads(2);
  Gate begun, gate;
  std::atomic<bool> ended{false};
  bool ran = false;
  Work running([&] {
    begun.open();
    gate.pass();
    ended = true;
  });
  Work waiting([&] { ran = true; }), other;
  queue.push(&running, &kOwner, false);
  queue.push(&waiting, &kOwner, false);
  queue.push(&other, &kOther, false);
  begun.pass();
  std::thread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    gate.open();
  });
  queue.leave(&kOwner);
  check(ended, "who leaves waits for what runs");
  opener.join();
  check(is_done(other) && !ran, "and takes back what waits of its own, not what others have");
  queue.leave(&kOwner);
}

void check_end() {
  std::atomic<int> ran{0};
  Gate begun;
  Work running([&] {
    begun.open();
    ++ran;
  });
  Work waiting([&] { ++ran; });
  {
    Queue queue;
    queue.set_threads(1);
    queue.push(&running, &kOwner, false);
    begun.pass();
    queue.push(&waiting, &kOwner, false);
  }
  check(ran >= 1 && ran <= 2, "an end waits for what runs");
  Queue unused;
  unused.set_threads(4);
}

// Tasks come while the number of threads changes all the time; each is executed once or withdrawn.
void check_changes() {
  std::vector<std::unique_ptr<Work>> works;
  std::atomic<long> ran{0};
  long pushed = 0, withdrawn = 0;
  Queue queue;
  for (int i = 0; i < 6000; ++i) {
    if (i % 7 == 0) queue.set_threads(1 + random_below(5));
    works.push_back(std::make_unique<Work>([&] { ++ran; }));
    pushed += queue.push(works.back().get(), i % 2 ? &kOwner : &kOther, random_below(2) == 0);
    if (i % 5 == 0) withdrawn += queue.withdraw(works[random_below(works.size())].get());
    if (i % 1000 == 999) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (double until = now() + kAges; ran + withdrawn < pushed && now() < until;) std::this_thread::yield();
  check(pushed == 6000 && ran + withdrawn == pushed, "each task is executed or withdrawn");
}

// Long tasks and the caller use one pool, as programs do.
void check_sharing() {
  Pool pool;
  pool.set_threads(3);
  Queue queue;
  queue.set_threads(4);
  const auto add_up = [&pool](size_t parts) {
    std::atomic<long> sum{0};
    pool.run(
        parts, 3, [](void* context, size_t part, size_t) { *static_cast<std::atomic<long>*>(context) += long(part); },
        &sum);
    return long(sum) == long(parts * (parts - 1) / 2);
  };
  std::atomic<long> right{0};
  std::vector<std::unique_ptr<Work>> works;
  for (int i = 0; i < 300; ++i) {
    works.push_back(std::make_unique<Work>([&, i] {
      const Pool::Sharer sharer(pool);
      for (int k = 0; k < 5; ++k) right += add_up(size_t(2 + i % 9));
    }));
    queue.push(works.back().get(), &kOwner, i % 3 == 0);
    if (i % 10 == 0) check(add_up(8), "the caller's parts are done");
  }
  for (auto& work : works) check(is_done(*work), "no task waits for ever");
  check(right == 300 * 5, "all parts of all tasks are done");
}

// All units are computed once, in order; a failure ends them.
void check_time_slices() {
  for (const bool yields : {false, true}) {
    for (const double work : {0.0, 1e3, 1e5, 1e7}) {
      for (const int64_t units : {0, 1, 7, 1000}) {
        int64_t next = 3;
        int calls = 0;
        bool in_order = true;
        const Failure failure = TimeSlice(yields).run(3, 3 + units, work, [&](int64_t from, int64_t to) {
          in_order = in_order && from == next;
          next = to;
          ++calls;
          return Failure();
        });
        check(failure.code == Failure::kNone && in_order && next == 3 + units, "a time slice takes all units");
        check(calls >= 1 && (yields || calls == 1), "a thread that does not yield takes them at once");
        check(!yields || work < 1e7 || calls == std::max<int64_t>(units, 1), "long units are taken one by one");
      }
    }
  }
  int calls = 0;
  const Failure failure = TimeSlice(true).run(0, 9, 1e7, [&](int64_t from, int64_t) {
    ++calls;
    return from == 4 ? Failure(Failure::k_division, 1, 0, 0) : Failure();
  });
  check(failure.code == Failure::k_division && calls == 5, "it ends with the first failure");
}

}  // namespace
}  // namespace gradtape

int main() {
  using namespace gradtape;
  check_order();
  check_short_behind_long();
  check_who_takes_short();
  check_short_behind_the_only_thread();
  check_withdraw();
  check_leave();
  check_end();
  check_time_slices();
  for (int i = 0; i < 5; ++i) check_changes();
  for (int i = 0; i < 5; ++i) check_sharing();
  return report_checks();
}
