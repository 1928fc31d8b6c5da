// Replays the fuzzer's corpus and a stream of random bytes through the fuzz target, as a plain binary that needs no
// clang. Usage: program-test [--runs N] [file...]
#include <fstream>
#include <iterator>
#include <string>

#include "program-fuzz.cc"

namespace {

// Whether every descriptor says all that is asked of it.
bool are_complete() {
  bool ok = true;
  for (int32_t k = gradtape::kFirstStep; k < gradtape::kFirstElementwise; ++k) {
    const gradtape::StepKind& kind = gradtape::step_kind(k);
    const bool runs = k == gradtape::k_matmul || (kind.units && kind.run);
    const bool prepares = !kind.shared_bytes == !kind.prepare;
    const bool shows = kind.results == 1 || (kind.results <= 8 && kind.check_result);
    if (kind.check && kind.work && runs && prepares && shows) continue;
    std::printf("FAILED %s lacks something\n", gradtape::step_name(k));
    ok = false;
  }
  return ok;
}

}  // namespace

int main(int argc, char** argv) {
  if (!are_complete()) return 1;
  long runs = 20000, replayed = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--runs" && i + 1 < argc) {
      runs = std::atol(argv[++i]);
      continue;
    }
    std::ifstream file(argument, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    ++replayed;
  }
  uint64_t state = 88172645463325252u;
  std::vector<uint8_t> bytes;
  for (long run = 0; run < runs; ++run) {
    bytes.resize(size_t(run) % 300);
    for (uint8_t& b : bytes) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      b = uint8_t(state >> 32);
    }
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  // Of the random programs some compare every opcode, however new it is.
  int never = 0;
  for (int32_t k = 0; runs >= 20000 && k < gradtape::kOpcodes; ++k) {
    if (std::getenv("GRADTAPE_SHOW"))
      std::printf("%s %ld %ld\n", gradtape::forms()[size_t(k)].name, long(gradtape::compared[k]),
                  long(gradtape::compared_large[k]));
    if (gradtape::compared[k] > 0) continue;
    std::printf("FAILED %s was never computed\n", gradtape::forms()[size_t(k)].name);
    ++never;
  }
  if (never > 0) return 1;
  std::printf("%ld passed, 0 failed\n", replayed + runs);  // a failure aborts
}
