// The import form: what is pasted or dropped is never lost, and a big log is cut to one night before it is sent.
//
// A draft lies in this browser under the person's id, from the first letter to the commit or the sign-out. An answer that does
// not hold the form again (signed out, refused, a fault, no connection) leaves the form as it is and says what to do. Where there was no
// connection the same form is sent once more by itself, with the same key, so it counts once.

const PREFIX = "draft:";
const DAY = 24 * 3600 * 1000;
const MOST_KEPT = 2_000_000; // characters; a browser keeps some five million for a site
const RETRY_AFTER = 3000;
const SLICE = 64 * 1024;
const BIG = 2 * 1024 * 1024;

const form = () => document.querySelector("form[data-draft]");
const notice = () => document.getElementById("import-notice");
const keyOf = (node) => `${PREFIX}${node.dataset.draft}:import`;

// -- the draft ----------------------------------------------------------------------------------------------------
const KEPT = "textarea[name], select[name], input[name]:not([type=hidden]):not([type=file]):not([type=checkbox]), input[name=carried]";
function save() {
  const node = form();
  if (!node) return;
  const values = {};
  node.querySelectorAll(KEPT).forEach((field) => {
    if (["name", "who", "status", "digest", "shown"].includes(field.name)) return;
    if (field.value) values[field.name] = field.value;
  });
  if (!values.text && !values.carried) return;
  if ((values.text || "").length > MOST_KEPT) delete values.text;
  try { localStorage.setItem(keyOf(node), JSON.stringify({ at: Date.now(), values })); } catch { /* full, or forbidden */ }
}
function forget() {
  const node = form();
  if (node) try { localStorage.removeItem(keyOf(node)); } catch { /* as above */ }
}
function read() {
  const node = form();
  try {
    // Another person's draft on the same machine is thrown away, never shown.
    Object.keys(localStorage).filter((key) => key.startsWith(PREFIX) && !key.startsWith(`${PREFIX}${node.dataset.draft}:`))
      .forEach((key) => localStorage.removeItem(key));
    const found = JSON.parse(localStorage.getItem(keyOf(node)) || "null");
    if (found && Date.now() - found.at < DAY) return found;
    localStorage.removeItem(keyOf(node));
  } catch { /* as above */ }
  return null;
}
function restore() {
  const node = form();
  if (!node || node.querySelector("#preview") || node.elements.text.value || node.elements.carried.value) return;
  const found = read();
  if (!found) return;
  for (const [name, value] of Object.entries(found.values)) {
    const field = node.elements[name];
    if (field && "value" in field && !(field.tagName === "SELECT" && !Array.from(field.options).some((one) => one.value === value))) field.value = value;
  }
  const at = new Date(found.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  say(`What you brought at ${at} is still here; nothing of it was committed. Press Preview to go on.`, "info", [
    ["Throw it away", () => { forget(); location.assign(location.pathname); }],
  ]);
}
document.addEventListener("input", (event) => { if (event.target.form === form()) save(); });
document.addEventListener("submit", (event) => {
  if (event.target.action.endsWith("/sign-out/")) {
    try { Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).forEach((key) => localStorage.removeItem(key)); } catch { /* as above */ }
  } else if (event.target === form()) save();
}, true);

// -- what is said -------------------------------------------------------------------------------------------------
function say(words, kind, actions = []) {
  const box = notice();
  const line = document.createElement("p");
  line.textContent = words;
  const row = document.createElement("div");
  row.className = "buttons";
  for (const [label, act] of actions) {
    const node = document.createElement(typeof act === "string" ? "a" : "button");
    node.textContent = label;
    node.className = typeof act === "string" ? "button small second" : "small second";
    if (typeof act === "string") { node.href = act; node.target = "_blank"; } else { node.type = "button"; node.addEventListener("click", act); }
    row.append(node);
  }
  box.className = `message ${kind}`;
  box.replaceChildren(line, ...(actions.length ? [row] : []));
  box.hidden = false;
}
function progress(words) {
  const box = notice();
  box.className = "message info";
  box.textContent = words;
  box.hidden = false;
}
const quiet = () => { notice().hidden = true; };

