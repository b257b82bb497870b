"""The truth in plain Python, from the tables as anyone may read them: by enumeration of every hidden path, or by days."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import datetime, timedelta

MEANS = (0, 0, 0, 0, 1, 1, 1, 1)
ANSWERS = ("email_open", "email_click", "email_reply")
SPONTANEOUS = (
    "web_visit",
    "pricing_view",
    "content_download",
    "form_submit",
    "call_in",
    "meeting",
    "demo_request",
    "quote_request",
    "stated",
    "quote",
    "funding",
    "spend",
)
BUDGET_KINDS = ("stated", "quote", "funding", "spend")
KINDS = (*SPONTANEOUS, *ANSWERS, "email_sent", "call_answered", "call_unanswered")


def kind_of(row):
    if row["type"] == "call":
        if row["direction"] == "inbound":
            return "call_in"
        return "call_answered" if row["value"] > 0 else "call_unanswered"
    return row["type"]


class Oracle:
    """Reads a world's tables once; `hidden` gives only the laws, the calendar and the parameters of each lead."""

    def __init__(self, world, hidden):
        self.laws, self.calendar = hidden.laws, hidden.calendar
        self.prior = hidden.covariates.prior.tolist()
        self.fast_share = hidden.covariates.fast_share.tolist()
        self.fit = hidden.covariates.conversion_fit.tolist()
        self.late_fit = hidden.covariates.late_conversion_fit.tolist()
        self.unfit = hidden.covariates.disqualification_fit.tolist()
        prices = dict(
            zip(world.products["product"].to_pylist(), world.products["price"].to_pylist(), strict=True)
        )
        leads = world.leads.to_pylist()
        self.number = {lead["lead_id"]: index for index, lead in enumerate(leads)}
        self.price = [prices[lead["product"]] for lead in leads]
        self.created = [lead["created_at"] for lead in leads]
        self.facts = defaultdict(list)
        for row in world.activities.to_pylist():
            index = self.number.get(row["lead_id"])
            # The form by which a lead came in says nothing beyond its source.
            if index is not None and row["occurred_at"] != self.created[index]:
                self.facts[index].append((row["occurred_at"], row["recorded_at"], kind_of(row), None))
        for row in world.budgets.to_pylist():
            at = row["recorded_at"]
            self.facts[self.number[row["lead_id"]]].append((at, at, row["kind"], row["amount"]))

    def age_days(self, lead_id: str, as_of: datetime) -> int:
        return len(self.days(self.number[lead_id], as_of))

    def days(self, lead, as_of):
        first = self.created[lead].replace(hour=0, minute=0, second=0, microsecond=0)
        return [first + timedelta(days=day) for day in range((as_of - first).days)]

    def level(self, day):
        weekend = day.weekday() >= 5
        season = 1 + self.laws.season_amplitude * math.cos(
            2 * math.pi * (day.timetuple().tm_yday - 20) / 365.25
        )
        return (self.laws.weekend_activity if weekend else 1.0), season * (
            self.laws.weekend_decision if weekend else 1.0
        )

    def hazards(self, lead, day):
        late = (day - self.calendar.start).days >= (self.calendar.end - self.calendar.start).days * 2 // 3
        scale = self.late_fit[lead] * self.laws.drift_convert if late else self.fit[lead]
        scale *= self.level(day)[1]
        convert = [min(float(h) * scale, 0.5) for h in self.laws.convert]
        reject = [min(float(h) * self.unfit[lead], 0.2) for h in self.laws.disqualify]
        return convert, reject

    def moves(self, lead):
        share = self.fast_share[lead]
        return [
            [
                (1 - share) * float(self.laws.slow[i, j]) + share * float(self.laws.fast[i, j])
                for j in range(4)
            ]
            for i in range(4)
        ]

    def pressure(self, lead, day):
        sent = [
            at for at, _, kind, _ in self.facts[lead] if kind == "email_sent" and at < day + timedelta(days=1)
        ]
        return sum(
            self.laws.pressure_decay ** (day - at.replace(hour=0, minute=0, second=0)).days for at in sent
        )

    def likelihood(self, lead, day, as_of):
        """P(what is recorded before as_of of what happened on `day` | state), up to a constant."""
        activity, pressure = self.level(day)[0], self.pressure(lead, day)
        seen = [
            (kind, amount)
            for occurred, recorded, kind, amount in self.facts[lead]
            if day <= occurred < day + timedelta(days=1) and occurred < as_of and recorded < as_of
        ]
        return [
            self._state_likelihood(lead, state, activity, pressure, seen, (as_of - day).days)
            for state in range(8)
        ]

    def _state_likelihood(self, lead, state, activity, pressure, seen, age):
        out = 1.0
        for row, kind in enumerate((*SPONTANEOUS, *ANSWERS)):
            recorded = sum(float(p) for p in self.laws.lag[row][:age])
            mean = float(self.laws.rates[row, state]) * recorded * (pressure if kind in ANSWERS else activity)
            count = sum(1 for name, _ in seen if name == kind)
            out *= math.exp(-mean) * mean**count / math.factorial(count)
        for kind, amount in seen:
            answered = float(self.laws.call_answered[state])
            if kind == "call_answered":
                out *= answered
            elif kind == "call_unanswered":
                out *= 1 - answered
            elif kind in BUDGET_KINDS:
                row = BUDGET_KINDS.index(kind)
                sd = float(self.laws.amount_log_sd[row])
                gap = math.log(amount / self.price[lead]) - float(
                    self.laws.amount_log_mean[row, MEANS[state]]
                )
                out *= math.exp(-0.5 * (gap / sd) ** 2) / sd
        return out

    def weights(self, lead, as_of):
        """Per past day and state: likelihood of the facts times that of staying open."""
        out = []
        for day in self.days(lead, as_of):
            convert, reject = self.hazards(lead, day)
            seen = self.likelihood(lead, day, as_of)
            born = not out
            out.append([seen[s] * (1.0 if born else 1.0 - convert[s] - reject[s]) for s in range(8)])
        return out

    def by_paths(self, lead_id, as_of, horizon_days):
        """Sum over every path of interest and both means: for leads a few days old."""
        lead = self.number[lead_id]
        moves, past = self.moves(lead), self.weights(lead, as_of)
        future = [self.hazards(lead, as_of + timedelta(days=day)) for day in range(horizon_days)]
        total = [0.0, 0.0]

        def walk(step, state, weight):
            if step == len(past):
                total[0] += weight
            if step >= len(past):
                convert, reject = future[step - len(past)]
                total[1] += weight * convert[state]
                weight *= 1 - convert[state] - reject[state]
                if step + 1 == len(past) + horizon_days:
                    return
            else:
                weight *= past[step][state]
            base = state // 4 * 4
            for interest in range(4):
                if moves[state - base][interest] > 0:
                    walk(step + 1, base + interest, weight * moves[state - base][interest])

        for state in range(8):
            walk(0, state, self.prior[lead][state])
        return total[1] / total[0]

    def by_days(self, lead_id, as_of, horizon_days):
        """Recurse forward over days, for leads of any age."""
        lead = self.number[lead_id]
        moves = self.moves(lead)

        def move(belief):
            return [sum(belief[s // 4 * 4 + i] * moves[i][s % 4] for i in range(4)) for s in range(8)]

        belief = self.prior[lead]
        for step, weight in enumerate(self.weights(lead, as_of)):
            belief = [b * w for b, w in zip(belief if step == 0 else move(belief), weight, strict=True)]
            belief = [b / sum(belief) for b in belief]
        found = 0.0
        for day in range(horizon_days):
            convert, reject = self.hazards(lead, as_of + timedelta(days=day))
            belief = move(belief)
            found += sum(b * c for b, c in zip(belief, convert, strict=True))
            belief = [b * (1 - c - r) for b, c, r in zip(belief, convert, reject, strict=True)]
        return found
