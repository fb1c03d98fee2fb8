"""
State figures of 2025, as data: flat marginal rates, the top of the schedule where a state has brackets.

Defaults to verify, not advice: compiled from general knowledge of the states' published rates, not checked form by
form. `short` and `long` stand where gains have rates of their own; `long_exclusion` is the part of long-term gains left
out; `lower` is the rate met up to an income of `lower_to` (single, joint); `carries` and `offsets` say whether losses
are carried on and set against other income; `surtax_on` says what lies above `surtax_from`. Local taxes
are not in these figures.
"""

from typing import Any, Final

STATES: Final[dict[str, Any]] = {
    "year": 2025,
    "source": "Compiled state rates of 2025: defaults to verify",
    "states": {
        "AK": {"name": "Alaska"},
        "AL": {"name": "Alabama", "rate": "0.05"},
        "AR": {
            "name": "Arkansas",
            "rate": "0.039",
            "long_exclusion": "0.50",
            "note": "Half of net long-term gains is left out; gains above $10 million wholly.",
        },
        "AZ": {
            "name": "Arizona",
            "rate": "0.025",
            "long_exclusion": "0.25",
            "note": "25% of long-term gains on assets bought after 2011 is left out.",
        },
        "CA": {
            "name": "California",
            "rate": "0.123",
            "lower": "0.093",
            "lower_to": (360_000, 720_000),
            "surtax": "0.01",
            "surtax_from": 1_000_000,
            "surtax_on": "income",
            "note": "1% more on taxable income above $1 million.",
        },
        "CO": {"name": "Colorado", "rate": "0.044"},
        "CT": {"name": "Connecticut", "rate": "0.0699"},
        "DC": {
            "name": "District of Columbia",
            "rate": "0.1075",
            "lower": "0.085",
            "lower_to": (250_000, 250_000),
            "note": "Top bracket above $1 million.",
        },
        "DE": {"name": "Delaware", "rate": "0.066"},
        "FL": {"name": "Florida"},
        "GA": {"name": "Georgia", "rate": "0.0519"},
        "HI": {"name": "Hawaii", "rate": "0.11", "long": "0.0725", "note": "Long-term gains are capped at 7.25%."},
        "IA": {"name": "Iowa", "rate": "0.038"},
        "ID": {"name": "Idaho", "rate": "0.053"},
        "IL": {"name": "Illinois", "rate": "0.0495"},
        "IN": {"name": "Indiana", "rate": "0.03"},
        "KS": {"name": "Kansas", "rate": "0.0558"},
        "KY": {"name": "Kentucky", "rate": "0.04"},
        "LA": {"name": "Louisiana", "rate": "0.03"},
        "MA": {
            "name": "Massachusetts",
            "rate": "0.05",
            "short": "0.085",
            "surtax": "0.04",
            "surtax_from": 1_083_150,
            "surtax_on": "income",
            "note": "Short-term gains 8.5%; 4% more on income above the threshold, which is indexed.",
        },
        "MD": {
            "name": "Maryland",
            "rate": "0.065",
            "lower": "0.0575",
            "lower_to": (500_000, 600_000),
            "surtax": "0.02",
            "surtax_from": 350_000,
            "surtax_on": "gains_above_income",
            "note": (
                "2% more on net gains where federal AGI exceeds $350,000. County tax comes on top and is not in "
                "these figures."
            ),
        },
        "ME": {"name": "Maine", "rate": "0.0715"},
        "MI": {"name": "Michigan", "rate": "0.0425"},
        "MN": {
            "name": "Minnesota",
            "rate": "0.0985",
            "lower": "0.0785",
            "lower_to": (198_000, 330_000),
            "surtax": "0.01",
            "surtax_from": 1_000_000,
            "surtax_on": "investment_income",
            "note": "1% more on net investment income above $1 million.",
        },
        "MO": {
            "name": "Missouri",
            "rate": "0.047",
            "short": "0",
            "long": "0",
            "note": "Capital gains of individuals are left out from 2025.",
        },
        "MS": {"name": "Mississippi", "rate": "0.044"},
        "MT": {
            "name": "Montana",
            "rate": "0.059",
            "long": "0.041",
            "note": "Net long-term gains have brackets of their own, 3% and 4.1%.",
        },
        "NC": {"name": "North Carolina", "rate": "0.0425"},
        "ND": {
            "name": "North Dakota",
            "rate": "0.025",
            "long_exclusion": "0.40",
            "note": "40% of net long-term gains is left out.",
        },
        "NE": {"name": "Nebraska", "rate": "0.052"},
        "NH": {"name": "New Hampshire"},
        "NJ": {
            "name": "New Jersey",
            "rate": "0.1075",
            "lower": "0.0637",
            "lower_to": (500_000, 500_000),
            "carries": False,
            "offsets": False,
            "note": "Losses count only against gains of the year: none is carried on.",
        },
        "NM": {
            "name": "New Mexico",
            "rate": "0.059",
            "note": "Only the first $2,500 of net gains is left out from 2025, which these figures ignore.",
        },
        "NV": {"name": "Nevada"},
        "NY": {
            "name": "New York",
            "rate": "0.109",
            "lower": "0.0685",
            "lower_to": (1_077_550, 2_155_350),
            "note": "New York City comes on top and is not in these figures.",
        },
        "OH": {"name": "Ohio", "rate": "0.03125", "note": "Top bracket of 2025, above $100,000."},
        "OK": {"name": "Oklahoma", "rate": "0.0475"},
        "OR": {
            "name": "Oregon",
            "rate": "0.099",
            "lower": "0.0875",
            "lower_to": (125_000, 250_000),
            "note": "Local taxes of the Portland area come on top and are not in these figures.",
        },
        "PA": {
            "name": "Pennsylvania",
            "rate": "0.0307",
            "carries": False,
            "offsets": False,
            "note": "Losses count only against gains of the year: none is carried on.",
        },
        "RI": {"name": "Rhode Island", "rate": "0.0599"},
        "SC": {
            "name": "South Carolina",
            "rate": "0.06",
            "long_exclusion": "0.44",
            "note": "44% of net long-term gains is left out.",
        },
        "SD": {"name": "South Dakota"},
        "TN": {"name": "Tennessee"},
        "TX": {"name": "Texas"},
        "UT": {"name": "Utah", "rate": "0.045"},
        "VA": {"name": "Virginia", "rate": "0.0575"},
        "VT": {"name": "Vermont", "rate": "0.0875", "note": "The 40% exclusion is not for publicly traded securities."},
        "WA": {
            "name": "Washington",
            "long": "0.07",
            "long_from": 278_000,
            "note": "Long-term gains above the yearly deduction only; 9.9% where more than $1 million is taxable.",
            "surtax": "0.029",
            "surtax_from": 1_278_000,
            "surtax_on": "long_gains",
        },
        "WI": {
            "name": "Wisconsin",
            "rate": "0.0765",
            "lower": "0.053",
            "lower_to": (323_000, 431_000),
            "long_exclusion": "0.30",
            "note": (
                "30% of net long-term gains is left out. At most $500 of net loss counts against other income; "
                "these figures follow the federal limit."
            ),
        },
        "WV": {"name": "West Virginia", "rate": "0.0482"},
        "WY": {"name": "Wyoming"},
    },
}
