// Coefficients of native/simd/vmath.h and native/simd/vspecial.h. Made by native/tools/minimax.py: change that, not
// this.
#pragma once

#include <cstdint>

namespace gradtape {
namespace GRADTAPE_ISA {
namespace {
namespace vmath {

// exp(r) - 1 - r = r^2 (c0 + c1 r + ...), |r| <= ln(2) / 2; error 2^-26.1
constexpr float kExpF[] = {
    0x1.fffffe0000000p-2f,   // 0.4999999702
    0x1.5554b40000000p-3f,   // 0.1666654646
    0x1.5556f20000000p-5f,   // 0.04166743532
    0x1.1225600000000p-7f,   // 0.008366271853
    0x1.6b9ca40000000p-10f,  // 0.001387069235
};

// exp(r) - 1 - r = r^2 (c0 + c1 r + ...), |r| <= ln(2) / 2; error 2^-55.6
constexpr double kExpD[] = {
    0x1.0000000000005p-1,   // 0.5
    0x1.555555555554cp-3,   // 0.1666666667
    0x1.5555555552222p-5,   // 0.04166666667
    0x1.1111111115794p-7,   // 0.008333333333
    0x1.6c16c17ee3065p-10,  // 0.001388888893
    0x1.a01a018436625p-13,  // 0.0001984126976
    0x1.a019a77339385p-16,  // 2.480150529e-5
    0x1.71de6c0a8ae30p-19,  // 2.755737573e-6
    0x1.28a1d6ce037fcp-22,  // 2.762602492e-7
    0x1.ae916c32d0594p-26,  // 2.506235948e-8
};

// ln(2); the first times any exponent is exact
constexpr float kLn2F[] = {
    0x1.62e4000000000p-1f,   // 0.693145752
    0x1.7f7d1c0000000p-20f,  // 1.428606765e-6
};

// the same
constexpr double kLn2D[] = {
    0x1.62e42fefa3000p-1,   // 0.6931471806
    0x1.3de6af278ece6p-42,  // 2.823529056e-13
};

// (exp(2 r) - 1) / 2 - r = r^2 (c0 + c1 r + ...), |r| <= ln(2) / 4; error 2^-32.1
constexpr float kTanhF[] = {
    0x1.0000000000000p+0f,  // 1.0
    0x1.5555540000000p-1f,  // 0.6666666269
    0x1.5554f80000000p-2f,  // 0.3333319426
    0x1.1112d60000000p-3f,  // 0.1333367079
    0x1.6d3a5a0000000p-5f,  // 0.04458348826
    0x1.9e78260000000p-7f,  // 0.01264860015
};

// (exp(2 r) - 1) / 2 - r = r^2 (c0 + c1 r + ...), |r| <= ln(2) / 4; error 2^-56.6
constexpr double kTanhD[] = {
    0x1.0000000000005p+0,   // 1.0
    0x1.555555555554cp-1,   // 0.6666666667
    0x1.5555555552222p-2,   // 0.3333333333
    0x1.1111111115794p-3,   // 0.1333333333
    0x1.6c16c17ee3065p-5,   // 0.04444444458
    0x1.a01a018436625p-7,   // 0.01269841265
    0x1.a019a77339385p-9,   // 0.003174592677
    0x1.71de6c0a8ae30p-11,  // 0.0007054688188
    0x1.28a1d6ce037fcp-13,  // 0.0001414452476
    0x1.ae916c32d0594p-16,  // 2.56638561e-5
};

// log(1 + f) - f + f^2 / 2 = f^3 (c0 + c1 f + ...), sqrt(1/2) <= 1 + f <= sqrt(2); error 2^-27.4
constexpr float kLogF[] = {
    0x1.5555540000000p-2f,   // 0.3333333135
    -0x1.0002260000000p-2f,  // -0.2500081956
    0x1.99a01a0000000p-3f,   // 0.2000124007
    -0x1.5472860000000p-3f,  // -0.1662340611
    0x1.22d95e0000000p-3f,   // 0.1420161575
    -0x1.0d82a40000000p-3f,  // -0.1315968335
    0x1.055daa0000000p-3f,   // 0.1276200563
    -0x1.38c51a0000000p-4f,  // -0.0763598457
};

// 2 atanh(s) / s - 2 = z (c0 + c1 z + ...), z = s^2, the same range, s = f / (2 + f); error 2^-58.5
constexpr double kLogD[] = {
    0x1.5555555555592p-1,  // 0.6666666667
    0x1.999999997ff1ap-2,  // 0.4
    0x1.24924941e13cfp-2,  // 0.2857142874
    0x1.c71c52146bc02p-3,  // 0.2222219861
    0x1.74663ce6f129ap-3,  // 0.1818356283
    0x1.39a1e9828a98ap-3,  // 0.1531408542
    0x1.2f03b25f17201p-3,  // 0.1479562698
};

// sin(r) - r = r^3 (c0 + c1 r^2 + ...), |r| <= pi / 4; error 2^-32.4
constexpr float kSinF[] = {
    -0x1.5555560000000p-3f,   // -0.1666666716
    0x1.11116e0000000p-7f,    // 0.008333376609
    -0x1.a051460000000p-13f,  // -0.0001985156414
    0x1.79b8a00000000p-19f,   // 2.81424218e-6
};

// cos(r) - 1 + r^2 / 2 = r^4 (c0 + c1 r^2 + ...), |r| <= pi / 4; error 2^-32.7
constexpr float kCosF[] = {
    0x1.5555480000000p-5f,    // 0.04166664183
    -0x1.6c0ae20000000p-10f,  // -0.001388711971
    0x1.99886a0000000p-16f,   // 2.441006109e-5
};

// sin(r) - r = r^3 (c0 + c1 r^2 + ...), |r| <= pi / 4; error 2^-57.3
constexpr double kSinD[] = {
    -0x1.5555555555543p-3,   // -0.1666666667
    0x1.111111110ef41p-7,    // 0.008333333333
    -0x1.a01a019ae83bcp-13,  // -0.0001984126983
    0x1.71de34751ec97p-19,   // 2.755731254e-6
    -0x1.ae5d9bd1d7088p-26,  // -2.505057834e-8
    0x1.5d5879a837475p-33,   // 1.58863989e-10
};

// cos(r) - 1 + r^2 / 2 = r^4 (c0 + c1 r^2 + ...), |r| <= pi / 4; error 2^-63.5
constexpr double kCosD[] = {
    0x1.5555555555548p-5,    // 0.04166666667
    -0x1.6c16c16c14927p-10,  // -0.001388888889
    0x1.a01a019bd9b95p-16,   // 2.480158729e-5
    -0x1.27e4f769e4af3p-22,  // -2.755731346e-7
    0x1.1ee97d26c6ecap-29,   // 2.087560031e-9
    -0x1.8f7488ae222ebp-37,  // -1.135319993e-11
};

// pi, for fused products
constexpr float kPiF[] = {
    0x1.921fb60000000p+1f,    // 3.141592741
    -0x1.777a5c0000000p-24f,  // -8.742277657e-8
    -0x1.ee59da0000000p-49f,  // -3.43024902e-15
};

// the same
constexpr double kPiD[] = {
    0x1.921fb54442d18p+1,     // 3.141592654
    0x1.1a62633145c07p-53,    // 1.224646799e-16
    -0x1.f1976b7ed8fbcp-109,  // -2.99476981e-33
};

// pi; the first three times an integer below 2^20 are exact
constexpr double kPiShortD[] = {
    0x1.921fb54400000p+1,    // 3.141592653
    0x1.0b4611a600000p-33,   // 1.215420101e-10
    0x1.3198a2e000000p-68,   // 4.044532497e-21
    0x1.b839a252049c1p-103,  // 1.695685532e-31
};

// the bits of 2 / pi; the first word is before the point
constexpr uint64_t kTwoOverPi[] = {0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041,
                                   0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e,
                                   0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b,
                                   0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
                                   0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab};

// erf(x) / x - 1 = c0 + c1 z + ..., z = x^2 <= 1; error 2^-29.4
constexpr float kErfF[] = {
    0x1.06eba80000000p-3f,    // 0.1283791661
    -0x1.81273e0000000p-2f,   // -0.3761262596
    0x1.ce2ce60000000p-4f,    // 0.1128357872
    -0x1.b7f71a0000000p-6f,   // -0.0268533472
    0x1.53f2240000000p-8f,    // 0.005187162198
    -0x1.a3515e0000000p-11f,  // -0.0007997853099
    0x1.4771fe0000000p-14f,   // 7.806903886e-5
};

// erf(x) / x - 1 = c0 + c1 z + ..., z = x^2 <= 0.2304; error 2^-56.0
constexpr double kErfD[] = {
    0x1.06eba8214db68p-3,    // 0.1283791671
    -0x1.812746b037945p-2,   // -0.376126389
    0x1.ce2f21a033827p-4,    // 0.1128379167
    -0x1.b82ce309b7bdcp-6,   // -0.02686617061
    0x1.565bca83a5277p-8,    // 0.005223977034
    -0x1.c02ce319e7114p-11,  // -0.0008548266226
    0x1.f97c4a9907967p-14,   // 0.0001205171378
    -0x1.f0b010661dee4p-17,  // -1.480244846e-5
    0x1.7ea0b2dcedd83p-20,   // 1.425399368e-6
};

// -log(erfc(x)) = c0 + c1 x + ..., 1 <= x <= 3.95; error 2^-29.8
constexpr float kErfTailF[] = {
    0x1.661fa80000000p-12f,   // 0.000341533334
    0x1.2088ea0000000p+0f,    // 1.127089143
    0x1.46baee0000000p-1f,    // 0.6381449103
    0x1.a653360000000p-4f,    // 0.1031066999
    -0x1.65cb6c0000000p-6f,   // -0.02183805034
    0x1.825b0a0000000p-9f,    // 0.002947659465
    -0x1.86dde80000000p-13f,  // -0.0001863798243
};

// erf(c) as the sum of two numbers, and its derivative, for c = 0, 1/32, 2/32, ...
constexpr double kErfRows[][4] = {
    {0x0.0p+0, 0x0.0p+0, 0x1.20dd750429b6dp+0},
    {0x1.20c5645dd2538p-5, -0x1.b1f39547818dcp-63, 0x1.209546ad13ccfp+0},
    {0x1.207d480e90658p-4, 0x1.4c35c43362a08p-58, 0x1.1fbd27cdc72d3p+0},
    {0x1.b0081148a873ap-4, -0x1.f00e81462af98p-61, 0x1.1e565bca400d4p+0},
    {0x1.1f5e1a35c3b89p-3, 0x1.d0b6d6493e0f4p-57, 0x1.1c62fa1e869b6p+0},
    {0x1.662a0bdf7a89fp-3, -0x1.ef80fee2b133cp-59, 0x1.19e5e92b964abp+0},
    {0x1.ac45e37fe2526p-3, 0x1.48d48536c61e3p-57, 0x1.16e2d7093cd8cp+0},
    {0x1.f190aa85540e2p-3, -0x1.e521a09cb1b7dp-57, 0x1.135e3075d076bp+0},
    {0x1.1af54e232d609p-2, -0x1.bee921fa4172bp-56, 0x1.0f5d1602f7e41p+0},
    {0x1.3c9aa8b84bedap-2, 0x1.38e845397242dp-58, 0x1.0ae54fa490723p+0},
    {0x1.5da9f415ff23fp-2, -0x1.a72e51e19194bp-59, 0x1.05fd3ecbec298p+0},
    {0x1.7e15944d9d3e4p-2, -0x1.95fdc3865d9b7p-57, 0x1.00abcf3e187a9p+0},
    {0x1.9dd0d2b721f39p-2, -0x1.1671c021d14c4p-56, 0x1.f5f0cdaf15313p-1},
    {0x1.bccfec24855b8p-2, -0x1.47292aeeaa2fap-56, 0x1.e9d5a8e4c934ep-1},
    {0x1.db081ce6e2a48p-2, -0x1.7ff0a3296d9ccp-56, 0x1.dd167c4cf9d2ap-1},
    {0x1.f86faa9428f9dp-2, 0x1.99988b110a612p-56, 0x1.cfc41e36c7df9p-1},
    {0x1.0a7ef5c18edd2p-1, 0x1.5e809f1a31a28p-56, 0x1.c1efca49a5011p-1},
    {0x1.1855a5fd3dd50p-1, 0x1.8f68268624501p-55, 0x1.b3aafcc27502ep-1},
    {0x1.25b8a88b6dd7fp-1, 0x1.9534a3b5bd215p-55, 0x1.a5074e2157620p-1},
    {0x1.32a54cb8db67bp-1, -0x1.96263537d4d65p-57, 0x1.96164fafd8de3p-1},
    {0x1.3f196dcd0f135p-1, -0x1.f25f4f6fdf70bp-56, 0x1.86e9694134b9ep-1},
    {0x1.4b13713ad3513p-1, 0x1.e941d89557082p-57, 0x1.7791b886e7403p-1},
    {0x1.569243d2b3a9bp-1, 0x1.8eef7012e8df5p-56, 0x1.681ff24b4ab04p-1},
    {0x1.61955607dd15dp-1, 0x1.98fddd4f54897p-55, 0x1.58a445da7c74cp-1},
    {0x1.6c1c9759d0e5fp-1, 0x1.b1432f2cbc455p-55, 0x1.492e42d78d2c5p-1},
    {0x1.762870f720c6fp-1, 0x1.118a1b821cf7cp-55, 0x1.39ccc1b136d5ap-1},
    {0x1.7fb9bfaed8078p-1, 0x1.66cf14bcad032p-56, 0x1.2a8dcede3673bp-1},
    {0x1.88d1cd474a2e0p-1, 0x1.6f57a1a45df78p-55, 0x1.1b7e98fe26217p-1},
    {0x1.91724951b8fc6p-1, -0x1.27912dd352f8bp-55, 0x1.0cab61f084b93p-1},
    {0x1.999d4192a5715p-1, -0x1.c8871576d5306p-55, 0x1.fc3ee5d1524b0p-2},
    {0x1.a1551a16aaeafp-1, 0x1.a558a46df5f67p-57, 0x1.dfca26f5bbf88p-2},
    {0x1.a89c850b7d54dp-1, -0x1.e274069b9af78p-55, 0x1.c40b0729ed548p-2},
    {0x1.af767a741088bp-1, -0x1.c97f778122797p-56, 0x1.a911f096fbc26p-2},
    {0x1.b5e62fce16095p-1, 0x1.bc3da0f1d0e78p-56, 0x1.8eed36b886d93p-2},
    {0x1.bbef0fbde6221p-1, -0x1.322c1148e0d48p-55, 0x1.75a91a7f4d2edp-2},
    {0x1.c194b1d49a184p-1, -0x1.6776b69476ba6p-57, 0x1.5d4fd33729015p-2},
    {0x1.c6dad2829ec62p-1, -0x1.ab76d4cba3d05p-57, 0x1.45e99bcbb7915p-2},
    {0x1.cbc54b476248dp-1, 0x1.1a504adde06a6p-55, 0x1.2f7cc3fe6f423p-2},
    {0x1.d0580b2cfd249p-1, 0x1.4fca6318dfee9p-55, 0x1.1a0dc51a9934dp-2},
    {0x1.d4970f9ce00d9p-1, -0x1.56704fcbdd47dp-56, 0x1.059f59af7a906p-2},
    {0x1.d8865d98abe01p-1, -0x1.fcec4afb974d9p-55, 0x1.e4652fadcb6b2p-3},
    {0x1.dc29fb60715afp-1, 0x1.ab00e1d243bb7p-55, 0x1.bf8e1b1ca2279p-3},
    {0x1.df85ea8db188ep-1, -0x1.f71e8254d11a9p-55, 0x1.9cb5bd549b111p-3},
    {0x1.e29e22a89d766p-1, 0x1.bcc9ef4df6e3fp-55, 0x1.7bd5c7df3fe9cp-3},
    {0x1.e5768c3b4a3fcp-1, 0x1.8b62674f89890p-57, 0x1.5ce595c455b0ap-3},
    {0x1.e812fc64db369p-1, 0x1.3c65eda8c4505p-55, 0x1.3fda6bc016994p-3},
    {0x1.ea7730ed0bbb9p-1, 0x1.2c5bd7ce1388bp-55, 0x1.24a7b84d38971p-3},
    {0x1.eca6ccd709544p-1, 0x1.f3df164d9badap-57, 0x1.0b3f52ce8c383p-3},
    {0x1.eea5557137ae0p-1, -0x1.385e445f2c96dp-55, 0x1.e723726b824a9p-4},
    {0x1.f0762fde45ee6p-1, 0x1.9c3551b59fc73p-55, 0x1.bb1c972f23e50p-4},
    {0x1.f21c9f12f0677p-1, -0x1.7efe429672266p-58, 0x1.92470a61b6965p-4},
    {0x1.f39bc242e43e6p-1, -0x1.dbade2f2295e3p-55, 0x1.6c7e64e7281cbp-4},
    {0x1.f4f693b67bd77p-1, -0x1.3a1ee1406c356p-56, 0x1.499d478bca735p-4},
    {0x1.f62fe80272419p-1, -0x1.b7c25ec8b416fp-55, 0x1.297db960e4f63p-4},
    {0x1.f74a6d9a38383p-1, 0x1.c33a329423946p-55, 0x1.0bf97e95f2a64p-4},
    {0x1.f848acb544e95p-1, -0x1.b27a62d67b274p-55, 0x1.e1d4cf1e2450ap-5},
    {0x1.f92d077f8d56dp-1, 0x1.8b55ef493fce7p-56, 0x1.b055303221015p-5},
    {0x1.f9f9ba8d3c733p-1, 0x1.cd57612f5f4f7p-55, 0x1.83298d717210ep-5},
    {0x1.fab0dd89d1309p-1, -0x1.ae61bd9db1babp-55, 0x1.5a08e85af27e0p-5},
    {0x1.fb54641aebbc9p-1, -0x1.79972bf893ddbp-55, 0x1.34ac36ad8dafep-5},
    {0x1.fbe61eef4cf6ap-1, 0x1.15ded88667618p-55, 0x1.12ceb37ff9bc3p-5},
    {0x1.fc67bcf2d7b8fp-1, -0x1.0d273418771a5p-55, 0x1.e85c449e377f3p-6},
    {0x1.fcdacca0bfb73p-1, -0x1.2c33d88729e43p-55, 0x1.b1160991ff737p-6},
    {0x1.fd40bd6d7a785p-1, 0x1.60d428f21fbb8p-55, 0x1.7f5188610ddc8p-6},
    {0x1.fd9ae142795e3p-1, 0x1.972801904b9a3p-56, 0x1.529b9e8cf9a1ep-6},
    {0x1.fdea6e062d0c9p-1, -0x1.64c6b684260bcp-56, 0x1.2a875b5ffab56p-6},
    {0x1.fe307f2b503d0p-1, -0x1.8a555000387f8p-57, 0x1.06ae13b0d3255p-6},
    {0x1.fe6e1742f7cf6p-1, -0x1.cebcf3e303f16p-55, 0x1.cd5ec93c12432p-7},
    {0x1.fea4218d6594ap-1, -0x1.e3333d8f7d98cp-58, 0x1.94624e78e0fafp-7},
    {0x1.fed37386190fbp-1, 0x1.72b16817d4f0fp-55, 0x1.61beae53b72b7p-7},
    {0x1.fefcce6813974p-1, -0x1.b27cf5025d1c8p-58, 0x1.34d7dbc76d7e5p-7},
    {0x1.ff20e0a7ba8c2p-1, -0x1.03f8b2fd7d512p-57, 0x1.0d1d69569b82dp-7},
    {0x1.ff404760319b4p-1, 0x1.f142071432025p-56, 0x1.d4143a9dfe965p-8},
    {0x1.ff5b8fb26f5f6p-1, -0x1.7e918d19780fdp-55, 0x1.9646f35a76624p-8},
    {0x1.ff733814af88cp-1, 0x1.0a87238cea4f9p-56, 0x1.5ff2750fe7820p-8},
    {0x1.ff87b1913e853p-1, -0x1.3ca99c8d2cea5p-56, 0x1.30499b503957fp-8},
    {0x1.ff9960f3eb327p-1, -0x1.08b1ca6e97f80p-56, 0x1.06918b6355624p-8},
    {0x1.ffa89fe5b3625p-1, 0x1.934b204fa7706p-55, 0x1.c4412bf4b8f0bp-9},
    {0x1.ffb5bdf67fe6fp-1, 0x1.4e830346f6e7fp-62, 0x1.84ba3004a50d0p-9},
    {0x1.ffc10194fcb64p-1, 0x1.ea147ac20184fp-55, 0x1.4d78bba8ca5fdp-9},
    {0x1.ffcaa8f4c9beap-1, 0x1.b0cee160116f9p-55, 0x1.1d83170fbf6fbp-9},
    {0x1.ffd2eae369a07p-1, -0x1.83b0b306f73d7p-57, 0x1.e7f232d9e2630p-10},
    {0x1.ffd9f78c7524ap-1, 0x1.04ed6ff98e45dp-55, 0x1.a024365f771bdp-10},
    {0x1.ffdff92db56e5p-1, -0x1.8aeef06f8b149p-56, 0x1.6235fbd7a4345p-10},
    {0x1.ffe514bbdc197p-1, -0x1.cd963345b5c6dp-58, 0x1.2ce898809244ep-10},
    {0x1.ffe96a78a04a9p-1, -0x1.2816fccca0095p-55, 0x1.fe41cd9bb4eeep-11},
    {0x1.ffed167b12ac2p-1, -0x1.ddc0ce3ed8fcbp-55, 0x1.afc85e0f82e12p-11},
    {0x1.fff0312b010b5p-1, 0x1.155deb2d93f68p-55, 0x1.6caa0d3582fe9p-11},
    {0x1.fff2cfb0453d9p-1, 0x1.9a913686042a3p-55, 0x1.3360ccd23db3ap-11},
    {0x1.fff50456dab8cp-1, -0x1.a197ab9f52a4fp-58, 0x1.0295ef6591848p-11},
    {0x1.fff6dee89352ep-1, 0x1.b96c0ba13851dp-55, 0x1.b23a5a23e4210p-12},
    {0x1.fff86cfd3e657p-1, -0x1.2e06af13b7209p-56, 0x1.6be02102b3520p-12},
    {0x1.fff9ba420e834p-1, 0x1.1379ec5aa630ep-56, 0x1.30538fbb77ecdp-12},
    {0x1.fffad0b901755p-1, 0x1.70d5c6bd7b275p-57, 0x1.fc0d55470cf51p-13},
    {0x1.fffbb8f1049c6p-1, 0x1.d2c6266b51f27p-56, 0x1.a740684026555p-13},
    {0x1.fffc7a37857d2p-1, -0x1.97b31125dd25ap-56, 0x1.5feada379d8b7p-13},
    {0x1.fffd1ac4135f9p-1, 0x1.eeafa1ecd6cefp-55, 0x1.2408e9ba3327fp-13},
    {0x1.fffd9fdeabccep-1, 0x1.0c43c38b1d741p-55, 0x1.e3bcf436a1a95p-14},
    {0x1.fffe0e0140857p-1, -0x1.6aa36f86c14ddp-57, 0x1.8fdc1b2dcf7b9p-14},
    {0x1.fffe68f4fa777p-1, 0x1.2f2176070778ep-60, 0x1.49e17724f4d41p-14},
    {0x1.fffeb3ebb267bp-1, 0x1.e47f697047cbap-57, 0x1.0f9e1b4dd36dfp-14},
    {0x1.fffef1960d85dp-1, -0x1.f7cc780a237bap-55, 0x1.be6abbb10a5aap-15},
    {0x1.ffff2436a21dcp-1, -0x1.3607959a29d36p-55, 0x1.6e2367dc27f95p-15},
    {0x1.ffff4db27f146p-1, 0x1.ddecdd6d729f6p-55, 0x1.2bb5cc22e5db6p-15},
    {0x1.ffff6f9f67e55p-1, 0x1.e1e4483ba034bp-55, 0x1.e9b5e8d00ce77p-16},
    {0x1.ffff8b500e77cp-1, -0x1.1014e1f7cc69bp-56, 0x1.8f4ccca7fc90dp-16},
    {0x1.ffffa1de8c582p-1, 0x1.832540129302ap-55, 0x1.44f21e49054f2p-16},
    {0x1.ffffb43555b5fp-1, 0x1.c17f83c5c2d0ap-55, 0x1.07ebd2a2d2844p-16},
    {0x1.ffffc316d9ed0p-1, -0x1.8b32f44f46b3bp-55, 0x1.abe09e9144b5ep-17},
    {0x1.ffffcf23ff5fcp-1, -0x1.b18a8b1c01178p-55, 0x1.5a2adfa0b4bc4p-17},
    {0x1.ffffd8e1a2f22p-1, -0x1.c10adf6b19989p-55, 0x1.1783ceac28910p-17},
    {0x1.ffffe0bd3e852p-1, -0x1.d7ece48eb2a50p-58, 0x1.c282cd3957edap-18},
    {0x1.ffffe710d565ep-1, 0x1.c9ea52d76dc04p-55, 0x1.6a597219a93dap-18},
    {0x1.ffffec2641a9ep-1, -0x1.e7ba4fdd8fb93p-55, 0x1.22df298214423p-18},
    {0x1.fffff039f9e8fp-1, -0x1.9d1bcd6174e99p-55, 0x1.d21397ead99cbp-19},
    {0x1.fffff37d63a36p-1, -0x1.753e324286e6bp-57, 0x1.74adc8f4064d3p-19},
    {0x1.fffff618c3da6p-1, -0x1.19309ce23aa3ep-58, 0x1.296a70f414053p-19},
    {0x1.fffff82cdcf1bp-1, 0x1.046bbe9a11838p-55, 0x1.d9c73698fb1dcp-20},
    {0x1.fffff9d446cccp-1, -0x1.bb06bab98bc7ep-57, 0x1.789fb715aae95p-20},
    {0x1.fffffb248c39dp-1, 0x1.9b9a417112087p-55, 0x1.2acee2f5ecdb8p-20},
    {0x1.fffffc2f171e3p-1, 0x1.85edd0395f475p-55, 0x1.d9371e2ff7c35p-21},
    {0x1.fffffd01f36afp-1, -0x1.d41915db16d51p-55, 0x1.75fa8dbc84becp-21},
    {0x1.fffffda86faa9p-1, -0x1.d230252d68f25p-56, 0x1.26f9df8519bd7p-21},
    {0x1.fffffe2ba0ea5p-1, -0x1.26cd790893493p-55, 0x1.d06ad6ecdf971p-22},
    {0x1.fffffe92ced93p-1, -0x1.d2db2ecfe14aep-55, 0x1.6ce1aa3fd7bddp-22},
    {0x1.fffffee3cc32cp-1, 0x1.e429188c25b27p-56, 0x1.1e1e857adc568p-22},
    {0x1.ffffff233ee1dp-1, 0x1.db123ed17221dp-55, 0x1.bfd7555a3bd68p-23},
    {0x1.ffffff54dab72p-1, -0x1.a443df641c094p-55, 0x1.5dcd669f2cd34p-23},
    {0x1.ffffff7b91176p-1, 0x1.0b2865615db40p-56, 0x1.10b1488aeb235p-23},
    {0x1.ffffff99b79d2p-1, -0x1.58ff1c4273d76p-56, 0x1.a854ea14102a8p-24},
    {0x1.ffffffb127525p-1, 0x1.504f382db4102p-55, 0x1.4980cb3c80949p-24},
    {0x1.ffffffc355dfdp-1, 0x1.88cb60fd8541cp-57, 0x1.febc107d5efaap-25},
    {0x1.ffffffd169d0cp-1, 0x1.70a2bfb068e6fp-55, 0x1.8b0cfce0579e0p-25},
    {0x1.ffffffdc4ad7ap-1, -0x1.d75de78779663p-55, 0x1.30f93c3699078p-25},
    {0x1.ffffffe4aed5ep-1, 0x1.389c0f32ad0f4p-59, 0x1.d5f3a8dea7357p-26},
    {0x1.ffffffeb24467p-1, 0x1.bff89ef337f19p-55, 0x1.6961b8d641d06p-26},
    {0x1.fffffff01a8b6p-1, 0x1.23370eca5ca6ap-60, 0x1.155a09065d4f7p-26},
    {0x1.fffffff3e8892p-1, 0x1.befbf8d26e5c1p-58, 0x1.a8e405e651ab6p-27},
    {0x1.fffffff6d1e56p-1, -0x1.64d969b4be4c4p-55, 0x1.44d26de513197p-27},
    {0x1.fffffff90b2e3p-1, -0x1.d82d94a90edd4p-56, 0x1.efac5187b2863p-28},
    {0x1.fffffffabd229p-1, -0x1.4dbe49bec3ef2p-57, 0x1.7974e743dea3dp-28},
    {0x1.fffffffc0748fp-1, 0x1.6ef7a9caf1ec9p-57, 0x1.1edfa3c5f5ccap-28},
    {0x1.fffffffd01f89p-1, -0x1.35e8e39884f62p-56, 0x1.b334fac4b9f99p-29},
    {0x1.fffffffdbff2ap-1, 0x1.49438981074bfp-56, 0x1.4979ac8b28927p-29},
    {0x1.fffffffe4fa30p-1, 0x1.d166bcb681c7bp-57, 0x1.f1e3523b41d7dp-30},
    {0x1.fffffffebc1a9p-1, 0x1.e0e5facabea72p-56, 0x1.77756ec9f78fap-30},
    {0x1.ffffffff0dd2bp-1, 0x1.0df73e7d2fc98p-55, 0x1.1a94ff571654fp-30},
    {0x1.ffffffff4b453p-1, 0x1.59b25048a5adap-55, 0x1.a887bd2b4404dp-31},
    {0x1.ffffffff79626p-1, 0x1.5fbc52d650a89p-55, 0x1.3e44e45301b92p-31},
    {0x1.ffffffff9bec8p-1, -0x1.6755054655a1bp-56, 0x1.dc479de0ef001p-32},
    {0x1.ffffffffb5be5p-1, -0x1.729d6819c7f34p-56, 0x1.63ac6b4edc88ep-32},
    {0x1.ffffffffc901cp-1, 0x1.9c951c943881dp-57, 0x1.0916f04b6e18bp-32},
    {0x1.ffffffffd759dp-1, 0x1.f7bee7eb23420p-55, 0x1.8a61745ec7d1dp-33},
    {0x1.ffffffffe202dp-1, 0x1.a54841f5667f2p-55, 0x1.24caf2c32af14p-33},
    {0x1.ffffffffe9eb0p-1, -0x1.ea527e0bef1ecp-58, 0x1.b1e5acf351d87p-34},
    {0x1.ffffffffefc57p-1, -0x1.8225a9658f48dp-57, 0x1.40dfd87456f4cp-34},
    {0x1.fffffffff4188p-1, 0x1.7a2cb3d056eacp-55, 0x1.d9a880f306bd8p-35},
    {0x1.fffffffff748ep-1, 0x1.ae15e3604479fp-57, 0x1.5ce9ab1670dd2p-35},
    {0x1.fffffffff9a1bp-1, -0x1.6a87270d2450ep-57, 0x1.0084ff125639dp-35},
    {0x1.fffffffffb5b0p-1, -0x1.50fb1911906e4p-55, 0x1.7872d9fa10aadp-36},
    {0x1.fffffffffc9e8p-1, -0x1.a759f7738935fp-56, 0x1.13af4f04f9998p-36},
    {0x1.fffffffffd8b3p-1, -0x1.5182469c21372p-57, 0x1.92ff33023d5bdp-37},
    {0x1.fffffffffe380p-1, 0x1.7ce07114e4fe0p-55, 0x1.25f9ee0b923dcp-37},
    {0x1.fffffffffeb60p-1, -0x1.4d3f53e684c68p-56, 0x1.ac0f5f3229372p-38},
    {0x1.ffffffffff11ap-1, -0x1.3eafccbc6e8b7p-56, 0x1.370ab8327af5ep-38},
    {0x1.ffffffffff542p-1, 0x1.b57ed63ed8087p-57, 0x1.c324c20e337dcp-39},
    {0x1.ffffffffff845p-1, 0x1.b0edc5a89ab8fp-56, 0x1.46897d4b69fc6p-39},
    {0x1.ffffffffffa73p-1, -0x1.6fead614b795fp-56, 0x1.d7c593130dd0bp-40},
    {0x1.ffffffffffc05p-1, 0x1.07ba96a6b2e1ap-55, 0x1.5422ef5d8949dp-40},
    {0x1.ffffffffffd27p-1, 0x1.19e1a84064c3cp-56, 0x1.e9810295890ecp-41},
    {0x1.ffffffffffdf8p-1, -0x1.dcf8b10ff973bp-55, 0x1.5f8b87a31bd85p-41},
    {0x1.ffffffffffe8dp-1, 0x1.e766e2c80135cp-58, 0x1.f7f338086a86bp-42},
    {0x1.ffffffffffef8p-1, 0x1.14be6226402c7p-56, 0x1.68823e52970bep-42},
    {0x1.fffffffffff45p-1, -0x1.5948eec884dfap-55, 0x1.01647ba798745p-42},
    {0x1.fffffffffff7bp-1, 0x1.00fa07f7fb612p-55, 0x1.6ed2f2515e933p-43},
    {0x1.fffffffffffa2p-1, 0x1.d07509a1a9433p-57, 0x1.04e15ecc7f3f6p-43},
    {0x1.fffffffffffbep-1, -0x1.182b326b228dcp-55, 0x1.7258610b3b233p-44},
    {0x1.fffffffffffd1p-1, 0x1.3b6fc0b729758p-55, 0x1.065b9616170d4p-44},
    {0x1.fffffffffffdfp-1, 0x1.5669e670f914bp-56, 0x1.72fd93e036cdcp-45},
    {0x1.fffffffffffe9p-1, -0x1.5fe91226dd51ap-58, 0x1.05ca50205d26ap-45},
    {0x1.ffffffffffff0p-1, -0x1.20ef3618f2d54p-56, 0x1.70beaf9c7ffb6p-46},
    {0x1.ffffffffffff5p-1, -0x1.238f8ed17d9b4p-55, 0x1.0330f0fd69921p-46},
    {0x1.ffffffffffff8p-1, 0x1.0160ef15c497dp-56, 0x1.6ba91ac734786p-47},
    {0x1.ffffffffffffbp-1, -0x1.efa4d64f59f62p-55, 0x1.fd3de10d62855p-48},
    {0x1.ffffffffffffcp-1, 0x1.8115fd1b12786p-56, 0x1.63daf8b4b1e0cp-48},
    {0x1.ffffffffffffdp-1, 0x1.6be96953fe014p-55, 0x1.f05e82aae2bb9p-49},
    {0x1.ffffffffffffep-1, 0x1.59ab24e589a30p-56, 0x1.5982008db1304p-49},
    {0x1.fffffffffffffp-1, -0x1.0fecc5ed770dep-55, 0x1.e00e9148a1d25p-50},
    {0x1.fffffffffffffp-1, 0x1.0439397b5f70ap-56, 0x1.4cd9c04158cd7p-50},
    {0x1.fffffffffffffp-1, 0x1.989c6c5d51227p-55, 0x1.ccaaea71ab0dfp-51},
    {0x1.0000000000000p+0, -0x1.a6d7d18831888p-55, 0x1.3e296303b2297p-51},
    {0x1.0000000000000p+0, -0x1.21fb7a81c5444p-55, 0x1.b69f10b0191b5p-52},
};

// log2((1 + s) / (1 - s)) = s (c0 + c1 z + ...), z = s^2; for the float32 power; error 2^-45.1
constexpr double kLog2F[] = {
    0x1.71547652b8250p+1,  // 2.885390082
    0x1.ec709dc53e1d2p-1,  // 0.9617966941
    0x1.2776c2915f2c4p-1,  // 0.5770779421
    0x1.a61a303922ffdp-2,  // 0.4122092757
    0x1.47951cd159ccep-2,  // 0.3199047568
    0x1.21b40cf7bc446p-2,  // 0.2829134012
};

// 2^r - 1 = r (c0 + c1 r + ...), |r| <= 1/2; for the float32 power; error 2^-34.3
constexpr double kExp2F[] = {
    0x1.62e42ff0e67bcp-1,   // 0.6931471807
    0x1.ebfbe079081d0p-3,   // 0.2402265107
    0x1.c6b08ab84a5ebp-5,   // 0.0555041036
    0x1.3b29f210944fap-7,   // 0.00961803741
    0x1.5d8a8b2187f8cp-10,  // 0.001333393804
    0x1.445ddd9e8175bp-13,  // 0.0001546700777
    0x1.fde3fb008c0dap-17,  // 1.519592252e-5
};

// log(1 + r) - r + r^2 / 2 = r^3 (c0 + c1 r + ...), |r| <= 0.0112; for the float64 power; error 2^-69.0
constexpr double kPowLogD[] = {
    0x1.5555555555555p-2,   // 0.3333333333
    -0x1.000000000035bp-2,  // -0.25
    0x1.999999999f5cbp-3,   // 0.2
    -0x1.5555550ff58dcp-3,  // -0.1666666646
    0x1.24924807450c8p-3,   // 0.1428571346
    -0x1.000d633b5d8b5p-3,  // -0.1250255349
    0x1.c74bf32172b09p-4,   // 0.1111564157
};

// 1 / c and log(c) as the sum of two numbers, the first a multiple of 2^-41, for c = 45/64, 46/64, ... and 1 / c
// rounded, which is the c that is meant
constexpr double kPowRows[][4] = {
    {0x1.6c16c16c16c17p+0, -0x1.68ac83e9c6000p-2, -0x1.42994c9d5bae8p-43},
    {0x1.642c8590b2164p+0, -0x1.522ae0738a000p-2, -0x1.eba708164c759p-45},
    {0x1.5c9882b931057p+0, -0x1.3c25277334000p-2, 0x1.cf975693f2854p-43},
    {0x1.5555555555555p+0, -0x1.269621134e000p-2, 0x1.1ba1f10522625p-44},
    {0x1.4e5e0a72f0539p+0, -0x1.1178e8227e000p-2, -0x1.1e9b8ce2d07f2p-44},
    {0x1.47ae147ae147bp+0, -0x1.f991c6cb3c000p-3, 0x1.90b84cd7cc834p-44},
    {0x1.4141414141414p+0, -0x1.d1037f2654000p-3, -0x1.e7ad818a49092p-43},
    {0x1.3b13b13b13b14p+0, -0x1.a93ed3c8ac000p-3, -0x1.9e56f2bea77a6p-43},
    {0x1.3521cfb2b78c1p+0, -0x1.823c16551c000p-3, 0x1.c3fa48cb39c30p-43},
    {0x1.2f684bda12f68p+0, -0x1.5bf406b544000p-3, 0x1.28023eb68981cp-46},
    {0x1.29e4129e4129ep+0, -0x1.365fcb0158000p-3, -0x1.0146fa8234b73p-43},
    {0x1.2492492492492p+0, -0x1.1178e82280000p-3, 0x1.b8621cc74be04p-43},
    {0x1.1f7047dc11f70p+0, -0x1.da72763848000p-4, 0x1.cb0d7fc0b1d1ap-43},
    {0x1.1a7b9611a7b96p+0, -0x1.9335e5d598000p-4, 0x1.b3c28f150ae0ap-43},
    {0x1.15b1e5f75270dp+0, -0x1.4d3115d208000p-4, 0x1.53e2582f4e1efp-48},
    {0x1.1111111111111p+0, -0x1.08598b59e0000p-4, -0x1.d02c451fecdfbp-43},
    {0x1.0c9714fbcda3bp+0, -0x1.894aa14a00000p-5, 0x1.32d52ba0b44d0p-43},
    {0x1.0842108421084p+0, -0x1.0415d89e70000p-5, -0x1.1101c05cf1d75p-43},
    {0x1.0410410410410p+0, -0x1.0205658940000p-6, 0x1.4f916c1b8bdf5p-43},
    {0x1.0000000000000p+0, 0x0.0p+0, 0x0.0p+0},
    {0x1.f81f81f81f820p-1, 0x1.fc0a8b0fc0000p-7, 0x1.e1e7cf6d3a69cp-50},
    {0x1.f07c1f07c1f08p-1, 0x1.f829b0e780000p-6, 0x1.97c267c7e09e4p-45},
    {0x1.e9131abf0b767p-1, 0x1.77458f6330000p-5, -0x1.1807ce586af09p-44},
    {0x1.e1e1e1e1e1e1ep-1, 0x1.f0a30c0110000p-5, 0x1.8aa185f325c5cp-43},
    {0x1.dae6076b981dbp-1, 0x1.341d7961c0000p-4, -0x1.71826b33e44f8p-43},
    {0x1.d41d41d41d41dp-1, 0x1.6f0d28ae58000p-4, -0x1.4b2241b664613p-44},
    {0x1.cd85689039b0bp-1, 0x1.a926d3a4b0000p-4, -0x1.54f1d7a16eab2p-43},
    {0x1.c71c71c71c71cp-1, 0x1.e27076e2b0000p-4, -0x1.a2c2c2af0003cp-45},
    {0x1.c0e070381c0e0p-1, 0x1.0d77e7cd08000p-3, 0x1.cb6cd2ee2f482p-44},
    {0x1.bacf914c1bad0p-1, 0x1.29552f8200000p-3, -0x1.5bd67f4471dfcp-44},
    {0x1.b4e81b4e81b4fp-1, 0x1.44d2b6ccb8000p-3, -0x1.71f416135783cp-46},
    {0x1.af286bca1af28p-1, 0x1.5ff3070a78000p-3, 0x1.3d5c873e20a07p-43},
    {0x1.a98ef606a63bep-1, 0x1.7ab890210c000p-3, 0x1.906bbe36b2d6ap-43},
    {0x1.a41a41a41a41ap-1, 0x1.9525a9cf44000p-3, 0x1.6b5b641307539p-43},
    {0x1.9ec8e951033d9p-1, 0x1.af3c94e80c000p-3, -0x1.92e633fcd9066p-52},
    {0x1.999999999999ap-1, 0x1.c8ff7c79a8000p-3, 0x1.a1fac25d81ef3p-43},
    {0x1.948b0fcd6e9e0p-1, 0x1.e27076e2b0000p-3, -0x1.a302c2af0003cp-44},
    {0x1.8f9c18f9c18fap-1, 0x1.fb9186d5e4000p-3, -0x1.d6b2aab993c87p-47},
    {0x1.8acb90f6bf3aap-1, 0x1.0a324e273a000p-2, -0x1.e3b211810bfcfp-43},
    {0x1.8618618618618p-1, 0x1.1675cababa000p-2, 0x1.83c0e731f55c4p-44},
    {0x1.8181818181818p-1, 0x1.22941fbcf8000p-2, -0x1.a6876f5eb0963p-44},
    {0x1.7d05f417d05f4p-1, 0x1.2e8e2bae12000p-2, -0x1.6791e99b72bd8p-45},
    {0x1.78a4c8178a4c8p-1, 0x1.3a64c55694000p-2, 0x1.7a81cbcd735d0p-44},
    {0x1.745d1745d1746p-1, 0x1.4618bc21c6000p-2, -0x1.3e02f484c84ccp-46},
    {0x1.702e05c0b8170p-1, 0x1.51aad872e0000p-2, -0x1.f49d8db0a7cc1p-44},
    {0x1.6c16c16c16c17p-1, 0x1.5d1bdbf580000p-2, 0x1.393411b1c1ee4p-43},
    {0x1.6816816816817p-1, 0x1.686c81e9b2000p-2, -0x1.6a5477a83dfd6p-43},
};

// asin(x) = x + x^3 (c0 + c1 z + ...), z = x^2 <= 1/4; error 2^-27.6
constexpr float kAsinF[] = {
    0x1.5555c80000000p-3f,  // 0.166667521
    0x1.3302040000000p-4f,  // 0.07495309412
    0x1.747bb80000000p-5f,  // 0.04546914995
    0x1.8c3e500000000p-6f,  // 0.02418477833
    0x1.595c600000000p-5f,  // 0.04215830564
};

// atan(x) = x + x^3 (c0 + c1 z + ...), z = x^2 <= 1/4; error 2^-31.7
constexpr float kAtanF[] = {
    -0x1.5555520000000p-2f,  // -0.3333332837
    0x1.9997440000000p-3f,   // 0.1999955475
    -0x1.2450300000000p-3f,  // -0.1427310705
    0x1.c072680000000p-4f,   // 0.1094841063
    -0x1.480d400000000p-4f,  // -0.08009076118
    0x1.3fd5540000000p-5f,   // 0.03904215246
};

// asin(x) = x + x^3 (c0 + c1 z + ...), z = x^2 <= 1/4; error 2^-59.9
constexpr double kAsinD[] = {
    0x1.5555555555577p-3,   // 0.1666666667
    0x1.333333332e132p-4,   // 0.075
    0x1.6db6db7212577p-5,   // 0.04464285717
    0x1.f1c71a94f9739p-6,   // 0.03038194271
    0x1.6e8bdedf8d6e8p-6,   // 0.02237221494
    0x1.1c49f0689785cp-6,   // 0.01735161283
    0x1.ca1f8c6d3420dp-7,   // 0.01398081166
    0x1.7585913cb717fp-7,   // 0.01139897911
    0x1.613c656aec8a7p-7,   // 0.01077990486
    0x1.e5f7aab4eff36p-9,   // 0.003707637394
    0x1.639bd642214acp-6,   // 0.02170463489
    -0x1.57fcaa646e95bp-6,  // -0.02099529877
    0x1.0b467e653395bp-5,   // 0.03262638747
};

// atan(x) = x + x^3 (c0 + c1 z + ...), z = x^2 <= 1/4; error 2^-57.8
constexpr double kAtanD[] = {
    -0x1.5555555555516p-2,  // -0.3333333333
    0x1.999999999113bp-3,   // 0.2
    -0x1.249249215da92p-3,  // -0.1428571428
    0x1.c71c7090d0dc7p-4,   // 0.1111111066
    -0x1.745cf4c897459p-4,  // -0.09090896243
    0x1.3b113d94e2202p-4,   // 0.07692073875
    -0x1.10f31d3f302e2p-4,  // -0.06663810181
    0x1.dfe95d73c127dp-5,   // 0.05858295681
    -0x1.a397ec2b932bdp-5,  // -0.05121990325
    0x1.56f464b59ac88p-5,   // 0.04186458273
    -0x1.c17b431e7ebfdp-6,  // -0.02743417315
    0x1.4b7d84159f830p-7,   // 0.01011628103
};

// 3 pi / 4
constexpr float kThreeQuartersPiF[] = {
    0x1.2d97c80000000p+1f,    // 2.356194496
    -0x1.99bc5c0000000p-28f,  // -5.962440319e-9
};

// the same
constexpr double kThreeQuartersPiD[] = {
    0x1.2d97c7f3321d2p+1,   // 2.35619449
    0x1.a79394c9e8a0ap-54,  // 9.184850994e-17
};

// exp(x^2) erfc(x) = (1 + c0 + c1 t + ...) / (x + 2), t = (x - 2) / (x + 2), 0.46 <= x <= 10.2; error 2^-28.1
constexpr float kErfcF[] = {
    0x1.619c700000000p-6f,    // 0.02158270776
    -0x1.5fd3860000000p-1f,   // -0.6871606708
    0x1.1e2dde0000000p-2f,    // 0.2794718444
    -0x1.2a8ad00000000p-5f,   // -0.03644314408
    -0x1.6057b20000000p-6f,   // -0.02150528319
    0x1.a952920000000p-8f,    // 0.006489906926
    0x1.8fc2420000000p-9f,    // 0.003049917752
    -0x1.ce35ac0000000p-11f,  // -0.000881594955
    -0x1.1993020000000p-11f,  // -0.0005370602594
    0x1.b258680000000p-14f,   // 0.0001035559981
};

// exp(x^2) erfc(x) = (1 + c0 + c1 t + ...) / (x + 2), t = (x - 2) / (x + 2), 0.46 <= x <= 27.5; error 2^-59.2
constexpr double kErfcD[] = {
    0x1.619c6d4b1dd7bp-6,    // 0.02158270524
    -0x1.5fd386754eff9p-1,   // -0.6871606844
    0x1.1e2deea6b1179p-2,    // 0.2794720926
    -0x1.2a88e6107d56ap-5,   // -0.03644223151
    -0x1.606e41552c164p-6,   // -0.02151066189
    0x1.a89eaff88546ap-8,    // 0.006479185068
    0x1.9517bb73523b6p-9,    // 0.003090612061
    -0x1.b6fbf9b8cccffp-11,  // -0.0008372960648
    -0x1.5ba4391949f92p-11,  // -0.0006630735326
    0x1.2054339619d56p-15,   // 3.437148477e-5
    0x1.2efa493843366p-13,   // 0.0001444710158
    0x1.1e750ba5caeccp-15,   // 3.414836037e-5
    -0x1.6c06ef0fb40e5p-16,  // -2.169770511e-5
    -0x1.0e67970fbd8f8p-16,  // -1.611737304e-5
    -0x1.2ce8f62efa6bdp-20,  // -1.120977128e-6
    0x1.e7167f5791476p-19,   // 3.629087512e-6
    0x1.0bdb160ef843cp-19,   // 1.995681266e-6
    0x1.5b4dcf718deafp-25,   // 4.043150071e-8
    -0x1.34ef4ce062c5dp-21,  // -5.754358448e-7
    -0x1.9dd2f0e16a196p-22,  // -3.85403622e-7
    0x1.a2e021211181bp-26,   // 2.438176339e-8
    0x1.61838876daf59p-23,   // 1.646176917e-7
    0x1.5e7fe7b1ceb52p-26,   // 2.040176356e-8
    -0x1.17849944b703dp-25,  // -3.25401737e-8
};

// log(gamma(2 + y)) = y (c0 + c1 y + ...), -3/4 <= y <= 1/2; error 2^-56.2
constexpr double kLgammaD[] = {
    0x1.b0ee6072093cep-2,    // 0.4227843351
    0x1.4a34cc4a60fa6p-2,    // 0.3224670334
    -0x1.13e001a55753cp-4,   // -0.06735230105
    0x1.51322ac7d8a75p-6,    // 0.02058080843
    -0x1.e404fc21d9140p-8,   // -0.007385551029
    0x1.7add6eac9be54p-9,    // 0.00289051033
    -0x1.38ac5c0309a68p-10,  // -0.001192753902
    0x1.0b36b036d2c51p-11,   // 0.0005096695448
    -0x1.d3fd62b4d9f0dp-13,  // -0.0002231549203
    0x1.a12740cf254efp-14,   // 9.945710484e-5
    -0x1.78db2764ff448p-15,  // -4.492474435e-5
    0x1.5821b5a4eb236p-16,   // 2.051184642e-5
    -0x1.3cf7eb83f6c5fp-17,  // -9.446395559e-6
    0x1.238c8af6988bbp-18,   // 4.344418577e-6
    -0x1.1090a05eb2265p-19,  // -2.030767106e-6
    0x1.1eb98216ae1c6p-20,   // 1.068132524e-6
    -0x1.a5416445a38cbp-22,  // -3.923246975e-7
    0x1.327b79944b8c9p-28,   // 4.459904796e-9
    -0x1.70474c5d33d17p-22,  // -3.429860892e-7
    0x1.306d36a9da8a0p-23,   // 1.417596896e-7
    0x1.18d19d12ab58ep-22,   // 2.615328906e-7
    0x1.40141fb31e4c6p-23,   // 1.49048217e-7
};

// log(gamma(x)) = (x - 1/2) log(x) - x + log(2 pi) / 2 + (c0 + c1 z + ...) / x, z = 1 / x^2, x >= 8.5; error 2^-59.6
constexpr double kStirlingD[] = {
    0x1.5555555555555p-4,    // 0.08333333333
    -0x1.6c16c16c08b6cp-9,   // -0.002777777778
    0x1.a01a00dfd0fe4p-11,   // 0.0007936507718
    -0x1.38128e10d4ca9p-11,  // -0.0005952310185
    0x1.b8c3b325f154cp-11,   // 0.0008406914756
    -0x1.e267264c93fe9p-10,  // -0.001840221131
    0x1.f93b2cda7e5dcp-9,    // 0.003854607797
};

// digamma(x) = (x - x0) (c0 + c1 y + ...), y = x - 3/2, 1 <= x <= 2; error 2^-53.6
constexpr double kDigammaD[] = {
    0x1.e6f0cbb873617p-1,    // 0.951055876
    -0x1.b1cb63005ee97p-2,   // -0.4236274213
    0x1.eca189b8e6743p-3,    // 0.2405424842
    -0x1.2feeeb98a7a56p-3,   // -0.1484049231
    0x1.8512e590c969cp-4,    // 0.09498872446
    -0x1.fb44202a24ca1p-5,   // -0.06192213328
    0x1.4de9a9d95994ep-5,    // 0.04076083349
    -0x1.b9f8b11235671p-6,   // -0.02697579662
    0x1.25647f23af484p-6,    // 0.01790726105
    -0x1.86356710038efp-7,   // -0.01190822155
    0x1.03beee62e271dp-7,    // 0.007926813507
    -0x1.5a0631a3c0867p-8,   // -0.005279910201
    0x1.cd66faf025396p-9,    // 0.003520219929
    -0x1.33774083db9f0p-9,   // -0.002345778108
    0x1.963e46c2b56bfp-10,   // 0.001549695081
    -0x1.0f3d4a57f6cc4p-10,  // -0.001034696257
    0x1.87c5fc0a323ccp-11,   // 0.0007472484151
    -0x1.022aabfaed70ep-11,  // -0.0004924138769
    0x1.7ce4a3d327224p-13,   // 0.0001816239952
    -0x1.1495d9f729422p-13,  // -0.0001318861757
    0x1.370152ba47592p-12,   // 0.0002965976415
    -0x1.8c85be426c80cp-13,  // -0.0001890766308
};

// the zero x0 of digamma
constexpr double kDigammaZeroD[] = {
    0x1.762d86356be3fp+0,   // 1.461632145
    0x1.b86a722197829p-54,  // 9.54999543e-17
};

// digamma(x) = log(x) - 1 / (2 x) - z (c0 + c1 z + ...), z = 1 / x^2, x >= 8; error 2^-65.7
constexpr double kDigammaTailD[] = {
    0x1.5555555555549p-4,   // 0.08333333333
    -0x1.11111110e8abap-7,  // -0.008333333333
    0x1.04104051f3c36p-8,   // 0.003968253806
    -0x1.111056b8986b1p-8,  // -0.00416662328
    0x1.f0133900904d7p-8,   // 0.007569505135
    -0x1.515997911d6dep-6,  // -0.02059020807
    0x1.f84928855e733p-5,   // 0.06155832209
};

// trigamma(x) = 1 / x + z / 2 + z (c0 + c1 z + ...) / x, z = 1 / x^2, x >= 8; error 2^-60.8
constexpr double kTrigammaTailD[] = {
    0x1.55555555554f4p-3,   // 0.1666666667
    -0x1.1111111073bc7p-5,  // -0.03333333333
    0x1.86185ed4811fdp-6,   // 0.0238095213
    -0x1.110fa94389e66p-5,  // -0.03333266315
    0x1.35e853ba5cb31p-4,   // 0.07566101748
    -0x1.f670a79ee8613p-3,  // -0.2453320594
    0x1.a75717a795ec2p-1,   // 0.8268363373
};

// B_2j / (2 j)!, j >= 1: of Euler and Maclaurin, for the Hurwitz zeta function
constexpr double kBernoulliD[] = {
    0x1.5555555555555p-4,    // 0.08333333333
    -0x1.6c16c16c16c17p-10,  // -0.001388888889
    0x1.1566abc011567p-15,   // 3.306878307e-5
    -0x1.bbd779334ef0bp-21,  // -8.267195767e-7
    0x1.66a8f2bf70ebep-26,   // 2.087675699e-8
    -0x1.22805d644267fp-31,  // -5.284190139e-10
    0x1.d6db2c4e09162p-37,   // 1.338253653e-11
    -0x1.7da4e1f79955cp-42,  // -3.389680296e-13
    0x1.355871d652e9ep-47,   // 8.586062056e-15
};

}  // namespace vmath
}  // namespace
}  // namespace GRADTAPE_ISA
}  // namespace gradtape
