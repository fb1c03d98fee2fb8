"""
Federal figures of 2025, as data.

Source: Rev. Proc. 2024-40 (brackets, breakpoints, AMT); Pub. L. 119-21 (standard deduction); IRC 1411(b) (NIIT, not
indexed); 1211(b). Dollars; `ordinary` gives the top of each bracket, the last one has none.
"""

from typing import Any, Final

FEDERAL: Final[dict[str, Any]] = {
    "year": 2025,
    "source": "Rev. Proc. 2024-40; standard deduction as raised by Pub. L. 119-21",
    "rates": ("0.10", "0.12", "0.22", "0.24", "0.32", "0.35", "0.37"),
    "trust_rates": ("0.10", "0.24", "0.35", "0.37"),
    "ordinary": {
        "single": (11_925, 48_475, 103_350, 197_300, 250_525, 626_350),
        "mfj": (23_850, 96_950, 206_700, 394_600, 501_050, 751_600),
        "mfs": (11_925, 48_475, 103_350, 197_300, 250_525, 375_800),
        "hoh": (17_000, 64_850, 103_350, 197_300, 250_500, 626_350),
        "trust": (3_150, 11_450, 15_650),
    },
    "long_breakpoints": {
        "single": (48_350, 533_400),
        "mfj": (96_700, 600_050),
        "mfs": (48_350, 300_000),
        "hoh": (64_750, 566_700),
        "trust": (3_250, 15_900),
    },
    "standard_deduction": {"single": 15_750, "mfj": 31_500, "mfs": 15_750, "hoh": 23_625, "trust": 0},
    "niit_threshold": {"single": 200_000, "mfj": 250_000, "mfs": 125_000, "hoh": 200_000, "trust": 15_650},
    "loss_limit": {"single": 3_000, "mfj": 3_000, "mfs": 1_500, "hoh": 3_000, "trust": 3_000},
    "amt_phase_out_from": {"single": 626_350, "mfj": 1_252_700, "mfs": 626_350, "hoh": 626_350},
    "amt_phase_out_rate": "0.25",
}
