// Failures: those of a program's data, which are reported, and those of this code, which are loud.
#pragma once

#include <cstdint>

namespace gradtape {

// A value-dependent fault, found while a program runs.
struct Failure {
  enum Code {
    kNone,
#define FAILURE(name, error, message) k_##name,
#include "failures.def"
#undef FAILURE
    kCodes
  } code = kNone;
  int32_t value = -1;           // of the program; -1: of none
  int64_t numbers[2] = {0, 0};  // as failures.def says

  Failure() = default;
  Failure(Code code_, int32_t value_, int64_t first, int64_t second)
      : code(code_), value(value_), numbers{first, second} {}
};

// A line of failures.def.
struct FailureInfo {
  const char *name, *error, *message;
};
extern const FailureInfo kFailureInfo[Failure::kCodes];  // by code; the first is empty

// Loud in all builds: aborts in those that check (sanitizers, the fuzzer); throws std::logic_error in others, which
// becomes ERR_INTERNAL of the call (nothing may take the process down), never a wrong value.
[[noreturn]] void unreachable(const char* file, int line);

}  // namespace gradtape

// The default of a switch over listed values.
#define GRADTAPE_UNREACHABLE() ::gradtape::unreachable(__FILE__, __LINE__)
