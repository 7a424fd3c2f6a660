// The tensor types of ggml that can be decoded, and their decoders. No Node-API here: these files are tested alone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hartonomous {

// Decodes `blocks` whole blocks. `source` may lie at any address and must not overlap with `target`.
using DecodeBlocks = void (*)(const std::uint8_t* source, std::size_t blocks, float* target) noexcept;

struct BlockLayout {
  std::uint32_t id;  // of `enum ggml_type`
  const char* name;
  std::uint32_t blockElements;
  std::uint32_t blockBytes;
  DecodeBlocks decode;
};

// nullptr for a type that cannot be decoded.
const BlockLayout* findBlockLayout(std::uint32_t id) noexcept;

}  // namespace hartonomous
