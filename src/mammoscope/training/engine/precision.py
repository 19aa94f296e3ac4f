"""In which numbers a network is trained on a device."""

from __future__ import annotations

import torch

_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""Of x86 (two) and of ARM, by the names that torch has for them."""


def resolved(precision: str, device: torch.device) -> str:
    """``"float32"``, ``"bfloat16"`` or ``"float16"``: what ``"auto"`` means there, or as given.

    Examples
    --------
    >>> resolved("float32", torch.device("cpu"))
    'float32'
    """
    if precision != "auto":
        return precision
    return "bfloat16" if has_bfloat16(device) else "float32"


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16: what imitates it is many times slower."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    # Older versions of torch cannot say; float32 is right everywhere.
    known: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(name, False) for name in _INSTRUCTIONS)
