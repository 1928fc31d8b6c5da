// A queue of tasks for threads of its own, by arrival; but the first thread takes only short tasks, so that these do
// not wait for long ones, and the others, which give way to it, take short ones only where several wait. Threads start
// when there is work for them and end with the queue.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace gradtape {

class Queue {
 public:
  class Task {
   public:
    virtual void execute() noexcept = 0;  // on a thread of the queue; the queue does not touch it afterwards

   protected:
    ~Task() = default;
  };

  Queue() = default;
  // Forgets what waits, and returns when all that runs is done.
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // How many threads there may be. A single one takes every task.
  void set_threads(size_t threads);

  // Hands the task in; its owner keeps it alive until it was executed or withdrawn. False if no thread could be
  // started: then the caller may execute it.
  bool push(Task* task, const void* owner, bool is_short);

  // Takes the task back, unless a thread has begun it.
  bool withdraw(const Task* task);

  // Takes back all that waits of the owner, and returns when nothing of it runs any more.
  void leave(const void* owner);

 private:
  struct Entry {
    Task* task = nullptr;
    const void* owner = nullptr;
    uint64_t number = 0;  // by arrival
  };
  struct Worker {
    std::thread thread;
    std::condition_variable wake;
    bool alive = false;           // its thread runs
    bool asleep = false;          // it waits until whoever wakes it says that it is not
    bool has_long = false;        // the task that it executes, or executed last, is long
    const void* owner = nullptr;  // of the task that it executes
  };

  void work(size_t index);
  Entry take(size_t index);
  bool takes_long(size_t index) const;
  // A thread that gives way leaves a short task to the first, unless more wait or the first has a long one.
  bool takes_short(size_t index) const;
  bool start(size_t index);
  // Finds a thread for a task that waits: one that sleeps, which the caller notifies without the lock, or else a new
  // one.
  Worker* find_thread(bool is_short, bool may_start);
  // Threads for the first short and the first long task; those that sleep are to be notified.
  std::array<Worker*, 2> find_threads(bool may_start);
  // Not while the lock is held: who is woken may run at once and want it, and whoever has it may have to wait for a
  // core.
  static void notify(const std::array<Worker*, 2>& workers);

  std::mutex mutex_;  // for all that follows
  size_t wanted_ = 1;
  bool ending_ = false;
  uint64_t arrived_ = 0;
  std::deque<Entry> short_, long_;
  std::vector<std::unique_ptr<Worker>> workers_;  // the first takes only short tasks, while there are others
  std::condition_variable done_;
};

}  // namespace gradtape
