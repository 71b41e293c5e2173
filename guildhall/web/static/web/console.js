// The raid console: a press is sent without leaving the page, and what other officers did appears by itself.
//
// Parts of the page with data-live are put in anew from an answer; one in which somebody is typing is left until they are
// through. Asked for again every few seconds under the ETag of the last answer, so that nothing is sent where nothing changed.

const EVERY = 4000;
const RETRY_AFTER = 3000;
const room = document.querySelector("[data-console]");
const notice = document.getElementById("console-notice");
let tag = "";
let sending = 0;

let refused = false; // what a press was refused for stays until the next press
function say(words) {
  notice.hidden = !words;
  notice.className = "message warning";
  notice.textContent = words;
}
const isTyped = (field) => ["INPUT", "TEXTAREA"].includes(field.tagName) && !["hidden", "checkbox", "submit"].includes(field.type);
function isBusy(part, sent) {
  const fields = Array.from(part.querySelectorAll("input, textarea")).filter((field) => isTyped(field) && !sent?.contains(field));
  return fields.some((field) => field === document.activeElement || field.value !== field.defaultValue);
}
// What had the focus is found again in the part that came in its place: itself, else what stands there now, else the heading.
const REACHED = "a[href], button, input:not([type=hidden]), select, textarea, summary";
const keyOf = (node) => [node.id, node.tagName, node.name, node.value, node.textContent,
  ...Array.from(node.form?.querySelectorAll("[name=row], [name=unmatched]") ?? [], (one) => one.value)].join("|");
function hold(part, held, fresh) {
  const before = Array.from(part.querySelectorAll(REACHED)), after = Array.from(fresh.querySelectorAll(REACHED));
  const next = (held.id && document.getElementById(held.id)) || after.find((one) => keyOf(one) === keyOf(held))
    || after[Math.min(before.indexOf(held), after.length - 1)] || fresh.querySelector("h1, h2") || room.querySelector("h1");
  if (next.matches("h1, h2")) next.tabIndex = -1;
  next.focus({ preventScroll: true });
}
function put(page, sent) {
  for (const part of room.querySelectorAll("[data-live]")) {
    const other = page.getElementById(part.id);
    if (!other || !part.isConnected) continue; // the part around it was put in anew
    part.querySelectorAll("details[id]").forEach((one) => { const same = other.querySelector(`#${one.id}`); if (same) same.open = one.open; });
    if (other.outerHTML === part.outerHTML || (isBusy(part, sent) && (!part.contains(sent) || part.querySelector("[data-live]")))) continue;
    const held = part.contains(document.activeElement) ? document.activeElement : null;
    const fresh = document.importNode(other, true);
    part.replaceWith(fresh);
    if (held) hold(part, held, fresh);
  }
  document.dispatchEvent(new Event("htmx:afterSwap"));
}
function parse(text) { return new DOMParser().parseFromString(text, "text/html"); }

async function look() {
  if (sending || document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: tag ? { "If-None-Match": tag } : {}, credentials: "same-origin", cache: "no-store" });
    if (answer.status === 304) { if (!refused) say(""); return; }
    const page = parse(await answer.text());
    if (!answer.ok || !page.querySelector("[data-console]")) {
      say(answer.url.includes("/sign-in/") ? "You are signed out. Sign in in another tab; what you typed stays here."
        : `The server answered ${answer.status}. What you see may be old.`);
      return;
    }
    if (sending) return;
    tag = answer.headers.get("ETag") || "";
    if (!refused) say("");
    put(page, null);
  } catch { say("There is no connection. What you see may be old; it goes on by itself when you are back."); }
}

async function send(form, submitter, again) {
  const body = new FormData(form, submitter);
  sending += 1;
  try {
    const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
    const page = parse(await answer.text());
    if (!page.querySelector("[data-console]")) {
      say(answer.url.includes("/sign-in/") || answer.status === 401 ? "You are signed out, so nothing was stored. Sign in in another tab, reload this page and press again."
        : `Nothing was stored: the server answered ${answer.status}. Press again; if it stays so, reload the page.`);
      return;
    }
    const why = Array.from(page.querySelectorAll(".refusal"), (one) => one.textContent.trim()).join(" ");
    refused = Boolean(why);
    say(why);
    tag = "";
    const told = page.getElementById("messages");
    document.getElementById("messages").replaceChildren(...document.importNode(told, true).childNodes);
    const mine = form.hasAttribute("data-typed") ? Array.from(page.querySelectorAll("form[data-typed]"))
      .find((other) => other.elements.form.value === form.elements.form.value) : null;
    put(page, form);
    if (mine) { const fresh = document.importNode(mine, true); form.replaceWith(fresh); window.htmx?.process(fresh); fresh.querySelector("[autofocus], input:not([type=hidden])")?.focus(); }
  } catch {
    if (!again) { say("No connection. Trying once more …"); await new Promise((done) => setTimeout(done, RETRY_AFTER)); await send(form, submitter, true); } // the same key: it counts once
    else say("There is no connection, so this may not be stored. Press again when you are back; it counts once.");
  } finally { sending -= 1; }
}
room.addEventListener("submit", (event) => {
  const form = event.target.closest("form");
  if (event.defaultPrevented || !form || form.dataset.draft !== undefined || form.method !== "post") return;
  const words = event.submitter?.dataset.confirm;
  if (words && !window.confirm(words)) { event.preventDefault(); event.stopPropagation(); return; }
  event.preventDefault();
  event.stopPropagation();
  if (sending) return;
  send(form, event.submitter, false);
});
setInterval(look, EVERY);
document.addEventListener("visibilitychange", look);
