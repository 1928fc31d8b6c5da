// What a linked-in libc++ would bring along and nobody needs: names for people, and operators that others could take.
#include <cstddef>

#if defined(_LIBCPP_VERSION) && !defined(GRADTAPE_CHECKED)

// Its handler of uncaught exceptions prints the type's name as people write it, which takes 170 KB of every binary.
extern "C" __attribute__((visibility("hidden"))) char* __cxa_demangle(const char*, char*, size_t*, int* status) {
  if (status) *status = -1;
  return nullptr;
}

#endif
