// How a run ended, beside its results: nothing that C++ throws leaves it.
#pragma once

#include <cstdint>
#include <exception>
#include <new>
#include <string>

#include "steps/failure.h"

namespace gradtape {

// kFailed + code: a Failure. JavaScript learns all of them (reflect.cc).
enum Status : int32_t {
  kOk,
  kBadProgram,
  kFailedInside,
  kFailed = kFailedInside,
  kFailedMemory = kFailed + Failure::k_memory
};

struct Outcome {
  Status status = kOk;
  Failure failure;
  std::string error;
};

// Runs what may throw, and tells how it ended.
template <class F>
Outcome outcome_of(F&& f) noexcept {
  Outcome out;
  try {
    out.failure = f();
    out.status = out.failure.code == Failure::kNone ? kOk : Status(kFailed + out.failure.code);
  } catch (const std::bad_alloc&) {
    out.status = kFailedMemory;
  } catch (const std::exception& e) {
    out.status = kFailedInside;
    try {
      out.error = e.what();
    } catch (...) {  // no memory for the text
    }
  } catch (...) {
    out.status = kFailedInside;
  }
  return out;
}

}  // namespace gradtape
