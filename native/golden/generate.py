"""Golden vectors for every block format, computed by the Python package `gguf` alone.

    python3 -m venv VENV && VENV/bin/pip install gguf==0.19.0 numpy==2.4.6
    VENV/bin/python native/golden/generate.py > native/golden/vectors.json

Per type: blocks of random bytes, and blocks whose scales are zero, negative, subnormal, the largest, infinite and NaN.
NaN results are written as 0x7fc00000: which bits a NaN has is our own rule, not that of the format.
"""

import json
import struct
import sys
from importlib.metadata import version

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

TYPES = "F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL MXFP4".split()
# Where the half-precision scales of a block stand.
SCALES = {
    "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "IQ4_NL": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "MXFP4": [],
}  # fmt: skip
HALVES = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0xFE01]
RANDOM_BLOCKS = 3


def blocks_of(name, random):
    elements, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    if name == "F32":
        words = [0, 0x80000000, 1, 0x007FFFFF, 0x00800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000]
        return struct.pack(f"<{len(words)}I", *words) + random.bytes(31 * 4)
    if name in ("F16", "BF16"):
        return np.concatenate([np.array(HALVES[:11], "<u2"), np.frombuffer(random.bytes(64 * 2), "<u2")]).tobytes()
    data = bytearray(random.bytes(RANDOM_BLOCKS * size))
    # Random bytes give a scale that is infinite or NaN now and then: in these blocks it is an ordinary one.
    for block in range(RANDOM_BLOCKS):
        for at in SCALES[name]:
            struct.pack_into("<H", data, block * size + at, struct.unpack_from("<H", data, block * size + at)[0] & 0xBBFF)
    if name == "MXFP4":
        for exponent in (0, 1, 2, 127, 254, 255):
            data += bytes([exponent]) + random.bytes(size - 1)
        return bytes(data)
    # K formats have large blocks: fewer edges each, in turns, keep the file small.
    halves = HALVES if elements == 32 else HALVES[1::2]
    for index, half in enumerate(halves):
        block = bytearray(random.bytes(size))
        for order, at in enumerate(SCALES[name]):
            struct.pack_into("<H", block, at, half if order == 0 else halves[(index * 5 + 1) % len(halves)])
        data += block
    return bytes(data)


def main():
    random = np.random.default_rng(20)
    vectors = []
    for name in TYPES:
        data = blocks_of(name, random)
        with np.errstate(all="ignore"):
            values = dequantize(np.frombuffer(data, np.uint8), GGMLQuantizationType[name])
        values = np.ascontiguousarray(values, "<f4").ravel()
        bits = values.view("<u4").copy()
        if name not in ("F32", "BF16"):
            bits[np.isnan(values)] = 0x7FC00000
        vectors.append({"type": name, "source": data.hex(), "target": bits.tobytes().hex()})
    with_versions = {name: version(name) for name in ("gguf", "numpy")}
    lines = ",\n".join("    " + json.dumps(vector) for vector in vectors)
    sys.stdout.write(f'{{\n  "madeWith": {json.dumps(with_versions)},\n  "vectors": [\n{lines}\n  ]\n}}\n')


main()