// -- sending ------------------------------------------------------------------------------------------------------
let pressed = null;
let retried = false;
function enable() {
  form().querySelectorAll("button").forEach((button) => { button.disabled = false; button.removeAttribute("aria-disabled"); });
}
function sendAgain() {
  quiet();
  enable();
  const button = pressed ? form().querySelector(`button[name=step][value="${pressed}"]`) : null;
  (button || form().querySelector("[data-default]") || form().querySelector("button")).click(); // htmx sends the button that was clicked
}
async function tryAgain() {
  // Signing in gives a new token; the page says which, and who is signed in now.
  try {
    const page = await fetch(location.pathname, { credentials: "same-origin" });
    const other = new DOMParser().parseFromString(await page.text(), "text/html").querySelector("form[data-draft]");
    if (!other) { failed(page.url.includes("/sign-in/") ? 401 : page.status); return; }
    if (other.dataset.draft !== form().dataset.draft) {
      say("Somebody else is signed in here now. Sign in as yourself first; nothing was sent.", "warning", [["Sign in", "/sign-in/"], ["Try again", tryAgain]]);
      return;
    }
    form().elements.csrfmiddlewaretoken.value = other.elements.csrfmiddlewaretoken.value;
    sendAgain();
  } catch { failed(0); }
}
function failed(status) {
  enable();
  save();
  const again = ["Try again", tryAgain];
  const kept = "What you brought is kept in this form.";
  if (status === 401) say(`You are signed out, so nothing was stored. ${kept} Sign in (it opens beside this page), come back here and try again.`, "warning", [["Sign in", `/sign-in/?next=${location.pathname}`], again]);
  else if (status === 403) say(`You may not do this now, or this page has grown old. Nothing was stored. ${kept} Try again; if it is refused again, ask an officer for the right to lead raids.`, "warning", [again]);
  else if (status === 0) say(`There is no connection to the server. ${kept} Try again when you are back; it counts once however often it is sent.`, "warning", [again]);
  else if ([502, 503, 504].includes(status)) say(`The server is being restarted or is busy (${status}). ${kept} Try again in a minute; it counts once.`, "warning", [again]);
  else say(`The server could not do this (${status}); nothing was stored. ${kept} Try again; if it stays so, tell your system administrator the time.`, "warning", [again]);
}
function failedOrRetry(status) {
  if (!retried && [0, 502, 503, 504].includes(status)) {
    retried = true;
    progress("No connection. Trying once more …");
    setTimeout(sendAgain, RETRY_AFTER);
    return;
  }
  failed(status);
}
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target !== form()) return;
  save();
  const button = event.detail.requestConfig?.triggeringEvent?.submitter;
  pressed = button?.name === "step" ? button.value : null;
});
document.addEventListener("htmx:xhr:progress", (event) => {
  if (event.target !== form() || !event.detail.lengthComputable || event.detail.total < BIG) return;
  const mb = (size) => (size / 1048576).toFixed(1);
  const { loaded, total } = event.detail;
  progress(loaded < total ? `Sent ${mb(loaded)} of ${mb(total)} MB …` : "Sent. The server is reading it …");
});
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target !== form() && event.detail.target !== form()) return;
  const answer = event.detail.xhr;
  if (answer.responseText.includes("data-draft=")) { retried = false; quiet(); return; }
  event.detail.shouldSwap = false;
  failedOrRetry(answer.responseURL.includes("/sign-in/") ? 401 : answer.status);
});
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.target === form() && event.detail.xhr.getResponseHeader("HX-Redirect")) forget();
});
for (const name of ["htmx:sendError", "htmx:timeout", "htmx:sendAbort"]) {
  document.addEventListener(name, (event) => { if (event.target === form()) failedOrRetry(0); });
}
document.addEventListener("htmx:afterSwap", save);

