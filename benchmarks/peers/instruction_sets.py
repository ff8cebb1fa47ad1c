"""Instruction sets: what the yardstick is compiled for, and how peers are held to the same one."""

import os

SETS = {  # of BPTT_ISA: float32 values a vector, the compiler's flags
    "avx512": (16, ["-mavx512f"]),
    "avx2": (8, ["-mavx2", "-mfma"]),
    "baseline": (4, []),
    "neon": (4, []),
}
HOLD = {  # settings by instruction set and contender; ONNX Runtime has none
    "avx2": {
        "torch": {
            "ONEDNN_MAX_CPU_ISA": "AVX2",
            "MKL_ENABLE_INSTRUCTIONS": "AVX2",
            "ATEN_CPU_CAPABILITY": "avx2",
        },
        "jax": {"ONEDNN_MAX_CPU_ISA": "AVX2", "XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
        "numpy": {"OPENBLAS_CORETYPE": "Haswell"},
    },
    "baseline": {
        "torch": {
            "ONEDNN_MAX_CPU_ISA": "SSE41",
            "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
            "ATEN_CPU_CAPABILITY": "default",
        },
        "jax": {"ONEDNN_MAX_CPU_ISA": "SSE41", "XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"},
        "numpy": {"OPENBLAS_CORETYPE": "Nehalem"},
    },
}


def held(contender):
    """Environment variables that hold a contender to the instruction set that BPTT_ISA names."""
    return HOLD.get(os.environ.get("BPTT_ISA", ""), {}).get(contender, {})


def sentence(isa, available, peers):
    """Say which peers were held to bptt's instruction set; `peers` maps contenders to names."""
    if not os.environ.get("BPTT_ISA"):
        return f"Instruction set: {isa}, bptt's choice; peers choose their own"
    widest = isa == available[0]
    text = f"Instruction set: {isa} (BPTT_ISA={isa})"
    by_setting = []
    for contender, name in peers.items():
        if settings := held(contender):
            by_setting.append(f"{name} ({' '.join(f'{k}={v}' for k, v in settings.items())})")
    if by_setting:
        text += f"; held to it: {', '.join(by_setting)}"
    free = [name for contender, name in peers.items() if not held(contender)]
    if free and widest:
        text += f"; {', '.join(free)}: the machine has nothing wider"
    elif free:
        text += f"; **not held, for want of a setting: {', '.join(free)}**"
    return text
