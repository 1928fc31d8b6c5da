// What JavaScript learns of the lists of native/: no list is written a second time there.
#pragma once

#include <napi.h>

namespace gradtape {

// Sets `isas`, `dtypes`, `statuses`, `opcodes`, `elementwise` and `specials`.
void reflect(Napi::Env env, Napi::Object out);

}  // namespace gradtape