// -- a big log ----------------------------------------------------------------------------------------------------
// Lines of a log begin with a time, in order; the beginning of a night is found by halving, so a log of any size is looked at
// in a few pieces. Read as single bytes without NULs, UTF-8, Windows-1252 and UTF-16 all show their times.
const STAMP = /\[\w{3} (\w{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})\]/;
const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";
function timeIn(text, last) {
  const found = last ? Array.from(text.matchAll(new RegExp(STAMP, "g"))).pop() : STAMP.exec(text);
  if (!found) return null;
  const month = MONTHS.indexOf(found[1]) / 3;
  return Number.isInteger(month) ? Date.UTC(+found[6], month, +found[2], +found[3], +found[4], +found[5]) : null;
}
async function textAt(file, from) {
  const bytes = new Uint8Array(await file.slice(from, from + SLICE).arrayBuffer());
  return new TextDecoder("latin1").decode(bytes).replaceAll("\0", "");
}
async function offsetOf(file, moment) {
  let low = 0, high = file.size; // the first line at or after `moment` begins behind low
  while (high - low > SLICE) {
    const middle = Math.floor((low + high) / 4) * 2;
    const time = timeIn(await textAt(file, middle), false);
    if (time !== null && time < moment) low = middle; else high = middle;
  }
  return low;
}
// The mark of a file and how many bytes a character has; null for a zip. UTF-16 is known without a mark too: a log begins with "[".
async function formOf(file) {
  const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  if (head[0] === 0x50 && head[1] === 0x4b) return null;
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) return { mark: head.slice(0, 2), width: 2 };
  return { mark: new Uint8Array(), width: (head[0] === 0) !== (head[1] === 0) ? 2 : 1 };
}
async function wholeLineAt(file, from, width) {
  const bytes = new Uint8Array(await file.slice(from, from + SLICE).arrayBuffer());
  const feed = bytes.indexOf(10), end = feed >= 0 ? feed : bytes.indexOf(13); // an old Mac ends its lines with CR alone
  return end < 0 ? from : from + width * Math.ceil((end + 1) / width);
}
export async function cut(file, night) {
  const form = await formOf(file);
  if (form === null) return file;
  const last = timeIn(await textAt(file, Math.max(0, Math.floor((file.size - SLICE) / 2) * 2)), true);
  if (last === null) return file;
  const begins = night ? Date.parse(`${night}T12:00:00Z`) : last - DAY;
  let from = await offsetOf(file, begins);
  const to = night ? Math.min(file.size, (await offsetOf(file, begins + DAY)) + 2 * SLICE) : file.size;
  if (from > 0) from = await wholeLineAt(file, from, form.width);
  const parts = from > 0 ? [form.mark, file.slice(from, to)] : [file.slice(0, to)];
  return new File(parts, file.name, { type: file.type });
}
document.addEventListener("change", async (event) => {
  const field = event.target;
  if (!field.matches("form[data-draft] input[type=file]") || !field.files.length || field.dataset.cut) { delete field.dataset.cut; return; }
  const file = field.files[0];
  if (file.size <= BIG) return;
  event.stopImmediatePropagation();
  const mb = (size) => (size / 1048576).toFixed(1);
  progress(`Looking for the night in ${mb(file.size)} MB …`);
  try {
    const night = document.getElementById("log-night")?.value || "";
    const part = await cut(file, night);
    const given = new DataTransfer();
    given.items.add(part);
    field.files = given.files;
    progress(`Sending ${mb(part.size)} of ${mb(file.size)} MB …`);
  } catch {
    progress("This file could not be read here; it is sent whole.");
  }
  field.dataset.cut = "1";
  field.dispatchEvent(new Event("change", { bubbles: true }));
}, true);

if (location.hash === "#night-log-loot") forget(); // a log without a roster was kept just now: nothing is left to commit
restore();
if (form()?.querySelector("#preview, #ask-event")) save(); // it came by a form of another page
