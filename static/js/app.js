// Small conveniences of every page. All of it is optional: pages work without JavaScript.
"use strict";

const YEAR_SECONDS = 365 * 24 * 3600;

function setTheme(theme) {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR_SECONDS}; SameSite=Lax${secure}`;
  for (const button of document.querySelectorAll("[data-theme-choice] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-theme-choice]") && event.submitter) {
    event.preventDefault();
    setTheme(event.submitter.value);
  }
});

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS there is no clipboard: select the text, so that one key press copies it.
    source.select?.();
    return;
  }
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 2000);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-copy], [data-open-dialog], [data-close-dialog]");
  if (target?.dataset.copy) copy(target);
  if (target?.dataset.openDialog) document.getElementById(target.dataset.openDialog)?.showModal();
  if (target && "closeDialog" in target.dataset) target.closest("dialog")?.close();

  // A click beside an open menu closes it.
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// A question before an act that cannot be undone. Without JavaScript the button acts at once: its words say what it does.
document.addEventListener(
  "submit",
  (event) => {
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  },
  true,
);

// A part that could not be loaded is told, not swallowed.
function tell(words) {
  const place = document.getElementById("messages");
  if (!place || place.querySelector("[data-told]")?.textContent === words) return;
  const notice = document.createElement("div");
  notice.className = "notice notice-warning";
  notice.dataset.told = "";
  notice.textContent = words;
  place.querySelector("[data-told]")?.remove();
  place.append(notice);
}
document.addEventListener("htmx:sendError", () => tell("The server does not answer. This page shows what was known before."));
document.addEventListener("htmx:responseError", (event) =>
  tell(`The server could not do this (${event.detail.xhr.status}). Load the page again.`),
);
document.addEventListener("htmx:afterSwap", () => document.querySelector("[data-told]")?.remove());

// Times are written in UTC by the server; a title shows them in the reader's own zone.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    time.title = new Date(time.dateTime).toLocaleString();
  }
}
localTimes(document);
document.addEventListener("htmx:afterSettle", (event) => localTimes(event.target));
