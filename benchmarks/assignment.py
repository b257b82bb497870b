"""How far the greedy spread of leads over reps is from the optimum, on drawn companies.

    .venv/bin/python benchmarks/assignment.py --companies 30 --leads 400 --reps 8

The optimum is the largest sum of probabilities under the same capacities, territories and ownership, with one rep per account: a
mixed integer program, solved by HiGHS through scipy. Printed: the sum that the greedy rule reaches, as a share of the optimum, and how
evenly reps of the same territory fare. Companies are drawn anew from each seed; territories overlap, and some reps take everything.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict

import numpy as np
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csr_array

from propensity.config.lists import ListsConfig
from propensity.scoring.assign import Candidate, Place, Reps, assign

COUNTRIES = ("DE", "FR", "ES", "IT", "NL", "PL")
GAP = 1e-6


def company(seed: int, leads: int, reps: int) -> tuple[list[Candidate], np.ndarray, ListsConfig]:
    """Leads by falling probability, their probabilities, and the reps: half of the places that the leads would fill."""
    rng = np.random.default_rng(seed)
    probability = np.sort(rng.beta(0.6, 9, leads))[::-1]
    accounts = rng.integers(0, int(leads * 0.8), leads)
    # A company sits in one country.
    country = rng.integers(len(COUNTRIES), size=leads)[accounts]
    people = [
        Candidate(
            f"L{number}",
            f"account {accounts[number]}",
            f"rep {rng.integers(reps)}" if rng.random() < 0.3 else None,
            (COUNTRIES[country[number]], None, None, None, None),
        )
        for number in range(leads)
    ]
    capacity = max(1, leads // (2 * reps))
    tree = [
        {
            "name": f"rep {number}",
            "capacity": int(rng.integers(max(1, capacity // 2), 2 * capacity)),
            "territory": {}
            if rng.random() < 0.25
            else {"country": rng.choice(COUNTRIES, rng.integers(1, 4), replace=False).tolist()},
        }
        for number in range(reps)
    ]
    return people, probability, ListsConfig.model_validate({"reps": tree, "ownership": "prefer"})


def optimum(people: list[Candidate], probability: np.ndarray, reps: Reps) -> float:
    """The largest sum of probabilities: x[lead, rep] for who may call whom, y[account, rep] for whose account it is.

    Who may take one lead of an account may take its others: an owner's account follows the owner.
    """
    may: dict[str, set[int]] = defaultdict(set)
    for lead in people:
        may[lead.unit] |= {rep for group in reps.choices(lead) for rep in group}
    calls = [(i, r) for i, lead in enumerate(people) for r in sorted(may[lead.unit])]
    owners = sorted({(people[i].unit, r) for i, r in calls})
    where = {pair: len(calls) + place for place, pair in enumerate(owners)}
    size = len(calls) + len(owners)
    rows: list[tuple[dict[int, float], float]] = []
    by_lead, by_rep, by_unit = defaultdict(list), defaultdict(list), defaultdict(list)
    for place, (i, r) in enumerate(calls):
        by_lead[i].append(place)
        by_rep[r].append(place)
        rows.append(({place: 1.0, where[people[i].unit, r]: -1.0}, 0.0))
    for unit, r in owners:
        by_unit[unit].append(where[unit, r])
    rows += [(dict.fromkeys(places, 1.0), 1.0) for places in (*by_lead.values(), *by_unit.values())]
    rows += [(dict.fromkeys(places, 1.0), float(reps.capacities[r])) for r, places in by_rep.items()]
    column = [c for cells, _ in rows for c in cells]
    value = [v for cells, _ in rows for v in cells.values()]
    start = np.cumsum([0, *(len(cells) for cells, _ in rows)])
    matrix = csr_array((value, column, start), shape=(len(rows), size))
    worth = np.zeros(size)
    worth[: len(calls)] = [-probability[i] for i, _ in calls]
    found = milp(
        worth,
        constraints=LinearConstraint(matrix, ub=[most for _, most in rows]),
        integrality=np.ones(size),
        bounds=(0, 1),
        options={"mip_rel_gap": GAP, "time_limit": 120},
    )
    assert found.success, found.message
    return -found.fun


def worth(places: list[Place], probability: np.ndarray) -> float:
    """The sum of probabilities of those who are listed."""
    return float(sum(p for p, place in zip(probability, places, strict=True) if place.rep is not None))


def main() -> None:
    """Print a line a company, then the spread."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--companies", type=int, default=30)
    parser.add_argument("--leads", type=int, default=400)
    parser.add_argument("--reps", type=int, default=8)
    asked = parser.parse_args()
    shares: list[float] = []
    for seed in range(asked.companies):
        people, probability, rules = company(seed, asked.leads, asked.reps)
        reps = Reps(rules)
        began = time.process_time()
        greedy = worth(assign(people, reps, rules), probability)
        took = time.process_time() - began
        best = optimum(people, probability, reps)
        shares.append(greedy / best)
        print(
            f"company {seed:3}: greedy {greedy:7.3f}, optimum {best:7.3f}, share {shares[-1]:.4f}, greedy took {took * 1e3:.1f} ms"
        )
    print(
        f"share of the optimum over {asked.companies} companies of {asked.leads} leads and {asked.reps} reps: "
        f"mean {statistics.mean(shares):.4f}, lowest {min(shares):.4f}"
    )


if __name__ == "__main__":
    main()
