"""
Federal figures of 2024, as data.

Source: Rev. Proc. 2023-34 (brackets, breakpoints, standard deduction, AMT); IRC 1411(b) (NIIT, not indexed); 1211(b).
Dollars; `ordinary` gives the top of each bracket, the last one has none.
"""

from typing import Any, Final

FEDERAL: Final[dict[str, Any]] = {
    "year": 2024,
    "source": "Rev. Proc. 2023-34",
    "rates": ("0.10", "0.12", "0.22", "0.24", "0.32", "0.35", "0.37"),
    "trust_rates": ("0.10", "0.24", "0.35", "0.37"),
    "ordinary": {
        "single": (11_600, 47_150, 100_525, 191_950, 243_725, 609_350),
        "mfj": (23_200, 94_300, 201_050, 383_900, 487_450, 731_200),
        "mfs": (11_600, 47_150, 100_525, 191_950, 243_725, 365_600),
        "hoh": (16_550, 63_100, 100_500, 191_950, 243_700, 609_350),
        "trust": (3_100, 11_150, 15_200),
    },
    "long_breakpoints": {
        "single": (47_025, 518_900),
        "mfj": (94_050, 583_750),
        "mfs": (47_025, 291_850),
        "hoh": (63_000, 551_350),
        "trust": (3_150, 15_450),
    },
    "standard_deduction": {"single": 14_600, "mfj": 29_200, "mfs": 14_600, "hoh": 21_900, "trust": 0},
    "niit_threshold": {"single": 200_000, "mfj": 250_000, "mfs": 125_000, "hoh": 200_000, "trust": 15_200},
    "loss_limit": {"single": 3_000, "mfj": 3_000, "mfs": 1_500, "hoh": 3_000, "trust": 3_000},
    "amt_phase_out_from": {"single": 609_350, "mfj": 1_218_700, "mfs": 609_350, "hoh": 609_350},
    "amt_phase_out_rate": "0.25",
}
