// A dashboard that renews itself keeps open what the reader has opened.
"use strict";

let opened = null;

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "dashboard" || event.detail.xhr.status === 204) return;
  opened = new Map([...event.detail.target.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
});

document.addEventListener("htmx:afterSwap", () => {
  for (const [id, open] of opened ?? []) {
    const found = document.getElementById(id);
    if (found) found.open = open;
  }
  opened = null;
});

// The browser's own print command does the same; the button is only quicker to find.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
