// What belongs to one copy of the library: its mailbox, its buffers, its instruction set and threads.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "buffers.h"
#include "home.h"
#include "kernels/dispatch.h"
#include "outcome.h"
#include "weak-list.h"

namespace gradtape {

// control (int32): what JavaScript and the hot entry tell each other besides the program. kTooLarge: whether rest()
// would give something back.
enum Control { kWordCount, kStatus, kFailedValue, kTooLarge, kControls };

class Instance {
 public:
  Instance(Napi::Env env, std::shared_ptr<Home> home_)
      : home(std::move(home_)), buffers(env), noted{WeakList(env), WeakList(env)}, kernels_(kernels_for("")) {
    home->wanted.push_back(&wanted_);
  }
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // ---- mailbox: a program and what comes of it ----
  int32_t *words = nullptr, *control = nullptr;
  double *data = nullptr, *results = nullptr;
  size_t word_capacity = 0, data_capacity = 0, result_capacity = 0;
  Napi::ObjectReference mailbox;  // keeps the typed arrays alive
  std::string error;

  const std::shared_ptr<Home> home;
  Buffers buffers;
  WeakList noted[2];  // tensors, as lib/engine/addon.ts says

  void run_mailbox() noexcept;
  // Puts a failure into the mailbox.
  void tell(Outcome outcome) noexcept;
  // The plan of the program in the mailbox; null (and `error`) if that is malformed.
  const std::shared_ptr<const Plan>* find_plan();

  bool choose_isa(const std::string& isa);
  const char* isa() const { return kernels_->isa; }

  void want_threads(size_t of_program, size_t of_queue);

  // The most that buffers and arenas ever were together, as far as anybody looked.
  double peak_bytes() {
    const double now = buffers.bytes() + double(home->arena_bytes());
    return peak_bytes_ = now > peak_bytes_ ? now : peak_bytes_;
  }

 private:
  const Kernels* kernels_;
  WantedThreads wanted_;
  double peak_bytes_ = 0;
};

}  // namespace gradtape
