# The users' build: node-gyp compiles the addon from source where no prebuilt binary fits. It is not the developers'
# build (CMakeLists.txt); both read their sources and flags from native/sources.gypi. gyp has no flags for one file, so
# each ISA unit is a static library of one object.
{
  "includes": ["native/sources.gypi"],
  "target_defaults": {
    "default_configuration": "Release",
    "include_dirs": ["native"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    # GCC 12's own AVX-512 intrinsics use an undefined value on purpose and are warned about.
    "cflags_cc": ["-std=c++17", "-Wno-unknown-warning-option", "-Wno-maybe-uninitialized"],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "CLANG_CXX_LIBRARY": "libc++",
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
      "MACOSX_DEPLOYMENT_TARGET": "11.0"
    },
    "msbuild_toolset": "ClangCL",
    "msvs_settings": {
      "VCCLCompilerTool": {"ExceptionHandling": 1, "AdditionalOptions": ["/clang:-ffp-contract=off"]}
    }
  },
  "conditions": [
    ["target_arch=='x64'", {
      "targets": [
        {
          "target_name": "kernels_avx512",
          "type": "static_library",
          "sources": ["<(isa_source)"],
          "defines": ["GRADTAPE_ISA=avx512"],
          "cflags_cc": ["<@(isa_flags)", "<@(isa_flags_not_win)", "<@(isa_flags_avx512)"],
          "xcode_settings": {
            "OTHER_CPLUSPLUSFLAGS": ["<@(isa_flags)", "<@(isa_flags_not_win)", "<@(isa_flags_avx512)"]
          },
          "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["<@(isa_flags_avx512)"]}}
        },
        {
          "target_name": "kernels_avx2",
          "type": "static_library",
          "sources": ["<(isa_source)"],
          "defines": ["GRADTAPE_ISA=avx2"],
          "cflags_cc": ["<@(isa_flags)", "<@(isa_flags_not_win)", "<@(isa_flags_avx2)"],
          "xcode_settings": {
            "OTHER_CPLUSPLUSFLAGS": ["<@(isa_flags)", "<@(isa_flags_not_win)", "<@(isa_flags_avx2)"]
          },
          "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["<@(isa_flags_avx2)"]}}
        },
        {
          "target_name": "kernels_sse2",
          "type": "static_library",
          "sources": ["<(isa_source)"],
          "defines": ["GRADTAPE_ISA=sse2"],
          "cflags_cc": ["<@(isa_flags)", "<@(isa_flags_not_win)", "<@(isa_flags_sse2)"],
          "xcode_settings": {
            "OTHER_CPLUSPLUSFLAGS": ["<@(isa_flags)", "<@(isa_flags_not_win)", "<@(isa_flags_sse2)"]
          },
          "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["<@(isa_flags_sse2)"]}}
        }
      ],
      "variables": {
        "isa_libraries": ["kernels_avx512", "kernels_avx2", "kernels_sse2"],
        "isa_defines": ["GRADTAPE_HAS_AVX512", "GRADTAPE_HAS_AVX2", "GRADTAPE_HAS_SSE2"]
      }
    }],
    ["target_arch=='arm64'", {
      "targets": [
        {
          "target_name": "kernels_neon",
          "type": "static_library",
          "sources": ["<(isa_source)"],
          "defines": ["GRADTAPE_ISA=neon"],
          "cflags_cc": ["<@(isa_flags)", "<@(isa_flags_not_win)", "<@(isa_flags_neon)"],
          "xcode_settings": {
            "OTHER_CPLUSPLUSFLAGS": ["<@(isa_flags)", "<@(isa_flags_not_win)", "<@(isa_flags_neon)"]
          }
        }
      ],
      "variables": {
        "isa_libraries": ["kernels_neon"],
        "isa_defines": ["GRADTAPE_HAS_NEON"]
      }
    }]
  ],
  "targets": [
    {
      "target_name": "gradtape",
      "sources": ["<@(common_sources)"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["<@(common_defines)", "<@(isa_defines)"],
      "dependencies": ["<@(isa_libraries)"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags_cc": ["<@(common_flags)"],
      "conditions": [
        ["OS=='mac'", {
          "xcode_settings": {
            "OTHER_LDFLAGS": ["-Wl,-exported_symbols_list,<(module_root_dir)/<(exports_mach)", "-Wl,-dead_strip"]
          }
        }, "OS!='win'", {
          "ldflags": ["-Wl,--version-script=<(module_root_dir)/<(exports_elf)", "-Wl,--gc-sections"]
        }]
      ],
      "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["<@(common_flags)"]}
    }
  ]
}
