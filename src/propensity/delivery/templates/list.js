"use strict";
(() => {
  const list = JSON.parse(document.getElementById("data").textContent);
  const by = (id) => document.getElementById(id);
  const SHELF = "propensity.outcomes/" + list.key;
  const STOP = "do_not_call";
  const WORDS = new Map(list.outcomes);
  const STATES = new Map([
    ["met", ["yes", "\u2713"]], ["not met", ["no", "\u2717"]], ["unknown", ["open-question", "?"]],
  ]);
  const WAYS = new Map([["inbound", ["them", "\u2190", "They: "]], ["outbound", ["us", "\u2192", "We: "]]]);

  // Everything that is shown is made here, as text: data never become markup.
  const make = (tag, className, ...inside) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    for (const part of inside) if (part !== null && part !== undefined) element.append(part);
    return element;
  };
  const words = (text) => {
    const element = document.createElement("bdi");
    element.textContent = text;
    return element;
  };
  const sign = (className, mark) => {
    const element = make("span", className, mark);
    element.setAttribute("aria-hidden", "true");
    return element;
  };
  // Whole numbers as on the rest of the page, whatever the language of the browser.
  const whole = (number) => number.toLocaleString("en-US");
  const unseen = (text) => make("span", "unseen", text);

  // What was marked: a map of lead to {outcome, note, on}, kept in the browser where it lets us.
  let kept = true;
  const read = () => {
    try {
      const found = JSON.parse(localStorage.getItem(SHELF) || "[]");
      const ours = found.filter(([id, mark]) => typeof id === "string" && mark && typeof mark === "object");
      return new Map(ours.map(([id, mark]) => [id, {
        outcome: WORDS.has(mark.outcome) ? mark.outcome : null,
        note: String(mark.note || ""),
        on: String(mark.on || ""),
      }]));
    } catch {
      return new Map();
    }
  };
  const marks = read();
  const write = () => {
    try {
      localStorage.setItem(SHELF, JSON.stringify([...marks]));
    } catch {
      kept = false;
      by("unkept").hidden = false;
    }
  };
  write();
  const done = (lead) => Boolean(marks.get(lead.id)?.outcome);

  const link = (address, scheme, label, shown) => {
    if (!address || !scheme.test(address)) return shown ? make("span", "soft", words(shown)) : null;
    const element = make("a", "", sign("", label[0]), words(shown));
    element.href = address;
    element.setAttribute("aria-label", `${label[1]} ${shown}`);
    return element;
  };

  const touch = (lead) => {
    if (marks.get(lead.id)?.outcome === STOP) return [make("span", "badge stop", "Do not call")];
    return [
      link(lead.tel, /^tel:\+?[0-9]+$/, ["\u260E\uFE0E", "Call"], lead.phone),
      link(lead.mail, /^mailto:[^?&\s]+$/, ["\u2709\uFE0E", "E-mail"], lead.email),
    ].filter(Boolean);
  };

  const reasons = (lead) => [
    ...lead.for.map((reason) => ["yes", "+", "For: ", reason]),
    ...(lead.against ? [["no", "\u2212", "Against: ", lead.against]] : []),
  ];

  const section = (className, title, ...inside) => make("section", className, make("h3", "", title), ...inside);

  const talk = (lead) => {
    const box = section("wide", "Say first");
    box.append(make("p", "say", words(lead.opening || "Nothing is known to mention.")));
    if (lead.question) {
      const ask = make("div", "say ask", /^ask\b/i.test(lead.question.text) ? null : make("strong", "", "Ask: "), words(lead.question.text));
      for (const [when, verdict, chance] of lead.question.answers) {
        ask.append(make("p", "answers", `${when}: `, words([verdict, chance].filter(Boolean).join(", "))));
      }
      box.append(ask);
    }
    return box;
  };

  const next = (lead) => {
    const box = section("", "Next action", make("p", "", make("strong", "cap", words(lead.action || "none"))));
    if (lead.because) box.append(make("p", "", "because: ", words(lead.because)));
    if (lead.onWords) box.append(make("p", "", `Follow up: ${lead.onWords}`));
    box.append(make("p", "", "How: ", words(lead.channel ? `${lead.channel}, which they answer` : "no channel has been answered yet")));
    return box;
  };

  const why = (lead) => {
    const items = reasons(lead).map(([className, mark, spoken, reason]) => make(
      "li", "", sign(className, mark),
      make("span", "", unseen(spoken), words(reason.text), reason.act ? make("span", "can", "can be acted on") : null),
    ));
    const box = section("", "Why here", make("ul", "why-list", ...items));
    box.append(make("p", "soft", words(`Probability ${lead.percent}${lead.range ? `, 95 % interval ${lead.range}` : ""}`), lead.evidence ? "; " : null, lead.evidence ? words(lead.evidence) : null));
    return box;
  };

  const card = (lead) => {
    const items = lead.criteria.map(([name, state, evidence, on]) => {
      const [className, mark] = STATES.get(state) || STATES.get("unknown");
      return make(
        "li", "", sign(className, mark), make("span", "", make("strong", "cap", name)),
        make("span", "", make("span", className, state), evidence ? ": " : null, evidence ? words(evidence) : null,
          on ? make("span", "on", ` (${on})`) : null),
      );
    });
    const verdict = make("p", "", "Verdict: ", make("strong", "", words(lead.verdict)));
    return section("two", "Qualification", make("ul", "card", ...items), verdict, make("p", "soft", words(lead.verdictBecause || "")));
  };

  const acts = (lead) => {
    if (!lead.acts.length) return section("", "Lately", make("p", "soft", "Nothing is known."));
    const items = lead.acts.map(([day, what, direction, channel, ago]) => {
      const [className, mark, spoken] = WAYS.get(direction) || ["soft", "\u00B7", ""];
      return make("li", "", sign(className, mark), make(
        "span", "", unseen(spoken), words(what), make("span", "when", ` ${[day, channel, ago].filter(Boolean).join(" \u00B7 ")}`)));
    });
    return section("", "Lately", make("ol", "acts", ...items));
  };

  const trend = (lead) => {
    if (!lead.trend) return null;
    const found = lead.trend;
    const was = found.was ? ` from ${found.was}${found.since ? ` on ${found.since}` : ""}` : "";
    const box = section("", "Since the last list", make("p", "", make("strong", "cap", words(found.word || "changed")), was ? `${was} to ${lead.percent}` : null));
    if (found.changed) box.append(make("p", "", words(found.changed)));
    if (found.parts.length) {
      box.append(make("dl", "facts", ...found.parts.flatMap(([label, by_]) => [make("dt", "", `By ${label}`), make("dd", "", by_)])));
    }
    return box;
  };

  const facts = (lead) => section("", "Facts", make(
    "dl", "facts", ...lead.facts.flatMap(([label, value]) => [make("dt", "", label), make("dd", "", words(value))])));

  const outcome = (lead, row) => {
    const box = make("fieldset", "outcome wide", make("legend", "", "What came of it"));
    const hint = make("p", "hint");
    hint.setAttribute("role", "status");
    const note = document.createElement("textarea");
    note.rows = 2;
    note.maxLength = 2000;
    note.value = marks.get(lead.id)?.note || "";
    const buttons = list.outcomes.map(([key, label]) => {
      const button = make("button", key === STOP ? "mark stop" : "mark", label);
      button.type = "button";
      button.dataset.outcome = key;
      return button;
    });
    const show = () => {
      const mark = marks.get(lead.id);
      for (const button of buttons) button.setAttribute("aria-pressed", String(mark?.outcome === button.dataset.outcome));
      if (mark?.outcome) hint.textContent = kept ? "Kept in this browser. Export it, so that it counts." : "Not kept by this browser: export it before you close the page.";
      else hint.textContent = mark?.note ? "Choose what came of it, so that the note is exported." : "";
    };
    const keep = (change) => {
      const mark = { outcome: null, note: "", on: "", ...marks.get(lead.id), ...change };
      mark.on = new Date().toISOString().replace(/\.\d+Z$/, "Z");
      if (!mark.outcome && !mark.note) marks.delete(lead.id);
      else marks.set(lead.id, mark);
      write();
      show();
      dress(lead, row);
      tally();
    };
    for (const button of buttons) {
      button.addEventListener("click", () => keep({
        outcome: marks.get(lead.id)?.outcome === button.dataset.outcome ? null : button.dataset.outcome,
      }));
    }
    note.addEventListener("input", () => keep({ note: note.value }));
    box.append(make("div", "marks", ...buttons), make("label", "", "Note", note), hint);
    show();
    return box;
  };

  const body = (lead, row) => {
    const panel = make("div", "body", talk(lead), next(lead), why(lead), trend(lead), acts(lead), card(lead), facts(lead), outcome(lead, row));
    panel.id = `lead-${lead.rank}`;
    return panel;
  };

  const sheet = (lead) => {
    const told = reasons(lead).map(([className, , , reason]) => [className, reason.text]);
    const side = (title, className) => {
      const found = told.filter(([which]) => which === className).map(([, text]) => text).join("; ");
      return found ? make("p", "", `${title}: `, words(found)) : null;
    };
    const boxes = make("p", "boxes", ...list.outcomes.map(([, label]) => make("span", "", `\u2610 ${label}`)));
    return make("div", "sheet", lead.opening ? make("p", "", "Say first: ", words(lead.opening)) : null,
      lead.question ? make("p", "", "Ask: ", words(lead.question.text)) : null, side("For", "yes"), side("Against", "no"), boxes);
  };

  // The rows: heads at once, what opens below them only when it is asked for.
  const rows = list.leads.map((lead) => {
    const name = make("button", "name", words(lead.name));
    name.type = "button";
    name.setAttribute("aria-expanded", "false");
    const who = make("div", "who", make("h2", "clamp", name));
    const place = [lead.title, lead.company].filter(Boolean);
    if (place.length) who.append(make("p", "soft clamp", words(place[0]), ...place.slice(1).flatMap((part) => [" \u00B7 ", words(part)])));
    const doing = make("p", "do", make("b", "", words(lead.action || "call")), lead.onWords ? ` \u00B7 today${lead.on <= list.today ? "" : `, follow up ${lead.onWords}`}` : null);
    doing.append(make("span", "soft clamp", words(lead.because || "")));
    const first = reasons(lead).filter(([className]) => className === "yes").slice(0, 2).map(([, , , reason]) => reason.text);
    const score = make("div", "score", make("span", `tier tier-${/^[A-Z]$/.test(lead.tier) ? lead.tier : "D"}`, unseen("Tier "), lead.tier), make("b", "", lead.percent));
    if (lead.explored) score.append(make("span", "badge", "try-out"));
    const reach = make("div", "touch");
    const head = make("div", "head", make("span", "rank", String(lead.rank)), who, score, doing,
      make("p", "why clamp", words(first.join("; "))), reach);
    const element = make("li", "lead", head, sheet(lead));
    const row = { lead, element, reach, name, panel: null, text: "" };
    row.text = [lead.id, lead.name, lead.title, lead.company, lead.email, lead.phone, lead.action, lead.because, lead.opening,
      ...reasons(lead).map(([, , , reason]) => reason.text), ...lead.facts.map(([, value]) => value)]
      .filter(Boolean).join("\n").toLowerCase();
    name.addEventListener("click", () => {
      const open = name.getAttribute("aria-expanded") !== "true";
      if (open && !row.panel) {
        row.panel = body(lead, row);
        head.after(row.panel);
        name.setAttribute("aria-controls", row.panel.id);
      }
      name.setAttribute("aria-expanded", String(open));
      row.panel.hidden = !open;
      element.classList.toggle("open", open);
    });
    return row;
  });

  function dress(lead, row) {
    const mark = marks.get(lead.id);
    row.element.classList.toggle("done", done(lead));
    row.reach.replaceChildren(...touch(lead));
    if (mark?.outcome && mark.outcome !== STOP) row.reach.append(make("span", "badge", WORDS.get(mark.outcome)));
  }

  function tally() {
    const count = list.leads.filter(done).length;
    by("progress").textContent = count ? `${whole(count)} of ${whole(list.leads.length)} marked` : "Nothing marked yet";
    by("bar").style.width = list.leads.length ? `${(100 * count) / list.leads.length}%` : "0";
    by("dock").hidden = count === 0;
    by("marked").textContent = `${whole(count)} outcome${count === 1 ? "" : "s"} marked`;
  }

  // Search, filter, sort.
  const chips = [...document.querySelectorAll(".chip")];
  const orders = {
    rank: (a, b) => a.rank - b.rank,
    probability: (a, b) => b.probability - a.probability,
    on: (a, b) => (a.on || "9").localeCompare(b.on || "9"),
    value: (a, b) => (b.value ?? -1) - (a.value ?? -1),
    name: (a, b) => a.name.localeCompare(b.name),
    company: (a, b) => (a.company || "\uFFFF").localeCompare(b.company || "\uFFFF"),
  };
  let order = "rank";
  function filter() {
    const sought = by("search").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const tiers = new Set(chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.tier));
    const action = by("action").value;
    const state = by("state").value;
    let count = 0;
    for (const { lead, element, text } of rows) {
      const fits = (!tiers.size || tiers.has(lead.tier)) && (!action || lead.action === action) &&
        (!state || done(lead) === (state === "done")) && sought.every((word) => text.includes(word));
      if (element.hidden === fits) element.hidden = !fits;
      if (fits) count += 1;
    }
    const narrowed = Boolean(sought.length || tiers.size || action || state);
    by("reset").disabled = !narrowed;
    by("count").textContent = narrowed ? `${whole(count)} of ${whole(rows.length)} leads` : `${whole(rows.length)} lead${rows.length === 1 ? "" : "s"}`;
    by("none").hidden = count > 0;
    by("none").textContent = rows.length ? "No lead fits. Clear the filters to see the whole list." : "There is nobody to call on this list.";
    const wanted = by("sort").value;
    if (wanted !== order) {
      order = wanted;
      const sorted = [...rows].sort((a, b) => orders[order](a.lead, b.lead) || a.lead.rank - b.lead.rank);
      by("leads").append(...sorted.map((row) => row.element));
    }
  }

  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      filter();
    });
  }
  by("search").addEventListener("input", filter);
  for (const id of ["action", "state", "sort"]) by(id).addEventListener("change", filter);
  by("reset").addEventListener("click", () => {
    for (const chip of chips) chip.setAttribute("aria-pressed", "false");
    for (const id of ["search", "action", "state"]) by(id).value = "";
    filter();
    by("search").focus();
  });
  by("more").addEventListener("click", () => {
    const open = document.querySelector(".tools").classList.toggle("more");
    by("more").setAttribute("aria-expanded", String(open));
  });
  by("print").addEventListener("click", () => print());

  // The file that `propensity feedback` reads. Cells that a spreadsheet would run get an apostrophe.
  const cell = (value) => {
    const text = /^\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const feedback = () => {
    const found = list.leads.filter(done).map((lead) => {
      const mark = marks.get(lead.id);
      return [lead.id, list.asOf || "", list.rep || "", mark.outcome, mark.on, mark.note];
    });
    return `\uFEFF${[list.header, ...found].map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
  };
  by("export").addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([feedback()], { type: "text/csv;charset=utf-8" }));
    const element = make("a", "");
    element.href = address;
    element.download = list.file;
    element.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    by("marked").textContent = `Exported to ${list.file}`;
  });

  // Rows of a long list are laid out when they come into view: showing them all again stays instant.
  by("leads").classList.toggle("long", rows.length > 150);
  for (const row of rows) dress(row.lead, row);
  by("leads").append(...rows.map((row) => row.element));
  tally();
  filter();
})();
