#include "block-layout.hpp"

#include "decoders.hpp"

namespace hartonomous {

namespace {

constexpr BlockLayout layouts[] = {
    {0, "F32", 1, 4, decodeF32},          {1, "F16", 1, 2, decodeF16},        {2, "Q4_0", 32, 18, decodeQ40},
    {3, "Q4_1", 32, 20, decodeQ41},       {6, "Q5_0", 32, 22, decodeQ50},     {7, "Q5_1", 32, 24, decodeQ51},
    {8, "Q8_0", 32, 34, decodeQ80},       {10, "Q2_K", 256, 84, decodeQ2K},   {11, "Q3_K", 256, 110, decodeQ3K},
    {12, "Q4_K", 256, 144, decodeQ4K},    {13, "Q5_K", 256, 176, decodeQ5K},  {14, "Q6_K", 256, 210, decodeQ6K},
    {20, "IQ4_NL", 32, 18, decodeIq4Nl},  {30, "BF16", 1, 2, decodeBf16},     {39, "MXFP4", 32, 17, decodeMxfp4},
};

}  // namespace

const BlockLayout* findBlockLayout(std::uint32_t id) noexcept {
  for (const BlockLayout& layout : layouts) {
    if (layout.id == id) return &layout;
  }
  return nullptr;
}

}  // namespace hartonomous
