"""
Federal figures of 2026, as data.

Source: Rev. Proc. 2025-32; IRC 1411(b) (NIIT, not indexed); 1211(b). Dollars; `ordinary` gives the top of each
bracket, the last one has none.
"""

from typing import Any, Final

FEDERAL: Final[dict[str, Any]] = {
    "year": 2026,
    "source": "Rev. Proc. 2025-32",
    "rates": ("0.10", "0.12", "0.22", "0.24", "0.32", "0.35", "0.37"),
    "trust_rates": ("0.10", "0.24", "0.35", "0.37"),
    "ordinary": {
        "single": (12_400, 50_400, 105_700, 201_775, 256_225, 640_600),
        "mfj": (24_800, 100_800, 211_400, 403_550, 512_450, 768_700),
        "mfs": (12_400, 50_400, 105_700, 201_775, 256_225, 384_350),
        "hoh": (17_700, 67_450, 105_700, 201_750, 256_200, 640_600),
        "trust": (3_300, 11_700, 16_000),
    },
    "long_breakpoints": {
        "single": (49_450, 545_500),
        "mfj": (98_900, 613_700),
        "mfs": (49_450, 306_850),
        "hoh": (66_200, 579_600),
        "trust": (3_300, 16_250),
    },
    "standard_deduction": {"single": 16_100, "mfj": 32_200, "mfs": 16_100, "hoh": 24_150, "trust": 0},
    "niit_threshold": {"single": 200_000, "mfj": 250_000, "mfs": 125_000, "hoh": 200_000, "trust": 16_000},
    "loss_limit": {"single": 3_000, "mfj": 3_000, "mfs": 1_500, "hoh": 3_000, "trust": 3_000},
    "amt_phase_out_from": {"single": 500_000, "mfj": 1_000_000, "mfs": 500_000, "hoh": 500_000},
    "amt_phase_out_rate": "0.50",
}
