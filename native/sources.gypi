{
  "variables": {
    "common_sources": [
      "native/addon/entries.cc",
      "native/addon/instance.cc",
      "native/addon/home.cc",
      "native/addon/buffers.cc",
      "native/addon/async-run.cc",
      "native/addon/reflect.cc",
      "native/addon/runtime.cc",
      "native/steps/failure.cc",
      "native/steps/steps.cc",
      "native/steps/layout.cc",
      "native/steps/gather.cc",
      "native/steps/matmul.cc",
      "native/steps/window.cc",
      "native/steps/rows.cc",
      "native/steps/random.cc",
      "native/steps/scan.cc",
      "native/steps/linalg.cc",
      "native/program/program.cc",
      "native/plan/plan.cc",
      "native/plan/group.cc",
      "native/plan/place.cc",
      "native/plan/emit.cc",
      "native/plan/cache.cc",
      "native/run/run.cc",
      "native/run/loop.cc",
      "native/run/arena.cc",
      "native/run/threads.cc",
      "native/kernels/dispatch.cc"
    ],
    "common_flags": ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"],
    "common_defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
    "isa_source": "native/kernels/kernels.cc",
    "isa_flags": [
      "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden",
      "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"
    ],
    "isa_flags_not_win": ["-fno-unwind-tables", "-fno-asynchronous-unwind-tables"],
    "isas_x64": ["avx512", "avx2", "sse2"],
    "isas_arm64": ["neon"],
    "isa_flags_avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"],
    "isa_flags_avx2": ["-mavx2", "-mfma"],
    "isa_flags_sse2": ["-msse2"],
    "isa_flags_neon": []
  }
}
