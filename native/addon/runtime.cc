// What a linked-in libc++ would bring along and nobody needs: names for people, and operators that others could take.
#include <cstddef>

#ifdef GRADTAPE_OWN_NEW
#include <cstdlib>
#include <new>
#endif

#if defined(_LIBCPP_VERSION) && !defined(GRADTAPE_CHECKED)

// Its handler of uncaught exceptions prints the type's name as people write it, which takes 170 KB of every binary.
extern "C" __attribute__((visibility("hidden"))) char* __cxa_demangle(const char*, char*, size_t*, int* status) {
  if (status) *status = -1;
  return nullptr;
}

#endif

// Where Zig links for macOS it can hide no name of a library, and libc++'s operators would be the whole process's. The
// compiler is told to hide these (-fvisibility-global-new-delete).
#ifdef GRADTAPE_OWN_NEW

namespace {

template <class Allocate>
void* allocate(Allocate get) {
  while (true) {
    if (void* block = get()) return block;
    const std::new_handler handler = std::get_new_handler();
    if (!handler) throw std::bad_alloc();
    handler();
  }
}

}  // namespace

void* operator new(size_t bytes) {
  return allocate([=] { return std::malloc(bytes > 0 ? bytes : 1); });
}
void* operator new(size_t bytes, std::align_val_t align) {
  const size_t unit = size_t(align) < sizeof(void*) ? sizeof(void*) : size_t(align);
  return allocate([=]() -> void* {
    void* block = nullptr;
    return posix_memalign(&block, unit, bytes > 0 ? bytes : 1) == 0 ? block : nullptr;
  });
}
void* operator new[](size_t bytes) { return ::operator new(bytes); }
void* operator new[](size_t bytes, std::align_val_t align) { return ::operator new(bytes, align); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete[](void* block, size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete[](void* block, size_t, std::align_val_t) noexcept { std::free(block); }

#endif
