// The auctions page: state from the server, kept current by the live stream, or by asking where there is no stream.
// The countdown runs by the server's clock: every answer and every event says what time it is there.
"use strict";
(() => {
  const state = JSON.parse(document.getElementById("auctions-state").textContent);
  const room = document.getElementById("auctions");
  const live = document.getElementById("live");
  const none = document.getElementById("none");
  const heading = document.querySelector("main h1");
  const picker = document.getElementById("character");
  const sessions = new Map();
  const cards = new Map();
  const mine = new Set(); // sessions I have bid in, to tell "outbid" from "not bid"
  let offset = null; // server clock minus this machine's, in milliseconds
  let polling = 0;

  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const points = (value) => String(value).replace(/\.00$/, "");
  const now = () => Date.now() + (offset ?? 0);
  const hear = (time) => {
    // What came by the shortest way says the time best: it can only be late, never early.
    if (!time) return;
    const seen = Date.parse(time) - Date.now();
    offset = offset === null ? seen : Math.max(offset, seen);
  };

  // A request that did not get through is sent once more, by the same key, so that what was done counts once.
  async function reach(path, options) {
    try { return await fetch(path, options); } catch { await new Promise((next) => { setTimeout(next, 1000); }); }
    try { return await fetch(path, options); } catch {
      lost();
      const done = options.method === "POST" ? " It may have been done or not: look here again when the connection is back." : "";
      throw new Error(`The server cannot be reached.${done}`);
    }
  }
  async function ask(path, body) {
    const options = { headers: { Accept: "application/json" }, credentials: "same-origin" };
    if (body !== undefined) {
      options.method = "POST";
      options.body = JSON.stringify(body);
      Object.assign(options.headers, {
        "Content-Type": "application/json",
        "X-CSRFToken": room.dataset.token,
        "Idempotency-Key": `${Date.now()}-${Math.random().toString(36).slice(2)}`,
      });
    }
    const answer = await reach(path, options);
    // What stands between us and the server answers in HTML.
    const data = await answer.json().catch(() => null);
    if (!answer.ok) {
      const refused = new Error(data?.errors?.[0]?.detail || `The server answered ${answer.status}.`);
      throw Object.assign(refused, { code: data?.errors?.[0]?.code, figures: data?.errors?.[0]?.figures });
    }
    return data;
  }

  // -- the balances ---------------------------------------------------------------------------------------------
  function showBalances(pools) {
    state.pools = pools;
    const box = document.getElementById("balances");
    box.replaceChildren(...pools.map((pool) => {
      const row = make("div", "bidder-balance");
      row.dataset.pool = pool.dkp_pool_id;
      for (const [label, name] of [["", "dkp_pool"], ["Balance", "balance"], ["Held", "held"], ["Available", "available"]]) {
        const part = make("span", name === "available" ? "free" : "", label ? `${label} ` : "");
        part.append(make("b", name, name === "dkp_pool" ? pool[name] : points(pool[name])));
        row.append(part);
      }
      return row;
    }));
    for (const session of sessions.values()) draw(session);
  }
  let balancesTimer = 0;
  function refreshBalances() {
    if (balancesTimer) return;
    balancesTimer = setTimeout(async () => {
      balancesTimer = 0;
      try {
        const mineNow = await ask("/api/bidding/me/");
        takeOwn(mineNow.bids);
        showBalances(mineNow.pools);
      } catch { /* the next event asks again */ }
    }, 150);
  }
  function takeOwn(bids) {
    // It names the bids in auctions that run; how one that is over ended is known.
    const mineNow = new Map(bids.map((one) => [one.bid_session_id, one]));
    for (const session of sessions.values()) {
      if (isRunning(session) && !ended(session)) session.own_bid = mineNow.get(session.bid_session_id) ?? null;
    }
  }

  // -- one auction ----------------------------------------------------------------------------------------------
  const isRunning = (session) => session.status === "open";
  const ended = (session) => isRunning(session) && !session.paused && Date.parse(session.ends_at) <= now();

  function card(session) {
    const node = make("article", "lot");
    node.dataset.session = session.bid_session_id;
    const head = make("div", "lot-head");
    const title = make("h2");
    const link = make("a");
    link.href = `/auctions/${session.bid_session_id}/`;
    title.append(link);
    head.append(title, make("span", "clock"));
    const run = make("div", "run");
    run.append(make("i"));
    const tags = make("div", "chips-line small quiet");
    const leads = make("ul", "leads");
    leads.setAttribute("aria-live", "polite");
    const said = make("p", "said");
    said.setAttribute("role", "status");
    node.append(head, run, tags, leads);
    const parts = { node, link, clock: head.lastChild, bar: run.firstChild, tags, leads, said };
    if (state.me.may_bid) node.append(bidRow(session, parts), parts.short);
    node.append(said);
    if (state.me.officer) { parts.run = make("div", "run-row"); node.append(parts.run); }
    return parts;
  }

  function bidRow(session, parts) {
    const id = session.bid_session_id;
    const row = make("div", "bid-row");
    parts.step = make("button", "", "Bid");
    parts.step.type = "button";
    parts.step.dataset.act = "step";
    parts.step.addEventListener("click", () => bid(id, { steps: 1 }));
    parts.allIn = make("button", "second", "All in");
    parts.allIn.type = "button";
    parts.allIn.dataset.act = "all-in";
    parts.allIn.addEventListener("click", () => {
      if (confirm(`All in on ${session.item_name}: ${points(spendable(sessions.get(id)))} points?`)) bid(id, { all_in: true });
    });
    const form = make("form");
    parts.amount = make("input");
    parts.amount.inputMode = "decimal";
    parts.amount.placeholder = "amount";
    parts.amount.setAttribute("aria-label", `Amount to bid on ${session.item_name}`);
    parts.send = make("button", "second", "Bid it");
    form.append(parts.amount, parts.send);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (parts.amount.value.trim()) bid(id, { amount: parts.amount.value.trim() });
    });
    row.append(parts.step, parts.allIn, form);
    parts.row = row;
    parts.short = make("p", "short-of small quiet");
    return row;
  }

  const myLead = (session) => session.leading.find((one) => one.user_id === state.me.user_id);
  // What can be bid is what the pool with the least has left, with what one's own bid here holds of it.
  function limiting(session) { return session.dkp_pool_ids.filter((id) => !state.pools_without_limit.includes(id)); }
  function spendable(session) {
    const own = session.mode === "open" ? myLead(session) : session.own_bid;
    const pools = limiting(session).length ? limiting(session) : session.dkp_pool_ids;
    const free = pools.map((id) => Number(state.pools.find((pool) => pool.dkp_pool_id === id)?.available ?? 0));
    return (Math.min(...free) + Number(own?.amount ?? 0)).toFixed(2);
  }
  const reaches = (session, amount) => !limiting(session).length || Number(spendable(session)) >= Number(amount);

  // Whoever works by keyboard goes on where they were: what is taken away, or is not to be pressed now, hands the focus to what
  // stands in its place.
  function focusIn(parts) { return parts.node.contains(document.activeElement) ? document.activeElement : null; }
  function holdFocus(parts, held) {
    const at = document.activeElement;
    if (!held || parts.busy || (at && at !== document.body && !at.disabled)) return;
    const label = held.dataset.run;
    const others = label ? Array.from(parts.run.children).sort((one, other) => (other.dataset.run === label) - (one.dataset.run === label)) : [parts.amount];
    [held, ...others, parts.link].find((one) => one?.isConnected && !one.disabled && one.offsetParent)?.focus({ preventScroll: true });
  }

  async function bid(id, what) {
    const parts = cards.get(id);
    parts.held = focusIn(parts);
    parts.busy = true;
    parts.row.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    try {
      const body = { bid_session_id: id, ...what };
      if (picker) body.character_name = picker.value;
      const placed = await ask("/api/bidding/place-bid/", body);
      mine.add(id);
      hear(placed.server_time);
      say(parts, `Your bid of ${points(placed.amount)} is in. ${points(placed.available_after)} left.`, "good");
      if (parts.amount) parts.amount.value = "";
    } catch (error) {
      const sealed = sessions.get(id)?.mode !== "open";
      const question = `You have bid ${points(error.figures?.standing_amount ?? "more")}. Lower it to ${points(error.figures?.amount ?? "")}?`;
      if (error.code === "lower_than_standing" && sealed && !what.replace) {
        if (confirm(question)) return bid(id, { ...what, replace: true });
        say(parts, `Your bid of ${points(error.figures?.standing_amount ?? "before")} stays as it was.`);
      } else say(parts, error.message, "bad");
    }
    parts.busy = false;
    if (sessions.has(id)) draw(sessions.get(id));
    refreshBalances();
  }
  const say = (parts, words, how = "") => { parts.said.textContent = words; parts.said.className = `said ${how}`; };

  function draw(session) {
    const id = session.bid_session_id;
    let parts = cards.get(id);
    if (!parts) { parts = card(session); cards.set(id, parts); }
    const held = focusIn(parts) || parts.held;
    parts.link.textContent = session.item_name + (session.quantity > 1 ? ` × ${session.quantity}` : "");
    const reference = session.price_reference || {};
    // “open” alone would read as if the auction were running.
    const facts = [{ open: "open bids", sealed: "sealed bids", second_price: "sealed bids, second price", roll: "rolls, free" }[session.mode]];
    const isRoll = session.mode === "roll";
    facts.push(`${session.bids_count} ${isRoll ? "roll" : "bid"}${session.bids_count === 1 ? "" : "s"}`);
    if (reference.median) facts.push(`usually ${points(reference.median)} (${points(reference.minimum)}–${points(reference.maximum)}${reference.trend && reference.trend !== "steady" ? `, ${reference.trend}` : ""})`);
    parts.tags.textContent = facts.join(" · ");
    const rows = isRunning(session) ? session.leading : session.winners;
    parts.leads.replaceChildren(...rows.map((one) => {
      const line = make("li", one.user_id === state.me.user_id ? "me" : "");
      line.append(make("span", "who", one.character_name || one.display_name), make("b", "amount", isRoll ? "free" : points(one.amount)));
      return line;
    }));
    if (!rows.length) {
      const ranges = (session.roll_tiers || []).map((tier) => `/random ${tier.high}${tier.name ? ` (${tier.name})` : ""}`).join(", ");
      const words = isRunning(session) && isRoll ? ranges : isRunning(session) ? (session.mode === "open" ? `From ${points(session.minimum_bid)}` : "Bids are sealed") : "Nobody";
      parts.leads.append(make("li", "quiet", words));
    }
    if (session.own_bid && !rows.some((one) => one.user_id === state.me.user_id)) {
      const sealed = session.mode !== "open";
      const line = make("li", sealed ? "me" : "");
      const words = sealed && isRunning(session) ? "Your bid, seen by you alone" : isRunning(session) ? "Your bid, outbid" : "Your bid";
      line.append(make("span", "who", words), make("b", "amount own", points(session.own_bid.amount)));
      if (sealed && isRunning(session)) {
        const change = make("a", "small", "change or take back");
        change.href = `/auctions/${id}/#own`;
        line.append(change);
      }
      parts.leads.append(line);
    }
    const lead = myLead(session);
    if (lead || session.own_bid) mine.add(id);
    const open = session.mode === "open" && isRunning(session);
    parts.node.classList.toggle("leading", Boolean(open && lead));
    parts.node.classList.toggle("outbid", Boolean(open && !lead && mine.has(id)));
    if (parts.row) {
      parts.row.hidden = isRoll || !isRunning(session) || session.paused || ended(session);
      parts.step.hidden = session.mode !== "open";
      const next = lead ? (Number(lead.amount) + Math.max(Number(session.increment), 0.01)).toFixed(2) : session.next_bid;
      const enough = reaches(session, next);
      const least = reaches(session, session.minimum_bid) && !(open && lead && !reaches(session, Number(lead.amount) + 0.01));
      parts.step.textContent = `${lead ? "Raise to" : "Bid"} ${points(next)}`;
      parts.step.disabled = parts.busy || !enough;
      parts.allIn.textContent = `All in ${points(spendable(session))}`;
      parts.allIn.disabled = parts.busy || !least;
      parts.send.disabled = parts.busy || !least;
      const short = session.mode === "open" ? !enough : !least;
      const wanted = session.mode === "open" ? `the next bid is ${points(next)}` : `the least bid is ${points(session.minimum_bid)}`;
      parts.short.textContent = short ? `You have ${points(spendable(session))} for this; ${wanted}.` : "";
      parts.short.hidden = !short || parts.row.hidden;
    }
    if (parts.run) drawRunRow(session, parts);
    tick(session, parts);
    arrange();
    holdFocus(parts, held);
    if (!parts.busy) parts.held = null;
  }

  function drawRunRow(session, parts) {
    const id = session.bid_session_id;
    const act = (label, path, body, sure) => {
      const button = make("button", "second small", label);
      button.type = "button";
      button.dataset.run = label;
      button.addEventListener("click", async () => {
        if (parts.isRun || (sure && !confirm(sure))) return;
        parts.isRun = true;
        button.setAttribute("aria-disabled", "true");
        try {
          const answer = await ask(path, body);
          if (answer.bid_session_id) take(answer);
          else take(await ask(`/api/bidding/${id}/`));
          say(parts, "Done.", "good");
        } catch (error) { say(parts, error.message, "bad"); }
        parts.isRun = false;
        button.removeAttribute("aria-disabled");
      });
      return button;
    };
    const base = `/api/bidding/${id}`;
    const buttons = [];
    if (isRunning(session)) {
      buttons.push(session.paused ? act("Go on", `${base}/resume/`, {}) : act("Pause", `${base}/pause/`, {}));
      buttons.push(act("30 s more", `${base}/extend/`, { seconds: 30 }));
      buttons.push(act("Close now", "/api/bidding/close-bid/", { bid_session_id: id }));
    }
    const waiting = session.winners.filter((one) => one.state === "won");
    if (session.status === "closed" && waiting.length) {
      buttons.push(act("Award", "/api/bidding/award-item/", { bid_session_id: id }));
      for (const one of waiting) {
        buttons.push(act(`${one.character_name || one.display_name} passes`, `${base}/pass/`, { winner_user_id: one.user_id }));
      }
    }
    if (isRunning(session) || session.status === "closed") {
      buttons.push(act("Cancel", `${base}/cancel/`, {}, `Call off the auction of ${session.item_name}? Every bid is freed.`));
    }
    const key = JSON.stringify([session.status, session.paused, waiting]);
    if (parts.run.dataset.key !== key) { parts.run.dataset.key = key; parts.run.replaceChildren(...buttons); }
  }

  function tick(session, parts) {
    const end = Date.parse(session.ends_at);
    const left = (end - now()) / 1000;
    let words, kind = "";
    if (session.status === "cancelled") { words = "cancelled"; kind = "over"; }
    else if (session.status === "awarded") { words = "awarded"; kind = "over"; }
    else if (!isRunning(session)) { words = session.rot ? "rot" : "closed"; kind = "over"; }
    else if (session.paused) { words = "paused"; kind = "paused"; }
    else if (left <= 0) { words = "closing"; kind = "over"; }
    else {
      const whole = Math.ceil(left);
      const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60, seconds = String(whole % 60).padStart(2, "0");
      words = hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
      kind = left <= 10 ? "soon" : "";
    }
    if (parts.clock.textContent !== words) parts.clock.textContent = words;
    parts.clock.className = `clock ${kind}`;
    const span = (end - Date.parse(session.started_at)) / 1000;
    parts.bar.style.transform = `scaleX(${isRunning(session) ? Math.max(0, Math.min(1, left / span)) : 0})`;
    if (parts.row && ended(session)) parts.row.hidden = parts.short.hidden = true;
  }

  function arrange() {
    const order = [...sessions.values()].sort((one, other) =>
      Number(isRunning(other)) - Number(isRunning(one)) || Date.parse(one.ends_at) - Date.parse(other.ends_at)
      || one.bid_session_id.localeCompare(other.bid_session_id));
    const nodes = order.map((session) => cards.get(session.bid_session_id)?.node).filter(Boolean);
    const held = room.contains(document.activeElement) ? document.activeElement : null;
    nodes.forEach((node, place) => { if (room.children[place] !== node) room.insertBefore(node, room.children[place] || null); });
    while (room.children.length > nodes.length) room.lastChild.remove();
    if (held && held !== document.activeElement) (held.isConnected ? held : heading).focus({ preventScroll: true });
    none.hidden = nodes.length > 0;
  }

  function take(session) {
    hear(session.server_time);
    const before = sessions.get(session.bid_session_id);
    if (!("own_bid" in session)) session.own_bid = before?.own_bid ?? null;
    if (before && isRunning(before) && !isRunning(session)) say(cards.get(session.bid_session_id), "");
    sessions.set(session.bid_session_id, session);
    draw(session);
    const gone = ["awarded", "cancelled"].includes(session.status) || session.rot;
    if (gone) {
      setTimeout(() => {
        const latest = sessions.get(session.bid_session_id);
        if (latest && !isRunning(latest) && latest.status === session.status) {
          sessions.delete(session.bid_session_id);
          cards.delete(session.bid_session_id);
          arrange();
        }
      }, 8000);
    }
  }
  function takeAll(list) {
    const kept = new Set(list.map((session) => session.bid_session_id));
    for (const id of [...sessions.keys()]) if (!kept.has(id) && isRunning(sessions.get(id))) { sessions.delete(id); cards.delete(id); }
    list.forEach(take);
    arrange();
  }

  // -- the stream, and asking where there is none ------------------------------------------------------------------
  let source = null;
  let asking = "Asking every few seconds"; // what is said while there is no stream
  const tell = (words, how) => { live.textContent = words; live.dataset.state = how; };
  const isLive = () => { stopPolling(); tell("Live", "live"); };
  // A request failed: the stream may not have noticed yet, and must not say that all is well.
  function lost() {
    tell("The server cannot be reached; trying again", "lost");
    if (!polling) polling = setInterval(poll, 3000);
  }
  function listen() {
    source = new EventSource("/api/bidding/stream/");
    const on = (kind, act) => source.addEventListener(kind, (event) => {
      const data = JSON.parse(event.data);
      hear(data.server_time);
      act(data);
      isLive();
    });
    // What the stream says is for everybody, so it says nothing of one's own bid, which is known from elsewhere.
    on("hello", (data) => {
      for (const session of data.sessions) delete session.own_bid;
      takeAll(data.sessions);
      refreshBalances();
    });
    for (const kind of ["session", "bid", "closed", "awarded"]) on(kind, (data) => { take(data); refreshBalances(); });
    // This person has opened too many: the oldest tab, this one, goes on by asking until it is looked at again.
    source.addEventListener("replaced", () => {
      source.close();
      asking = "Asking every few seconds (live in your other tabs)";
      startPolling();
      addEventListener("focus", listen, { once: true });
    });
    source.onopen = isLive;
    source.onerror = () => {
      asking = "Asking every few seconds";
      startPolling();
      // A refusal (every place is taken) closes it for good: come back for a place later.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 15000);
    };
  }
  async function poll() {
    try {
      const answer = await ask("/api/bidding/active/?page_size=200");
      const closing = [...sessions.values()].filter((one) => isRunning(one) && !answer.results.some((row) => row.bid_session_id === one.bid_session_id));
      answer.results.forEach(take);
      for (const one of closing) take(await ask(`/api/bidding/${one.bid_session_id}/`));
      refreshBalances();
      if (source?.readyState === EventSource.OPEN) isLive();
      else tell(asking, "polling");
    } catch { tell("The server cannot be reached; trying again", "lost"); }
  }
  const startPolling = () => {
    if (live.dataset.state !== "lost") tell(asking, "polling");
    if (!polling) { polling = setInterval(poll, 3000); poll(); }
  };
  const stopPolling = () => { clearInterval(polling); polling = 0; };

  // -- officers start auctions --------------------------------------------------------------------------------------
  const startForm = document.getElementById("start-form");
  startForm?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const words = document.querySelector("[data-start-answer]");
    const body = Object.fromEntries([...new FormData(startForm)].filter(([, value]) => value !== ""));
    body.is_new = startForm.elements.is_new.checked;
    try {
      take(await ask("/api/bidding/start-bid/", body));
      words.textContent = `${body.item_name} is up for bids.`;
      startForm.elements.item_name.value = "";
      startForm.elements.is_new.checked = false;
    } catch (error) { words.textContent = error.message; }
  });

  heading.tabIndex = -1; // the focus goes there when the auction is gone in which it was
  showBalances(state.pools);
  state.sessions.forEach(take);
  arrange();
  setInterval(() => { for (const [id, parts] of cards) { const session = sessions.get(id); if (session) tick(session, parts); } }, 200);
  if (window.EventSource && !new URLSearchParams(location.search).has("poll")) listen();
  else startPolling();
})();
