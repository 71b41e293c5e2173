/* What the pages do beyond links and forms. Everything works without it, a little less comfortably. */
"use strict";

(function () {
  const root = document.documentElement;
  root.classList.add("js"); // without it the menu is simply there
  let theme = null;
  try { theme = localStorage.getItem("theme"); } catch { /* storage may be forbidden */ }
  if (theme) root.dataset.theme = theme;

  function switchTheme() {
    const dark = root.dataset.theme ? root.dataset.theme === "dark"
      : !window.matchMedia("(prefers-color-scheme: light)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* as above */ }
  }

  document.addEventListener("click", function (event) {
    const target = event.target;
    if (target.closest("[data-theme-switch]")) { switchTheme(); return; }
    const menu = target.closest("[data-menu-button]");
    if (menu) {
      const open = menu.getAttribute("aria-expanded") !== "true";
      menu.setAttribute("aria-expanded", String(open));
      document.getElementById("menu").classList.toggle("open", open);
      return;
    }
    const copy = target.closest("[data-copy]");
    if (copy) {
      const text = document.querySelector(copy.dataset.copy).textContent.trim();
      navigator.clipboard.writeText(text).then(function () { copy.textContent = "Copied"; });
      return;
    }
    const all = target.closest("[data-tick-all]");
    if (all) {
      document.querySelectorAll(all.dataset.tickAll).forEach(function (box) { box.checked = all.checked; });
      checkPreview(all.form);
      return;
    }
    document.querySelectorAll(".drop details[open]").forEach(function (details) {
      if (!details.contains(target)) details.open = false;
    });
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    document.querySelectorAll(".drop details[open]").forEach(function (details) { details.open = false; });
  });

  /* A question before what cannot be taken back lightly; a second press of a button that is still working does nothing. */
  document.addEventListener("submit", function (event) {
    const form = event.target;
    const words = (event.submitter && event.submitter.dataset.confirm) || form.dataset.confirm;
    if (words && !window.confirm(words)) { event.preventDefault(); return; }
    if (form.method === "post" && !event.defaultPrevented) {
      window.setTimeout(function () {
        form.querySelectorAll("button:not([type=button])").forEach(function (button) {
          button.setAttribute("aria-disabled", "true");
        });
      }, 0);
    }
  });
  document.addEventListener("click", function (event) {
    const button = event.target.closest("button[aria-disabled=true]");
    if (button) event.preventDefault();
  }, true);
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("button[aria-disabled=true]").forEach(function (button) {
      button.removeAttribute("aria-disabled");
    });
  });

  /* Drop a file anywhere on a [data-drop] form: its file field takes it and the form is sent. */
  function dropped(event, over) {
    const zone = event.target.closest && event.target.closest("[data-drop]");
    if (!zone) return null;
    event.preventDefault();
    zone.classList.toggle("dropping", over);
    return zone;
  }
  document.addEventListener("dragover", function (event) { dropped(event, true); });
  document.addEventListener("dragleave", function (event) { dropped(event, false); });
  document.addEventListener("drop", function (event) {
    const zone = dropped(event, false);
    if (!zone || !event.dataTransfer.files.length) return;
    const field = zone.querySelector("input[type=file]");
    field.files = event.dataTransfer.files;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  /* A list that sends its form does so when somebody chose from it with a mouse, a finger or Enter. By arrows and letters each
     step is a choice, and who goes through a list of events has not chosen the first: then the button sends it. */
  let isStepping = false;
  document.addEventListener("keydown", function (event) {
    isStepping = event.target.matches("select[data-send]") && event.key !== "Enter";
  }, true);
  document.addEventListener("pointerdown", function () { isStepping = false; }, true);
  document.addEventListener("change", function (event) {
    const field = event.target;
    if (field.matches("input[type=file][data-send]") && field.files.length) {
      field.form.requestSubmit(field.form.querySelector("[data-default]"));
    }
    if (field.matches("select[data-send]") && !isStepping) {
      const form = field.form;
      const text = form.querySelector("textarea"), carried = form.querySelector("[name=carried]");
      if (text.value.trim() || (carried && carried.value)) form.requestSubmit(form.querySelector("[data-default]"));
    }
  });

  /* A preview is void as soon as a field of its form is changed: the button that carries it out is disabled until the form
     is as it was, or is previewed again. The server checks the same by the digest. */
  function isChanged(field) {
    if (field.dataset.unpreviewed !== undefined || field.type === "hidden") return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.type === "file") return field.files.length > 0;
    if (field.tagName === "SELECT") {
      const options = Array.from(field.options);
      const chosen = options.some(function (option) { return option.defaultSelected; });
      return options.some(function (option, number) {
        const before = chosen ? option.defaultSelected : !field.multiple && number === 0;
        return option.selected !== before;
      });
    }
    return (field.tagName === "INPUT" || field.tagName === "TEXTAREA") && field.value !== field.defaultValue;
  }
  function checkPreview(form) {
    const note = form && form.querySelector("[data-stale]");
    if (!note) return;
    const stale = Array.from(form.elements).some(isChanged);
    note.hidden = !stale;
    form.classList.toggle("stale", stale);
    form.querySelectorAll("[data-previewed]").forEach(function (button) { button.disabled = stale; });
  }
  function checkPreviews() { document.querySelectorAll("form").forEach(checkPreview); }
  ["input", "change"].forEach(function (name) {
    document.addEventListener(name, function (event) { checkPreview(event.target.form); });
  });
  window.addEventListener("pageshow", checkPreviews);
  document.addEventListener("htmx:afterSwap", checkPreviews);

  /* What had the focus may be gone with the part of the page that was replaced: then whoever uses the keyboard or a screen reader
     goes on at what came in its place, at the field that was refused or at the heading of the preview. */
  let held = false; // by what asked for it; a page that asks by itself takes the focus from nobody
  document.addEventListener("htmx:beforeRequest", function (event) {
    const cause = event.detail.requestConfig.triggeringEvent;
    held = event.detail.elt.contains(document.activeElement) || Boolean(cause && cause.type === "submit");
  });
  document.addEventListener("htmx:afterSettle", function (event) {
    if (!held || (document.activeElement && document.activeElement !== document.body)) return;
    const target = event.detail.target && event.detail.target.id && document.getElementById(event.detail.target.id);
    const next = target && (target.querySelector("[aria-invalid=true]") || target.querySelector("#preview h2, #preview h1")
      || target.querySelector("h1, h2, h3, [role=status], .message"));
    if (!next) return;
    if (next.tabIndex < 0) next.tabIndex = -1;
    next.focus();
  });

  /* A form that was sent as a whole page comes back as one, at its top: go on at what was refused, or at the preview. */
  function goOn() {
    const here = location.href.split("#")[0];
    if (location.hash || document.referrer.split("#")[0] !== here || document.activeElement !== document.body) return;
    const next = document.querySelector("main [aria-invalid=true]") || document.querySelector("main #preview h2, main [data-preview] h2");
    if (!next) return;
    if (next.tabIndex < 0) next.tabIndex = -1;
    next.focus();
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", goOn); else goOn();

  /* Suggestions of one tap: put the name where it belongs. */
  document.addEventListener("click", function (event) {
    const tap = event.target.closest("[data-fill]");
    if (!tap) return;
    const field = document.getElementById(tap.dataset.fill);
    field.value = tap.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });

  /* Paste a log into an empty import form and it is read at once. */
  document.addEventListener("paste", function (event) {
    const field = event.target;
    if (field.matches && field.matches("textarea[data-send]") && !field.value) {
      window.setTimeout(function () { if (field.value.trim()) field.form.requestSubmit(field.form.querySelector("[data-default]")); }, 0);
    }
  });

  /* Times stand in the guild's zone as the server writes them; here they are written in the reader's own: the one they
     chose, else their browser's. The guild's stays in the tooltip. */
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  let writer = null;
  function localise() {
    if (!document.body || document.body.dataset.zone === undefined) return;
    try {
      writer = writer || new Intl.DateTimeFormat("en-GB", {
        timeZone: document.body.dataset.zone || undefined, year: "numeric", month: "numeric", day: "numeric",
        hour: "2-digit", minute: "2-digit", hourCycle: "h23",
      });
    } catch { return; /* a zone that this browser does not know */ }
    document.querySelectorAll("time[data-shape]:not([data-own])").forEach(function (node) {
      const part = {};
      writer.formatToParts(new Date(node.getAttribute("datetime"))).forEach(function (one) { part[one.type] = one.value; });
      const day = Number(part.day) + " " + MONTHS[part.month - 1] + " " + part.year, hour = part.hour + ":" + part.minute;
      node.textContent = node.dataset.shape === "hour" ? hour : node.dataset.shape === "day" ? day : day + ", " + hour;
      node.dataset.own = "";
    });
    const words = document.querySelector("[data-zone-words]");
    if (words && !words.title) {
      words.title = words.textContent;
      words.textContent = "times are " + writer.resolvedOptions().timeZone + ", the guild\u2019s behind each";
    }
  }
  document.addEventListener("DOMContentLoaded", localise);
  document.addEventListener("htmx:afterSwap", localise);

  /* A new guild's clock: the browser's, until somebody types another. */
  document.addEventListener("DOMContentLoaded", function () {
    const field = document.querySelector("input[data-browser-zone]");
    const zone = field && Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && field.value === field.defaultValue) { field.value = zone; }
  });

  /* Times that count down. */
  function tick() {
    document.querySelectorAll("[data-ends]").forEach(function (node) {
      const left = Math.max(0, Math.round((Date.parse(node.dataset.ends) - Date.now()) / 1000));
      const h = Math.floor(left / 3600), m = Math.floor(left % 3600 / 60), s = left % 60;
      node.textContent = left ? (h ? h + " h " : "") + (h || m ? m + " min " : "") + (h ? "" : s + " s") : "over";
    });
  }
  window.setInterval(tick, 1000);
  document.addEventListener("DOMContentLoaded", tick);
  document.addEventListener("htmx:afterSwap", tick);
})();
