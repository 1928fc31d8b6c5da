#include "failure.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace gradtape {

const FailureInfo kFailureInfo[Failure::kCodes] = {
    {"", "", ""},
#define FAILURE(name, error, message) {#name, error, message},
#include "failures.def"
#undef FAILURE
};

void unreachable(const char* file, int line) {
#ifdef GRADTAPE_CHECKED
  (void)file, (void)line;
  std::abort();
#else
  throw std::logic_error(std::string("not reachable: ") + file + ":" + std::to_string(line));
#endif
}

}  // namespace gradtape
